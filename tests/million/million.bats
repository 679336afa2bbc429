#!/usr/bin/env bats
# shellcheck disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: what a large ledger must not cost.  A worker that takes a
# keyed order in a sale of many reads no ledger for it, and has no index of its
# own, with either store; and all that `million` makes is found.

load ../e2e/helper

MILLION=$(cd "$ROOT" && realpath "${MILLION:-build/million}")
ORDERS=100000 # 56 MB of ledger

large_sale_costs_little() {
  local pid before after anonymous
  DATA=$WORK/large-$STORE
  mkdir "$DATA"
  "$MILLION" "$STORE" "$DATA" "$ORDERS"
  again --store "$STORE" --workers 1
  equal version "$(answered 200 GET /sales/demo && member version)" "$ORDERS"
  pid=$(children)
  before=$(bytes_read "$pid")
  answered 201 POST /sales/demo/buy -d buyer=alice -H 'Idempotency-Key: new'
  answered 201 POST /sales/demo/buy -d buyer=buyer-77777 \
    -H 'Idempotency-Key: key-77777'
  equal 'seat of an old key' "$(member seats)" '[77777]'
  answered 200 GET "/sales/demo/orders/$(
    printf 00000000-0000-7000-8000-%012x 12345)"
  equal 'buyer of an old order' "$(member buyer)" buyer-12345
  after=$(bytes_read "$pid")
  anonymous=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' \
    "/proc/$pid/status")
  echo "read $((after - before)) bytes, $anonymous kB of its own"
  [ $((after - before)) -lt 1000000 ]
  [ "$anonymous" -lt 6000 ]
  answered 200 GET /sales/demo/audit
  equal receipts "$(member receipts)" $((ORDERS + 1))
}

bytes_read() {
  sed -n 's/^rchar: //p' "/proc/$1/io"
}

@test "a keyed order in a large sale reads no ledger" {
  each_store large_sale_costs_little
}
