#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: who builds upon the service finds what the trade is used
# to: an id on every answer and in the log, replays that say so, pages of other
# origins that look and buy and can do nothing else.

load helper

SHOP=https://shop.example

# --------------------------------------------------------------- request ids --

LARGE=$(head -c 5000 /dev/zero | tr '\0' x)

# every_kind COMMAND…: called with a status, a method, a path and curl's options
# of one call for each way that leads to an answer.
every_kind() {
  "$@" 200 GET /
  "$@" 200 HEAD /sales/demo
  "$@" 200 GET /sales
  "$@" 200 GET /sales/demo/audit
  "$@" 200 GET /page/main.js
  "$@" 201 POST /sales -d "id=s$RANDOM$RANDOM" -d capacity=1
  "$@" 200 PATCH /sales/demo -d lock=mutex
  "$@" 201 POST /sales/demo/buy
  "$@" 204 OPTIONS /sales/demo/buy
  "$@" 304 GET /page/main.js -H "If-None-Match: $ETAG"
  "$@" 400 POST /sales/demo/buy -d '{'
  "$@" 400 POST /sales/demo/buy -H 'If-Match: a' -H 'If-Match: b'
  "$@" 403 PATCH /sales/demo -d lock=none -H 'Origin: http://evil.example'
  "$@" 404 GET /sales/nix
  "$@" 404 GET /nix
  "$@" 405 PUT /sales
  "$@" 409 POST /sales/demo/buy -d quantity=100
  "$@" 412 POST /sales/demo/buy -H 'If-Match: "0000000000000000-0"'
  "$@" 413 POST /sales/demo/buy -d "$LARGE"
  "$@" 413 POST /sales/demo/buy -d "$LARGE" -H 'Transfer-Encoding: chunked'
  "$@" 415 POST /sales/demo/buy -H 'Content-Type: text/xml' -d '<a/>'
}

bears() {
  answered "$@" -H 'X-Request-Id: cart-7_a.b'
  equal "$*: id" "$(header x-request-id)" cart-7_a.b
}

# What is no id is not handed back, and another is made each time.
is_made() {
  answered "$@" -H 'X-Request-Id: no "id"'
  matches "$*: id" "$(header x-request-id)" '^[0-9a-f]{16}$'
  header x-request-id >>"$WORK/ids"
}

ids_everywhere() {
  start --store "$STORE" --tickets 50
  answered 200 GET /page/main.js
  ETAG=$(header etag)
  every_kind bears
  : >"$WORK/ids"
  every_kind is_made
  equal "ids that came twice" "$(sort "$WORK/ids" | uniq -d)" ""
  equal "lines with the id" "$(grep -c ' request="cart-7_a.b" ' "$ERR")" 2
}

@test "every answer has the request's id, taken or made, and so has its log line" {
  each_store ids_everywhere
}

# ------------------------------------------------------------------- replays --

replays_say_so() {
  start --store "$STORE" --tickets 5
  buy() {
    answered "$1" POST /sales/demo/buy -H 'Idempotency-Key: k1' "${@:2}"
  }
  buy 201 -d buyer=alice
  equal "the first" "$(header idempotent-replayed)" ""
  local order
  order=$(member order)
  buy 201 -d buyer=alice
  equal "the second" "$(header idempotent-replayed)" true
  equal order "$(member order)" "$order"
  buy 422 -d buyer=bob
  equal "another's" "$(header idempotent-replayed)" ""
  stop
  again --store "$STORE"
  buy 201 -d buyer=alice
  equal "after a restart" "$(header idempotent-replayed)" true
  # A refusal is decided anew, and no replay.
  answered 409 POST /sales/demo/buy -H 'Idempotency-Key: k2' -d quantity=9
  answered 409 POST /sales/demo/buy -H 'Idempotency-Key: k2' -d quantity=9
  equal "a refusal" "$(header idempotent-replayed)" ""
}

@test "a replayed order says so" {
  each_store replays_say_so
}

# ------------------------------------------------------ pages of other origins --

# readable_by ORIGIN: the last answer is for pages of that origin; "": nobody's.
readable_by() {
  equal "who may read it" "$(header access-control-allow-origin)" "$1"
  equal credentials "$(header access-control-allow-credentials)" ""
}

@test "--allow-origin: a shop's page looks and buys as a browser does it" {
  start --allow-origin http://localhost:5173 --allow-origin "$SHOP" --tickets 1
  # The browser asks first: a key and JSON are nothing that every page may send.
  answered 204 OPTIONS /sales/demo/buy -H "Origin: $SHOP" \
    -H 'Access-Control-Request-Method: POST' \
    -H 'Access-Control-Request-Headers: content-type,idempotency-key'
  readable_by "$SHOP"
  equal methods "$(header access-control-allow-methods)" POST
  local name
  for name in Content-Type Idempotency-Key If-Match; do
    matches headers "$(header access-control-allow-headers)" "(^|, )$name(,|\$)"
  done
  matches "how long" "$(header access-control-max-age)" '^[1-9][0-9]+$'
  equal Vary "$(header vary)" Origin

  answered 200 GET /sales/demo -H "Origin: $SHOP"
  readable_by "$SHOP"
  answered 201 POST /sales/demo/buy -H "Origin: $SHOP" \
    -H 'Content-Type: application/json' -d '{"buyer":"alice"}'
  readable_by "$SHOP"
  for name in ETag Location X-Request-Id Idempotent-Replayed Retry-After; do
    matches exposed "$(header access-control-expose-headers)" \
      "(^|, )$name(,|\$)"
  done
  answered 200 GET "$(header location)" -H "Origin: $SHOP"
  readable_by "$SHOP"
  # And it can read why not.
  answered 409 POST /sales/demo/buy -H "Origin: $SHOP"
  readable_by "$SHOP"
  answered 404 GET /sales/nix -H "Origin: http://localhost:5173"
  readable_by http://localhost:5173
  answered 413 POST /sales/demo/buy -H "Origin: $SHOP" -d "$LARGE"
  readable_by "$SHOP"
}

@test "--allow-origin: nobody else's page, and no admin's call" {
  VARIABLES=("TURNSTILE_ALLOW_ORIGIN=$SHOP,http://localhost:5173")
  local origin
  start
  for origin in http://evil.example null "$SHOP.evil.example" "$SHOP:444" \
    http://shop.example; do
    answered 200 GET /sales/demo -H "Origin: $origin"
    readable_by ""
    equal Vary "$(header vary)" Origin
    answered 204 OPTIONS /sales/demo/buy -H "Origin: $origin" \
      -H 'Access-Control-Request-Method: POST'
    readable_by ""
  done
  answered 200 GET /sales/demo -H 'Origin: http://localhost:5173'
  readable_by http://localhost:5173
  # What names tells, and what changes sales, is for no page.
  local path method
  for path in /sales/demo/ledger /sales/demo/audit /metrics /about /locks; do
    answered 200 GET "$path" -H "Origin: $SHOP"
    readable_by ""
  done
  for method in PATCH DELETE; do
    answered 204 OPTIONS /sales/demo -H "Origin: $SHOP" \
      -H "Access-Control-Request-Method: $method"
    readable_by ""
    call "$method" /sales/demo -H "Origin: $SHOP" -d lock=none
    problem forbidden 403
    readable_by ""
  done
  call POST /sales -H "Origin: $SHOP" -d id=x -d capacity=1
  problem forbidden 403
  readable_by ""
  stop
  # A flag wins over the variable, and * is everybody.
  start --allow-origin '*'
  answered 200 GET /sales/demo -H 'Origin: null'
  readable_by '*'
  equal Vary "$(header vary)" ""
  VARIABLES=()
  stop
  start
  answered 200 GET /sales/demo -H "Origin: $SHOP"
  readable_by ""
}

@test "--allow-origin: what no browser sends is refused at the start" {
  local text
  for text in "$SHOP/" https://Shop.example "$SHOP:443" null shop.example ''; do
    refuses 2 '^turnstile: --allow-origin: ".*" is not valid: use SCHEME://HOST' \
      --data "$WORK/data" --allow-origin "$text"
  done
}
