#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: without a lock that excludes, buyers who overlap hold the
# same seat and the audit names them; with one, every seat is sold once.
#
# RUNS=100 tries more often than the default, which is said at each test.

load helper
load helper_crash

# Once more than this a race has not shown what it must: then it is no race.
ROUNDS=20

# ------------------------------------------------------------- the controls --

# The audit of what the last volley did: the words, two orders, both sold.
audit_names_two() {
  local sale=$1 words=$2 names id
  answered 200 GET "/sales/$sale/audit"
  equal wrong "$(member wrong)" true
  equal "strategy $3" "$(member wrong "$(strategy "$3")")" true
  equal explained "$(member explained)" true
  answered 200 GET "/sales/$sale/audit.txt"
  matches headline "$body" "^$words "
  matches table "$body" $'\n'"  $3 +[0-9]+ +[0-9]+ +WRONG"
  matches loss "$body" "'s write is lost"
  matches why "$body" $'\n''Why: '
  matches cure "$body" $'\n''Cure: make read and write one step:'
  [[ $body =~ \(orders[[:space:]]…([0-9a-f-]{9})…,[[:space:]]…([0-9a-f-]{9})…\) ]] ||
    fail "the audit names no two orders: $body"
  names=("${BASH_REMATCH[@]:1}")
  [ "${names[0]}" != "${names[1]}" ]
  for id in "${names[@]}"; do
    grep -q "^{\"order\":\"........-$id.*\"seats\":\[1\]" "$WORK"/answers/*
  done
}

one_ticket() {
  local run
  start --store "$STORE" --workers 2 --clerks 4
  for ((run = 1; run <= ${RUNS:-10}; run++)); do
    sale_open "race-$run" 1 none 50ms
    volley $(repeat 6 "race-$run")
    echo "run $run: $(receipts) receipts"
    [ "$(receipts)" -ge 2 ]
    equal seats "$(seats | uniq)" 1
    equal "the rest" "$(($(receipts) + $(refusals sold-out)))" 6
    audit_names_two "race-$run" OVERSOLD none
    matches headline "$body" "^OVERSOLD +$(receipts) tickets sold, there is 1 "
    equal left "$(left "race-$run")" 0
    answered 204 DELETE "/sales/race-$run?force=1"
  done
}

@test "none: six connections, one ticket, 50 ms: sold at least twice, 10 of 10" {
  each_store one_ticket
}

ten_buyers() {
  local run delay
  delay=$(stretched 200)ms
  start --store "$STORE" --workers 2 --clerks 10
  for ((run = 1; run <= ${RUNS:-1}; run++)); do
    sale_open "race-$run" 1 none "$delay"
    buyers 10 "race-$run"
    equal receipts "$(receipts)" 10
    equal seats "$(seats | uniq -c | tr -s ' ')" ' 10 1'
    equal remaining "$(cat "$WORK"/answers/* | grep -c '"remaining":0,')" 10
    audit_names_two "race-$run" OVERSOLD none
    matches headline "$body" '10 tickets sold, there is 1 '
  done
  # Enough for all, and yet all of them hold seat 1.
  sale_open many 100 none "$delay"
  buyers 10 many -d buyer=alice
  equal receipts "$(receipts)" 10
  equal seats "$(seats | uniq -c | tr -s ' ')" ' 10 1'
  audit_names_two many DOUBLE-BOOKED none
  matches headline "$body" 'seat 1 was sold 10 times'
  equal left "$(left many)" 99
}

@test "none: ten buyers, 2 x 10 clerks, 200 ms: ten receipts for seat 1" {
  each_store ten_buyers
}

# A clerk sells the order that it waited for, and a fourth of the others.
@test "none: no clerk takes what the others could sell at the same time" {
  local most
  need_strace
  start_workers 1 --store json --lock none --clerks 4
  inject "$(worker 1)" -e trace=fdatasync \
    -e inject=fdatasync:delay_enter=300000
  buyers 25 demo
  equal receipts "$(receipts)" 25
  repaired
  most=$(grep -o '"nth":[0-9]*' "$DATA/demo/ledger.jsonl" |
    cut -d : -f 2 | sort -n | tail -n 1)
  echo "the largest batch: $most"
  [ "$most" -le 7 ]
}

# What a strategy that is wrong on purpose does to twelve buyers; "" as long
# as the two workers did not both take part (then nobody was in the way).
goes_wrong() {
  local lock=$1 round workers
  for ((round = 1; round <= ROUNDS; round++)); do
    sale_open "round-$round" 20 "$lock" 20ms
    volley $(repeat 12 "round-$round")
    equal receipts "$(receipts)" 12
    workers=$(cat "$WORK"/answers/* | grep -o '"worker":[0-9]*' | sort -u |
      wc -l)
    if [ "$workers" -eq 2 ]; then
      [ "$(seats | uniq -d | wc -l)" -ge 1 ] ||
        fail "$lock: two workers sold, and nothing went wrong"
      answered 200 GET "/sales/round-$round/audit"
      equal verdict "$(member verdict)" double-booked
      equal wrong "$(member wrong "$(strategy "$lock")")" true
      equal "orders in the audit" \
        "$(grep -o '"role":"[a-z]*","order"' <<<"$body" | grep -cv culprit)" 2
      return
    fi
    echo "# $lock, round $round: one worker got all orders; again" >&3
  done
  fail "$lock: one worker got all orders, $ROUNDS times"
}

private_goes_wrong() {
  start --store "$STORE" --workers 2 --clerks 4
  goes_wrong mutex-private
}

@test "mutex-private: two workers sell the same seats" {
  each_store private_goes_wrong
}

@test "mutex-private: one worker alone is right" {
  start --workers 1 --clerks 4
  sale_open demo-2 20 mutex-private 10ms
  buyers 12 demo-2
  equal seats "$(seats)" "$(seq 12)"
  answered 200 GET /sales/demo-2/audit
  equal verdict "$(member verdict)" correct
  answered 200 GET /sales/demo-2/audit.txt
  matches table "$body" 'mutex-private +12 +0 +no race showed; it is not safe'
}

three_lanes() {
  start --store "$STORE" --workers 2 --clerks 4
  sale_open lanes 20 semaphore:3 30ms
  volley $(repeat 12 lanes)
  equal receipts "$(receipts)" 12
  # Three at a time and no more: so no seat was sold four times by one batch.
  [ "$(seats | uniq -d | wc -l)" -ge 1 ]
  audit_names_two lanes DOUBLE-BOOKED semaphore:3
}

@test "semaphore:3: three lanes sell the same seat" {
  each_store three_lanes
}

# ---------------------------------------------------------------- the cures --

# crowd LOCK DELAY: 200 buyers for 50 tickets get exactly these 50.
crowd() {
  local sale=$1-$2
  echo "store $STORE, batch $BATCH, lock $1, delay $2"
  sale_open "$sale" 50 "$1" "$2"
  buyers 200 "$sale"
  equal receipts "$(receipts)" 50
  equal sold-out "$(refusals sold-out)" 150
  equal seats "$(seats | paste -sd ' ')" "$(seq -s ' ' 50)"
  equal versions "$(cat "$WORK"/answers/* | sed -n \
    's/^{"order".*"version":\([0-9]*\),"lock".*/\1/p' | sort -n |
    paste -sd ' ')" "$(seq -s ' ' 50)"
  equal left "$(left "$sale")" 0
  answered 200 GET "/sales/$sale/audit"
  equal verdict "$(member verdict)" correct
  matches audit "$body" '"receipts":50,"tickets":50,"seats":50,"seats_twice":0,"oversold":0,"stranded":0,"overwrites":0'
  equal "$1" "$(member wrong "$(strategy "$1")")" false
  if [ "$BATCH" -eq 1 ] || [ "$2" != 0 ]; then # a delay belongs to one order
    equal "largest batch" \
      "$(ledger "$sale" | grep -o '"nth":[0-9]*' | sort -u)" '"nth":1'
  fi
}

crowds() {
  local lock delay run
  for ((run = 1; run <= ${RUNS:-1}; run++)); do
    for BATCH in 1 64; do
      start --store "$STORE" --workers 2 --clerks 4 --batch "$BATCH"
      for lock in mutex flock semaphore spin ticket rwlock optimistic; do
        for delay in 0 2ms; do crowd "$lock" "$delay"; done
      done
      stop
    done
  done
}

@test "json: 200 buyers for 50 tickets, four locks, batches, delays" {
  STORE=json
  crowds
}

@test "sqlite: 200 buyers for 50 tickets, four locks, batches, delays" {
  STORE=sqlite
  crowds
}

# Orders of more than one ticket: all seats, each once, and at the end whoever
# wants too many is refused while the last tickets are still there.
mixed() {
  local lock
  start --store "$STORE" --workers 2 --clerks 4
  for lock in mutex optimistic; do
    sale_open "mixed-$lock" 60 "$lock" 0
    volley $(for i in {1..12}; do
      echo "mixed-$lock?quantity=$((i % 3 + 1)) mixed-$lock?quantity=7"
    done)
    seats >"$WORK/seats"
    equal "a seat twice" "$(uniq -d "$WORK/seats")" ""
    equal seats "$(wc -l <"$WORK/seats")" \
      "$((60 - $(left "mixed-$lock")))"
    equal "the last seat" "$(tail -n 1 "$WORK/seats")" \
      "$(wc -l <"$WORK/seats")"
    answered 200 GET "/sales/mixed-$lock/audit"
    equal verdict "$(member verdict)" correct
  done
}

@test "orders of several tickets: no seat twice, none left between" {
  each_store mixed
}

# ------------------------------------------------------------------ two eras --

# none, a race, PATCH to mutex, a race again: on one sale.
two_eras() {
  local round highest remaining
  start --store "$STORE" --workers 2 --clerks 4
  # Until the counter is wrong, so that there is something to recount: the
  # last to write was one that took fewer seats than another.
  for ((round = 1; ; round++)); do
    sale_open "eras-$round" 10 none 50ms
    volley "eras-$round?quantity=3" $(repeat 5 "eras-$round")
    [ "$(seats | uniq -d | wc -l)" -ge 1 ]
    highest=$(seats | tail -n 1)
    remaining=$(left "eras-$round")
    if [ "$remaining" -gt "$((10 - highest))" ]; then break; fi
    echo "# eras, round $round: the counter is right by chance; again" >&3
    [ "$round" -lt "$ROUNDS" ]
  done
  local sale=eras-$round before
  before=$(ledger "$sale" | wc -l)
  equal receipts "$(receipts)" "$before"

  answered 200 PATCH "/sales/$sale" -d lock=mutex -d capacity=40 -d delay=2ms
  equal recounted_to "$(member recounted_to)" "$((10 - highest))"
  equal remaining "$(member remaining)" "$((40 - highest))"
  equal version "$(member version)" "$((before + 2))"
  equal "lines of the change" \
    "$(ledger "$sale" | tail -n +$((before + 1)) | cut -d , -f 1 |
      paste -sd ' ')" '{"kind":"recounted" {"kind":"raised"'

  buyers 60 "$sale"
  equal receipts "$(receipts)" "$((40 - highest))"
  equal sold-out "$(refusals sold-out)" "$((20 + highest))"
  equal seats "$(seats | paste -sd ' ')" "$(seq -s ' ' $((highest + 1)) 40)"
  answered 200 GET "/sales/$sale/audit"
  equal wrong "$(member wrong)" true
  equal recounts "$(member recounts)" 1
  equal none "$(member wrong "$(strategy none)")" true
  equal "receipts under none" "$(member receipts "$(strategy none)")" "$before"
  equal mutex "$(strategy mutex)" \
    "{\"lock\":\"mutex\",\"receipts\":$((40 - highest)),\"seats_twice\":0,\"overwrites\":0,\"wrong\":false}"
  answered 200 GET "/sales/$sale/audit.txt"
  matches table "$body" $'\n'"  none +$before +[1-9][0-9]* +WRONG"$'\n'"  mutex +$((40 - highest)) +0 +correct"$'\n'
  matches cured "$body" 'Cured: the sale now runs under mutex; what was sold twice before stays so\.'
}

@test "none, race, PATCH to mutex, race: nothing wrong after it; two eras" {
  each_store two_eras
}
