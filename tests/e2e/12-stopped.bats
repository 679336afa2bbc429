#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a holder that is stopped is not dead.  Nobody steals its
# lock; others are told so at their deadline; and when it goes on, its sale is
# right.  Only a worker that does not go on is killed, so that its own clients
# do not wait for ever.

load helper
load helper_crash

LOCKS='flock mutex semaphore spin ticket rwlock'

# begin DEADLINE
begin() {
  drill_begin
  start_workers 2 --store "$STORE" --lock "$LOCK" --tickets 10 \
    --timeout "$1"
  stop_a_holder alice
}

finish() {
  drill_end
  stop
}

# Twelve others, more than the other worker has clerks: those who wait for the
# lock and those who wait for a clerk have the same deadline.
others_are_told() {
  begin 300ms
  local from took type i
  from=$(now_ms)
  no_orders
  for i in {1..12}; do order "b$i" "k$i" demo; done
  send &
  LOADS+=("$!")
  call POST /sales/demo/buy -d buyer=bob
  type=$(member type)
  matches type "$type" '^/problems/(lock|queue)-timeout$'
  problem "$(basename "$type")" 503
  equal Retry-After "$(header retry-after)" 1
  wait "${LOADS[-1]}"
  took=$(($(now_ms) - from))
  equal 503 "$(codes 503)" 12
  equal reasons $(($(refusals lock-timeout) + $(refusals queue-timeout))) 12
  # One waited for the lock, for all of them; and that may have been bob.
  [[ $type == */lock-timeout ]] || [ "$(refusals lock-timeout)" -ge 1 ]
  echo "told after $took ms"
  [ "$took" -ge 300 ]
  soon "$took" 1300
  # Nobody stole.
  equal left "$(left demo)" 10
  is_stopped "$HOLDER"
  equal "locks held" "$(metric turnstile_locks_held)" 1

  thaw "$HOLDER"
  hear_the_holder
  equal "the holder's status" "$code" 201
  equal "the holder's seats" "$(member seats)" '[1]'
  equal buyer "$(member buyer)" alice
  # Those who were refused try again, with their keys.
  send
  equal 201 "$(codes 201)" 9
  equal 409 "$(codes 409)" 3
  cp "$WORK/holder" "$WORK/answers/holder"
  ledger_agrees demo
  audit_is_correct demo 10
  equal deaths "$(metric turnstile_worker_deaths_total)" 0
  equal permits "$(metric turnstile_permits_handed_back_total)" 0
  finish
}

each_lock() {
  for LOCK in $LOCKS; do
    echo "$LOCK"
    "$@"
  done
}

@test "a stopped holder: others get 503 at their deadline, its sale is right" {
  each_store each_lock others_are_told
}

# Nothing is held: others sell, and the one that was stopped decides again.
others_sell() {
  local LOCK=optimistic conflicts
  begin 5s
  no_orders
  for i in {1..4}; do order "b$i" "k$i" demo; done
  send
  equal 201 "$(codes 201)" 4
  equal left "$(left demo)" 6
  equal "locks held" "$(metric turnstile_locks_held)" 0
  is_stopped "$HOLDER"
  conflicts=$(metric 'turnstile_conflicts_total{lock="optimistic"}')
  thaw "$HOLDER"
  hear_the_holder
  equal "the other's status" "$code" 201
  equal "the other's seats" "$(member seats)" '[5]'
  equal conflicts \
    "$(metric 'turnstile_conflicts_total{lock="optimistic"}')" \
    $((conflicts + 1))
  audit_is_correct demo 5
  finish
}

@test "under optimistic a stopped clerk holds up nobody, and is right" {
  each_store others_sell
}

# The same, but its own deadline is over when it goes on: a sale or a refusal,
# and the ledger has what it was told.
too_late() {
  local LOCK=optimistic
  begin 400ms
  answered 201 POST /sales/demo/buy
  sleep 0.5 # which is its deadline, and a little
  thaw "$HOLDER"
  hear_the_holder
  equal "the other's status" "$code" 503
  equal type "$(member type)" /problems/too-many-conflicts
  audit_is_correct demo 1
  finish
}

@test "under optimistic a clerk that was stopped past its deadline sells no more" {
  each_store too_late
}

# A PATCH waits for nobody, and the one that was stopped sells under the new
# strategy.
a_patch_passes() {
  local from
  begin 5s
  from=$(now_ms)
  answered 200 PATCH /sales/demo -d "lock=$1"
  answered 201 POST /sales/demo/buy
  soon $(($(now_ms) - from))
  equal lock "$(member lock)" "$1"
  thaw "$HOLDER"
  hear_the_holder
  equal "the holder's status" "$code" 201
  equal "the holder's seats" "$(member seats)" '[2]'
  equal "the holder's lock" "$(member lock)" "$1"
  audit_is_correct demo 2
  finish
}

@test "a PATCH passes a stopped holder, who then sells under the new strategy" {
  local STORE
  STORE=json LOCK=mutex a_patch_passes semaphore
  STORE=sqlite LOCK=flock a_patch_passes optimistic
}

# ---------------------------------------------------------- its own clients --

counts_ready() {
  [ "$(metric turnstile_workers_ready)" = "$1" ]
}

# Whoever answers tells of the other one.
is_told_stuck() {
  await 8 counts_ready 1
  answered 200 GET '/readyz?verbose'
  matches readyz "$body" $'\n\\[\\+\\]workers 1 of 2\n'
  grep -Eq " worker-stuck worker=$HOLDER_WORKER pid=$HOLDER " "$ERR"
}

# Its client is let go at twice the deadline, and 10 s at least.
does_not_go_on() {
  local from took
  local LOCK=mutex
  from=$(now_ms)
  begin 300ms
  is_told_stuck
  is_stopped "$HOLDER"
  CURL_LIMIT=60
  hear_the_holder
  took=$(($(now_ms) - from))
  echo "let go after $took ms"
  equal "the holder's own answer" "$code" 000
  [ "$took" -ge 9000 ]
  soon "$took" 13000
  await 5 has_workers 2
  grep -Eq " worker-died worker=$HOLDER_WORKER pid=$HOLDER how=\"killed by the supervisor: it had been stuck for 1[0-9]{4} ms\" locks_held=1 " "$ERR"
  # It sold nothing; with the key it does.
  call POST /sales/demo/buy -H 'Idempotency-Key: alice' -d buyer=alice
  equal status "$code" 201
  equal seats "$(member seats)" '[1]'
  equal deaths "$(metric turnstile_worker_deaths_total)" 1
  audit_is_correct demo 1
  finish
}

@test "a worker that is stopped and does not go on is told, killed, replaced" {
  local STORE=json
  EXPECTED+=("${DIED/killed by signal 9 \\(Killed\\)/killed by the supervisor: .*}")
  expect_log "$STUCK" "$REPLACED"
  does_not_go_on
}

@test "one that goes on in time counts again, and answers its client" {
  local STORE=sqlite LOCK=mutex
  expect_log "$STUCK" "$GOES_ON"
  begin 5s
  is_told_stuck
  thaw "$HOLDER"
  hear_the_holder
  equal "the holder's status" "$code" 201
  await 5 counts_ready 2
  answered 200 GET '/readyz?verbose'
  matches readyz "$body" $'\n\\[\\+\\]workers 2 of 2\n'
  equal deaths "$(metric turnstile_worker_deaths_total)" 0
  finish
}
