#!/bin/sh
# Makes a checkout runnable: Debian's packages (docker/provision.sh), then the npm packages of the lockfile, Node included.
# Does nothing, quickly, when all is there.   usage: sh docker/setup.sh [all|worker|api|test]
set -eu
cd "$(dirname "$0")/.."

sh docker/provision.sh "${1:-all}"

stamp=node_modules/.inquest-lockfile
if ! cmp -s package-lock.json "$stamp" || [ ! -x node_modules/.bin/node ]; then
  echo "Inquest: installing the npm packages" >&2
  # npm leaves out optional packages that want a newer Node than the one it runs on, and the test tools' compiled halves are such. So on
  # an old Node the project's own comes first, by itself, and npm runs on that.
  if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    newer=$(mktemp -d)
    trap 'rm -rf "$newer"' EXIT
    npm install --prefix "$newer" --no-save --no-audit --no-fund --loglevel=error "node@$(node -p 'require("./package.json").dependencies.node')" >&2
    PATH=$newer/node_modules/.bin:$PATH
  fi
  NODE_NO_WARNINGS=1 npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi
