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
# Node strips the types itself. The small young generation keeps a server's memory flat while gigabytes stream through it.
exec node_modules/.bin/node --max-semi-space-size=2 "$@"
