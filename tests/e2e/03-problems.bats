#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: whatever a client does wrong, or comes too late for, gets
# a clear problem in the form of RFC 9457, and neither sells nor changes
# anything.
# (The store's own problems are in 13-faults, those of a stop in 14-drain.)

load helper

JSON='Content-Type: application/json'

# The sale as it is now, with its version and settings.
look() {
  answered 200 GET /sales/demo
  echo "$body $(header etag)"
}

# remember … unchanged: nothing was sold or changed in between.
remember() {
  REMEMBERED=$(look)
}

unchanged() {
  equal "the sale" "$(look)" "$REMEMBERED"
  equal "the ledger's lines" "$(ledger demo | wc -l)" \
    "$(member version "$REMEMBERED")"
  answered 200 GET /sales
  equal sales "$(grep -o '"id"' <<<"$body" | wc -l)" 1
}

# bad NAME STATUS MEMBER METHOD PATH [CURL OPTION…]: the call is this problem,
# about that member ("-" for none).
bad() {
  local name=$1 status=$2 about=$3
  shift 3
  echo "$*"
  call "$@"
  problem "$name" "$status"
  if [ "$about" != - ]; then
    equal member "$(member member)" "$about"
    matches detail "$(member detail)" "$about"
  fi
}

buy() {
  bad "$1" "$2" "$3" POST /sales/demo/buy "${@:4}"
}

# ------------------------------------------------------------------ bodies --

@test "JSON that is broken, of a wrong type or out of range" {
  start --store json --max-quantity 10
  remember
  local text
  for text in '{"buyer":' '{' '{"buyer":"x"} x' "{'buyer':'x'}" \
    '{"buyer":"x",}' '{"quantity":01}' '{"buyer":"\ud800"}' \
    '{"buyer":"a\u0000b"}' '{"quantity":9223372036854775808}' \
    '{"quantity":NaN}' '[]' '["buyer"]' '"x"' 5 null true nix; do
    buy bad-body 400 - -H "$JSON" --data-raw "$text"
  done
  buy bad-body 400 - -H "$JSON" --data-binary $'{"buyer":"\xff"}'
  buy bad-body 400 - -H "$JSON" --data-binary $'{"buyer":"a\nb"}'
  buy bad-body 400 - -H "$JSON" -d "$(printf '[%.0s' {1..4000})"
  for text in '"2"' true null 1.0 1e0 0 -1 1.5 11 999999999999 '[1]' '{}'; do
    buy bad-value 400 quantity -H "$JSON" -d "{\"quantity\":$text}"
  done
  for text in 5 true null '["x"]' '{}' '""' '"a\u0007b"' '"\n"' '"\u007f"' \
    '"\u0085"'; do
    buy bad-value 400 buyer -H "$JSON" -d "{\"buyer\":$text}"
  done
  buy bad-value 400 buyer -H "$JSON" \
    -d "{\"buyer\":\"$(printf 'x%.0s' {1..65})\"}"
  buy unknown-member 400 seats -H "$JSON" -d '{"buyer":"x","seats":[1]}'
  matches "what there is" "$(member detail)" 'buyer, quantity'
  unchanged
}

@test "a form that is broken or out of range" {
  start --store sqlite --max-quantity 10
  remember
  local text
  for text in nix 'buyer=x&nix' 'buyer=%' 'buyer=%4' 'buyer=%zz' \
    'buyer=a%00b' 'buyer=%ff' 'buyer=%c3%28' 'buyer=%ed%a0%80' \
    'buyer=%c0%80'; do
    buy bad-body 400 - -d "$text"
  done
  for text in 0 -1 1.5 11 x '' 1x 0x1 %2b1 +1 1e0 1%20 \
    99999999999999999999 -99999999999999999999; do
    buy bad-value 400 quantity -d "quantity=$text"
  done
  for text in '' %07 a%0ab %7f %c2%85 "$(printf 'x%.0s' {1..65})" \
    "$(printf '%%c3%%bc%.0s' {1..65})"; do
    buy bad-value 400 buyer -d "buyer=$text"
  done
  buy unknown-member 400 colour -d 'buyer=x&colour=red'
  # What a message repeats of a member's name cannot confuse.
  buy unknown-member 400 - -d '%22%0a%1b=1'
  equal member "$(member member)" '???'
  unchanged
}

@test "a member that is there twice is named" {
  start
  remember
  local text
  for text in '{"quantity":1,"quantity":2}' '{"quantity":1,"quantity":1}'; do
    buy bad-body 400 quantity -H "$JSON" -d "$text"
  done
  for text in 'quantity=1&quantity=2' 'quantity=1&buyer=x&quantit%79=1'; do
    buy bad-body 400 quantity -d "$text"
  done
  buy bad-body 400 - -H "$JSON" -d '{"a long name of a member":1,"a long name of a member":1}'
  matches detail "$(member detail)" twice
  unchanged
}

@test "a body over 4 KiB, however it arrives" {
  start
  head -c 4097 /dev/zero | tr '\0' ' ' >"$WORK/large"
  head -c 300000 /dev/zero | tr '\0' ' ' >"$WORK/huge"
  remember
  local file chunked='Transfer-Encoding: chunked'
  for file in large huge; do
    buy too-large 413 - --data-binary "@$WORK/$file"
    matches detail "$(member detail)" 4096
    buy too-large 413 - --data-binary "@$WORK/$file" -H "$chunked"
    buy too-large 413 - --data-binary "@$WORK/$file" -H "$JSON" -H "$chunked"
    bad too-large 413 - POST /sales --data-binary "@$WORK/$file" -H "$chunked"
    bad too-large 413 - PATCH /sales/demo --data-binary "@$WORK/$file" \
      -H "$chunked"
  done
  unchanged
  # And what just fits does.
  printf '{"buyer":"alice"%4080s}' '' >"$WORK/fits"
  equal size "$(stat -c %s "$WORK/fits")" 4097
  truncate -s 0 "$WORK/fits"
  printf '{"buyer":"alice"%4079s}' '' >"$WORK/fits"
  equal size "$(stat -c %s "$WORK/fits")" 4096
  answered 201 POST /sales/demo/buy -H "$JSON" --data-binary "@$WORK/fits"
  answered 201 POST /sales/demo/buy --data-binary "@$WORK/fits" -H "$chunked"
}

@test "a body that is too large: refused before it is sent, cut if it goes on" {
  local fd line status=0
  start
  remember
  exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
  printf 'POST /sales/demo/buy HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n' >&"$fd"
  read -r -t 5 line <&"$fd"
  exec {fd}>&-
  [[ $line == 'HTTP/1.1 413 '* ]]
  # Two MB in pieces, which nobody has announced.
  head -c 2000000 /dev/zero | http -o "$WORK/cut" -w '%{http_code}' \
    -H 'Transfer-Encoding: chunked' --data-binary @- \
    "$URL/sales/demo/buy" >"$WORK/code" 2>"$WORK/said" || status=$?
  echo "curl: $status, code $(cat "$WORK/code"): $(cat "$WORK/said")"
  [ "$status" -ne 0 ]
  unchanged
}

@test "a body of another type" {
  start
  remember
  local type
  for type in text/plain application/xml application/jsonx \
    application/problem+json multipart/form-data nix; do
    buy media-type 415 - -H "Content-Type: $type" -d buyer=x
  done
  buy media-type 415 - -F buyer=x
  bad media-type 415 - PATCH /sales/demo -H 'Content-Type: text/plain' \
    -d lock=none
  bad media-type 415 - POST /sales -H 'Content-Type: text/plain' -d id=x
  unchanged
}

# ------------------------------------------------------------- paths, heads --

@test "what is not there: 404; a bad id: 400" {
  start
  remember
  local path
  for path in /nix /sales/ /sales/demo/ /sales/demo/nix //sales /livez%00x /sales/demo/buy/x \
    /problems/nix /sales/demo/orders/ /sales/demo/audit.xml; do
    bad not-found 404 - GET "$path"
  done
  for path in /sales/nix /sales/nix/ledger /sales/nix/audit \
    /sales/nix/audit.txt /sales/nix/orders/x; do
    bad no-sale 404 - GET "$path"
  done
  bad no-sale 404 - POST /sales/nix/buy
  bad no-sale 404 - PATCH /sales/nix -d lock=none
  bad no-sale 404 - DELETE /sales/nix
  bad no-order 404 - GET /sales/demo/orders/nix
  for path in Demo d%20m %2e%2e d%22 d%0a %ff 'd;x' .; do
    bad bad-value 400 sale GET "/sales/$path" --path-as-is
    bad bad-value 400 sale POST "/sales/$path/buy" --path-as-is
    bad bad-value 400 sale PATCH "/sales/$path" --path-as-is -d lock=none
  done
  unchanged
}

@test "a method that does not fit: 405 with Allow" {
  start
  remember
  wrong_method() {
    bad method 405 - "$1" "$2"
    equal "Allow of $2" "$(header allow)" "$3"
  }
  wrong_method POST / 'GET, HEAD'
  wrong_method PUT /sales 'GET, HEAD, POST, OPTIONS'
  wrong_method DELETE /sales 'GET, HEAD, POST, OPTIONS'
  wrong_method POST /sales/demo 'GET, HEAD, PATCH, DELETE, OPTIONS'
  wrong_method PUT /sales/demo 'GET, HEAD, PATCH, DELETE, OPTIONS'
  wrong_method GET /sales/demo/buy 'POST, OPTIONS'
  wrong_method DELETE /sales/demo/ledger 'GET, HEAD'
  wrong_method NIX /sales/demo/audit 'GET, HEAD'
  wrong_method get /sales/demo 'GET, HEAD, PATCH, DELETE, OPTIONS'
  wrong_method OPTIONS /locks 'GET, HEAD'
  unchanged
}

@test "a length that is given twice: refused, and nothing is smuggled in" {
  start
  remember
  local fd heads buy='POST /sales/demo/buy HTTP/1.1\r\nHost: localhost\r\n'
  for heads in 'Content-Length: 0\r\nContent-Length: 67\r\n\r\n' \
    'Content-Length: 67\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' \
    'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n'; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    # shellcheck disable=SC2059
    printf "$buy$heads${buy}Content-Length: 0\r\n\r\n" >"$WORK/two"
    cat "$WORK/two" >&"$fd" # bash would write line by line
    timeout "$CURL_LIMIT" cat <&"$fd" >"$WORK/raw"
    exec {fd}>&-
    matches "$heads" "$(head -n 1 "$WORK/raw")" '^HTTP/1\.1 400 '
    equal "answers" "$(grep -c '^HTTP/' "$WORK/raw")" 1
    grep -q '"type":"/problems/bad-request"' "$WORK/raw"
  done
  unchanged
}

@test "more arguments than there can be" {
  start
  remember
  bad bad-request 400 - POST "/sales/demo/buy?$(printf 'a&%.0s' {1..17})"
  unchanged
}

@test "a page of another origin, or another name, changes no sale" {
  start --admin open
  remember
  local with
  for with in 'Origin: http://evil.example' 'Origin: null' \
    'Host: evil.example' "Host: evil.example:$PORT" \
    "Host: 127.0.0.1.evil.example:$PORT" 'Host: localhost.evil.example'; do
    bad forbidden 403 - PATCH /sales/demo -d lock=none -H "$with"
    bad forbidden 403 - POST /sales -d id=x -d capacity=1 -H "$with"
    bad forbidden 403 - DELETE '/sales/demo?force=1' -H "$with"
  done
  unchanged
  answered 200 PATCH /sales/demo -d lock=none -H "Origin: $URL"
}

# ------------------------------------------------------------------- admin --

@test "a sale that cannot be opened" {
  start
  remember
  new() { bad "$1" 400 "$2" POST /sales "${@:3}"; }
  local text
  for text in '' A 'a b' 'ä' a/b ../a a.b "$(printf 'x%.0s' {1..65})"; do
    new bad-value id --data-urlencode "id=$text" -d capacity=1
  done
  new bad-value id -d capacity=1
  new bad-value id -H "$JSON" -d '{"id":5,"capacity":1}'
  new bad-value capacity -d id=x
  for text in 0 -1 1.5 x '' 10000001 99999999999999999999; do
    new bad-value capacity -d id=x -d "capacity=$text"
  done
  new bad-value capacity -H "$JSON" -d '{"id":"x","capacity":"1"}'
  for text in nix '' Mutex semaphore:0 semaphore:9 mutex:2; do
    new bad-value lock -d id=x -d capacity=1 -d "lock=$text"
    matches detail "$(member detail)" \
      'none, mutex-private, flock, mutex, semaphore, semaphore:N .*optimistic'
  done
  for text in nix '' 5 -1s 3s-1s 2h 1s- 1ms-2; do
    new bad-value delay -d id=x -d capacity=1 -d "delay=$text"
    matches detail "$(member detail)" '0, 5ms, 1s-3s'
  done
  new bad-value delay -H "$JSON" -d '{"id":"x","capacity":1,"delay":5}'
  new unknown-member remaining -d id=x -d capacity=1 -d remaining=5
  matches detail "$(member detail)" 'id, capacity, lock, delay'
  new bad-body - -d 'id=x&capacity'
  new bad-body - -H "$JSON" -d '{'
  bad sale-exists 409 - POST /sales -d id=demo -d capacity=1
  unchanged
}

@test "a change that cannot be made" {
  start
  remember
  change() { bad "$1" 400 "$2" PATCH /sales/demo "${@:3}"; }
  change bad-value lock -d lock=nix
  matches detail "$(member detail)" 'none, mutex-private, .*optimistic'
  # One bad member, and the good ones are not taken either.
  change bad-value delay -d lock=none -d delay=nix
  change bad-value capacity -d lock=none -d delay=1s -d capacity=99
  change bad-value capacity -d capacity=10000001
  change unknown-member id -d lock=none -d id=x
  change unknown-member remaining -d remaining=5
  matches detail "$(member detail)" 'lock, delay, capacity'
  change bad-value - -d ''
  change bad-body - -H "$JSON" -d '{"lock":"none"'
  unchanged
  answered 201 POST /sales/demo/buy
  remember
  bad has-receipts 409 - DELETE /sales/demo
  bad has-receipts 409 - DELETE '/sales/demo?force=0'
  bad unknown-member 400 fource DELETE '/sales/demo?fource=1'
  unchanged
}

# --------------------------------------------------------- no tickets, keys --

too_few() {
  start --store "$STORE" --tickets 3
  answered 201 POST /sales/demo/buy -d quantity=2
  remember
  buy not-enough 409 - -d quantity=2
  equal remaining "$(member remaining)" 1
  equal version "$(member version)" 1
  equal sale "$(member sale)" demo
  matches detail "$(member detail)" 'Only 1 of the 2 '
  matches Server-Timing "$(header server-timing)" '^queue;dur='
  unchanged
  answered 201 POST /sales/demo/buy
  remember
  buy sold-out 409 -
  equal remaining "$(member remaining)" 0
  buy sold-out 409 - -d quantity=2
  bad sold-out 409 - POST '/sales/demo/buy?trail'
  matches trail "$body" '"step":"read","remaining":0,"version":2'
  unchanged
  # A refusal does not pause: else these would take eight seconds.
  answered 200 PATCH /sales/demo -d delay=1s
  buyers 8 demo
  equal sold-out "$(refusals sold-out)" 8
  local time
  while read -r _ time _; do
    matches "time of a refusal" "$time" '^0\.'
  done <"$WORK/heads"
}

@test "409: not enough tickets, or none" {
  each_store too_few
}

@test "422: a key that stands for another order" {
  start --tickets 5
  local key='Idempotency-Key: "8e03978e-40d5-43e8-bc93-6894a57f9324"' first
  answered 201 POST /sales/demo/buy -H "$key" -d buyer=alice -d quantity=2
  first=$body
  remember
  buy key-reused 422 - -H "$key" -d buyer=alice
  buy key-reused 422 - -H "$key" -d buyer=bob -d quantity=2
  buy key-reused 422 - -H "${key//\"/}" -d buyer=bob -d quantity=2
  answered 201 POST /sales/demo/buy -H "$key" -d buyer=alice -d quantity=2
  equal receipt "$body" "$first"
  unchanged
  # Another sale knows nothing of it.
  sale_open other 1 mutex 0
  answered 201 POST /sales/other/buy -H "$key" -d buyer=bob
}

@test "412: an If-Match that does not, and is no tag" {
  start
  remember
  local tag
  for tag in '"0000000000000000-0"' 'W/"x"'; do
    buy changed 412 - -H "If-Match: $tag"
    equal version "$(member version)" 0
  done
  for tag in nix '""' '"x"' '"1-1", "2-2"'; do
    buy bad-value 400 If-Match -H "If-Match: $tag"
  done
  unchanged
}

# ------------------------------------------------- 503: not sold, try again --

# Orders with this outcome, under any strategy, as /metrics says.
counted() {
  http "$URL/metrics" | awk -v outcome="outcome=\"$1\"" \
    '/^turnstile_orders_total/ && index($1, outcome) { n += $2 } END { print n + 0 }'
}

# refused NAME COUNT: of so many buyers some were sold to and all others got
# this problem, in full; what the service keeps agrees.
refused() {
  local file code time type again
  for file in "$WORK"/answers/*; do
    body=$(<"$file")
    if [[ $body == '{"order":'* ]]; then continue; fi
    equal type "$(member type)" "/problems/$1"
    equal "the status in the body" "$(member status)" 503
    matches title "$(member title)" '^[A-Z].{5,}[^.]$'
    matches detail "$(member detail)" 'Nothing was sold'
    matches trail "$body" '"trail":\[\{"at_ns":[0-9]+,"step":"queued"\}'
  done
  while read -r code time type again; do
    if [ "$code" = 201 ]; then continue; fi
    equal "code and type" "$code $type" "503 application/problem+json"
    matches Retry-After "$again" '^[1-9][0-9]?$'
  done <"$WORK/heads"
  [ "$(refusals "$1")" -ge 1 ] || fail "none was refused"
  equal "answers" "$(($(receipts) + $(refusals "$1")))" "$2"
  equal "lines in the ledger" "$(ledger demo | wc -l)" "$(receipts)"
  equal left "$(left demo)" "$((100 - $(receipts)))"
  equal counted "$(counted "$1")" "$(refusals "$1")"
}

@test "503 queue-full: at once, and nothing is sold to those" {
  start --workers 1 --clerks 1 --queue 2 --delay 400ms
  buyers 12 demo
  refused queue-full 12
  # One or two in their delay, one after the other, and two behind them.
  matches receipts "$(receipts)" '^[1-4]$'
  local code time
  while read -r code time _; do
    if [ "$code" = 503 ]; then matches "time" "$time" '^0\.[0-3]'; fi
  done <"$WORK/heads"
}

@test "503 lock-timeout: the deadline passed while another held the lock" {
  local lock
  for lock in mutex flock semaphore spin ticket rwlock mutex-private; do
    start --workers 1 --clerks 4 --timeout 100ms --delay 300ms --lock "$lock"
    buyers 3 demo
    refused lock-timeout 3
    equal "$lock: receipts" "$(receipts)" 1
    stop
  done
}

@test "503 queue-timeout: the deadline passed while every clerk was busy" {
  start --workers 1 --clerks 1 --timeout 100ms --delay 300ms
  buyers 3 demo
  refused queue-timeout 3
  equal receipts "$(receipts)" 1
}

# The third buyer reads three times, and each time but the last another one is
# faster: sold after 750 ms, and only because its own delays do not count.
@test "an order's own delay is not counted against its deadline" {
  start --workers 1 --clerks 3 --timeout 400ms --delay 250ms --lock optimistic
  buyers 3 demo
  equal receipts "$(receipts)" 3
  equal seats "$(seats | paste -sd ' ')" '1 2 3'
}
