#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: PostgreSQL as the store, and several hosts on it.  A lock
# that reaches one host sells a seat twice across two; what reaches all hosts
# does not.  A database that is gone is said to be gone, at once, and one that
# is there again is used again.

load helper
load helper_crash

# Each test has a schema of its own.
begin_database() {
  [ -n "${TEST_DATABASE-}" ] || fail "run it by tests/cluster"
  SCHEMA=e2e_${BATS_TEST_NUMBER}_$$
  sql "CREATE SCHEMA $SCHEMA"
  DATABASE="$TEST_DATABASE options='-c search_path=$SCHEMA'"
}

# A cluster of the test's own, which it may damage.
own_database() {
  local file=$WORK/where
  "$ROOT/tests/cluster" bash -c "echo \"\$TEST_DATABASE\" >'$file.new' &&
    mv '$file.new' '$file' && exec sleep 600" 3>&- &
  LOADS+=("$!")
  await 20 test -s "$file"
  DATABASE=$(cat "$file")
}

sql() {
  PGOPTIONS='-c client_min_messages=warning' \
    psql -X -q -A -t -v ON_ERROR_STOP=1 "${2-$TEST_DATABASE}" -c "$1"
}

# host [OPTION…]: as start(), on the database.
host() {
  start --store postgres --database "$DATABASE" "$@"
}

# One more host, at $OTHER.
another() {
  "$TURNSTILE" --listen 0 --data "$WORK/another" --store postgres \
    --database "$DATABASE" >"$WORK/another.out" 2>"$WORK/another.err" 3>&- &
  LOADS+=("$!")
  await 10 grep -q http "$WORK/another.out"
  OTHER=$(grep -o -m 1 'http://[^ ]*' "$WORK/another.out")
}

# at URL METHOD PATH [CURL OPTION…]: as call(), of another host
at() {
  local URL=$1
  shift
  call "$@"
}

@test "it sells, and says which host did" {
  begin_database
  host --tickets 5
  matches banner "$(cat "$OUT")" 'kept in .* \(postgres\)'
  answered 201 POST '/sales/demo/buy?trail' -d buyer=alice -d quantity=2
  equal seats "$(member seats)" '[1,2]'
  equal host "$(member host)" 1
  answered 201 POST /sales/demo/buy -d buyer=bob -H 'Idempotency-Key: k'
  order=$(member order)
  answered 201 POST /sales/demo/buy -d buyer=bob -H 'Idempotency-Key: k'
  equal "the same order" "$(member order)" "$order"
  answered 200 GET "/sales/demo/orders/$order"
  answered 200 GET /sales/demo
  equal left "$(member remaining)" 2
  equal store "$(member store)" postgres
  answered 200 PATCH /sales/demo -d capacity=7
  equal left "$(member remaining)" 4
  answered 200 GET '/sales/demo/ledger?trail=1'
  equal lines "$(grep -o '"kind":' <<<"$body" | wc -l)" 3
  answered 200 GET /sales/demo/audit
  equal verdict "$(member verdict)" correct
  answered 204 DELETE '/sales/demo?force=1'
  answered 404 GET /sales/demo
}

@test "what reaches one host only is not safe there, and the cure is row" {
  local lock safe
  begin_database
  host --lock none --delay 300ms
  for lock in none mutex-private flock mutex semaphore optimistic atomic row \
    advisory; do
    case $lock in
      optimistic | atomic | row | advisory) safe=true ;;
      *) safe=false ;;
    esac
    answered 200 PATCH /sales/demo -d "lock=$lock"
    equal "$lock is safe" "$(member safe)" "$safe"
    case $lock in
      flock | mutex | semaphore)
        matches warning "$(member warning)" "^$lock reaches one host: .*row" ;;
      *) equal warning "$(member warning)" "" ;;
    esac
  done
  # Also at a start.
  answered 200 PATCH /sales/demo -d lock=mutex
  equal unsafe "$(metric turnstile_sales_unsafe)" 1
  stop
  again --store postgres --database "$DATABASE"
  matches "at a start" "$(cat "$OUT")" 'sale demo: mutex reaches one host'
  answered 200 PATCH /sales/demo -d lock=none
  http -X POST -o "$WORK/first" -d buyer=alice "$URL/sales/demo/buy" &
  answered 201 POST /sales/demo/buy -d buyer=bob
  wait "$!"
  answered 200 GET /sales/demo/audit.txt
  matches heads "$body" 'host 1 · worker [12] · clerk [0-9]+ '
  matches cure "$body" 'PATCH -d lock=row'
}

# Two buyers, one at each host, while the first one is between read and write.
sold_by_two_hosts() {
  answered 200 PATCH /sales/demo -d "lock=$1" -d delay=300ms
  http -X POST -o "$WORK/first" -d buyer=alice "$URL/sales/demo/buy" &
  at "$OTHER" POST /sales/demo/buy -d buyer=bob
  equal "the other's" "$code" 201
  wait "$!"
  echo "$1: $(member seats "$(cat "$WORK/first")") $(member seats)"
  [ "$(member seats "$(cat "$WORK/first")")" = "$(member seats)" ]
}

@test "two hosts: flock, mutex and semaphore sell a seat twice, row and its like do not" {
  local lock
  begin_database
  host
  another
  for lock in none flock mutex semaphore; do
    sold_by_two_hosts "$lock"
  done
  for lock in optimistic atomic row advisory; do
    refute sold_by_two_hosts "$lock"
  done
  answered 200 GET '/sales/demo/ledger?trail=1'
  matches "both sold" "$body" '"host":1.*"host":2|"host":2.*"host":1'
  answered 200 GET '/sales/demo/audit.txt?seat=3'
  matches why "$body" 'two hosts, and a mutex on each'
}

@test "a turn in which nobody gets a ticket is given back" {
  local lock from
  begin_database
  host --tickets 1 --timeout 3s
  another
  answered 201 POST /sales/demo/buy
  for lock in row advisory; do
    answered 200 PATCH /sales/demo -d "lock=$lock"
    from=$(now_ms)
    answered 409 POST /sales/demo/buy
    at "$OTHER" POST /sales/demo/buy
    problem sold-out 409
    soon $(($(now_ms) - from)) 1000
  done
}

@test "a lock that the store has not: 400 with those that have it" {
  local lock
  start --store json
  for lock in row advisory; do
    answered 400 PATCH /sales/demo -d "lock=$lock"
    problem bad-value 400
    matches detail "$(member detail)" "$lock.* json has none.*: postgres"
  done
  answered 400 PATCH /sales/demo -d lock=atomic
  matches detail "$(member detail)" 'sqlite, postgres'
  answered 200 GET /locks
  refute grep -q '"atomic"' <<<"$body"
}

@test "a start that cannot be: one line, exit 1" {
  begin_database
  refuses 1 'needs --database' --listen 0 --data "$WORK/x" --store postgres
  refuses 1 'cannot be reached: .*nowhere' --listen 0 --data "$WORK/x" \
    --store postgres --database host=/nowhere
  refuses 1 'missing' --listen 0 --data "$WORK/x" \
    --store postgres --database "$TEST_DATABASE dbname=missing"
  refuses 1 'read-only' --listen 0 --data "$WORK/x" --store postgres \
    --database "$DATABASE options='-c search_path=$SCHEMA -c default_transaction_read_only=on'"
  host
  stop
  sql "UPDATE $SCHEMA.turnstile SET format = 9"
  refuses 1 'format 9' --listen 0 --data "$DATA" --store postgres \
    --database "$DATABASE"
}

# within MS PATH STATUS
within() {
  local from took
  from=$(now_ms)
  call GET "$2"
  took=$(($(now_ms) - from))
  equal "$2" "$code" "$3"
  soon "$took" "$1"
}

is_ready() { call GET /readyz && [ "$code" -eq "$1" ]; }
sells() { call POST /sales/demo/buy && [ "$code" -eq 201 ]; }

@test "the database is killed: livez at once, 503s, and it goes on by itself" {
  local postmaster folder
  own_database
  folder=${DATABASE#host=} folder=${folder%% *}
  host
  expect_log '^[^ ]+ order-failed sale="demo" error="the database cannot be reached: .*" request=".*"$'
  sells
  postmaster=$(head -n 1 "$folder/data/postmaster.pid")
  kill -STOP "$postmaster" # nobody can connect
  pkill -KILL -P "$postmaster" # and all who are connected are sent away
  await 10 is_ready 503
  within 100 /livez 200
  call POST /sales/demo/buy
  problem storage-error 503
  call GET /sales/demo
  problem storage-error 503
  kill -KILL "$postmaster"
  await 20 is_ready 200
  await 5 sells
  answered 200 GET /sales/demo/audit
  equal verdict "$(member verdict)" correct
}

is_waiting() {
  [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" \
    "$DATABASE")" -gt 0 ]
}

@test "a commit that is told to stop waiting for its standby: 500, never 201" {
  own_database
  host
  answered 201 POST /sales/demo/buy -d buyer=alice
  # A standby that there is not: a commit waits for it, and is done all the same.
  sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" "$DATABASE"
  sql "SELECT pg_reload_conf()" "$DATABASE" >/dev/null
  expect_log '^[^ ]+ order-failed sale="demo" error="the database did not answer: .*" request=".*"$'
  http -X POST -o "$WORK/answer" -d buyer=bob -H 'Idempotency-Key: k' \
    "$URL/sales/demo/buy" &
  await 5 is_waiting
  sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE wait_event = 'SyncRep'" "$DATABASE" >/dev/null
  wait "$!"
  equal type "$(member type "$(cat "$WORK/answer")")" /problems/outcome-unknown
  # The key settles it, once a standby is not asked for.
  sql "ALTER SYSTEM RESET synchronous_standby_names" "$DATABASE"
  sql "SELECT pg_reload_conf()" "$DATABASE" >/dev/null
  await 5 sells_key
  equal seats "$(member seats)" '[2]'
  answered 200 GET /sales/demo
  equal left "$(member remaining)" 98
}

sells_key() {
  call POST /sales/demo/buy -d buyer=bob -H 'Idempotency-Key: k'
  [ "$code" -eq 201 ]
}
