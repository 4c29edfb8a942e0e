#!/bin/sh
# Runs a command in a folder of another userland, with a /proc that goes with it: an interpreter asks it for its threads' names, gdb for everything.
#
#   sh test/corpus/enter-root.sh ROOT FOLDER COMMAND…        needs root
set -eu
if [ "${INSIDE_NAMESPACE:-}" != yes ]; then
  INSIDE_NAMESPACE=yes exec unshare --mount sh "$0" "$@"
fi
unset INSIDE_NAMESPACE
root=$1
folder=$2
shift 2
mount -t proc proc "$root/proc"
# shellcheck disable=SC2016 # of the shell inside
exec chroot "$root" sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
