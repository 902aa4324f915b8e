#!/usr/bin/env bash
# Builds the testbed binary when it is not cached, and prints its absolute path.
#
# stdout: exactly one line, the path. Everything else goes to stderr. A cold build
# takes 5 minutes on 2 idle cores and 12 or more on busy ones, a cached one no time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ai-storage-orchestrator/testbed
cold_build_mib=8192 # what must be free: Go build cache 4 GB, modules 1.3 GB, work files, the binary
keep=2              # how many builds stay in the cache

say() { printf 'testbed/build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

for tool in go flock sha256sum; do
  command -v "$tool" > /dev/null || die "'$tool' is not in PATH; install it first (Go 1.26.4 or newer, util-linux, coreutils)"
done
cd "$here"

# The key stands for all that goes into the binary, and for the compiler.
key=$({ go version
        find . -type f \( -name '*.go' -o -name go.mod -o -name go.sum -o -name go.sh -o -name build.sh -o -path './manifests/*' \) -print0 \
          | LC_ALL=C sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-16)
dir=$cache/$key
binary=$dir/testbed
found() { touch -c "$dir"; printf '%s\n' "$binary"; exit 0; }
[ ! -x "$binary" ] || found

mkdir -p "$cache"
exec 9> "$cache/lock"
if ! flock --nonblock 9; then
  say "another build is running; waiting for it"
  until flock --timeout 30 9; do say "still waiting"; done
fi
[ ! -x "$binary" ] || found # the other build has made it

# We hold the lock: these are leavings of interrupted builds.
rm -rf "$cache"/.building-*
new=$cache/.building-$key
mkdir -p "$new"
log=$cache/build.log
: > "$log"

child=''
cleanup() {
  if [ -n "$child" ]; then kill "$child" 2> /dev/null || true; wait "$child" 2> /dev/null || true; fi
  rm -rf "$new"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# free_mib FOLDER: the free disk space there, or at its nearest parent that exists.
free_mib() {
  local d=$1
  while [ ! -d "$d" ]; do d=$(dirname "$d"); done
  df --output=avail -B1M "$d" | tail -n 1 | tr -d ' '
}

# logged WHAT COMMAND...: runs it with its output in the log, and a sign of life every 30 s.
logged() {
  local what=$1 begin=$SECONDS beat=$SECONDS rc=0
  shift
  printf '\n== %s: %s\n' "$what" "$*" >> "$log"
  "$@" >> "$log" 2>&1 9>&- &
  child=$!
  while kill -0 "$child" 2> /dev/null; do
    sleep 0.2
    if [ $((SECONDS - beat)) -ge 30 ]; then
      beat=$SECONDS
      say "$what: still at it after $((SECONDS - begin)) s"
    fi
  done
  wait "$child" || rc=$?
  child=''
  if [ "$rc" != 0 ]; then
    say "$what FAILED (exit code $rc); the end of $log:"
    tail -n 40 "$log" >&2
    exit 1
  fi
  say "$what: done after $((SECONDS - begin)) s"
}

# A Go build cache of less than 3 GiB cannot hold this build.
gocache=$(go env GOCACHE)
gocache_mib=0
[ ! -d "$gocache" ] || gocache_mib=$(du -sm "$gocache" 2> /dev/null | cut -f1) || true
if [ "$gocache_mib" -lt 3072 ]; then
  say "no binary for $key in $cache: a cold build, which takes 5 minutes on 2 idle cores and 12 or more on busy ones"
  for d in "$gocache" "$(go env GOMODCACHE)" "$cache"; do
    free=$(free_mib "$d")
    [ "$free" -ge "$cold_build_mib" ] || die "only $free MiB are free at $d and a cold build needs $cold_build_mib MiB:" \
      "free some space, or set GOCACHE, GOMODCACHE or XDG_CACHE_HOME to a folder on another disk, and try again"
  done
else
  say "no binary for $key in $cache: building (half a minute if only this folder has changed since the last build," \
    "5 to 12 minutes if the Go build cache is full of other things)"
fi

logged "downloading the Go modules" ./go.sh list -deps -f '' .

# The versions that the components report. Without them kubectl cannot parse the server's version.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
minor=${minor%%.*}
ldflags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
  ldflags+=" -X $package.gitCommit=unknown -X $package.gitTreeState=clean -X $package.buildDate=1970-01-01T00:00:00Z"
done
logged "compiling Kubernetes $version" \
  ./go.sh build -buildvcs=false -ldflags="$ldflags" -o "$new/testbed" .

rm -rf "$dir"
mv "$new" "$dir"
say "built $binary ($(du -m "$binary" | cut -f1) MiB)"

# Of the old builds the newest stay, for other checkouts.
find "$cache" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +$((keep + 1)) | cut -d' ' -f2- \
  | while IFS= read -r old; do rm -rf "$old"; done
printf '%s\n' "$binary"
