#!/usr/bin/env bash
# Installs the packages that the browser tests use, once, in the cache, and prints the folder that has node_modules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ai-storage-orchestrator
modules=$cache/browser-tests/$(cat package.json package-lock.json | sha256sum | cut -c1-16)
if [ ! -d "$modules" ]; then
  command -v npm > /dev/null || { echo "tests/browser/modules.sh: 'npm' is missing. On Debian: apt-get install npm" >&2; exit 1; }
  mkdir -p "$cache/browser-tests"
  new=$(mktemp -d "$modules.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  cp package.json package-lock.json .npmrc "$new"
  # Packages are what the lock file's hashes say, and run nothing while they are installed.
  (cd "$new" && npm ci --ignore-scripts --silent) \
    || { echo "tests/browser/modules.sh: cannot install the packages of tests/browser/package-lock.json: is npm's registry reachable?" >&2; exit 1; }
  # Somebody else may have been faster.
  mv -T "$new" "$modules" 2> /dev/null || [ -d "$modules" ]
fi
echo "$modules"
