#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: each rule of house.sh can fail.  A small house of real
# files is clean; then one fault is planted in it, and must be named with its
# place and nothing else.

setup() {
  ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
  WORK=$(mktemp -d)
  cd "$WORK" || return 1
  mkdir -p locks storage service build
  cp "$ROOT"/locks/*.[ch] locks
  cp "$ROOT"/service/log.[ch] service
  printf '%s\n' 'int store_open(void);' >storage/store.h
  printf '%s\n' '#include "storage/store.h"' \
    'int store_open(void) { return 0; }' >storage/store.c
}

teardown() {
  rm -rf "$WORK"
}

# Build what is there, and check it: $status and $output.
check() {
  local unit
  for unit in */*.c tests/stress/*.c; do
    [ -f "$unit" ] || continue
    mkdir -p "build/${unit%/*}"
    "${CC:-gcc}" -D_GNU_SOURCE -std=c17 -I. -c -o "build/${unit%c}o" "$unit"
  done
  run "$ROOT/tests/lint/house.sh" . build
}

# is LINE…: that is the output
is() {
  diff <(printf '%s\n' "$@") <(echo "$output")
}

# says LINE…: that is all it says, and it fails.
says() {
  check
  [ "$status" -eq 1 ] && is "$@"
}

last_line() {
  wc -l <"$1"
}

@test "a clean house: nothing is said" {
  check
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "an #include that runs upward" {
  echo '#include "storage/store.h"' >>locks/robust.h
  says "locks/robust.h:$(last_line locks/robust.h): locks may not use storage: #include \"storage/store.h\""
}

@test "an #include that runs sideways" {
  mkdir service/sale service/audit
  echo '#include "service/sale/sell.h"' >service/audit/audit.h
  echo >service/sale/sell.h
  says 'service/audit/audit.h:1: audit may not use sale: #include "service/sale/sell.h"'
}

@test "a circle of includes" {
  echo '#include "storage/b.h"' >storage/a.h
  echo '#include "storage/c.h"' >storage/b.h
  echo '#include "storage/a.h"' >storage/c.h
  check
  [ "$status" -eq 1 ]
  [ "$(wc -l <<<"$output")" -eq 1 ]
  # Where one starts to read it does not matter.
  [[ $output =~ ^storage/[abc]\.h:1:\ a\ circle:\ storage/(a.h\ →\ storage/b.h\ →\ storage/c.h\ →\ storage/a|b.h\ →\ storage/c.h\ →\ storage/a.h\ →\ storage/b|c.h\ →\ storage/a.h\ →\ storage/b.h\ →\ storage/c)\.h$ ]]
}

@test "a circle of symbols, which no include shows" {
  echo 'int store_one(void), store_impl_one(void);' >storage/pair.h
  {
    echo '#include "storage/pair.h"'
    echo 'int (*const store_pair[])(void) = { store_impl_one };'
    echo 'int store_one(void) { return 1; }'
  } >>storage/store.c
  {
    echo '#include "storage/pair.h"'
    echo 'int store_impl_one(void) { return store_one(); }'
  } >storage/store_impl.c
  check
  [ "$status" -eq 1 ]
  [[ $output =~ a\ circle:\ storage/store(_impl)?\.c\ →\ storage/store(_impl)?\.c\ →\ storage/store(_impl)?\.c ]]
}

@test "a symbol that runs upward, in a table of functions" {
  {
    echo 'int store_open(void);'
    echo 'int (*const robust_table[])(void) = { store_open };'
  } >>locks/robust.c
  says "locks/robust.c:$(($(last_line locks/robust.c) - 1)): locks may not use storage: store_open is of storage/store.c"
}

@test "an export under another name" {
  echo 'int robust_table, robusts_count, robustness, tables_add;' \
    >>locks/robust.c
  says "locks/robust.c:$(last_line locks/robust.c): exports robustness, which is not called robust, robust_… or robusts_…" \
    "locks/robust.c:$(last_line locks/robust.c): exports tables_add, which is not called robust, robust_… or robusts_…"
}

@test "tests replace what others export, and nothing else" {
  mkdir -p tests/stress
  echo 'int robust_init, __wrap_robust_lock, store_frob, init;' \
    >tests/stress/broken.c
  says 'tests/stress/broken.c:1: exports init, which is not called broken, broken_… or brokens_…' \
    'tests/stress/broken.c:1: exports store_frob, which is not called broken, broken_… or brokens_…'
}

@test "what a test program exports is nobody's business" {
  mkdir -p tests/unit
  echo 'int fsync(int fd) { return fd; }' >tests/unit/disk.c
  echo 'int main(void) { return 0; }' >tests/unit/test_disk.c
  mkdir -p build/tests/unit
  "${CC:-gcc}" -c -o build/tests/unit/disk.o tests/unit/disk.c
  "${CC:-gcc}" -c -o build/tests/unit/test_disk.o tests/unit/test_disk.c
  echo 'int fsync(int fd); int robust_sync(void) { return fsync(0); }' \
    >>locks/robust.c
  check
  [ "$status" -eq 0 ]
}

@test "an #include that does not start at the root" {
  echo '#include "store.h"' >>storage/store.c
  says 'storage/store.c:3: "store.h" is no path from the project'"'"'s root'
}

@test "a header of the project's in angle brackets" {
  echo '#include <storage/store.h>' >>storage/store.c
  says "storage/store.c:3: <storage/store.h> is the project's: use quotes"
}

@test "a file in no room" {
  mkdir cellar
  echo >cellar/wine.h
  says 'cellar/wine.h: belongs to no room'
}

@test "a file that is not built hides nothing" {
  check
  rm build/storage/store.o
  run "$ROOT/tests/lint/house.sh" . build
  [ "$status" -eq 1 ]
  [ "$output" = "storage/store.c: has no object: build it first" ]
}

@test "a room that uses one that does not stand above it" {
  HOUSE_ROOMS=$WORK/rooms
  export HOUSE_ROOMS
  sed 's/^locks    | ground /locks    | ground storage /' \
    "$ROOT/tests/lint/rooms" >"$HOUSE_ROOMS"
  says 'rooms: locks may not use storage, which does not stand above it'
}

@test "the graph: each room with those it uses" {
  check
  run "$ROOT/tests/lint/house.sh" --graph . build
  [ "$status" -eq 0 ]
  is ground 'locks    → ground' storage
}
