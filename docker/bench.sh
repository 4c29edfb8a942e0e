#!/bin/sh
# `npm run bench [-- NAME [ARG …]]`: one benchmark, or all of them.
set -eu
cd "$(dirname "$0")/.."
sh docker/setup.sh test
if [ $# -gt 0 ]; then
  name=$1
  shift
  exec node_modules/.bin/node --import tsx "test/bench/$name.ts" "$@"
fi
for name in report-time upload; do
  echo "== $name"
  node_modules/.bin/node --import tsx "test/bench/$name.ts"
done
