#!/bin/sh
# Makes another Debian in a folder, with every CPython that it packages, their debug builds and its gdb.
#
#   sh test/matrix/debian-root.sh SUITE FOLDER [ARCHITECTURE]        bookworm, trixie, sid, …; i386, …; needs root and debootstrap
#
# A folder that is complete is left as it is; one that was cut short is made anew. Two at once wait for each other.
set -eu
suite=$1
folder=$2
architecture=${3:-$(dpkg --print-architecture)}

# What debootstrap mounts in there is of this process and its children alone: it goes with them, and is never in the way of rm.
if [ "${INQUEST_DEBIAN_ROOT:-}" != "$folder" ]; then
  mkdir -p "$(dirname "$folder")"
  INQUEST_DEBIAN_ROOT=$folder exec unshare --mount --propagation private flock "$folder.lock" sh "$0" "$suite" "$folder" "$architecture"
fi
[ -e "$folder/.complete" ] && exit 0

command -v debootstrap >/dev/null 2>&1 || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
rm -rf --one-file-system "$folder"
mkdir -p "$folder"
debootstrap --arch="$architecture" --variant=minbase "$suite" "$folder" >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
[ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod 755 "$folder/usr/sbin/policy-rc.d"

# A mirror that stands still serves an old index, which is as good.
echo 'Acquire::Check-Valid-Until "false";' >"$folder/etc/apt/apt.conf.d/90old-index"

inside() { chroot "$folder" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
inside apt-get update -qq >>"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
interpreters=$(inside apt-cache pkgnames python3. | grep -E '^python3\.[0-9]+(-dbg)?$' | sort)
# shellcheck disable=SC2086 # the list is words
inside apt-get install -y -qq --no-install-recommends $interpreters gdb >>"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
inside apt-get clean
touch "$folder/.complete"
