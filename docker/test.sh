#!/bin/sh
# `npm test`: sets up what is missing, checks the code, then runs the suite.   usage: sh docker/test.sh [vitest ARG …]
set -eu
cd "$(dirname "$0")/.."
sh docker/setup.sh test
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
# As docker/run.sh: the tests start the service many times.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/compiled}"
ulimit -c unlimited
[ $# -gt 0 ] || npm run --silent check
[ $# -gt 0 ] || python3 -m unittest discover -q -s test/gdb-scripts
exec vitest run "$@"
