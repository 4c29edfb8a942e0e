#!/bin/sh
# Runs one of the programs on the project's own Node, setting up what is missing first.   usage: sh docker/run.sh PROGRAM.ts [ARG …]
set -eu
cd "$(dirname "$0")/.."
case "$1" in
  services/server.ts) part=api ;;
  workers/main.ts) part=worker ;;
  *) part=all ;;
esac
sh docker/setup.sh "$part"
# While gigabytes stream through a server, each 64 KB of them hangs on a small object: a young generation of 1 MiB has them collected before
# V8 takes their bytes for a heap that grows, and room of 64 MiB keeps it from collecting all of a heap that is smaller, over and over (18
# whole collections for 300 MB, half of the processor's time; none now). Beyond that a server's heap grows by half before all of it is
# collected, not fourfold: a long export has little that lives and much that dies late. A worker streams nothing, but a report is many objects
# that live until it is stored: with 16 MiB they are not moved about 25 times meanwhile (services/all-in-one.ts gives its workers the same).
node() {
  case "$1" in
    workers/main.ts) options=--max-semi-space-size=16 ;;
    *) options='--max-semi-space-size=1 --heap-growing-percent=50' ;;
  esac
  # shellcheck disable=SC2086
  exec node_modules/.bin/node $options --initial-heap-size=64 "$@"
}
# Node strips the types itself, by a module of 35 MiB that stays loaded. So everything is stripped and compiled once, before the first start
# (with the same options: what was compiled with others does not count), if it can be kept.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/compiled}"
compiled="$NODE_COMPILE_CACHE/complete"
if mkdir -p "$NODE_COMPILE_CACHE" 2>/dev/null && [ -w "$NODE_COMPILE_CACHE" ] && { [ ! -e "$compiled" ] || [ -n "$(find package.json services workers -newer "$compiled" | head -n 1)" ]; }; then
  for program in services/server.ts workers/main.ts; do (node "$program" --version >/dev/null); done
  touch "$compiled"
fi
node "$@"
