# The image holds the service, the few libraries that it is linked to, and the certificate authorities: no shell, no
# package manager. It needs no writable folder.

# The compiler of rust-toolchain.toml, on Debian 12. That file itself stays outside: it names tools (rustfmt, clippy)
# that a build does not need and rustup would fetch.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /build
COPY . .
# What cargo fetched and built is kept between builds, so that a change of our code does not build the dependencies again.
# It goes by the age of files: untouched, those of another checkout could pass for built already.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    touch src/lib.rs src/main.rs \
 && scripts/build-release \
 && scripts/collect-image-root target/release/ai-storage-orchestrator /image-root

FROM scratch
COPY --from=build /image-root/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/ai-storage-orchestrator"]
