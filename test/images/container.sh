#!/bin/sh
# Runs a command in a root folder the way a container does: its own mounts, processes and root, as a user, with nothing else of this machine
# but the network.
#
#   sh container.sh ROOT UID DIRECTORY [--read-only] [--bind FROM TO]… [NAME=VALUE …] COMMAND …        needs root
#
# The root is changed with pivot_root: below a chroot the kernel gives no user namespace, which the sandbox of a user needs.
set -eu
if [ "${INQUEST_CONTAINER:-}" != mounts ]; then
  INQUEST_CONTAINER=mounts exec unshare --mount --pid --fork --kill-child --propagation private sh "$0" "$@"
fi
root=$1
uid=$2
directory=$3
shift 3
read_only=
mount --bind "$root" "$root"
cd "$root"
mkdir -p proc dev tmp run/secrets
mount -t proc proc proc
mount --rbind /dev dev
while :; do
  case "${1:-}" in
    --read-only) read_only=yes; shift ;;
    --bind) [ -d "$2" ] && mkdir -p ".$3" || : >".$3"; mount --bind "$2" ".$3"; shift 3 ;;
    *) break ;;
  esac
done
if [ -n "$read_only" ]; then
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mount -o remount,bind,ro .
fi
pivot_root . .
umount -l .
cd "$directory"
if [ "$uid" = 0 ]; then
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
fi
# As compose does: no capabilities, and no way to get any.
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
  env -i PATH=/usr/local/bin:/usr/bin:/bin "$@"
