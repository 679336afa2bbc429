#!/usr/bin/env bats
# shellcheck disable=SC2034,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the walk in locks/README.md, "Adding one", leads where it
# says.  Its commands are typed as they stand, in a copy of the tree; what it
# shows must come, but for numbers.  Then the lock is written, and the same
# commands find nothing wrong any more.

load ../e2e/helper

setup_file() {
  local root
  root=$(realpath "$BATS_TEST_DIRNAME/../..")
  WALK=$(mktemp -d "$root/build/walk.XXXXXX")
  (cd "$root" && cp -r --parents Makefile locks service storage \
    tests/*.{sh,h} tests/*/*.mk tests/{unit,stress,history} "$WALK")
  export WALK
  # A make that calls us leaves its own settings behind.
  unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL BUILD SANITIZE
  TURNSTILE=build/turnstile
}

teardown_file() {
  rm -rf "$WALK"
}

# The commands of a step, and what it shows, from locks/README.md.
commands() {
  awk -v step="**$1. " '
    /^\*\*[0-9]+\. / { inside = index($0, step) == 1 }
    /^## / { inside = 0 }
    /^```/ { fenced = !fenced }
    inside && !fenced && /^    / { print substr($0, 5) }' "$ROOT/locks/README.md"
}

shown() {
  awk -v step="**$1. " '
    /^\*\*[0-9]+\. / { inside = index($0, step) == 1 }
    /^## / { inside = 0 }
    /^```/ { fenced = !fenced; next }
    inside && fenced && !/^…$/' "$ROOT/locks/README.md"
}

# Numbers differ from run to run, ids and the width of columns with them.
alike() {
  sed -E 's/[0-9]+/N/g; s/ +/ /g'
}

# take STEP [OLD NEW]: type its commands, with NEW in the place of OLD.
take() {
  local typed
  typed=$(commands "$1")
  [ -n "$typed" ] || fail "step $1 has no commands"
  if [ -n "${2-}" ]; then typed=${typed//$2/$3}; fi
  echo "$typed"
  output=$(cd "$WALK" && CMOCKA_MESSAGE_OUTPUT=STANDARD \
    bash -c "$typed" 2>&1 3>&-) || true
  echo "$output"
}

# What the step shows has come, each line.
has_come() {
  local line
  [ -n "$(shown "$1")" ] || fail "step $1 shows nothing"
  while IFS= read -r line; do
    grep -qF -- "$line" <<<"$(alike <<<"$output")" || fail "not seen: $line"
  done < <(shown "$1" | alike)
}

silent() {
  [ -z "$output" ] || fail "it said: $output"
}

steps_until_listed() {
  take 1
  silent
  take 2
  silent
  take 3
  has_come 3
}

it_sells() {
  local typed said
  mapfile -t typed < <(commands 4)
  equal run "${typed[0]}" "make run ARGS='--lock mine --data build/mine'"
  TURNSTILE=$WALK/build/turnstile
  start --lock mine
  equal buy "${typed[1]%localhost*}" 'curl -d buyer=alice '
  typed[1]=${typed[1]/localhost:8080/${URL#http://}}
  output=$(eval "${typed[1]/curl/curl -sS --max-time 10}")
  for said in "$output" "$(shown 4)"; do
    matches receipt "$said" \
      '"buyer":"alice","seats":\[1\],"remaining":99,"version":1,"lock":"mine",'
  done
}

@test "steps 1 to 4: a copy, a row, and it is listed and sells" {
  steps_until_listed
  equal warnings "$(wc -l <<<"$output")" 1
  it_sells
}

@test "step 5: buyers race, and it is wrong, as it says" {
  take 5
  has_come 5
}

@test "step 6: the tests of its promises fail" {
  take 6
  has_come 6
}

@test "step 7: the thread sanitizer sees it" {
  take 7
  has_come 7
  matches where "$output" 'mine, threads: excludes as its facts say'
}

@test "step 8: with the lock written, nothing is found; as with mutex" {
  take 8
  has_come 8
  sed 's/yours/mine/g' "$ROOT/tests/exercises/solutions/5/lock_yours.c" \
    >"$WALK/locks/lock_mine.c"
  take 3
  matches listed "$output" '^  mine '
  take 8 mutex mine
  matches race "$output" '^.*AS PROMISED'
  refute grep -q 'NOT AS PROMISED' <<<"$output"
  take 6
  refute grep -q FAILED <<<"$output"
  matches ran "$output" 'OK \] mine, processes: excludes as its facts say'
  take 7
  refute grep -Eq 'FAILED|WARNING' <<<"$output"
  matches ran "$output" 'OK \] mine, threads: excludes as its facts say'
}
