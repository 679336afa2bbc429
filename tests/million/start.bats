#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a start behind a restart of the machine, with nothing in
# memory, asks the disk for all of sqlite's database before it waits for any page.

load ../e2e/helper

MILLION=$(cd "$ROOT" && realpath "${MILLION:-build/million}")

@test "a start asks for a large database at once" {
  strace -o "$WORK/calls" true || skip "strace does not work here"
  local size data=$WORK/asked
  mkdir "$data"
  "$MILLION" sqlite "$data" 20000
  size=$(stat -c %s "$data/turnstile.db")
  strace -f -qq -e trace=fadvise64,pread64 -P "$data/turnstile.db" \
    -o "$WORK/calls" "$MILLION" sqlite "$data" 1 another
  # PID fadvise64(FD, FROM, LENGTH, POSIX_FADV_WILLNEED) = 0
  awk -v size="$size" '
    / pread64\(/ { exit }
    / fadvise64\(.*POSIX_FADV_WILLNEED\) = 0/ {
      split($0, part, /, /)
      if (part[2] == asked) asked += part[3]
    }
    END { print asked " bytes of " size; exit !(asked >= size) }
  ' "$WORK/calls"
}
