#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: an order with an Idempotency-Key is sold once, whoever
# sends it how often, under every strategy, in every store, across crashes; and
# whoever lost the answer finds it.

load helper
load helper_crash

STRATEGIES='none mutex-private flock mutex semaphore spin ticket rwlock optimistic'

# x COUNT: so many characters
x() {
  printf '%*s' "$1" '' | tr ' ' x
}

# buy KEY [CURL OPTION…]
buy() {
  local key=$1
  shift
  call POST /sales/demo/buy -H "Idempotency-Key: $key" "$@"
}

# buy_again KEY: it must be the receipt of the last call.
buy_again() {
  local receipt=$body location
  location=$(header location)
  buy "$@"
  equal status "$code" 201
  equal receipt "$body" "$receipt"
  equal Location "$(header location)" "$location"
}

# -------------------------------------------------------------------- keys --

bare_and_quoted() {
  start --store "$STORE"
  buy 'order 1' -d buyer=alice
  equal status "$code" 201
  buy_again 'order 1' -d buyer=alice
  buy_again '"order 1"' -d buyer=alice
  buy_again '  order 1 ' -d buyer=alice # spaces round a header mean nothing
  buy 'a"b\c' -d buyer=alice # bare: as it stands
  equal seats "$(member seats)" '[2]'
  buy_again '"a\"b\\c"' -d buyer=alice
  buy '"a"b' -d buyer=alice
  problem bad-value 400
  buy '1' -d buyer=alice # a key is not a part of another
  equal seats "$(member seats)" '[3]'
  buy "$(x 255)" -d buyer=alice
  equal status "$code" 201
  buy_again "\"$(x 255)\"" -d buyer=alice
  equal left "$(left demo)" 96
}

@test "a key is bare or quoted, and may have 255 characters" {
  each_store bare_and_quoted
}

@test "what is no key is refused with 400, and sells nothing" {
  start --store json
  local key
  for key in "$(x 256)" "\"$(x 256)\"" '""' '"' '"a' '"a\"' '"a\b"' '"a"b"' \
    $'a\tb' $'a\x01b' $'a\x7fb' $'"a\x1bb"' 'schlüssel' $'a\xff'; do
    buy "$key" -d buyer=alice
    problem bad-value 400
    equal "member of $key" "$(member member)" Idempotency-Key
  done
  call POST /sales/demo/buy -H 'Idempotency-Key;' # it is there, and empty
  problem bad-value 400
  equal left "$(left demo)" 100
}

@test "two keys, or two of another header that is one: 400, and nothing sold" {
  start --store json
  local twice
  buy k1 -H 'Idempotency-Key: k2'
  problem bad-request 400
  equal member "$(member member)" Idempotency-Key
  buy k1 -H 'Idempotency-Key: k1'
  problem bad-request 400
  for twice in If-Match Authorization Origin Content-Type; do
    buy k1 -H "$twice: *" -H "$twice: *"
    problem bad-request 400
    equal member "$(member member)" "$twice"
  done
  call POST '/sales/demo/buy?trail=0&trail=1'
  problem bad-request 400
  equal member "$(member member)" trail
  equal left "$(left demo)" 100
  # Two hosts curl cannot send.
  exec {twice}<>"/dev/tcp/127.0.0.1/$PORT"
  printf 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' >&"$twice"
  matches "two hosts" "$(receive "$twice" heads)" '^HTTP/1.1 400 '
  exec {twice}>&-
}

@test "a key that only looks like a ledger's member is one" {
  local key
  start --store json
  for key in 'x","key":"y' 'y' 'x\y' ',"order":"' '%s%n' "$(x 200)"'\"'; do
    buy "$key" -d 'buyer=a","key":"y'
    equal status "$code" 201
    buy_again "$key" -d 'buyer=a","key":"y'
  done
  stop
  again --store json # and the ledger can still be read
  buy_again "$key" -d 'buyer=a","key":"y'
  equal left "$(left demo)" 94
}

# -------------------------------------------------------------------- rules --

rules() {
  start --store "$STORE" --tickets 5
  buy k1 -d buyer=alice -d quantity=2
  equal status "$code" 201
  local receipt=$body
  buy k1 -d buyer=bob -d quantity=2
  problem key-reused 422
  buy k1 -d buyer=alice -d quantity=1
  problem key-reused 422
  buy k1 -d buyer=alice
  problem key-reused 422
  equal left "$(left demo)" 3
  buy k1 -H 'Content-Type: application/json' \
    -d '{"quantity": 2, "buyer": "alice"}'
  equal receipt "$body" "$receipt"
  # The trail of a replay is that of the sale, up to the write.
  call POST '/sales/demo/buy?trail' -H 'Idempotency-Key: k1' -d buyer=alice \
    -d quantity=2
  [[ $body == "${receipt%\}},\"base\":0,"*'"step":"write"'*'}]}' ]]
  [[ $body != *'"step":"commit"'* ]]
  # A key is one sale's.
  sale_open other 5 mutex 0
  answered 201 POST /sales/other/buy -H 'Idempotency-Key: k1' -d buyer=bob
  # Refusals are not kept: they are decided anew.
  buy k2 -d quantity=4
  problem not-enough 409
  answered 200 PATCH /sales/demo -d capacity=6
  buy k2 -d quantity=4
  equal status "$code" 201
  equal seats "$(member seats)" '[3,4,5,6]'
  # Receipts are, also when nothing is left.
  buy k3
  problem sold-out 409
  buy k1 -d buyer=alice -d quantity=2
  equal receipt "$body" "$receipt"
  audit_is_correct demo 6
  # A sale that is deleted takes its keys along.
  answered 204 DELETE '/sales/demo?force=1'
  sale_open demo 5 mutex 0
  buy k1 -d buyer=carol
  equal seats "$(member seats)" '[1]'
}

@test "the same order, the same receipt; another order, 422; a refusal, anew" {
  each_store rules
}

# --------------------------------------------------- original and retry --

# Six orders of one key, all told the same receipt, and it was sold once.
one_receipt() {
  equal "codes 201" "$(codes 201)" "$(wc -l <"$WORK/codes")"
  equal "different answers" "$(cat "$WORK"/answers/* | sort -u | wc -l)" 1
  ledger_agrees demo
  equal left "$(left demo)" "$1"
}

has_queued() {
  [ "$(metric turnstile_queue_depth)" = "$1" ]
}

in_one_batch() {
  start --store "$STORE" --lock flock --workers 1 --clerks 1
  hold
  no_orders
  order alice k demo 0
  for i in 1 2 3 4 5; do order alice k demo "$i"; done
  order bob other demo 6 # the batch sells something else, too
  send &
  LOADS+=("$!")
  await 5 has_queued 6 # and one is in the clerk's hand
  let_go
  wait "${LOADS[@]}"
  LOADS=()
  equal "codes 201" "$(codes 201)" 7
  # All seven, then the five that found their key in the batch.
  equal "turns of five to eight" \
    "$(metric 'turnstile_batch_orders_bucket{le="8"}')" 2
  equal "turns of less" "$(metric 'turnstile_batch_orders_bucket{le="4"}')" 0
  rm "$WORK/answers/6"
  equal "different answers" "$(cat "$WORK"/answers/* | sort -u | wc -l)" 1
  equal left "$(left demo)" 98
}

@test "original and retries in one batch are one sale" {
  each_store in_one_batch
}

on_two_workers() {
  local a b
  start_workers 2 --store "$STORE" --lock flock --clerks 1
  a=$(worker 1) b=$(worker 2)
  # One after the other.
  freeze "$b"
  buy k -d buyer=alice
  equal status "$code" 201
  freeze "$a"
  thaw "$b"
  buy_again k -d buyer=alice
  # Side by side: both wait for the lock at once.
  hold
  for i in 1 2; do
    BOOK=$WORK/side.$i
    mkdir "$BOOK"
    no_orders
    order alice k2 demo "$i"
    send &
    LOADS+=("$!")
    await 5 has_waiting "$b"
    freeze "$b"
    thaw "$a"
    b=$a
  done
  thaw "$(worker 1)"
  thaw "$(worker 2)"
  let_go
  wait "${LOADS[@]}"
  LOADS=() BOOK=
  cat "$WORK"/side.*/codes >"$WORK/codes"
  equal "codes 201" "$(codes 201)" 2
  cmp "$WORK/side.1/answers/1" "$WORK/side.2/answers/2"
  rm -r "$WORK"/side.*
  equal left "$(left demo)" 98
  audit_is_correct demo 2
}

@test "original and retry on two workers, in turn and side by side" {
  each_store on_two_workers
}

storm() {
  local lock i
  start --store "$STORE" --workers 2 --tickets 30
  for lock in $STRATEGIES; do
    echo "$lock"
    sale_open "storm-$lock" 30 "$lock" 0
    no_orders
    for i in {1..100}; do
      order "b$((i % 20))" "key-$((i % 20))" "storm-$lock" "$i"
    done
    send
    equal "codes 201" "$(codes 201)" 100
    equal receipts "$(sort -u "$WORK"/answers/* | wc -l)" 20
    equal "orders in the ledger" "$(ledger "storm-$lock" | wc -l)" 20
    ledger_agrees "storm-$lock"
    case $lock in
      none | mutex-private) ;; # each is sold once; the seats are another story
      *) audit_is_correct "storm-$lock" 20 ;;
    esac
  done
}

@test "a retry storm sells each order once, under every strategy" {
  each_store storm
}

# ----------------------------------------------------------------- crashes --

after_a_crash() {
  local pids pid
  EXPECTED+=("$DIED" "$REPLACED")
  start_workers 2 --store "$STORE"
  buy k1 -d buyer=alice
  equal status "$code" 201
  mapfile -t pids < <(workers)
  for pid in "${pids[@]}"; do kill -KILL "$pid"; done
  for pid in "${pids[@]}"; do await 5 is_gone "$pid"; done
  buy_again k1 -d buyer=alice
  crash
  revive --store "$STORE" --workers 2
  buy_again k1 -d buyer=alice
  answered 200 GET "$(header location)"
  equal order "$(member order)" "$(sed 's/.*"order":"\([^"]*\).*/\1/' \
    "$WORK/body")"
  buy k1 -d buyer=bob
  problem key-reused 422
  equal left "$(left demo)" 99
}

@test "after a crash the key finds its receipt" {
  each_store after_a_crash
}

# A worker killed where it was about to write: nothing was sold, the retry is
# the first sale.  Killed after it wrote, before it could answer: the retry
# finds the sale.  Killed between: one of both.
lost_answers() {
  local wakes=1
  if [ "$STORE" = json ]; then wakes=2; fi # write(2) is for the ledger, too
  need_strace
  EXPECTED+=("$DIED" "$REPLACED")
  drill_begin
  start_workers 1 --store "$STORE"
  stop_a_holder alice
  kill -KILL "$HOLDER"
  hear_the_holder
  equal code "$code" 000
  drill_end
  await 5 has_workers 1
  equal left "$(left demo)" 100

  # The clerk is killed when it goes to wake the thread that answers.
  inject "$(worker 1)" -e trace=write -e "inject=write:signal=KILL:when=$wakes"
  no_orders
  order alice alice demo
  send
  equal codes "$(codes 000)" 1
  repaired
  await 5 has_workers 1
  equal left "$(left demo)" 99
  send
  equal codes "$(codes 201)" 1
  ledger_agrees demo
  equal left "$(left demo)" 99

  inject "$(worker 1)" -e trace=fdatasync,fsync \
    -e inject=fdatasync,fsync:signal=KILL
  no_orders
  order bob bob demo
  send
  equal codes "$(codes 000)" 1
  repaired
  await 5 has_workers 1
  order alice alice demo
  send
  equal codes "$(codes 201)" 2
  ledger_agrees demo
  equal left "$(left demo)" 98
}

@test "an answer that a crash ate is found by its key, or was no sale" {
  each_store lost_answers
}

# -------------------------------------------------------------------- speed --

# The fastest of 50, in µs: what it takes when nobody disturbs.
fastest() {
  sort -n "$WORK/times" | awk 'NR == 1 { printf "%d", $1 * 1000000 }'
}

# look_up ID KEY: the time that takes, in $by_id, $by_key.
look_up() {
  http -w '%{time_total}\n' -o "$WORK/found" \
    "$URL/sales/big/orders/$1#[1-50]" >"$WORK/times"
  grep -q "^{\"order\":\"$1\"" "$WORK/found"
  by_id=$(fastest)
  http -w '%{time_total}\n' -o "$WORK/found" -H "Idempotency-Key: $2" \
    -d "buyer=$2" "$URL/sales/big/buy#[1-50]" >"$WORK/times"
  grep -q "^{\"order\":\"$1\"" "$WORK/found"
  by_key=$(fastest)
}

# fill COUNT: that many orders, then one more, which is looked up.
fill() {
  http -Z --parallel-max 100 -X POST -o /dev/null \
    "$URL/sales/big/buy#[1-$1]" 2>/dev/null
  answered 201 POST /sales/big/buy -H "Idempotency-Key: last$1" \
    -d "buyer=last$1"
  look_up "$(member order)" "last$1"
}

growing() {
  local few_id few_key
  start --store "$STORE" --workers 1
  sale_open big 10000 mutex 0
  fill 200
  few_id=$by_id few_key=$by_key
  fill 4000
  echo "by id $few_id -> $by_id us, by key $few_key -> $by_key us"
  [ "$by_id" -le $((few_id * 2 + 500)) ]
  [ "$by_key" -le $((few_key * 2 + 500)) ]
}

@test "finding an order does not slow down as the ledger grows" {
  each_store growing
}
