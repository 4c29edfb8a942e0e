#!/bin/sh
# Installs the Debian packages that Inquest needs: the same script for bare machines and for the images.
#
#   sh docker/provision.sh all      what `npm start` needs: the debugger, its sandbox, the queue's server (default)
#   sh docker/provision.sh worker   the worker's part      sh docker/provision.sh api   the API's part
#   sh docker/provision.sh redis    the queue's server     sh docker/provision.sh test  all, and what the tests use
#
# Where it may not install (not root, no password-less sudo), it prints the one command to run and ends with status 1.
# No service is started: Inquest runs its own private redis-server.
set -eu

part=${1:-all}
missing=

# want COMMAND PACKAGE…: the packages, when the command is not there.
want() {
  command -v "$1" >/dev/null 2>&1 && return 0
  shift
  missing="$missing $*"
}

# The sandbox, and what inflates in it.
api() {
  want bwrap bubblewrap
  want prlimit util-linux
  want gzip gzip
  want zstd zstd
  want xz xz-utils
  want lz4 lz4
}

worker() {
  api
  want gdb gdb
}

redis() { want redis-server redis-server; }

case "$part" in
  all) worker; redis ;;
  worker) worker ;;
  redis) redis ;;
  api) api ;;
  test) worker; redis; want python3 python3; want curl curl; want jq jq; want openssl openssl; want strip binutils; want gcc gcc libc6-dev; want g++ g++; want python3-config python3-dev; want debuginfod debuginfod; want dwz dwz; want script bsdutils; want zsh zsh; want fish fish ;;
  *) echo "provision: unknown part '$part': all, worker, api, redis or test" >&2; exit 2 ;;
esac

[ -n "$missing" ] || exit 0

me="sh docker/provision.sh $part"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "Inquest needs:$missing" >&2
  echo "This is no Debian; install them with this system's package manager, then run the command again." >&2
  exit 1
fi

if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    exec sudo -n sh "$0" "$part"
  fi
  echo "Inquest needs the packages:$missing" >&2
  echo "Run this once as root, then the same command again:" >&2
  echo "    sudo $me" >&2
  exit 1
fi

# A package must not start its service: the queue's server is Inquest's own child.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
echo "Inquest: installing$missing" >&2
# shellcheck disable=SC2086 # the list is words
if ! apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; then
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
