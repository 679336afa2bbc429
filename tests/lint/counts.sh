#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What growing costs, in numbers that can be compared between two checkouts.
#
#   counts.sh [FOLDER]        a checkout, whatever its layout; default: .
#
# How each is counted:
#
#   files a buy crosses   Built with --coverage, one worker and one clerk sell
#                         N tickets, and none in another run.  A source file is
#                         crossed if a function in it ran N times more often.
#   circles               A file stands on what it includes and on the files
#                         that define its symbols; in a circle they stand on
#                         each other.
#   floors                The same, with foo.c and foo.h as one, and a circle as
#                         one: the longest way down, in steps.
#   long functions        from the line with the name, at column 0, to the
#                         closing brace at column 0, both counted
#   lines                 of *.c and *.h, comments and blank ones as well
#   duplicate pairs       Comments, blank lines, #includes and lone braces are
#                         dropped, and blanks made one.  Six lines in a row that
#                         stand somewhere else as well are a pair; pairs that
#                         overlap are one.
#
# "The code" is service, storage, locks and tests/stress.  The checkout is
# copied, and the copy is built; that takes about half a minute.
set -euo pipefail

BUYS=50
CODE=(service storage locks tests/stress)
here=$(cd "$(dirname "$0")" && pwd)
from=$(cd "${1:-.}" && pwd)
copy=$(mktemp -d "$from/build-counts.XXXXXX")
service=''
trap 'if [ -n "$service" ]; then kill "$service"; fi; rm -rf "$copy"' EXIT
(cd "$from" && find . -type d \( -name 'build*' -o -name .git -o -name data \
  -o -name node_modules \) -prune -o -type f -print0 |
  tar -c --null -T -) | tar -x -C "$copy"
cd "$copy"

# ------------------------------------------------- files that a buy crosses --

build() {
  # _exit() would end the worker without a word of what it ran.
  env -u MAKEFLAGS -u MAKELEVEL make -s -j2 BUILD=build OPTIMISE='-O0 -g' \
    EXTRA_CFLAGS='--coverage -fprofile-update=atomic -D_exit=exit' \
    EXTRA_LDFLAGS=--coverage build/turnstile >make.log 2>&1 ||
    { tail -n 20 make.log >&2; exit 1; }
}

# sell STORE COUNT: "FILE FUNCTION CALLS" for a service that sold so many.
sell() {
  local url try
  rm -rf data calls
  mkdir calls
  find build -name '*.gcda' -delete
  build/turnstile --listen 0 --data data --store "$1" --workers 1 --clerks 1 \
    >out 2>err &
  service=$!
  for ((try = 0; try < 500; try++)); do
    if grep -q '^turnstile [^ ]*: http' out; then break; fi
    sleep 0.02
  done
  url=$(sed -n 's/^turnstile [^ ]*: \(http[^ ]*\).*/\1/p' out)
  # A worker that is not ready yet would answer 503.
  curl -qsf --noproxy '*' --retry 20 --retry-delay 1 "$url/readyz" >answers
  if [ "$2" -gt 0 ]; then
    curl -qsf --noproxy '*' -d buyer=alice "$url/sales/demo/buy#[1-$2]" \
      >answers
    [ "$(grep -c '"seats":' answers)" -eq "$2" ]
  fi
  kill "$service"
  wait "$service"
  service=''
  find build -name '*.gcda' -exec gcov -rbp {} + >gcov.log 2>&1
  mv ./*.gcov calls
  awk '/^ *-: *0:Source:/ { sub(/.*Source:/, ""); file = $0 }
    /^function / { print file, $2, $4 }' calls/*.gcov
}

# crossed STORE: the files, one a line
crossed() {
  sell "$1" 0 >none
  sell "$1" "$BUYS" >some
  awk -v buys="$BUYS" 'FNR == NR { before[$1, $2] = $3; next }
    $3 - before[$1, $2] >= buys { print $1 }' none some | sort -u
}

print_crossed() {
  local store
  build
  for store in json sqlite; do
    crossed "$store" >files
    echo "files one buy crosses, $store: $(wc -l <files)"
    paste -sd ' ' files | fold -s -w 74 | sed 's/^/    /'
  done
}

# ---------------------------------------------------------------- floors --

print_floors() {
  {
    find locks storage service -name '*.[ch]' -printf 'file %p\n'
    grep -rn '^#include "' --include='*.[ch]' locks storage service |
      sed -E 's/^([^:]*):.*"(.*)".*/include \1 \2/'
    find build/locks build/storage build/service -name '*.o' -exec nm -APg {} + |
      sed -E 's,^build/(.*)\.o: ([^ ]*) (.).*,symbol \1 \2 \3,'
  } >facts
  awk -v circles=1 -f "$here/floors.awk" facts
  awk -f "$here/floors.awk" facts
}

# ------------------------------------------------------------- functions --

print_long_functions() {
  find "${CODE[@]}" -name '*.[ch]' -exec awk -f "$here/functions.awk" {} + |
    sort >long
  echo "functions of more than 40 lines: $(wc -l <long)"
  sed 's/^/    /' long
}

# ----------------------------------------------------------------- lines --

lines() {
  find "$@" -name '*.[ch]' -exec cat {} + 2>/dev/null | wc -l
}

print_lines() {
  local folder
  echo "lines of C: $(lines "${CODE[@]}")"
  find "${CODE[@]}" -name '*.[ch]' -printf '%h\n' | sort -u |
    while read -r folder; do
      echo "    $folder: $(lines "$folder" -maxdepth 1)"
    done
  echo "and of the other tests: $(lines tests -path tests/stress -prune -o)"
}

# ------------------------------------------------------------- duplicates --

print_duplicates() {
  local what=$1
  shift
  find "$@" -name '*.[ch]' -print | sort |
    xargs awk -f "$here/duplicates.awk" >pairs
  echo "duplicate pairs in $what: $(wc -l <pairs)"
  sed 's/^/    /' pairs
}

print_crossed
print_floors
print_long_functions
print_lines
print_duplicates "the code" "${CODE[@]}"
print_duplicates "the other tests" tests -path tests/stress -prune -o
