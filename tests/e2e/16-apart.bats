#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: sales do not share a fate.  One that sells slowly makes
# nobody wait but its own buyers, they are told so at their deadline, and a
# delay that was a mistake ends when it is taken back.

load helper
load helper_crash

now_waiting() {
  [ "$(metric turnstile_queue_depth)" -eq "$1" ]
}

now_held() {
  [ "$(metric turnstile_locks_held)" -eq "$1" ]
}

# crowd COUNT SALE: so many buyers in the background, each to be forgotten.
crowd() {
  local i
  for ((i = 0; i < $1; i++)); do
    http -o /dev/null -X POST "$URL/sales/$2/buy" 2>/dev/null &
    LOADS+=("$!")
  done
}

# served_within MS SALE STATUS
served_within() {
  local from took
  from=$(now_ms)
  call POST "/sales/$2/buy"
  took=$(($(now_ms) - from))
  equal "status of $2" "$code" "$3"
  echo "$2 answered after $took ms"
  soon "$took" "$1"
}

# Their delay is taken back, so that the service need not wait for them.
forget_the_crowd() {
  kill "${LOADS[@]}" 2>/dev/null || true
  wait "${LOADS[@]}" 2>/dev/null || true
  LOADS=()
  answered 200 PATCH /sales/demo -d delay=0
  stop
}

# Both clerks are in a delay of 12 s: who waits for them is told at the
# deadline, and who wants another sale is served at once.
deadline() {
  start --store "$STORE" --workers 1 --clerks 2 --timeout 1s --lock none \
    --delay 12s
  sale_open free 100 mutex 0
  crowd 2 demo
  await 5 now_waiting 0
  served_within 1000 free 201
  served_within 2500 demo 503
  equal problem "$(basename "$(member type)")" queue-timeout
  forget_the_crowd
}

@test "the deadline comes although every clerk is in a delay" {
  each_store deadline
}

# 24 buyers of a sale of 3 s under a lock: one clerk is in the delay, the
# others wait for the lock, and the rest for a clerk.
slow_and_free() {
  local i
  start --store "$STORE" --workers 1 --clerks 4 --delay 3s --lock mutex
  sale_open free 100 mutex 0
  sale_open also 100 mutex 0
  crowd 24 demo
  await 5 now_held 1
  for i in 1 2 3 4 5; do
    served_within 1000 free 201
    served_within 1000 also 201
  done
  forget_the_crowd
}

@test "a slow sale does not make the buyers of another wait" {
  each_store slow_and_free
}

# The clerk that slept when the settings changed finds out, also when the new
# sale has the old one's slot and lock.
forgotten() {
  start --store "$STORE" --workers 1 --delay 1h --lock mutex
  crowd 1 demo
  await 5 now_held 1
  answered 200 PATCH /sales/demo -d delay=0
  served_within 2000 demo 201
  answered 200 PATCH /sales/demo -d delay=1h
  crowd 1 demo
  await 5 now_held 1
  answered 204 DELETE '/sales/demo?force=1'
  sale_open demo 5 mutex 0
  served_within 2000 demo 201
  forget_the_crowd
}

@test "a forgotten delay of an hour ends with a PATCH, and with a DELETE" {
  each_store forgotten
}
