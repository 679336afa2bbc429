#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: nine locks with a mistake each, as people make them, are
# each found in one run; the real mutex in the same table is not.

bats_require_minimum_version 1.5.0
load helper

PLANTED=$(dirname "${STRESS:-build/stress}")/stress-planted
WITH_LOCKS=${PLANTED%/*}/turnstile-planted

# Race once under that lock; the default, but for one store and no price.
race() {
  run --separate-stderr "$PLANTED" --service "$WITH_LOCKS" --data "$WHERE" \
    --stores json --duration 0 --json --locks "$@"
  echo "$output"
  # shellcheck disable=SC2154 # bats sets it
  echo "$stderr"
}

# Two were inside, and that is said, whatever became of the seats.
is_found() {
  race "$1"
  [ "$status" -eq 1 ]
  [ "$(values 2 good)" = false ]
  [ "$(values 6 promise)" = broken ]
  [[ " $(values 12 wrong) " == *" trespassed "* ]]
}

@test "the mutex is not accused, of a lock of one's own it says: no race" {
  race mutex --jitter deep
  [ "$status" -eq 0 ]
  [ "$(values 8 verdict)" = correct ]
  run "$PLANTED" --help
  [[ $output == *spin-broken* ]]
}

@test "a flag that is checked, and then set" {
  is_found spin-broken
}

@test "taken after the read" {
  is_found after-read
}

@test "released before the write" {
  is_found before-write
}

@test "a mutex for each worker" {
  is_found each-worker
}

@test "the lock of another sale" {
  is_found wrong-sale
}

@test "a try whose failure is ignored" {
  is_found try-ignored
}

@test "a semaphore that begins at two" {
  is_found two-permits
}

@test "a missing unlock: HUNG, with who was last, and who waits" {
  race no-unlock --timeout 2s --patience 3s
  [ "$status" -eq 1 ]
  [ "$(values 6 promise)" = hung ]
  [[ $output =~ 'nobody is inside, clerk '[12]\.[1-4]' was last; clerk' ]]
  [[ $output == *" for it"* ]]
  [ -z "$(ls "$WHERE")" ]
}

@test "one who never comes out: HUNG, with who holds" {
  race no-return --timeout 2s --patience 3s
  [ "$status" -eq 1 ]
  [ "$(values 6 promise)" = hung ]
  [[ $output =~ 'clerk '[12]\.[1-4]' holds the lock; clerk' ]]
  [ -z "$(ls "$WHERE")" ]
}

# A signal in the midst of a hang.
ends_with() {
  local expected=$1 signal=$2 pid status=0 log=$WHERE.log
  "$PLANTED" --service "$WITH_LOCKS" --data "$WHERE" --stores json \
    --locks mutex,no-unlock --duration 0 --patience 1h >"$log" 2>&1 3>&- &
  pid=$!
  until grep -q '1/2' "$log"; do
    kill -0 "$pid"
    read -rt 0.02 <> <(:) || :
  done
  SECONDS=0
  kill -"$signal" "$pid"
  wait "$pid" || status=$?
  cat "$log"
  [ "$status" -eq "$expected" ]
  [ "$SECONDS" -lt 15 ]
  grep -q "stopped by SIG$signal in row 2 of 2: no-unlock" "$log"
  grep -q ' mutex .* correct ' "$log"
  [ -z "$(ls "$WHERE")" ]
  rm "$log"
}

@test "SIGINT and SIGTERM end a run that hangs, with what is known" {
  ends_with 130 INT
  ends_with 143 TERM
}
