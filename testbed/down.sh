#!/usr/bin/env bash
# down.sh RUN_DIR: stops the cluster that up.sh (or "testbed cluster") runs there.
set -euo pipefail
[ $# = 1 ] || { echo "usage: down.sh RUN_DIR" >&2; exit 2; }
run=$(cd "$1" && pwd)
pid=$(cat "$run/supervisor.pid" 2> /dev/null || true)
# The number may be another process's by now.
if [ -z "$pid" ] || ! tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | grep -q 'testbed cluster '; then
  echo "down.sh: no cluster is running in $run"
  exit 0
fi
kill "$pid"
for _ in $(seq 100); do
  if ! kill -0 "$pid" 2> /dev/null; then
    echo "down.sh: stopped"
    exit 0
  fi
  sleep 0.1
done
echo "down.sh: still running after 10 s; killing it, which kills its components too" >&2
kill -9 "$pid"
