#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Install the Debian packages that are named and missing.  Silent when nothing
# is; elsewhere than on Debian it says what to install, and stops.
set -eu

if ! command -v dpkg-query >/dev/null 2>&1; then
  command -v "${CC:-gcc}" >/dev/null 2>&1 &&
    pkg-config --exists libmicrohttpd jansson sqlite3 libqrencode libcurl 2>/dev/null &&
    exit 0
  echo "This is not Debian: install what these packages hold, then try again:" >&2
  echo "  $*" >&2
  exit 1
fi

missing=
for package; do
  case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
    *' installed') ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo
  command -v sudo >/dev/null 2>&1 || {
    echo "Missing, and there is no sudo; as root: apt-get install$missing" >&2
    exit 1
  }
fi
echo "installing${as_root:+ through sudo}:$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # they are words
if ! { $as_root apt-get -q update &&
  DEBIAN_FRONTEND=noninteractive $as_root apt-get -q -y \
    --no-install-recommends install $missing; } >"$log" 2>&1 </dev/null; then
  tail -n 15 "$log" >&2
  echo "apt-get failed (above); the whole of it is in $log" >&2
  exit 1
fi
rm -f "$log"
