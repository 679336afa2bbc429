#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: whoever is killed, whenever: nothing is sold twice,
# nothing that a buyer was told is lost, and selling goes on within 2 s.
#
# RUNS=20 repeats the tests of random kills so often.

load helper
load helper_crash

PROMISING='flock mutex semaphore spin ticket rwlock optimistic'

# For each strategy that promises, and RUNS times.
each_promise() {
  local run
  for run in $(seq "${RUNS:-1}"); do
    for LOCK in $PROMISING; do
      echo "run $run $LOCK"
      "$@"
    done
  done
}

# sold_down_to NUMBER: the sale has no more than that left.  Whoever is asked
# may just have been killed.
sold_down_to() {
  local body left
  body=$(http "$URL/sales/demo" 2>/dev/null) || return 1
  left=$(member remaining)
  [ -n "$left" ] && [ "$left" -le "$1" ]
}

# The longest time between two sales, in ms.
longest_gap() {
  ledger demo | sed 's/.*"sold_at":"\([^"]*\)".*/\1/' | sort |
    date -f - +%s%3N | awk 'NR > 1 && $1 - last > most { most = $1 - last }
      { last = $1 } END { print most + 0 }'
}

# All that was promised, after 150 buyers for 100 tickets.
hundred_seats() {
  crowd_is_served
  equal receipts "$(receipts)" 100
  equal sold-out "$(refusals sold-out)" 50
  equal seats "$(seats | paste -sd ' ')" "$(seq -s ' ' 100)"
  equal left "$(left demo)" 0
  ledger_agrees demo
  audit_is_correct demo 100
  soon "$(longest_gap)"
}

# --------------------------------------------------------- random moments --

# unless_repeated LOCKS: in one run each test takes these, for they take their
# time; with RUNS it takes all.
unless_repeated() {
  if [ -z "${RUNS:-}" ]; then PROMISING=$1; fi
}

two_workers_and_a_crowd() {
  start_workers 2 --store "$STORE" --lock "$LOCK" --delay "${1:-3ms}"
  crowd 150 demo
}

# a_moment FROM COUNT: some time after so many or fewer are left
a_moment() {
  await 10 sold_down_to $(($1 + RANDOM % $2))
  sleep "0.00$((RANDOM % 10))"
}

two_workers() {
  two_workers_and_a_crowd
  a_moment 60 40
  kill -KILL "$(worker $((1 + RANDOM % 2)))"
  a_moment 20 30
  kill -KILL "$(workers | shuf -n 1)"
  hundred_seats
  await 5 has_workers 2
  equal deaths "$(metric turnstile_worker_deaths_total)" 2
  equal obituaries "$(grep -c ' worker-died ' "$ERR")" 2
  equal replacements "$(grep -c ' worker-replaced ' "$ERR")" 2
  stop
}

@test "two workers killed at random: 100 seats, once each; json" {
  EXPECTED+=("$DIED" "$REPLACED")
  STORE=json each_promise two_workers
}

@test "two workers killed at random: 100 seats, once each; sqlite" {
  EXPECTED+=("$DIED" "$REPLACED")
  STORE=sqlite each_promise two_workers
}

# A machine that has other things to do may have sold all before it gets to the
# kill: once more then, and more slowly.
the_supervisor() {
  local delay
  for delay in 3ms 20ms 100ms; do
    two_workers_and_a_crowd "$delay"
    a_moment 40 60
    crash
    revive --store "$STORE" --workers 2
    hundred_seats
    stop
    matches "start-up" "$START_LINE" 'sale demo: [0-9]+ of 100 left$'
    [[ $START_LINE == *'sale demo: 0 of 100 left' ]] || return 0
    echo "all were sold with a delay of $delay"
  done
  fail "each time all were sold before the kill"
}

# Together they meet each strategy.
@test "the supervisor killed, and started again: 100 seats; json" {
  unless_repeated 'flock semaphore ticket'
  STORE=json each_promise the_supervisor
}

@test "the supervisor killed, and started again: 100 seats; sqlite" {
  unless_repeated 'mutex spin rwlock optimistic'
  STORE=sqlite each_promise the_supervisor
}

a_lock_is_held() {
  [ "$(metric turnstile_locks_held)" = 1 ]
}

# A worker, and while it is being replaced, the supervisor.
both() {
  two_workers_and_a_crowd
  await 10 sold_down_to $((40 + RANDOM % 60))
  kill -KILL "$(workers | shuf -n 1)"
  sleep "0.00$((RANDOM % 10))"
  crash
  revive --store "$STORE" --workers 2
  hundred_seats
  stop
}

@test "a worker killed, and the supervisor; both stores" {
  unless_repeated semaphore
  EXPECTED+=("$DIED" "$REPLACED")
  STORE=json each_promise both
  STORE=sqlite each_promise both
}

# Not when its order is done, which takes longer than the next service waits.
@test "a worker in a long delay dies with the supervisor" {
  start_workers 1 --store json --lock mutex --delay 20s --timeout 50s
  http -d buyer=alice "$URL/sales/demo/buy" >"$WORK/nothing" 2>&1 3>&- &
  LOADS+=("$!")
  await 5 a_lock_is_held
  crash
  wait "${LOADS[@]}" || true
  LOADS=()
  again --store json
  equal left "$(left demo)" 100
}

# --------------------------------------------------- in the critical section --

the_holder() {
  local before after held=1 permits=0 number
  case $LOCK in
    optimistic) held=0 ;;
    semaphore | spin | ticket) permits=1 ;;
  esac
  drill_begin
  start_workers 2 --store "$STORE" --lock "$LOCK" --tickets 10
  stop_a_holder alice
  number=$HOLDER_WORKER
  equal "locks held" "$(metric turnstile_locks_held)" "$held"
  before=$(now_ms)
  kill -KILL "$HOLDER"
  # With the key it sells, or finds, exactly one ticket.
  call POST /sales/demo/buy -H 'Idempotency-Key: bob' -d buyer=bob
  equal status "$code" 201
  equal seats "$(member seats)" '[1]'
  after=$(now_ms)
  soon $((after - before))
  hear_the_holder
  equal "the holder's own answer" "$code" 000
  await 5 has_workers 2
  grep -Eq "^[^ ]+ worker-died worker=$number pid=$HOLDER how=\"killed by signal 9 \(Killed\)\" locks_held=$held permits_handed_back=$permits lived_ms=[0-9]+\$" "$ERR"
  grep -Eq "^[^ ]+ worker-replaced worker=$number pid=[0-9]+ after_ms=[0-9]+\$" \
    "$ERR"
  equal deaths "$(metric turnstile_worker_deaths_total)" 1
  equal permits "$(metric turnstile_permits_handed_back_total)" "$permits"
  equal "locks held" "$(metric turnstile_locks_held)" 0
  # "inherited" is said where the strategy knows, and only there.
  case $LOCK in
    mutex | spin | rwlock) equal inherited \
      "$(metric "turnstile_locks_inherited_total{lock=\"$LOCK\"}")" 1 ;;
  esac
  buyers 12 demo # as many as there are permits: still one
  equal receipts "$(receipts)" 9
  audit_is_correct demo 10
  drill_end
  stop
}

@test "a worker killed with the lock held: its obituary, and selling goes on" {
  local RUNS=1
  EXPECTED+=("$DIED" "$REPLACED")
  STORE=json each_promise the_holder
  STORE=sqlite each_promise the_holder
}

# Those who already wait, in the same worker and in the other.
the_waiting() {
  drill_begin
  start_workers 2 --store json --lock "$LOCK" --tickets 50
  stop_a_holder alice
  persist 1 20 demo 3>&- &
  LOADS+=("$!")
  sleep 0.2 # some of them reach the lock; nothing depends on how many
  local before
  before=$(now_ms)
  kill -KILL "$HOLDER"
  wait "${LOADS[@]}"
  LOADS=()
  soon $(($(now_ms) - before))
  equal left "$(left demo)" 30
  audit_is_correct demo 20
  rm -r "$WORK/persist.1"
  drill_end
  stop
}

@test "those who wait for a killed holder are served" {
  local RUNS=1
  EXPECTED+=("$DIED" "$REPLACED")
  each_promise the_waiting
}

# ---------------------------------------------------------- half a write --

torn_tail() {
  start --store json --tickets 10
  buyers 3 demo
  crash
  # What a power cut leaves of the next line.
  sed -n 2p "$DATA/demo/ledger.jsonl" | head -c "$1" >"$WORK/half"
  cat "$WORK/half" >>"$DATA/demo/ledger.jsonl"
  again --store json
  equal left "$(left demo)" 7
  answered 201 POST /sales/demo/buy
  equal seats "$(member seats)" '[4]'
  audit_is_correct demo 4
  stop
  again --store json
  equal left "$(left demo)" 6
  stop
}

@test "half a line at the end of the ledger is cut" {
  torn_tail 1
  torn_tail 200
}

# ------------------------------------------------------- again and again --

@test "a worker that dies again and again is replaced more slowly" {
  local i pid from
  EXPECTED+=("$DIED" "$REPLACED")
  start --store json --workers 1
  from=$(now_ms)
  for i in 1 2 3 4 5; do
    await 5 has_workers 1
    pid=$(worker 1)
    kill -KILL "$pid"
    await 5 is_gone "$pid"
  done
  await 5 has_workers 1
  answered 201 POST /sales/demo/buy
  # 0, 0, 0, 100, 200 ms
  mapfile -t waits < <(sed -n 's/.* worker-replaced .*after_ms=//p' "$ERR")
  echo "replaced after ${waits[*]} ms"
  equal replacements "${#waits[@]}" 5
  soon "${waits[0]}" 100
  [ "${waits[3]}" -ge 100 ]
  [ "${waits[4]}" -ge 200 ]
  soon "${waits[4]}" 1000
}
