#!/bin/sh
# Builds free-threaded CPythons, which no Debian packages, from the sources of a Debian made by debian-root.sh.
#
#   sh test/matrix/free-threaded.sh ROOT VERSION…        3.13, 3.14, …; needs root; some minutes each
#
# They are installed in the root as /opt/VERSIONt, where the matrix finds them. One that is there is left as it is.
set -eu
root=$1
shift
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
suite=$(sed -n 's/^deb [^ ]* \([a-z-]*\) .*/\1/p' "$root/etc/apt/sources.list" | head -n 1)
if ! [ -e "$root/etc/apt/sources.list.d/sources.list" ]; then
  sed -n "s/^deb \([^ ]*\) $suite .*/deb-src \1 $suite main/p" "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/sources.list"
  inside apt-get update -qq
fi
inside apt-get install -y -qq --no-install-recommends dpkg-dev gcc libc6-dev make pkgconf libffi-dev zlib1g-dev >>"$root.log" 2>&1
for version in "$@"; do
  [ -e "$root/opt/${version}t/bin/python3" ] && continue
  rm -rf "$root/build"
  mkdir "$root/build"
  # shellcheck disable=SC2016 # of the shell inside
  inside sh -euc '
    cd /build
    apt-get source -qq "python$1"
    cd python*/
    ./configure -q --prefix="/opt/$1t" --disable-gil --without-ensurepip --disable-test-modules
    make -s -j2
    make -s install
  ' sh "$version" >>"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
  rm -rf "$root/build"
done
