#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a PATCH from any strategy to any other, while buyers buy,
# holds for every order that starts after its answer, and for every line that
# is written after it.

load helper

STRATEGIES=(none mutex-private flock mutex semaphore spin ticket rwlock optimistic)
PAIRS=$((${#STRATEGIES[@]} * (${#STRATEGIES[@]} - 1))) # ordered
BUYERS=8

# A way from strategy to strategy that takes each of the ordered pairs
# once: from each, in turn, to the one that is the next number further.
walk() {
  local at=0 i step used=' '
  echo "${STRATEGIES[0]}"
  for ((i = 0; i < PAIRS; i++)); do
    for ((step = 1; step < ${#STRATEGIES[@]}; step++)); do
      if [[ $used != *" $at+$step "* ]]; then break; fi
    done
    used+="$at+$step "
    at=$(((at + step) % ${#STRATEGIES[@]}))
    echo "${STRATEGIES[at]}"
  done
}

# Buyers without end, whose orders bear the name "load".
load_sale() {
  stdbuf -oL curl -q -sS --noproxy '*' --max-time "$CURL_LIMIT" -Z \
    --parallel-max "$BUYERS" -X POST -d buyer=load -o /dev/null \
    -w '%{http_code}\n' "$URL/sales/$1/buy#[1-1000000]" \
    >"$WORK/load" 2>"$WORK/load.err" 3>&- &
  LOADS=("$!")
}

# has_grown SALE COUNT: the ledger has that many lines.
has_grown() {
  answered 200 GET "/sales/$1"
  [ "$(member version)" -ge "$2" ]
}

# Every change of the walk, on one sale that never stops selling.
every_pair() {
  local delay=$1 lock from version=0 i path
  mapfile -t path < <(walk)
  equal "pairs of the walk" \
    "$(for ((i = 1; i <= PAIRS; i++)); do echo "${path[i - 1]} ${path[i]}"; done |
      sort -u | wc -l)" "$PAIRS"
  start --store "$STORE" --workers 2 --clerks 4
  sale_open x 1000000 "${path[0]}" "$delay"
  load_sale x
  for ((i = 1; i <= PAIRS; i++)); do
    from=${path[i - 1]} lock=${path[i]}
    # The load sells under the old one …
    await 10 has_grown x "$((version + 2 * BUYERS))"
    answered 200 PATCH /sales/x -d "lock=$lock"
    equal "$from to $lock" "$(member lock)" "$lock"
    version=$(member version)
    # … and each order that starts now is served under the new one.
    buyers 6 x -d buyer=after
    equal "$from to $lock: receipts" "$(receipts)" 6
    equal "$from to $lock: after the answer" \
      "$(cat "$WORK"/answers/* | grep -c "\"lock\":\"$lock\"")" 6
  done
  is_gone "${LOADS[0]}" && fail "the load has ended: $(cat "$WORK/load.err")"
  kill "${LOADS[0]}"
  wait "${LOADS[0]}" || true
  LOADS=()
  equal "answers to the load" "$(sort -u "$WORK/load")" 201

  # The ledger changes its strategy so often and never back: no order that was
  # decided under the old one was written after the change.
  ledger x >"$WORK/ledger"
  echo "$(wc -l <"$WORK/ledger") lines"
  grep '"kind":"sold"' "$WORK/ledger" | grep -o '"lock":"[^"]*"' |
    cut -d '"' -f 4 | uniq >"$WORK/eras"
  equal eras "$(paste -sd ' ' "$WORK/eras")" "${path[*]}"
  # In each era the load sold.
  grep '"buyer":"load"' "$WORK/ledger" | grep -o '"lock":"[^"]*"' |
    cut -d '"' -f 4 | uniq >"$WORK/eras"
  equal "eras of the load" "$(paste -sd ' ' "$WORK/eras")" "${path[*]}"

  # What excludes overwrote nobody; what does not did, or there was no load.
  answered 200 GET /sales/x/audit
  for lock in flock mutex semaphore spin ticket rwlock optimistic; do
    equal "$lock" "$(member wrong "$(strategy "$lock")")" false
    equal "$lock: overwrites" "$(member overwrites "$(strategy "$lock")")" 0
    equal "$lock: seats twice" "$(member seats_twice "$(strategy "$lock")")" 0
  done
  equal none "$(member wrong "$(strategy none)")" true
}

# In batches (no delay) or one by one; where RUNS is set, both.
changes() {
  local delay delays=("$1")
  if [ -n "${RUNS-}" ]; then delays=(0 1ms); fi
  for delay in "${delays[@]}"; do
    every_pair "$delay"
    stop
  done
}

@test "json: every change under load" {
  STORE=json
  changes 1ms
}

@test "sqlite: every change under load" {
  STORE=sqlite
  changes 0
}

# turns COUNT: so many orders have had their turn begin.
turns() {
  answered 200 GET /metrics
  [ "$(sed -n 's/^turnstile_batch_orders_count //p' <<<"$body")" -ge "$1" ]
}

# A sale for each pair, an order in its delay in each, and then each is changed.
in_the_middle() {
  local from to sale=() i=0 volley
  start --store "$STORE" --workers 1 --clerks "$PAIRS" --timeout 40s
  for from in "${STRATEGIES[@]}"; do
    for to in "${STRATEGIES[@]}"; do
      if [ "$from" = "$to" ]; then continue; fi
      printf 'next\nurl="%s/sales"\ndata="id=%s&capacity=9&lock=%s&delay=20s"\n' \
        "$URL" "$from-$to" "$from" >>"$WORK/open.$STORE"
      printf 'next\nurl="%s/sales/%s"\nrequest=PATCH\ndata="lock=%s&delay=0"\n' \
        "$URL" "$from-$to" "$to" >>"$WORK/change.$STORE"
      sale+=("$from-$to")
    done
  done
  equal pairs "${#sale[@]}" "$PAIRS"
  http -K "$WORK/open.$STORE" >"$WORK/opened"
  equal opened "$(grep -c '"remaining":9,' "$WORK/opened")" "$PAIRS"
  volley "${sale[@]}" &
  volley=$!
  LOADS=("$volley")
  await 5 turns "$PAIRS"
  http -K "$WORK/change.$STORE" >"$WORK/changed"
  # A change waits for nobody: all are made, and nothing is written yet.
  equal changed "$(grep -c '"remaining":9,"version":0,.*"delay_ms":0,' \
    "$WORK/changed")" "$PAIRS"
  wait "$volley"
  LOADS=()
  # What was decided before it is decided again, and written under the new one.
  for from in "${STRATEGIES[@]}"; do
    for to in "${STRATEGIES[@]}"; do
      if [ "$from" = "$to" ]; then continue; fi
      i=$((i + 1))
      body=$(cat "$WORK/answers/$i")
      equal "sale" "$(member sale)" "$from-$to"
      equal "$from to $to: lock" "$(member lock)" "$to"
      equal "$from to $to: version" "$(member version)" 1
      matches "$from to $to: trail" "$body" \
        '"delay"\}.*"write",.*"switch"\}.*"read",.*"write",.*"commit",'
    done
  done
}

@test "an order in its delay is decided again under the new strategy, each pair" {
  each_store in_the_middle
}
