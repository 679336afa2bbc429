#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: against a service broken on purpose the oracle goes red,
# with the right word; against the same binary, not broken, it does not.

load helper

BROKEN=${BROKEN:-$(dirname "${STRESS:-build/stress}")/turnstile-broken}

# Race once; the finding's words go to $words, the worst to $worst.
race() {
  local what=$1
  shift
  run env TURNSTILE_BROKEN="$what" "$STRESS" --service "$BROKEN" --json \
    --locks mutex --buyers 100 --tickets 130 --duration 0 "$@"
  worst=$(values 8 verdict)
  words=$(values 12 wrong)
  echo "worst: $worst, all: $words, exit: $status"
}

each_store() {
  local word=$1 store
  shift
  for store in json sqlite; do
    race "$@" --stores "$store"
    [ "$status" -eq 1 ]
    [ "$worst" = "$word" ]
  done
}

@test "not broken: nothing is found" {
  race nothing --stores json
  [ "$status" -eq 0 ]
  [ "$worst" = correct ]
  [ -z "$words" ]
}

@test "a lock that does nothing: double-booked" {
  each_store double-booked lock
}

@test "a lock that does nothing, sold beyond the capacity: oversold" {
  each_store oversold lock --tickets 50
}

@test "unlocked before the commit: double-booked" {
  each_store double-booked unlock
}

@test "a receipt that is not written: lost" {
  each_store lost receipt
}

@test "a counter decremented twice: stranded" {
  each_store stranded twice
}

@test "a sold-out that is not true: false-sold-out" {
  each_store false-sold-out sold-out
}

@test "a second receipt on retry: repeated" {
  each_store repeated retry
}

@test "a query that tells an old counter: out-of-order" {
  each_store out-of-order stale --orders 300 --tickets 400
}
