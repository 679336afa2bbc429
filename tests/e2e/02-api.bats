#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: every call does what it promises, with both stores and
# with bodies of every kind.

load helper

# -------------------------------------------------------------------- look --

@test "GET / gives curl five lines that can be pasted, and work" {
  start
  answered 200 GET /
  equal Content-Type "$(header content-type)" 'text/plain; charset=utf-8'
  matches Vary "$(header vary)" Accept
  answered 200 GET / -H 'Accept: text/plain'
  local word line
  for word in look buy break judge cure; do
    line=$(grep "^$word  *curl " <<<"$body")
    line=${line#*curl }
    # The delay of the walk is for people.
    # shellcheck disable=SC2086
    code=$(http -o "$WORK/body" -w '%{http_code}' ${line/delay=3s/delay=1ms})
    if [ "$word" = buy ]; then equal "$word" "$code" 201; else
      equal "$word" "$code" 200
    fi
  done
  answered 200 GET /sales/demo
  equal lock "$(member lock)" mutex
}

sales_are_shown() {
  start --store "$STORE" --tickets 7
  answered 200 GET /sales/demo
  equal Content-Type "$(header content-type)" application/json
  equal sale "$body" '{"id":"demo","capacity":7,"remaining":7,"version":0,"lock":"mutex","delay_ms":0,"store":"'"$STORE"'","safe":true}'
  sale_open second 3 none 1ms-5ms
  equal sale "$body" '{"id":"second","capacity":3,"remaining":3,"version":0,"lock":"none","delay_ms":[1,5],"store":"'"$STORE"'","safe":false}'
  local second=$body
  answered 200 GET /sales/second
  equal sale "$body" "$second"
  answered 200 GET /sales/demo
  local demo=$body
  answered 200 GET /sales
  [ "$body" = "{\"sales\":[$demo,$second]}" ] ||
    equal sales "$body" "{\"sales\":[$second,$demo]}"
}

@test "GET /sales and /sales/{id}: the members, in this order" {
  each_store sales_are_shown
}

etag_works() {
  start --store "$STORE"
  answered 200 GET /sales/demo
  local first second
  first=$(header etag)
  matches ETag "$first" '^"[^"]+"$'
  matches Cache-Control "$(header cache-control)" no-cache
  answered 304 GET /sales/demo -H "If-None-Match: $first"
  equal body "$body" ""
  equal ETag "$(header etag)" "$first"
  answered 200 GET /sales/demo -H 'If-None-Match: "nix"'
  # Another version, then another epoch: another tag each time.
  answered 201 POST /sales/demo/buy
  answered 200 GET /sales/demo -H "If-None-Match: $first"
  second=$(header etag)
  [ "$second" != "$first" ]
  answered 200 PATCH /sales/demo -d lock=flock
  [ "$(header etag)" != "$second" ]
  equal version "$(member version)" 1
  answered 200 GET /sales/demo -H "If-None-Match: $second"
  answered 304 GET /sales/demo -H "If-None-Match: $(header etag)"
}

@test "ETag changes with version and settings; If-None-Match gives 304" {
  each_store etag_works
}

@test "GET /locks: strategies and their facts" {
  start
  answered 200 GET /locks
  equal names "$(grep -o '"name":"[^"]*"' <<<"$body" | cut -d '"' -f 4 |
    paste -sd ' ')" \
    'none mutex-private flock mutex semaphore spin ticket rwlock optimistic atomic semaphore:3'
  local lock fact
  lock_is() {
    fact=$(grep -o "{\"name\":\"$1\",[^}]*}" <<<"$body")
    equal "$1: safe" "$(member safe "$fact")" "$2"
    equal "$1: threads" "$(member excludes_threads "$fact")" "$3"
    equal "$1: processes" "$(member excludes_processes "$fact")" "$4"
    equal "$1: wrong on purpose" "$(member wrong_on_purpose "$fact")" "$5"
    equal "$1: reach" "$(member reach "$fact")" "$6"
    matches "$1: when killed" "$(member when_killed "$fact")" '^.{10,}$'
  }
  lock_is none false false false true nobody
  lock_is mutex-private false true false true threads
  lock_is flock true true true false host
  lock_is mutex true true true false host
  lock_is semaphore true true true false host
  lock_is spin true true true false host
  lock_is ticket true true true false host
  lock_is rwlock true true true false host
  lock_is optimistic true false false false hosts
  lock_is atomic true false false false hosts
  lock_is semaphore:3 false false false true nobody
}

@test "HEAD is GET without the body, and buys nothing" {
  start
  local path length
  for path in / /sales /sales/demo /locks /sales/demo/ledger \
    /sales/demo/audit /sales/demo/audit.txt; do
    answered 200 GET "$path"
    length=$(header content-length)
    answered 200 HEAD "$path"
    equal "$path: Content-Length" "$(header content-length)" "$length"
  done
  answered 405 HEAD /sales/demo/buy
  answered 404 HEAD /sales/nix
  equal left "$(left demo)" 100
}

# --------------------------------------------------------------------- buy --

receipt_is_right() {
  start --store "$STORE" --lock flock
  answered 201 POST /sales/demo/buy -d buyer=alice -d quantity=2
  equal Content-Type "$(header content-type)" application/json
  equal lines "$(wc -l <"$WORK/body")" 1
  equal members "$(keys)" 'order sale buyer seats remaining version lock sold_at'
  matches order "$(member order)" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  equal sale "$(member sale)" demo
  equal buyer "$(member buyer)" alice
  equal seats "$(member seats)" '[1,2]'
  equal remaining "$(member remaining)" 98
  equal version "$(member version)" 1
  equal lock "$(member lock)" flock
  matches sold_at "$(member sold_at)" \
    '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z$'
  equal Location "$(header location)" "/sales/demo/orders/$(member order)"
  matches Server-Timing "$(header server-timing)" \
    '^queue;dur=[0-9.]+, lock;dur=[0-9.]+, delay;dur=0\.000, write;dur=[0-9.]+$'
  # The next one gets the next seats, and another order id.
  local order
  order=$(member order)
  answered 201 POST /sales/demo/buy -d quantity=3
  equal seats "$(member seats)" '[3,4,5]'
  equal version "$(member version)" 2
  [ "$(member order)" != "$order" ]
  equal left "$(left demo)" 95
}

@test "a receipt is one short line with everything on it" {
  each_store receipt_is_right
}

bodies_are_equal() {
  start --store "$STORE"
  local json='Content-Type: application/json'
  bought() {
    equal code "$code" 201
    equal buyer "$(member buyer)" "$1"
    equal seats "$(member seats)" "$2"
  }
  call POST /sales/demo/buy
  bought anonymous '[1]'
  call POST /sales/demo/buy -d ''
  bought anonymous '[2]'
  call POST /sales/demo/buy -H "$json" -d ''
  bought anonymous '[3]'
  call POST /sales/demo/buy -H "$json" -d '{}'
  bought anonymous '[4]'
  call POST /sales/demo/buy -H "$json" -d '{"buyer":"alice","quantity":2}'
  bought alice '[5,6]'
  call POST /sales/demo/buy -H "$json; charset=utf-8" \
    -d ' { "quantity" : 1 , "buyer" : "b\u006fb" } '
  bought bob '[7]'
  # What people type: JSON that curl says is a form.
  call POST /sales/demo/buy -d '{"buyer":"carol"}'
  bought carol '[8]'
  call POST /sales/demo/buy -d buyer=dave -d quantity=2
  bought dave '[9,10]'
  call POST /sales/demo/buy -d 'quantity=1&buyer=%65v+e%21'
  bought 'ev e!' '[11]'
  call POST /sales/demo/buy -H 'Content-Type:' -d buyer=frank
  bought frank '[12]'
  call POST /sales/demo/buy -H 'Transfer-Encoding: chunked' -d buyer=grace
  bought grace '[13]'
  # 64 characters are not 64 bytes.
  local long
  long=$(printf 'ü%.0s' {1..64})
  call POST /sales/demo/buy --data-urlencode "buyer=$long"
  bought "$long" '[14]'
  call POST /sales/demo/buy -H "$json" -d '{"buyer":"票 \"x\" \\"}'
  bought "票 \\\"x\\\" \\\\" '[15]'
  equal left "$(left demo)" 85
}

@test "a buy understands JSON, a form, and nothing at all" {
  each_store bodies_are_equal
}

@test "the largest quantity there is" {
  start --max-quantity 1000 --tickets 1000
  answered 201 POST /sales/demo/buy -d quantity=1000
  equal seats "$(member seats | tr , '\n' | wc -l)" 1000
  equal remaining "$(member remaining)" 0
  local order
  order=$(member order)
  answered 200 GET "/sales/demo/orders/$order"
  equal seats "$(member seats | tr , '\n' | tail -n 1)" '1000]'
}

trail_is_right() {
  local lock=$1 wanted=$2 steps
  answered 200 PATCH /sales/demo -d "lock=$lock" -d delay=5ms
  answered 201 POST '/sales/demo/buy?trail'
  steps=$(grep -o '"step":"[a-z]*"' <<<"$body" | cut -d '"' -f 4 |
    paste -sd ' ')
  equal "$lock: steps" "$steps" "$wanted"
  equal "$lock: times" \
    "$(grep -o '"at_ns":[0-9]*' <<<"$body" | cut -d : -f 2 | sort -nc &&
      echo sorted)" sorted
  equal "$lock: base" "$(member base)" "$(($(member version) - 1))"
  matches "$lock: who" "$(member worker) $(member clerk)" '^[12] [1-4]$'
  matches Server-Timing "$(header server-timing)" 'delay;dur=([5-9]|[1-9][0-9]+)\.'
  # The read saw what was left before, the write left one less.
  matches "$lock: read" "$body" \
    "\"step\":\"read\",\"remaining\":$(($(member remaining) + 1)),\"version\":$(member base)\}"
  matches "$lock: commit" "$body" \
    "\"step\":\"commit\",\"remaining\":$(member remaining),\"version\":$(member version)\}"
}

# One after the other; the loop by itself looks ten times a second.
@test "an answer wakes the loop" {
  local least
  start --workers 1
  least=$(http -X POST -o /dev/null -w '%{time_total}\n' \
    "$URL/sales/demo/buy#[1-20]" | sort -n | head -n 1)
  echo "the fastest took $least s"
  awk -v t="$least" 'BEGIN { exit !(t > 0 && t < 0.05) }'
}

# By chance nine of fourteen are in a tenth of the range once in many thousand
# runs.  A machine that is slow only makes them longer.
@test "a delay from a range is another one each time" {
  local delays=() alike
  start --workers 1 --clerks 1
  sale_open range 100 mutex 0-400ms
  for _ in {1..14}; do
    answered 201 POST /sales/range/buy
    [[ $(header server-timing) =~ delay\;dur=([0-9]+)\. ]]
    delays+=("${BASH_REMATCH[1]}")
  done
  alike=$(printf '%s\n' "${delays[@]}" | sort -n |
    awk 'NR == 1 { least = $1 } $1 <= least + 40 { n++ } END { print n }')
  echo "${delays[*]}: $alike alike"
  [ "$alike" -lt 9 ]
}

trails_are_right() {
  start --store "$STORE" --workers 2 --clerks 4
  local lock left
  for lock in mutex-private flock mutex semaphore spin ticket rwlock semaphore:3; do
    trail_is_right "$lock" 'queued wait lock read delay write commit unlock'
  done
  trail_is_right none 'queued read delay write commit'
  trail_is_right optimistic 'queued read delay write commit'
  # Without asking there is none; a refusal has one too.
  answered 201 POST /sales/demo/buy
  equal trail "$(member trail)" ""
  answered 201 POST '/sales/demo/buy?trail=0'
  equal trail "$(member trail)" ""
  left=$(left demo)
  answered 409 POST '/sales/demo/buy?trail=1' -d quantity=100
  matches trail "$body" \
    "\"step\":\"read\",\"remaining\":$left,\"version\":$((100 - left))\}\]"
}

@test "?trail shows each step, as the strategy takes them" {
  each_store trails_are_right
}

order_is_kept() {
  start --store "$STORE"
  answered 201 POST '/sales/demo/buy?trail' -d buyer=alice -d quantity=2
  local order told=$body location
  order=$(member order)
  location=$(header location)
  answered 201 POST /sales/demo/buy -d buyer=bob
  answered 200 GET "$location"
  # As it was told, but for the steps after the write.
  matches told "$told" '^(.*),\{"at_ns":[0-9]+,"step":"commit"'
  equal order "$body" "${BASH_REMATCH[1]}]}"
  call GET /sales/demo/orders/00000000000000000000000000000000
  problem no-order 404
  call GET /sales/demo/orders/nix
  problem no-order 404
  sale_open other 5 mutex 0
  call GET "/sales/other/orders/$order"
  problem no-order 404
}

@test "GET /sales/{id}/orders/{order}: the receipt with its trail" {
  each_store order_is_kept
}

if_match_works() {
  start --store "$STORE" --lock "$1" --workers 2 --clerks 2
  local tag older
  answered 200 GET /sales/demo
  older=$(header etag)
  answered 201 POST /sales/demo/buy -H "If-Match: $older"
  call POST /sales/demo/buy -H "If-Match: $older"
  problem changed 412
  equal version "$(member version)" 1
  # The answer says where it is now: look again, then decide.
  tag=$(header etag)
  answered 200 GET /sales/demo
  equal ETag "$tag" "$(header etag)"
  answered 201 POST /sales/demo/buy -H "If-Match: $tag"
  answered 201 POST /sales/demo/buy -H 'If-Match: *'
  equal version "$(member version)" 3
  # A weak tag never matches, also when it is the right one.
  answered 200 GET /sales/demo
  call POST /sales/demo/buy -H "If-Match: W/$(header etag)"
  problem changed 412
  # Other settings are another tag, at the same version.
  answered 200 GET /sales/demo
  tag=$(header etag)
  answered 200 PATCH /sales/demo -d delay=1ms
  call POST /sales/demo/buy -H "If-Match: $tag"
  problem changed 412
  call POST /sales/demo/buy -H 'If-Match: nix'
  problem bad-value 400
  equal member "$(member member)" If-Match
  call POST /sales/nix/buy -H 'If-Match: *'
  problem no-sale 404
  equal left "$(left demo)" 97
}

@test "If-Match on buy: the version check by hand, under mutex and none" {
  each_store if_match_works mutex
  each_store if_match_works none
}

# Of eight who looked at the same time, one may buy, though nothing excludes.
if_match_excludes() {
  start --store "$STORE" --workers 2 --clerks 4
  sale_open race 8 none 20ms
  answered 200 GET /sales/race
  buyers 8 race -H "If-Match: $(header etag)"
  equal receipts "$(receipts)" 1
  equal changed "$(refusals changed)" 7
  equal left "$(left race)" 7
}

@test "If-Match lets one of eight buy, under none" {
  each_store if_match_excludes
}

# ------------------------------------------------------------------ ledger --

ledger_has_pages() {
  start --store "$STORE"
  answered 200 GET /sales/demo/ledger
  equal ledger "$body" '{"sale":"demo","version":0,"lines":[],"next":null}'
  local i name versions
  for name in alice bob carol dave eve; do
    answered 201 POST /sales/demo/buy -d buyer=$name -d quantity=2
  done
  lines() {
    grep -o '"kind":"sold","version":[0-9]*' <<<"$body" | cut -d : -f 3 |
      paste -sd ' '
  }
  answered 200 GET /sales/demo/ledger
  equal lines "$(lines)" '1 2 3 4 5'
  matches next "$body" '"next":null\}$'
  matches "a line" "$body" \
    '\{"kind":"sold","version":3,"base":2,"nth":1,"order":"[0-9a-f-]{36}","buyer":"carol","seats":\[5,6\],"remaining":94,"capacity":100,"lock":"mutex","sold_at":"[^"]+Z"\}'
  answered 200 GET '/sales/demo/ledger?limit=2'
  equal lines "$(lines)" '1 2'
  matches next "$body" '"next":2\}$'
  answered 200 GET '/sales/demo/ledger?limit=2&after=2'
  equal lines "$(lines)" '3 4'
  matches next "$body" '"next":4\}$'
  answered 200 GET '/sales/demo/ledger?after=4&limit=2'
  equal lines "$(lines)" 5
  matches next "$body" '"next":null\}$'
  answered 200 GET '/sales/demo/ledger?after=99'
  equal lines "$(lines)" ''
  matches next "$body" '"next":null\}$'
  answered 200 GET '/sales/demo/ledger?limit=1&trail'
  equal trails "$(grep -o '"trail":\[{' <<<"$body" | wc -l)" 1
  local wrong
  for wrong in limit=0 limit=1001 limit=x limit= limit=-1 after=-1 after=x \
    after=99999999999999999999; do
    call GET "/sales/demo/ledger?$wrong"
    problem bad-value 400
    equal member "$(member member)" "${wrong%=*}"
  done
}

@test "GET /sales/{id}/ledger comes in pages" {
  each_store ledger_has_pages
}

@test "a page of the ledger has 100 lines unless it is asked for more" {
  start --tickets 250
  buyers 150 demo
  answered 200 GET /sales/demo/ledger
  equal lines "$(grep -o '"kind"' <<<"$body" | wc -l)" 100
  matches next "$body" '"next":100\}$'
  equal lines "$(ledger demo | wc -l)" 150
}

# ------------------------------------------------------------------- audit --

audit_is_right() {
  start --store "$STORE" --tickets 9
  answered 200 GET /sales/demo/audit.txt
  equal Content-Type "$(header content-type)" 'text/plain; charset=utf-8'
  matches audit "$body" '^CORRECT +0 sold once each, 9 left +sale demo, 9 tickets, '"$STORE"
  matches audit "$body" 'Nothing was sold yet\.$'
  answered 201 POST /sales/demo/buy -d quantity=2
  answered 201 POST /sales/demo/buy
  answered 200 GET /sales/demo/audit
  equal Content-Type "$(header content-type)" application/json
  equal audit "$body" '{"sale":"demo","store":"'"$STORE"'","lock":"mutex","verdict":"correct","wrong":false,"capacity":9,"remaining":6,"version":2,"receipts":2,"tickets":3,"seats":3,"seats_twice":0,"oversold":0,"stranded":0,"overwrites":0,"recounts":0,"strategies":[{"lock":"mutex","receipts":2,"seats_twice":0,"overwrites":0,"wrong":false}],"collision":null}'
  answered 200 GET /sales/demo/audit.txt
  matches audit "$body" '^CORRECT +3 sold once each, 6 left '
  matches table "$body" $'\n''  under +receipts +seats twice +verdict'$'\n''  mutex +2 +0 +correct$'
}

@test "GET /sales/{id}/audit and audit.txt of a sale with nothing wrong" {
  each_store audit_is_right
}

# ------------------------------------------------------------------- admin --

sale_opens() {
  start --store "$STORE" --lock flock --delay 2ms
  local id json='Content-Type: application/json'
  # What is not chosen is as the options say.
  answered 201 POST /sales -d id=x -d capacity=5
  equal Location "$(header location)" /sales/x
  equal Content-Type "$(header content-type)" application/json
  matches ETag "$(header etag)" '^".+"$'
  equal lock "$(member lock)" flock
  equal delay_ms "$(member delay_ms)" 2
  answered 201 POST /sales -H "$json" \
    -d '{"id":"y_0-9","capacity":1,"lock":"semaphore:3","delay":"1s-1.5s"}'
  equal lock "$(member lock)" semaphore:3
  equal delay_ms "$(member delay_ms)" '[1000,1500]'
  equal safe "$(member safe)" false
  id=$(printf 'z%.0s' {1..64})
  answered 201 POST /sales -d "id=$id" -d capacity=1
  answered 201 POST "/sales/$id/buy"
  answered 409 POST "/sales/$id/buy"
  answered 200 GET /sales
  equal sales "$(grep -o '"id"' <<<"$body" | wc -l)" 4
  call POST /sales -d id=x -d capacity=5
  problem sale-exists 409
  equal left "$(left x)" 5
}

@test "POST /sales opens a sale" {
  each_store sale_opens
}

sale_changes() {
  start --store "$STORE" --tickets 10
  local json='Content-Type: application/json'
  answered 201 POST /sales/demo/buy
  answered 200 PATCH /sales/demo -d lock=semaphore:3
  equal sale "$body" '{"id":"demo","capacity":10,"remaining":9,"version":1,"lock":"semaphore:3","delay_ms":0,"store":"'"$STORE"'","safe":false}'
  answered 200 PATCH /sales/demo -H "$json" -d '{"delay":"1ms-3ms"}'
  equal delay_ms "$(member delay_ms)" '[1,3]'
  equal lock "$(member lock)" semaphore:3
  answered 200 PATCH /sales/demo -d lock=mutex
  equal delay_ms "$(member delay_ms)" '[1,3]'
  # Capacity grows, and that is a line of the ledger.
  answered 200 PATCH /sales/demo -d capacity=12 -d lock=flock -d delay=0
  equal sale "$body" '{"id":"demo","capacity":12,"remaining":11,"version":2,"lock":"flock","delay_ms":0,"store":"'"$STORE"'","safe":true}'
  equal "the last line" "$(ledger demo | tail -n 1 | cut -d , -f 1-3)" \
    '{"kind":"raised","version":2,"base":1'
  answered 201 POST /sales/demo/buy
  equal seats "$(member seats)" '[2]'
  answered 201 POST /sales/demo/buy -d quantity=10
  equal seats "$(member seats)" '[3,4,5,6,7,8,9,10,11,12]'
  answered 409 POST /sales/demo/buy
  # A sale that is sold out sells again.
  answered 200 PATCH /sales/demo -H "$json" -d '{"capacity":13}'
  answered 201 POST /sales/demo/buy
  equal seats "$(member seats)" '[13]'
  # It never shrinks; and what is as it was already is no mistake.
  call PATCH /sales/demo -d capacity=12
  problem bad-value 400
  equal member "$(member member)" capacity
  answered 200 GET /sales/demo
  local tag
  tag=$(header etag)
  answered 200 PATCH /sales/demo -d capacity=13 -d lock=flock -d delay=0
  equal version "$(member version)" 6
  equal "its tag" "$(header etag)" "$tag"
  answered 304 GET /sales/demo -H "If-None-Match: $tag"
  call PATCH /sales/demo
  problem bad-value 400
  call PATCH /sales/nix -d lock=none
  problem no-sale 404
  answered 200 GET /sales/demo/audit
  equal verdict "$(member verdict)" correct
}

@test "PATCH /sales/{id} changes lock and delay, and raises the capacity" {
  each_store sale_changes
}

sale_goes() {
  start --store "$STORE"
  sale_open x 2 mutex 0
  answered 204 DELETE /sales/x # it has sold nothing
  sale_open x 2 mutex 0
  local order tag
  answered 201 POST /sales/x/buy
  order=$(header location)
  call DELETE /sales/x
  problem has-receipts 409
  equal remaining "$(member remaining)" 1
  answered 201 POST /sales/x/buy
  call DELETE /sales/x # sold out
  problem has-receipts 409
  equal remaining "$(member remaining)" 0
  call DELETE '/sales/x?force=0'
  problem has-receipts 409
  answered 200 GET /sales/x/ledger
  answered 204 DELETE '/sales/x?force=1'
  equal body "$body" ""
  call GET /sales/x
  problem no-sale 404
  call POST /sales/x/buy
  problem no-sale 404
  call GET "$order"
  problem no-sale 404
  call DELETE /sales/x
  problem no-sale 404
  # Anew: nothing of the old one is left.
  sale_open x 3 none 0
  equal version "$(member version)" 0
  equal remaining "$(member remaining)" 3
  tag=$(header etag)
  answered 200 GET /sales/x/ledger
  equal ledger "$body" '{"sale":"x","version":0,"lines":[],"next":null}'
  call GET "$order"
  problem no-order 404
  answered 204 DELETE /sales/x
  sale_open x 3 none 0
  call POST /sales/x/buy -H "If-Match: $tag"
  problem changed 412
  answered 200 GET /sales
  equal sales "$(grep -o '"id"' <<<"$body" | wc -l)" 2
}

@test "DELETE /sales/{id}: what has sold only by force; then the id is free" {
  each_store sale_goes
}

# Buyers may be told that it is gone, and nothing else.
deleted_under_load() {
  start --store "$STORE" --workers 2
  sale_open x 100000 mutex 0
  buyers 40 x &
  local load=$!
  answered 204 DELETE '/sales/x?force=1'
  wait "$load"
  equal "answered" "$(($(receipts) + $(refusals no-sale)))" 40
  call GET /sales/x
  problem no-sale 404
}

@test "DELETE under load: sold before it, or gone" {
  each_store deleted_under_load
}

# ---------------------------------------------------------------- keep-alive --

@test "one connection serves many requests, errors included" {
  start
  local path connections
  for path in demo/buy nix/buy demo/buy demo/nix 'demo/buy?trail'; do
    printf 'url = "%s/sales/%s"\noutput = /dev/null\n' "$URL" "$path"
  done >"$WORK/config"
  connections=$(http -X POST -d quantity=1 -w '%{http_code} %{num_connects}\n' \
    -K "$WORK/config")
  equal "codes and new connections" "$(paste -sd , <<<"$connections")" \
    '201 1,404 0,201 0,404 0,201 0'
}

# ------------------------------------------------------------------- crowd --

# How many of the answers in $body have what matches, once each.
answers_with() {
  grep -o -- "$1" <<<"$body" | wc -l
}

# Each waits 300 ms between its read and its write; so ten who come at once all
# read 1.
crowd_comes_at_once() {
  start --store "$STORE" --workers 1 --lock none --delay 300ms --tickets 1
  answered 200 POST /sales/demo/crowd -d count=10
  equal receipts "$(answers_with '"seats":\[1\]')" 10
  equal statuses "$(answers_with '"status":201')" 10
  equal names "$(grep -o '"buyer":"buyer [0-9]*"' <<<"$body" | sort -u | wc -l)" 10
  answered 200 GET /sales/demo/audit
  equal verdict "$(member verdict)" oversold
  stop
}

@test "a crowd of ten is ten buyers at once: under none all get seat 1" {
  each_store crowd_comes_at_once
}

@test "a crowd's buyers are told what each alone would be, in their order" {
  start --lock mutex --tickets 2
  answered 200 POST '/sales/demo/crowd?trail' -H 'Content-Type: application/json' \
    -d '{"buyers":["Ann","Zoë","Cy"]}'
  equal sold "$(answers_with '"status":201')" 2
  equal refused "$(answers_with '"type":"/problems/sold-out"')" 1
  equal trails "$(answers_with '"trail":\[{')" 3
  answered 200 GET /sales/demo
  equal remaining "$(member remaining)" 0
  answered 200 POST /sales/nope/crowd -d count=2
  equal 'no sale' "$(answers_with '"type":"/problems/no-sale"')" 2
}

@test "a crowd that waits holds up nobody, and its late ones get their 503" {
  start --workers 1 --clerks 1 --lock mutex --delay 400ms --timeout 1s
  answered 200 POST /sales/demo/crowd -d count=6
  local sold late
  sold=$(answers_with '"status":201') late=$(answers_with '"status":503')
  equal answers $((sold + late)) 6
  [ "$sold" -ge 1 ] && [ "$late" -ge 1 ] || fail "sold $sold, late $late"
  answered 200 GET /sales/demo
  equal remaining "$(member remaining)" $((100 - sold))
}

# -------------------------------------------------------------------- codes --

# The runs of modules in the path of $body, as a picture of 8 pixels a module.
draw_code() {
  grep -o 'M[0-9]* [0-9]*h[0-9]*v' <<<"$body" | tr 'Mhv' '   ' | awk '
    { for (x = $1; x < $1 + $3; x++) dark[x, $2] = 1; if ($2 > last) last = $2 }
    END {
      size = 8 * (last + 5); print "P1", size, size
      for (y = 0; y < size; y++)
        for (x = 0; x < size; x++)
          print ((int(x / 8), int(y / 8)) in dark) ? 1 : 0
    }'
}

@test "GET /qr.svg is a code that a reader reads" {
  command -v zbarimg >/dev/null || "$ROOT/tests/packages.sh" zbar-tools ||
    skip "zbar-tools cannot be installed here"
  start
  answered 200 GET '/qr.svg?text=http://192.168.1.5:8080/%23class'
  equal Content-Type "$(header content-type)" image/svg+xml
  draw_code >"$WORK/code.pbm"
  equal text "$(zbarimg -q --raw "$WORK/code.pbm")" \
    'http://192.168.1.5:8080/#class'
  answered 400 GET /qr.svg
  problem bad-value 400
}

@test "GET /about names addresses that can be typed, or none" {
  start
  answered 200 GET /about
  equal addresses "$(member addresses)" '[]'
  stop
  launch --listen :0 --data "$WORK/every" --admin open
  answered 200 GET /about
  case $body in *0.0.0.0*) fail "0.0.0.0 in $body" ;; esac
}
