#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Who may know whom: every #include and every symbol of the C code, held
# against the table `rooms` beside this file; HOUSE_ROOMS names another.
#
#   house.sh [--graph] [FOLDER [BUILD]]     defaults: . and FOLDER/build
#
# It says FILE:LINE and what is wrong for each of these, and exits with 1:
#
#   - a file that uses a room which the table does not give its own, by an
#     #include, or by a symbol that only such rooms define;
#   - a circle: of files that include each other, or of those that need each
#     other's symbols;
#   - an #include of the project's that is no path from its root;
#   - a foo.c or foo_impl.c that exports what is not called foo, foo_… or foos_…;
#     a file of the tests may replace what such a one exports.
#
# Symbols are the linker's, so BUILD must hold the object of every C file: a
# table of functions hides an edge from every #include.  What tests/unit and
# test_*.c export is not looked at.  --graph prints, instead, each room with
# those it uses.
set -eu

graph=0
if [ "${1-}" = --graph ]; then
  graph=1
  shift
fi
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-.}"
build=$(cd "${2:-build}" && pwd)
facts=$(mktemp)
trap 'rm -f "$facts"' EXIT

sources=$(find ./* -type d \( -name 'build*' -o -name answers -o -name node_modules \) -prune \
  -o -name '*.[ch]' -print | sed 's,^\./,,' | sort)
generated=$(cd "$build" && find locks storage service -name '*.c' \
  2>/dev/null) || true
units=$(printf '%s\n' "$sources" "$generated" | grep '\.c$')

# Facts, one a line, with tabs between: what it is, which file, the rest.
{
  sed 's/#.*//; /|/!d; s/[[:blank:]]*|[[:blank:]]*/\t/g; s/^/room\t/' \
    "${HOUSE_ROOMS:-$here/rooms}"
  # shellcheck disable=SC2086 # names without blanks, here and below
  printf 'file\t%s\n' $sources $generated
  # shellcheck disable=SC2086
  grep -Hn '^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*[<"]' $sources |
    sed -E 's/^([^:]*):([0-9]*):[^<"]*(.)([^>"]*).*/include\t\1\t\2\t\3\t\4/'
  for unit in $units; do
    object=$build/${unit%c}o
    if [ -f "$object" ]; then
      nm -P -g "$object" | sed "s,^,symbol $unit ,; y/ /\t/"
    else
      printf 'unbuilt\t%s\n' "$unit"
    fi
  done
} >"$facts"

awk -F '\t' -v graph="$graph" -f "$here/house.awk" "$facts"
