#!/usr/bin/env bash
# up.sh RUN_DIR [flags of "testbed cluster"]: starts a cluster in the background,
# builds the binary first if need be, and says how to use it. down.sh stops it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
umask 077 # the kubeconfigs are secrets
[ $# -ge 1 ] && [ "${1#-}" = "$1" ] || { echo "usage: up.sh RUN_DIR [flags of 'testbed cluster']" >&2; exit 2; }
run=$1
shift
binary=$("$here/build.sh")
mkdir -p "$run"
run=$(cd "$run" && pwd)
log=$run/supervisor.log
if [ -e "$run/ready" ] && [ -e "$run/supervisor.pid" ] && kill -0 "$(cat "$run/supervisor.pid")" 2> /dev/null; then
  echo "up.sh: a cluster is running in $run already; stop it with: $here/down.sh $run" >&2
  exit 1
fi
rm -f "$run/ready"
setsid "$binary" cluster "$run" "$@" < /dev/null > "$log" 2>&1 &
pid=$!
until [ -e "$run/ready" ]; do
  if ! kill -0 "$pid" 2> /dev/null; then
    echo "up.sh: the cluster did not start:" >&2
    cat "$log" >&2
    exit 1
  fi
  sleep 0.1
done
tail -n 1 "$log"
cat <<TEXT
use it:   $binary kubectl --kubeconfig $run/kubeconfig get nodes
logs:     $log (supervisor), $run/log (components), $run/audit.log (API requests)
stop it:  $here/down.sh $run
TEXT
