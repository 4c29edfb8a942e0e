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
# Node strips the types itself. The small young generation keeps a server's memory flat while gigabytes stream through it.
exec node_modules/.bin/node --max-semi-space-size=2 "$@"
