#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
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
    tests/*.{sh,h} tests/*/*.mk tests/{unit,stress,history,lab} "$WALK")
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

# What it is accused of, in words that this page explains.
words_are_explained() {
  local word words
  words=$(sed -nE 's/^ {10}([a-z-]+), [0-9]+: .*/\1/p' <<<"$output" | sort -u)
  matches accused "$words" oversold
  for word in $words; do
    grep -qiF "*$word*" "$ROOT/locks/README.md" || fail "unexplained: $word"
  done
}

@test "step 5: buyers race, and it is wrong, as it says" {
  take 5
  has_come 5
  words_are_explained
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

@test "step 8: who is inside is stopped, and others get in" {
  take 8
  has_come 8
}

# What is written is a lease: it believes a holder dead that is slow.
it_is_a_lease() {
  sed 's/yours/mine/g
    s/uint32_t nobody = 0;/&\n\tconst int64_t since = clock_now_ns();/
    s/^\t\tclock_sleep_until/\t\tif (clock_now_ns() - since > 3 * NS_PER_SEC) {\n\t\t\tatomic_store(\&o->words[slot], o->name);\n\t\t\treturn LOCK_HELD;\n\t\t}\n&/' \
    "$ROOT/tests/exercises/solutions/5/lock_yours.c" >"$WALK/locks/lock_mine.c"
  grep -q since "$WALK/locks/lock_mine.c"
}

@test "step 8: a lock that takes the slow for dead is found there" {
  it_is_a_lease
  take 3
  take 6
  refute grep -q FAILED <<<"$output"
  take 8
  matches found "$output" 'NOT AS PROMISED'
  matches found "$output" 'trespassed, [0-9]+: two were inside'
}

@test "step 9: with the lock written, nothing is found; as with mutex" {
  take 9
  has_come 9
  sed 's/yours/mine/g' "$ROOT/tests/exercises/solutions/5/lock_yours.c" \
    >"$WALK/locks/lock_mine.c"
  take 3
  matches listed "$output" '^  mine '
  take 9 mutex mine
  matches race "$output" '^.*AS PROMISED'
  refute grep -q 'NOT AS PROMISED' <<<"$output"
  take 6
  refute grep -q FAILED <<<"$output"
  matches ran "$output" 'OK \] mine, processes: excludes as its facts say'
  take 7
  refute grep -Eq 'FAILED|WARNING' <<<"$output"
  matches ran "$output" 'OK \] mine, threads: excludes as its facts say'
  take 8
  refute grep -q 'NOT AS PROMISED' <<<"$output"
  matches stopped "$output" 'no race in [0-9]+ run, stop 1[0-9]\.'
}
