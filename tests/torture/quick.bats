#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: a few hundred of the damages of `make torture`, in seconds.
# SEED=N chooses others.

setup() {
  TORTURE=${TORTURE:-build/torture}
}

# quick PART STORE: the seed and what was red are said where it fails.
quick() {
  run timeout 120 "$TORTURE" "$1" --store "$2" --quick --seed "${SEED:-1}"
  echo "$output"
  case ${lines[0]} in
    SKIP:*) skip "${lines[0]#SKIP: }" ;;
  esac
  [ "$status" -eq 0 ]
  [[ $output =~ $1-$2:\ ([0-9]+)\ cases,\ 0\ failed$ ]]
  [ "${BASH_REMATCH[1]}" -ge 5 ]
}

@test "power cuts; json" {
  quick powercut json
}

@test "power cuts; sqlite" {
  quick powercut sqlite
}

# A checkpoint copies from the log what a failed sync kept from the disk.
@test "a sync that fails, and the power cut in the recovery; sqlite" {
  run timeout 120 "$TORTURE" powercut --store sqlite --seed 5 \
    --case powercut/sqlite/large/step-3/unsynced
  echo "$output"
  [[ ${lines[0]} != SKIP:* ]] || skip "${lines[0]#SKIP: }"
  [ "$status" -eq 0 ]
  [[ $output =~ powercut-sqlite:\ ([0-9]+)\ cases,\ 0\ failed$ ]]
  # By this seed it is 77 in every run, and 32 of them are in a recovery.
  [ "${BASH_REMATCH[1]}" -ge 70 ]
}

@test "crashes at a call; json" {
  quick crash json
}

@test "crashes at a call; sqlite" {
  quick crash sqlite
}

@test "calls that fail; json" {
  quick fault json
}

@test "calls that fail; sqlite" {
  quick fault sqlite
}

@test "allocations that fail; json" {
  quick memory json
}

@test "allocations that fail; sqlite" {
  quick memory sqlite
}

@test "usage: what is wrong, and 2" {
  run "$TORTURE"
  [ "$status" -eq 2 ]
  run "$TORTURE" nonsense
  [ "$status" -eq 2 ]
  run "$TORTURE" crash --nonsense
  [ "$status" -eq 2 ]
  [[ $output == *"--case NAME"* ]]
  [[ $output == *powercut* ]]
}

# The table of `make torture`, over parts that only say how they ended.
@test "the table says how many cases there are, and for how many there was time" {
  printf 't-%s | beside | s%s | h\n' a 1 b 2 c 3 d 4 >"$BATS_TEST_TMPDIR/parts"
  cat >"$BATS_TEST_TMPDIR/make" <<'END'
#!/bin/sh
echo 't-a: 3 cases, 0 failed'
echo '     7 cases were left out for time: t-b'
echo 't-b: 3 cases, 0 failed'
echo '     7 cases and more were left out for time: t-c'
echo 't-c: 3 cases, 1 failed'
END
  chmod +x "$BATS_TEST_TMPDIR/make"
  MAKE=$BATS_TEST_TMPDIR/make run "$BATS_TEST_DIRNAME/all.sh" \
    "$BATS_TEST_TMPDIR/parts"
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *'| s1 | h | 3 |'* ]]
  [[ $output == *'| s2 | h | 3 of 10 |'* ]]
  [[ $output == *'| s3 | h | 3 of 10 and more, 1 failed |'* ]]
  [[ $output == *'| s4 | h | 0, 1 failed |'* ]]
}
