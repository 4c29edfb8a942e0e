#!/bin/sh
# `npm run bench [-- NAME [ARG …]]`: one benchmark, or all of them.
set -eu
cd "$(dirname "$0")/.."
sh docker/setup.sh test
ulimit -c unlimited
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/compiled}"
# All is compiled before anything is measured.
sh docker/run.sh services/server.ts --version >/dev/null
if [ $# -gt 0 ]; then
  name=$1
  shift
  exec node_modules/.bin/node "test/bench/$name.ts" "$@"
fi
for name in report-time upload; do
  echo "== $name"
  node_modules/.bin/node "test/bench/$name.ts"
done
