#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: who scrapes /metrics learns how long orders and requests
# take, what sales have left and what runs here; in a form that Prometheus'
# own tools take, and none of it is lost when a worker dies.

load helper
load helper_crash

# sample NAME: the value of one series of the last answer, $body.
sample() {
  awk -v name="$1" '{ value = $NF; sub(/ [^ ]*$/, "") }
    $0 == name { print value }' <<<"$body"
}

REQUESTS='turnstile_request_duration_seconds'
ORDERS='turnstile_order_duration_seconds'
BUY='method="POST",route="/sales/{sale}/buy"'

# histogram NAME LABELS: its buckets rise to +Inf, which is the count.
histogram() {
  awk -v series="$1_bucket{$2," -v count="$1_count{$2}" '
    index($0, series) == 1 {
      if ($2 + 0 < last) exit 1
      bound = $1; sub(/.*le="/, "", bound); sub(/".*/, "", bound)
      if (bound != "+Inf" && bound + 0 <= above + 0) exit 1
      above = bound; last = $2 + 0; n++
    }
    index($0, count " ") == 1 { all = $2; counted = 1 }
    END { exit !(n > 10 && above == "+Inf" && counted && last == all) }' \
    <<<"$body" || fail "$1{$2} is no histogram"
}

# ---------------------------------------------------------------- durations --

durations_agree() {
  local i status requests=0
  start_workers 2 --store "$STORE" --tickets 30
  buyers 40 demo
  answered 404 POST /sales/nix/buy
  for i in {1..5}; do # whichever worker answers
    answered 200 GET /metrics
    histogram "$REQUESTS" "$BUY"
    histogram "$ORDERS" 'result="sold",lock="mutex"'
    equal requests "$(sample "${REQUESTS}_count{$BUY}")" 41
    equal sold "$(sample "${ORDERS}_count{result=\"sold\",lock=\"mutex\"}")" 30
    equal refused \
      "$(sample "${ORDERS}_count{result=\"refused\",lock=\"mutex\"}")" 10
    equal "no such sale" \
      "$(sample "${ORDERS}_count{result=\"refused\",lock=\"unknown\"}")" 1
    # No order takes longer than the requests that brought it.
    awk -v orders="$(awk -v name="${ORDERS}_sum" \
      'index($1, name) == 1 { s += $2 } END { print s }' <<<"$body")" \
      -v requests="$(sample "${REQUESTS}_sum{$BUY}")" \
      'BEGIN { exit !(orders > 0 && orders <= requests) }'
  done
}

@test "requests and orders are timed, in all workers" {
  each_store durations_agree
}

@test "what orders may come to is there before the first one" {
  local result lock
  start
  sale_open gig 5 semaphore:2 0
  answered 200 GET /metrics
  for result in sold refused failed; do
    for lock in mutex semaphore:N unknown; do
      [ "$result $lock" != "sold unknown" ] || continue # it cannot be
      equal "$result $lock" \
        "$(sample "${ORDERS}_count{result=\"$result\",lock=\"$lock\"}")" 0
    done
  done
  for lock in mutex semaphore:N; do
    equal "waits $lock" \
      "$(sample "turnstile_lock_wait_seconds_count{lock=\"$lock\"}")" 0
  done
  equal "histograms not in use" "$(grep -E '^[^#]*_bucket.*lock="(none|mutex-private|flock|semaphore|optimistic)"' <<<"$body")" ""
  equal "sold without a lock" "$(grep -F '"sold",lock="unknown"' <<<"$body")" ""
  # What happened stays, when no sale is left that could go on with it.
  answered 201 POST /sales/gig/buy
  answered 204 DELETE '/sales/gig?force=1'
  answered 200 GET /metrics
  equal "held once" \
    "$(sample 'turnstile_lock_hold_seconds_count{lock="semaphore:N"}')" 1
}

@test "what takes long is in the buckets for that, by what it came to" {
  start --workers 1 --delay 300ms --timeout 200ms --lock mutex
  volley demo demo
  equal sold "$(receipts)" 1
  answered 200 GET /metrics
  equal "sold within 0.2 s" \
    "$(sample "${ORDERS}_bucket{result=\"sold\",lock=\"mutex\",le=\"0.2048\"}")" 0
  equal "sold" \
    "$(sample "${ORDERS}_bucket{result=\"sold\",lock=\"mutex\",le=\"+Inf\"}")" 1
  # It waited for that lock in vain.
  equal "failed within 0.1 s" \
    "$(sample "${ORDERS}_bucket{result=\"failed\",lock=\"mutex\",le=\"0.1024\"}")" 0
  equal "failed" \
    "$(sample "${ORDERS}_count{result=\"failed\",lock=\"mutex\"}")" 1
  equal "lock-timeout" \
    "$(sample 'turnstile_orders_total{outcome="lock-timeout",lock="mutex"}')" 1
}

# bounds: of the requests, as they stand there; those of the locks are the same
bounds() {
  local name
  answered 200 GET /livez
  answered 200 GET /metrics
  sed -n "s/^${REQUESTS}_bucket{.*\/livez\",le=\"\(.*\)\"}.*/\1/p" <<<"$body" |
    tee "$WORK/bounds"
  for name in wait hold; do
    sed -n "s/^turnstile_lock_${name}_seconds_bucket{lock=\"mutex\",le=\"\(.*\)\"}.*/\1/p" \
      <<<"$body" | cmp - "$WORK/bounds" >&2
  done
}

@test "the buckets go from 50 us to what the deadlines allow" {
  local all
  start --timeout 100ms --audit-timeout 1s
  all=$(bounds)
  equal first "$(head -n 1 <<<"$all")" 5e-05
  equal last "$(tail -n 2 <<<"$all" | paste -sd ' ')" '1.6384 +Inf'
  stop
  start --timeout 1s --audit-timeout 1s
  equal last "$(bounds | tail -n 2 | paste -sd ' ')" '3.2768 +Inf'
  stop
  start --timeout 1h
  all=$(bounds)
  equal first "$(head -n 1 <<<"$all")" 5e-05
  equal last "$(tail -n 2 <<<"$all" | paste -sd ' ')" '6710.89 +Inf'
}

@test "a worker's death takes no count with it" {
  local before
  expect_log "$DIED" "$REPLACED"
  start_workers 2 --tickets 200
  buyers 50 demo
  answered 200 GET /metrics
  before=$(sample "${REQUESTS}_count{$BUY}")
  equal requests "$before" 50
  kill -KILL "$(worker 1)" "$(worker 2)"
  await 5 has_workers 2
  answered 200 GET /metrics
  equal "after the deaths" "$(sample "${REQUESTS}_count{$BUY}")" 50
  equal sold "$(sample "${ORDERS}_count{result=\"sold\",lock=\"mutex\"}")" 50
  buyers 10 demo
  answered 200 GET /metrics
  equal "and ten more" "$(sample "${REQUESTS}_count{$BUY}")" 60
}

# -------------------------------------------------------------------- sales --

sales_are_shown() {
  local i
  start --store "$STORE" --tickets 7
  answered 201 POST /sales/demo/buy -d quantity=3
  answered 200 GET /metrics
  equal capacity "$(sample 'turnstile_sale_capacity{sale="demo"}')" 7
  equal remaining "$(sample 'turnstile_sale_remaining{sale="demo"}')" 4
  equal sales "$(sample turnstile_sales)" 1
  answered 200 PATCH /sales/demo -d capacity=9
  sale_open gig 5 none 0
  answered 200 GET /metrics
  equal capacity "$(sample 'turnstile_sale_capacity{sale="demo"}')" 9
  equal remaining "$(sample 'turnstile_sale_remaining{sale="gig"}')" 5
  answered 204 DELETE '/sales/gig?force=1'
  answered 200 GET /metrics
  equal gone "$(sample 'turnstile_sale_remaining{sale="gig"}')" ""
  # Of very many, a hundred.
  for i in {1..103}; do
    printf 'next\nurl = "%s/sales"\ndata = "id=s%s&capacity=%s"\noutput = /dev/null\n' \
      "$URL" "$i" "$i"
  done | sed 1d | http -K -
  answered 200 GET /metrics
  equal sales "$(sample turnstile_sales)" 104
  equal shown "$(grep -c '^turnstile_sale_remaining{' <<<"$body")" 100
  equal capacity "$(sample 'turnstile_sale_capacity{sale="s99"}')" 99
  equal "the last" "$(sample 'turnstile_sale_capacity{sale="s103"}')" ""
}

@test "capacity and remaining of each sale, of a hundred at most" {
  each_store sales_are_shown
}

@test "build_info names the version" {
  start --store json
  answered 200 GET /metrics
  grep -Eqx "turnstile_build_info\{version=\"$("$TURNSTILE" --version |
    cut -d ' ' -f 2)\",compiler=\"[^\"]+\",store=\"json\"\} 1" <<<"$body"
}

# --------------------------------------------------------- others' readers --

# Something of everything, also of sales and routes that go wrong.
stir() {
  start_workers 2 --tickets 20
  sale_open other 3 semaphore:3 0
  buyers 30 demo
  buyers 5 other
  call POST /sales/nix/buy
  call GET /nix
  call GET /sales/demo/audit
  http "$URL/metrics" >"$WORK/text"
  http -H 'Accept: application/openmetrics-text' "$URL/metrics" >"$WORK/open"
}

@test "Prometheus' own reader for Python takes it, both forms" {
  local python
  "$ROOT/tests/packages.sh" python3-prometheus-client >"$WORK/apt" 2>&1 ||
    skip "$(tail -n 1 "$WORK/apt")"
  for python in /usr/bin/python3 python3 ''; do
    ! "$python" -c 'import prometheus_client' 2>/dev/null || break
  done
  [ -n "$python" ] || skip "there is no Python with prometheus_client"
  stir
  "$python" - "$WORK/text" "$WORK/open" <<'EOF'
import sys
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as open_parser

def seen(families):
    return {(s.name, tuple(sorted(s.labels.items())))
            for f in families for s in f.samples}

text = seen(parser.text_string_to_metric_families(open(sys.argv[1]).read()))
new = seen(open_parser.text_string_to_metric_families(open(sys.argv[2]).read()))
names = {name for name, _ in text}
for name in ("turnstile_request_duration_seconds_bucket",
             "turnstile_order_duration_seconds_sum",
             "turnstile_sale_remaining", "turnstile_build_info"):
    assert name in names, name
# Between the two calls a request was counted, which adds series at most.
assert text <= new, text - new
EOF
}

@test "promtool takes it, and finds nothing to improve" {
  command -v promtool >/dev/null || skip "there is no promtool"
  stir
  equal promtool "$(promtool check metrics <"$WORK/text" 2>&1)" ""
}
