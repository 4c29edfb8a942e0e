#!/bin/sh
# Runs a command, `npm test` by default, in a fresh clone inside a bare Debian: what works only because this machine had something shows here.
#
#   sh test/bare-root.sh FOLDER [SUITE] [COMMAND …]        needs root and debootstrap; SUITE is bookworm unless told
#
# The root has git, nodejs and npm of its own and nothing more; name resolution and the certificates are this machine's. It is made
# once; the clone, of this checkout's HEAD, is made anew. Remove it all with `rm -r FOLDER`: nothing stays mounted.
set -eu
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 1; }
folder=$(realpath -m "$1")
suite=${2:-bookworm}
shift
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- npm test
source=$(cd "$(dirname "$0")/.." && pwd)

# Mounts below are of this process and its children alone, and go with them.
if [ "${INQUEST_BARE_ROOT:-}" != "$folder" ]; then
  INQUEST_BARE_ROOT=$folder exec unshare --mount --propagation private sh "$0" "$folder" "$suite" "$@"
fi

root=$folder/root
if [ ! -e "$folder/.complete" ]; then
  command -v debootstrap >/dev/null 2>&1 || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  rm -rf "$folder"
  mkdir -p "$folder"
  debootstrap --variant=minbase "$suite" "$root" >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  touch "$folder/.complete"
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
inside() { chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$@"; }
if [ ! -e "$root/usr/bin/npm" ]; then
  inside apt-get update -qq >>"$folder/log" 2>&1
  inside apt-get install -y -qq --no-install-recommends git nodejs npm ca-certificates >>"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
fi
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root/root/inquest"
git clone -q "$source" "$root/root/inquest"
ulimit -c unlimited
inside sh -c 'cd /root/inquest && exec "$@"' sh "$@"
