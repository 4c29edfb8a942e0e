#!/bin/sh
# Makes a checkout runnable: Debian's packages (docker/provision.sh), then the npm packages of the lockfile, Node included.
# Does nothing, quickly, when all is there.   usage: sh docker/setup.sh [all|worker|api|test]
set -eu
cd "$(dirname "$0")/.."

sh docker/provision.sh "${1:-all}"

stamp=node_modules/.inquest-lockfile
if ! cmp -s package-lock.json "$stamp" || [ ! -x node_modules/.bin/node ]; then
  echo "Inquest: installing the npm packages" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi
