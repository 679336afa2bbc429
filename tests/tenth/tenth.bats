#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a strategy that somebody adds needs one file and one row.
# With these alone it is listed wherever strategies are, sells, is counted,
# and is judged by the contract tests and by the stress test; and there is room
# for as many as LOCK_ROWS_MAX says, and for no more.

TENTH=$(realpath "${TENTH:-build/tenth}")
TURNSTILE=$TENTH/turnstile-futex
bats_require_minimum_version 1.5.0
load ../e2e/helper
load ../e2e/helper_crash

@test "it is listed: --help, GET /locks, and where a name is unknown" {
  matches "--help" "$("$TURNSTILE" --help)" \
    $'\n''  futex  +a name in shared memory, and futex\(2\) to wait for it'$'\n'
  matches "stress --help" "$("$TENTH/stress-futex" --help)" $'\n''  futex  +a '
  refuses 2 'semaphore:N \(N from 2 to 8\), spin, ticket, rwlock, rwlock:N \(N from 2 to 8\), optimistic, atomic, row, advisory, futex$' --lock nix
  start
  answered 200 GET /locks
  equal names "$(grep -o '"name":"[^"]*"' <<<"$body" | cut -d '"' -f 4 |
    paste -sd ' ')" \
    'none mutex-private flock mutex semaphore spin ticket rwlock optimistic atomic futex semaphore:3'
  body=$(grep -o '{"name":"futex",[^}]*}' <<<"$body")
  equal safe "$(member safe)" true
  equal "when killed" "$(member when_killed)" 'the supervisor clears its name'
  call POST /sales -d id=x -d capacity=1 -d lock=nix
  problem bad-value 400
  matches detail "$(member detail)" 'advisory, futex\.$'
}

it_sells() {
  start --store "$STORE" --lock futex --tickets 3
  buyers 5 demo
  equal left "$(left demo)" 0
  audit_is_correct demo 3
  equal sold "$(metric 'turnstile_orders_total{outcome="sold",lock="futex"}')" 3
  equal mutex "$(metric 'turnstile_orders_total{outcome="sold",lock="mutex"}')" 0
  matches held \
    "$(metric 'turnstile_lock_hold_seconds_count{lock="futex"}')" '^[1-9]'
  answered 200 PATCH /sales/demo -d lock=mutex
  answered 200 PATCH /sales/demo -d lock=futex
  equal lock "$(member lock)" futex
}

@test "it sells, and is counted in a row of its own" {
  each_store it_sells
}

@test "it inherits the contract tests, and those of crashes" {
  ONLY='futex,*' "$TENTH/test_locks-futex"
  ONLY='futex,*' "$TENTH/test_locks_crashes-futex"
}

@test "a pattern that fits none of them is an error, not a pass" {
  run env ONLY='futx,*' "$TENTH/test_locks-futex"
  equal status "$status" 1
  matches said "$output" "^ONLY='futx,\*' fits no test; one is called: none, "
}

# The values of a member in the stress test's --json, in one line, by depth.
values() {
  sed -nE "s/^ {$1}\"$2\": \"?([^\",]*)\"?,?\$/\1/p" <<<"$output" | xargs
}

@test "it races: correct, as it says, and also while workers are killed" {
  run --separate-stderr "$TENTH/stress-futex" --service "$TURNSTILE" \
    --data "$WORK" --locks futex --kill 2 --duration 200ms --json
  echo "$output"
  equal status "$status" 0
  equal strategies "$(values 6 lock)" 'futex futex'
  equal verdicts "$(values 8 verdict)" 'no-race no-race'
  equal promises "$(values 6 promise)" 'kept kept'
}

@test "all strategies are the tenth, too" {
  run --separate-stderr "$TENTH/stress-futex" --service "$TURNSTILE" \
    --data "$WORK" --stores json --duration 0 --json
  equal strategies "$(values 6 lock | tr ' ' '\n' | sort | paste -sd ' ')" \
    'flock futex mutex mutex-private none optimistic rwlock semaphore semaphore:3 spin ticket'
}

@test "a copy of none that claims to exclude is found out by both" {
  run --separate-stderr "$TENTH/stress-liar" --service "$TENTH/turnstile-liar" \
    --data "$WORK" --locks liar --stores json --duration 0 --json
  echo "$output"
  equal status "$status" 1
  equal verdict "$(values 8 verdict)" oversold
  equal promise "$(values 6 promise)" broken
  run env CMOCKA_MESSAGE_OUTPUT=TAP \
    ONLY='liar,*excludes as its facts say' "$TENTH/test_locks-liar"
  equal "threads and processes" "$(grep -c '^not ok' <<<"$output")" 2
}

# -------------------------------------------------------------- how many -- #

@test "as many as there can be: all listed, and the last one sells" {
  local many shipped last
  TURNSTILE=$TENTH/turnstile-full
  many=$(sed -n 's/^#define LOCK_ROWS_MAX \([0-9]*\).*/\1/p' \
    "$ROOT/locks/lock.h")
  shipped=$(grep -c $'^\tROW(' "$ROOT/locks/lock_rows.c")
  printf -v last 'thirteen-%04d' "$many"
  equal "--help" "$("$TURNSTILE" --help | grep -c '^  [a-z0-9-]*  *.*: ever')" \
    "$((many - shipped + 1))" # and none itself
  refuses 2 ", $last, $last:N \\(N from 2 to 8\\)\$" --lock nix
  start --lock "$last:8" --tickets 2
  buyers 1 demo
  answered 200 PATCH /sales/demo -d "lock=$last"
  equal lock "$(member lock)" "$last"
  buyers 1 demo
  audit_is_correct demo 2
  equal sold \
    "$(metric "turnstile_orders_total{outcome=\"sold\",lock=\"$last\"}")" 1
  answered 200 GET /locks
  equal "rows, and variants" "$(grep -o '"name":' <<<"$body" | wc -l)" \
    "$((many - 2 + many - shipped + 1))" # sqlite has no row, and no advisory
  matches "the last row" "$body" "\"name\":\"$last:8\""
}

@test "one more does not compile; without the check it does not start" {
  run -1 "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -I"$ROOT" -fsyntax-only \
    "$TENTH/lock_rows_over.c"
  matches compiler "$output" 'more strategies than LOCK_ROWS_MAX'
  run -134 "$TENTH/turnstile-late" --help
  matches start "$output" 'lock_rows_count <= LOCK_ROWS_MAX'
}
