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
# Stripped and compiled once, for all later starts: a quicker one, and some 25 MiB less in each process.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/compiled}"
# Node strips the types itself. While gigabytes stream through a server, each 64 KB of them hangs on a small object: a young generation of
# 1 MiB has them collected before V8 takes their bytes for a heap that grows, and room of 64 MiB keeps it from collecting all of a heap
# that is smaller, over and over (18 whole collections for 300 MB, half of the processor's time; none now).
exec node_modules/.bin/node --max-semi-space-size=1 --initial-heap-size=64 "$@"
