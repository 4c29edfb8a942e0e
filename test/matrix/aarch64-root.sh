#!/bin/sh
# Unpacks an aarch64 Debian with CPython in a folder, for qemu-user to run programs in.
#
#   sh test/matrix/aarch64-root.sh FOLDER        needs root; installs debootstrap, qemu-user-static and gdb-multiarch where they are missing
set -eu
folder=$1
[ -e "$folder/.complete" ] && exit 0
want=
command -v debootstrap >/dev/null 2>&1 || want="$want debootstrap"
command -v qemu-aarch64-static >/dev/null 2>&1 || want="$want qemu-user-static"
command -v gdb-multiarch >/dev/null 2>&1 || want="$want gdb-multiarch"
# shellcheck disable=SC2086 # the list is words
[ -z "$want" ] || apt-get install -y -qq --no-install-recommends $want >/dev/null
rm -rf "$folder"
mkdir -p "$folder"
debootstrap --arch=arm64 --foreign --variant=minbase --include=python3.13-minimal,libpython3.13-stdlib,libffi8 sid "$folder" >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
for package in "$folder"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$folder"; done
rm -rf "$folder"/var/cache/apt/archives
touch "$folder/.complete"
