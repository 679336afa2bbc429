#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: what an operator asks for is there, is true, and is told
# only to those who may know: health, metrics, tokens, logs.

load helper
load helper_crash

# ----------------------------------------------------------------- health --

@test "/livez and /readyz" {
  start_workers 2
  answered 200 GET /livez
  equal livez "$body" ok
  answered 200 GET /readyz
  equal readyz "$body" ready
  equal Content-Type "$(header content-type)" 'text/plain; charset=utf-8'
  answered 200 GET '/readyz?verbose'
  equal verbose "$body" '[+]store ok
[+]space ok
[+]accepting ok
[+]workers 2 of 2
ready'
  answered 200 GET '/readyz?verbose=1'
  matches verbose "$body" '^\[\+\]store'
  answered 200 GET '/readyz?verbose=0'
  equal verbose "$body" ready
  call POST /readyz
  problem method 405
}

unsafe_is_seen() {
  local lock safe
  start --store "$STORE"
  for lock in none mutex-private flock mutex semaphore spin ticket rwlock semaphore:3 \
    optimistic; do
    case $lock in
      none | mutex-private | semaphore:3) safe=false ;;
      *) safe=true ;;
    esac
    answered 200 PATCH /sales/demo -d "lock=$lock"
    equal "$lock is safe" "$(member safe)" "$safe"
    answered 200 GET /sales/demo
    equal "$lock is safe" "$(member safe)" "$safe"
    answered 200 GET '/readyz?verbose'
    if [ "$safe" = true ]; then
      equal verbose "$(grep -c '^\[!\]' <<<"$body" || true)" 0
      equal sales_unsafe "$(metric turnstile_sales_unsafe)" 0
    else
      grep -qxF "[!]sale demo runs under $lock: it may oversell" <<<"$body"
      equal sales_unsafe "$(metric turnstile_sales_unsafe)" 1
    fi
  done
}

@test "a sale whose strategy does not exclude is visible" {
  each_store unsafe_is_seen
}

# ---------------------------------------------------------------- metrics --

# Every line is a comment or a sample of a family that has HELP and TYPE
# before it; a counter's sample ends with _total; no line stands there twice.
well_formed() {
  awk -v openmetrics="$1" '
    function bad(why) { print why ": " $0; failed = 1 }
    ended { bad("behind the end") }
    /^# EOF$/ { ended = 1; next }
    /^# HELP / { help[$3] = 1; if ($3 in type) bad("twice"); next }
    /^# TYPE / {
      if (!($3 in help)) bad("no HELP")
      if ($4 !~ /^(counter|gauge|histogram)$/) bad("no such type")
      if ($4 == "counter" && ($3 ~ /_total$/) == openmetrics) bad("name")
      if ($4 != "counter" && $3 ~ /_total$/) bad("name")
      type[$3] = $4; family = $3; next
    }
    /^[a-z_]+({[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*})? [0-9.e+-]+$/ {
      name = $1; sub(/{.*/, "", name)
      if (substr(name, 1, length(family)) != family) bad("of another family")
      rest = substr(name, length(family) + 1)
      t = type[family]
      if (t == "gauge" && rest != "") bad("suffix")
      if (t == "counter" && rest != (openmetrics ? "_total" : ""))
        bad("suffix")
      if (t == "histogram" && rest !~ /^_(bucket|sum|count)$/) bad("suffix")
      if ($1 in seen) bad("twice")
      seen[$1] = $2; n++; next
    }
    { bad("not a sample") }
    END {
      if (openmetrics && !ended) { print "no EOF"; failed = 1 }
      if (!openmetrics && ended) { print "EOF"; failed = 1 }
      if (n < 50) { print n " samples"; failed = 1 }
      exit failed
    }' <<<"$body"
}

@test "/metrics: Prometheus and OpenMetrics, by Accept" {
  start
  answered 201 POST /sales/demo/buy
  answered 200 GET /metrics
  equal Content-Type "$(header content-type)" \
    'text/plain; version=0.0.4; charset=utf-8'
  matches Vary "$(header vary)" Accept
  well_formed 0
  matches counter "$body" $'\n# TYPE turnstile_worker_deaths_total counter\n'
  answered 200 GET /metrics -H \
    'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
  equal Content-Type "$(header content-type)" \
    'application/openmetrics-text; version=1.0.0; charset=utf-8'
  well_formed 1
  matches counter "$body" $'\n# TYPE turnstile_worker_deaths counter\n'
  equal "last line" "$(tail -n 1 <<<"$body")" '# EOF'
}

# The sum of a family's samples; all of them must be of one answer: $body.
total() {
  awk -v name="$1" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }' \
    <<<"$body"
}

counters_agree() {
  local i first
  start_workers 2 --store "$STORE" --tickets 30
  no_orders
  for i in {1..40}; do order "b$i" "k$i" demo; done
  send
  # The key of one that was sold, for another buyer: 422.
  first=$(sed -n 's/^201 b//p' "$WORK/codes" | head -n 1)
  order replay "k$first" demo
  send                 # 30 again, and 10 refused again
  buyers 2 demo -d quantity=2
  answered 404 POST /sales/nix/buy
  # Whichever worker answers.
  for i in {1..10}; do
    answered 200 GET /metrics
    equal sold \
      "$(total 'turnstile_orders_total{outcome="sold",lock="mutex"}')" 30
    equal replayed "$(total 'turnstile_orders_total{outcome="replayed"')" 30
    equal sold-out "$(total 'turnstile_orders_total{outcome="sold-out"')" 22
    equal key-reused "$(total 'turnstile_orders_total{outcome="key-reused"')" 1
    equal no-sale "$(total 'turnstile_orders_total{outcome="no-sale"')" 1
    equal orders "$(total 'turnstile_orders_total{')" 84
    equal "201s" "$(total 'turnstile_http_requests_total{method="POST",route="/sales/{sale}/buy",status="201"}')" 60
    equal "409s" "$(total 'turnstile_http_requests_total{method="POST",route="/sales/{sale}/buy",status="409"}')" 22
    equal "422s" "$(total 'turnstile_http_requests_total{method="POST",route="/sales/{sale}/buy",status="422"}')" 1
    equal overwrites "$(total 'turnstile_overwrites_total{')" 0
    equal deaths "$(total turnstile_worker_deaths_total)" 0
    equal depth "$(total turnstile_queue_depth)" 0
    equal held "$(total turnstile_locks_held)" 0
  done
  # Each turn took the lock, and gave it back.
  equal "waits and holds" \
    "$(total 'turnstile_lock_wait_seconds_count{lock="mutex"}')" \
    "$(total 'turnstile_lock_hold_seconds_count{lock="mutex"}')"
  equal "turns and batches" \
    "$(($(total turnstile_batch_orders_count) - 0))" \
    "$(total 'turnstile_lock_hold_seconds_count{lock="mutex"}')"
}

@test "counters are sums over all workers, whoever answers" {
  each_store counters_agree
}

overwrites_are_counted() {
  local written delay_ms
  delay_ms=$(stretched 200) # eight have to meet in it
  start --store "$STORE" --workers 2 --lock none --delay "${delay_ms}ms" \
    --timeout 30s
  equal before "$(metric 'turnstile_overwrites_total{lock="none"}')" 0
  volley $(repeat 8 demo)
  written=$(metric 'turnstile_overwrites_total{lock="none"}')
  [ "$written" -ge 1 ]
  answered 200 GET /sales/demo/audit
  equal "the audit's count" "$(member overwrites)" "$written"
  # A delay is not held time.
  answered 200 PATCH /sales/demo -d lock=mutex -d delay="$((2 * delay_ms))ms"
  volley demo demo
  answered 200 GET /metrics
  awk -v sum="$(total 'turnstile_lock_hold_seconds_sum{lock="mutex"}')" \
    -v ms="$delay_ms" 'BEGIN { exit !(sum > 0 && sum < 2 * ms / 1000) }'
  awk -v sum="$(total 'turnstile_lock_wait_seconds_sum{lock="mutex"}')" \
    -v ms="$delay_ms" 'BEGIN { exit !(sum > 1.95 * ms / 1000) }'
  equal overwrites "$(total 'turnstile_overwrites_total{')" "$written"
}

@test "overwrites_total rises where sales overwrite each other" {
  each_store overwrites_are_counted
}

@test "the lock's histograms are cumulative and end with +Inf" {
  start
  buyers 20 demo
  answered 200 GET /metrics
  awk '/^turnstile_lock_wait_seconds_bucket{lock="mutex"/ {
      if ($2 < last) exit 1
      last = $2; n++
      inf = /le="\+Inf"/
    }
    /^turnstile_lock_wait_seconds_count{lock="mutex"}/ { count = $2 }
    END { exit !(inf && n >= 10 && count == last && count > 0) }' <<<"$body"
}

# ----------------------------------------------------------------- tokens --

@test "--admin token: made once, a file of mode 600, which the start names" {
  local token file link
  start --store json --admin token
  file=$DATA/admin-token
  equal mode "$(stat -c %a "$file")" 600
  token=$(cat "$file")
  matches token "$token" '^[0-9a-f]{64}$'
  link=$(grep '^admin: ' "$OUT")
  equal link "$link" "admin: the token stands in $(realpath "$file")"
  grep -q " token_file=\"$(realpath "$file")\"$" "$ERR"

  call PATCH /sales/demo -d lock=flock
  problem token-needed 401
  matches WWW-Authenticate "$(header www-authenticate)" '^Bearer '
  local wrong
  for wrong in "${token%?}" "${token}0" "${token%?}g" "${token^^}x" ' ' ''; do
    call PATCH /sales/demo -d lock=flock -H "Authorization: Bearer $wrong"
    problem token-needed 401
  done
  call PATCH "/sales/demo?token=$token" -d lock=flock
  problem token-needed 401
  answered 200 PATCH /sales/demo -d lock=flock \
    -H "Authorization: Bearer $token"
  answered 201 POST /sales -d id=second -d capacity=3 \
    -H "Authorization: Bearer $token"
  answered 204 DELETE '/sales/second?force=1' \
    -H "Authorization: Bearer $token"
  # With the token, but from another origin's page.
  call PATCH /sales/demo -d lock=none -H "Authorization: Bearer $token" \
    -H 'Origin: http://evil.example'
  problem forbidden 403
  answered 200 PATCH /sales/demo -d lock=mutex \
    -H "Authorization: Bearer $token" -H "Origin: $URL"
  stop

  again --store json --admin token
  equal "the token after a restart" "$(cat "$file")" "$token"
  answered 200 PATCH /sales/demo -d lock=flock \
    -H "Authorization: Bearer $token"
  stop
  # It is nowhere else.
  refute grep -rq "$token" "$WORK"/out.* "$WORK"/err.*
  # Another is made when it is removed.
  rm "$file"
  again --store json --admin token
  [ "$(cat "$file")" != "$token" ]
  stop
  echo short >"$file"
  refuses 1 '^turnstile: .*admin-token holds no token' --listen 0 \
    --data "$DATA" --store json --admin token
}

@test "--admin off: nobody changes sales" {
  start --admin off
  local with
  for with in 'X-Nix: nix' 'Authorization: Bearer ' "Origin: $URL"; do
    call PATCH /sales/demo -d lock=none -H "$with"
    problem forbidden 403
  done
  call POST /sales -d id=x -d capacity=1
  problem forbidden 403
  [ ! -e "$DATA/admin-token" ]
  answered 201 POST /sales/demo/buy
}

@test "--admin open: a page of another origin, or another host, cannot" {
  local bad
  start
  for bad in 'Origin: http://evil.example' 'Origin: null' \
    "Origin: http://127.0.0.1:1" "Origin: http://127.0.0.1:$PORT.evil.example" \
    'Host: evil.example' "Host: evil.example:$PORT" \
    "Host: localhost.evil.example" "Host: 127.0.0.1.evil.example" \
    'Host: 1.evil.example'; do
    echo "$bad"
    call PATCH /sales/demo -d lock=none -H "$bad"
    problem forbidden 403
    call DELETE '/sales/demo?force=1' -H "$bad"
    problem forbidden 403
    call POST /sales -d id=x -d capacity=1 -H "$bad"
    problem forbidden 403
  done
  equal lock "$(answered 200 GET /sales/demo && member lock)" mutex
  # Ours can; a name that is nobody else's can.
  answered 200 PATCH /sales/demo -d lock=flock -H "Origin: $URL"
  answered 200 PATCH /sales/demo -d lock=flock -H "Host: localhost:$PORT" \
    -H "Origin: http://localhost:$PORT"
  answered 200 PATCH /sales/demo -d lock=flock -H "Host: [::1]:$PORT"
}

names_are_kept_back() {
  local path with order some
  start --store "$STORE" --admin token --lock none --delay 20ms
  # Two who share a seat, so that the audit has something to tell.
  volley 'demo?buyer=alice' 'demo?buyer=alice' 'demo?buyer=alice'
  with="Authorization: Bearer $(cat "$DATA/admin-token")"
  # With the whole id of an order, anybody could ask whose it is.
  order=$(member order "$(cat "$WORK/answers/1")")
  for path in ledger 'ledger?trail' ledger.csv audit audit.txt; do
    answered 200 GET "/sales/demo/$path"
    [[ $body != *alice* ]] || fail "$path tells a name"
    refute grep -qE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' <<<"$body"
    answered 200 GET "/sales/demo/$path" -H 'Authorization: Bearer x'
    [[ $body != *alice* ]] || fail "$path tells a name"
    answered 200 GET "/sales/demo/$path" -H "$with"
    [[ $body == *alice* ]] || fail "$path does not tell the name"
    [ "$path" = audit.txt ] ||
      grep -qE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' <<<"$body"
  done
  # What is shown tells orders apart, and finds none.
  answered 200 GET /sales/demo/ledger
  equal "orders that differ" "$(grep -oE '"order":"[0-9a-f-]{18}"' <<<"$body" |
    sort -u | wc -l)" 3
  some=${order:0:18}
  [[ $body == *"\"order\":\"$some\""* ]]
  call GET "/sales/demo/orders/$some"
  problem no-order 404
  # A buyer sees the own order.
  answered 200 GET "/sales/demo/orders/$order"
  equal buyer "$(member buyer)" alice
  refute grep -q alice "$ERR"
}

@test "ledger and audit keep names back from those without the token" {
  each_store names_are_kept_back
}

# ------------------------------------------------------------------- logs --

TRACE=0af7651916cd43dd8448eb211c80319c

# Lines are of this form, all of them.
JSON_LINE='^\{"time":"[^"\\]+"(,"[a-z_]+":("([^"\\]|\\.)*"|-?[0-9]+))+\}$'
TEXT_LINE='^[0-9T:.-]+Z [a-z-]+( [a-z_]+=("([^"\\]|\\.)*"|-?[0-9]+))+$'

# forge LOG: with names that would like to be lines.
forge() {
  local name
  EXPECTED+=("") # what they may be is looked at below
  # Errors name files: such a name is where quotes could get in.
  DATA=$WORK/$'da"ta event="y\nforged'
  launch --listen 0 --data "$DATA" --store json --log "$1"
  answered 200 PATCH /sales/demo -d lock=none \
    -H "traceparent: 00-$TRACE-b7ad6b7169203331-01"
  grep -q "$TRACE" "$ERR"
  # What is no trace is not taken for one.
  local parent
  for parent in "00-${TRACE^^}-b7ad6b7169203331-01" nix "00-$TRACE" \
    '00-00000000000000000000000000000000-b7ad6b7169203331-01' \
    "00-${TRACE%????}\"x=1-b7ad6b7169203331-01"; do
    answered 200 PATCH /sales/demo -d lock=none -H "traceparent: $parent"
  done
  equal "lines of the trace" "$(grep -c "$TRACE" "$ERR")" 1
  for name in $'x\nsale-opened' 'x" event="y' 'x\",\"event\":\"y' \
    $'x\e[31m' $'\u2028x' 'sale=1 lock=none'; do
    call POST /sales/demo/buy --data-urlencode "buyer=$name"
    call POST /sales --data-urlencode "id=$name" -d capacity=1
    [ "$code" -eq 400 ]
    call PATCH "/sales/$(printf %s "$name" | od -An -tx1 | tr -d '\n' |
      tr ' ' %)" -d lock=none
    [ "$code" -eq 400 ]
  done
  # Where a name would be logged: an order that fails.
  inject "$(worker 1)" -P "$DATA/demo/ledger.jsonl" -e trace=write \
    -e inject=write:error=EIO
  freeze "$(worker 2)"
  for name in 'x" event="y' 'x\",\"event\":\"y'; do
    call POST /sales/demo/buy --data-urlencode "buyer=$name" \
      -H "Idempotency-Key: $name" \
      -H "traceparent: 00-$TRACE-b7ad6b7169203331-01"
    problem storage-error 503
  done
  thaw "$(worker 2)"
  repaired
  equal "lines of the trace" "$(grep -c "$TRACE" "$ERR")" 3
  equal "all lines" "$(wc -l <"$ERR")" 9
  if [ "$1" = json ]; then
    equal "bad lines" "$(grep -cvE "$JSON_LINE" "$ERR")" 0
    ! command -v jq >/dev/null ||
      equal "what jq says" "$(jq -c 'type' "$ERR" | sort -u)" '"object"'
  else
    equal "bad lines" "$(grep -cvE "$TEXT_LINE" "$ERR")" 0
  fi
  refute grep -q ' event="y\|^forged\|31m' "$ERR"
}

@test "text logs: one line an event, the trace's id, nothing forged" {
  need_strace
  forge text
}

@test "JSON logs: one object a line, the trace's id, nothing forged" {
  need_strace
  forge json
}
