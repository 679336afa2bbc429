#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: what was told to a buyer is still true after a stop and a
# start: counters, ledgers, settings, keys, and also what went wrong.

load helper

# Everything that can be looked at, of every sale.
look() {
  local id
  answered 200 GET /sales
  grep -o '"id":"[^"]*"' <<<"$body" | cut -d '"' -f 4 | sort >"$WORK/ids"
  cat "$WORK/ids"
  while read -r id; do
    answered 200 GET "/sales/$id"
    echo "$body $(header etag)"
    answered 200 GET "/sales/$id/audit"
    echo "$body"
    ledger "$id" trail=1
  done <"$WORK/ids"
}

kept() {
  local seen key='Idempotency-Key: abc' order
  start --store "$STORE" --tickets 10 --workers 2
  sale_open full 3 flock 0
  sale_open settings 1000 semaphore:3 2ms-5ms
  sale_open gone 3 mutex 0
  answered 201 POST /sales/demo/buy -d buyer=alice -d quantity=2
  answered 201 POST /sales/demo/buy --data-urlencode 'buyer=卖 "x" \ y'
  answered 201 POST /sales/demo/buy -d buyer=bob -H "$key"
  order=$body
  buyers 5 full
  equal receipts "$(receipts)" 3
  answered 200 PATCH /sales/settings -d capacity=1001 -d lock=optimistic
  answered 204 DELETE '/sales/gone?force=1'
  look >"$WORK/before"
  stop

  again --store "$STORE" --workers 1
  matches "start-up" "$START_LINE" ' sale demo: 6 of 10 left$'
  look >"$WORK/after"
  diff "$WORK/before" "$WORK/after"
  # It goes on where it was.
  answered 201 POST /sales/demo/buy -d buyer=bob -H "$key"
  equal "the same receipt" "$body" "$order"
  call POST /sales/demo/buy -d buyer=carol -H "$key"
  problem key-reused 422
  call POST /sales/full/buy
  problem sold-out 409
  call GET /sales/gone
  problem no-sale 404
  answered 201 POST /sales/demo/buy -d buyer=carol
  equal seats "$(member seats)" '[5]'
  equal version "$(member version)" 4
  answered 201 POST /sales/settings/buy
  equal seats "$(member seats)" '[1]'
  stop

  # And again, for what the second one wrote.
  again --store "$STORE"
  equal left "$(left demo)" 5
  equal lines "$(ledger demo | wc -l)" 4
}

@test "counter, ledger, settings and keys are kept" {
  each_store kept
}

# Twice the same seat is no damage: it is what happened.
oversold_reopens() {
  local before
  start --store "$STORE" --workers 2 --clerks 4 --lock none --delay 50ms \
    --tickets 1
  volley $(repeat 6 demo)
  [ "$(receipts)" -ge 2 ]
  look >"$WORK/before"
  answered 200 GET /sales/demo/audit.txt
  before=${body//$PORT/PORT}
  matches headline "$body" "^OVERSOLD +$(receipts) tickets sold, there is 1 "
  stop
  again --store "$STORE" --lock none --delay 50ms --tickets 1
  matches "start-up" "$START_LINE" 'lock none .* sale demo: 0 of 1 left$'
  look >"$WORK/after"
  diff "$WORK/before" "$WORK/after"
  answered 200 GET /sales/demo/audit.txt
  equal audit.txt "${body//$PORT/PORT}" "$before"
  call POST /sales/demo/buy
  problem sold-out 409
}

@test "an oversold sale reopens, and its audit still says so" {
  each_store oversold_reopens
}

# The counter is what its last line says, not the capacity minus lines.
lost_updates_stay() {
  local remaining highest
  start --store "$STORE" --workers 2 --clerks 4
  sale_open lost 20 none 50ms
  volley $(repeat 6 lost)
  remaining=$(left lost)
  [ "$remaining" -gt "$((20 - $(receipts)))" ] || fail "nothing was lost"
  highest=$(seats | tr ',' '\n' | sort -n | tail -n 1)
  stop
  again --store "$STORE"
  equal left "$(left lost)" "$remaining"
  answered 200 PATCH /sales/lost -d lock=mutex -d delay=0
  answered 201 POST /sales/lost/buy
  equal seat "$(member seats)" "[$((highest + 1))]"
  stop
  again --store "$STORE"
  answered 200 GET /sales/lost/audit
  equal verdict "$(member verdict)" double-booked
  equal mutex "$(member wrong "$(strategy mutex)")" false
}

@test "a counter that lost updates comes back as it was" {
  each_store lost_updates_stay
}

# What is acknowledged is there, also when nobody had time to tidy up.
killed() {
  local pid
  start --store "$STORE" --workers 2 --tickets 1000
  buyers 100 demo
  cat "$WORK"/answers/* | sed -n 's/^{"order":"\([^"]*\)".*/\1/p' | sort \
    >"$WORK/told"
  equal told "$(wc -l <"$WORK/told")" 100
  kill -KILL "$SERVICE"
  wait "$SERVICE" || true
  SERVICE=
  again --store "$STORE"
  ledger demo | grep -o '"order":"[^"]*"' | cut -d '"' -f 4 | sort |
    diff "$WORK/told" -
  equal left "$(left demo)" 900
}

@test "a SIGKILL of the supervisor: every receipt is in the ledger" {
  each_store killed
}

@test "json: a torn last line is cut, stock.json is only a view" {
  start --store json
  buyers 3 demo
  stop
  local dir=$DATA/demo
  equal "lines" "$(wc -l <"$dir/ledger.jsonl")" 3
  printf '{"v":1,"kind":"sold","version":4,"ba' >>"$dir/ledger.jsonl"
  echo '{"remaining":50}' >"$dir/stock.json"
  again --store json
  equal left "$(left demo)" 97
  answered 201 POST /sales/demo/buy
  equal version "$(member version)" 4
  stop
  equal "lines" "$(wc -l <"$dir/ledger.jsonl")" 4
  grep -q '"remaining": *96\b' "$dir/stock.json"
}
