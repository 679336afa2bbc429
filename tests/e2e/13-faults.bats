#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a disk that fails.  What was acknowledged is there, what
# was refused is not; whoever was told that the outcome is unknown learns it by
# the key; and when the fault is gone, the service sells again.

load helper
load helper_crash

MORE='^[^ ]+ orders-failed problem="[a-z-]+" more=[0-9]+$'

# Each buyer's answer, and later the ledger: b1, b2 … in turn.
# buy NAME: with a key of that name; what a 201 says is kept.
buy() {
  mkdir -p "$WORK/answers"
  call POST /sales/demo/buy -H "Idempotency-Key: $1" -d "buyer=$1"
  case $code in
    201) echo "$body" >"$WORK/answers/$1" ;;
  esac
}

is_in_ledger() {
  ledger demo | grep -q "\"buyer\":\"$1\""
}

# All of b1 … $1 are told yes by now, each was sold once, and it is still so
# after the next start.
all_is_well() {
  local i
  for ((i = 1; i <= $1; i++)); do
    buy "b$i"
    equal "status of b$i" "$code" 201
  done
  ledger_agrees demo
  audit_is_correct demo "$1"
  local kept
  kept=$(receipts_kept demo)
  stop
  WANTED=()
  again --store "$STORE"
  equal "the ledger after a restart" "$(receipts_kept demo)" "$kept"
  audit_is_correct demo "$1"
}

# ------------------------------------------------------ fdatasync fails --

# The other worker is stopped, so that recovery has to wait for it; and then
# the supervisor, which would end it in two seconds: that is the time in which
# to look.
a_failed_sync() {
  local other closed
  need_strace
  EXPECTED+=("$DIED")
  expect_log "$LEFT" "$POISONED" "$RECOVERED" "$REPLACED" "$FAILED"
  start_workers 2 --store "$STORE" --clerks 1
  other=$(worker 2)
  freeze "$other"
  inject "$(worker 1)" -P "$(orders_file)" -e trace=fdatasync,fsync \
    -e inject=fdatasync,fsync:error=EIO:when=2
  buy b1
  equal "status of b1" "$code" 201
  local receipt=$body
  buy b2
  problem outcome-unknown 500
  equal "calls that failed" "$(injected)" 1
  # Its clients are told until they go; then another takes its place.
  await 2 is_recovering
  freeze "$SERVICE"
  closed=$(worker 1)
  call GET /readyz
  equal readyz "$code $body" "503 not ready"
  matches Retry-After "$(header retry-after)" '^[0-9]+$'
  answered 503 GET '/readyz?verbose'
  matches verbose "$body" '\[-\]store is being recovered'
  answered 200 GET /livez
  equal poisoned "$(metric turnstile_store_poisoned)" 1
  call POST /sales/demo/buy -H 'Idempotency-Key: b3' -d buyer=b3
  problem storage-error 503
  call POST /sales/demo/buy -H 'Idempotency-Key: b2' -d buyer=b2
  problem storage-error 503
  call PATCH /sales/demo -d lock=none
  problem storage-error 503
  # It does not wait for ever for the one that is stopped.
  thaw "$SERVICE"
  await 5 is_ready
  is_gone "$other"
  equal "the worker that had the store closed" "$(worker 1)" "$closed"
  await 5 has_workers 2
  equal poisoned "$(metric turnstile_store_poisoned)" 0
  refute is_in_ledger b3
  buy b1
  equal "the receipt that was acknowledged" "$body" "$receipt"
  if [ "$STORE" = json ]; then # it cuts what is in doubt
    refute is_in_ledger b2
  fi
  repaired
  all_is_well 5
}

is_recovering() {
  [ "$(metric turnstile_workers_ready)" = 1 ] &&
    [ "$(metric turnstile_store_poisoned)" = 1 ]
}

@test "EIO from the second fdatasync: unknown, recovered, sold once; json" {
  STORE=json a_failed_sync
}

@test "EIO from the second fdatasync: unknown, recovered, sold once; sqlite" {
  STORE=sqlite a_failed_sync
}

# Many at once, in batches.  The other worker joins when it has happened, else
# it might be the only one who sells; or, on a busy machine, it is ended.
a_failed_sync_in_a_crowd() {
  local other
  need_strace
  expect_log "$LEFT" "$POISONED" "$RECOVERED" "$REPLACED"
  EXPECTED+=("$FAILED" "$DIED" "$MORE")
  start_workers 2 --store "$STORE" --batch 4
  inject "$(worker 1)" -P "$(orders_file)" -e trace=fdatasync,fsync \
    -e inject=fdatasync,fsync:error=EIO
  other=$(worker 2)
  freeze "$other"
  crowd 150 demo
  await 5 grep -Eq "$POISONED" "$ERR"
  thaw "$other" || is_gone "$other"
  crowd_is_served
  repaired
  equal receipts "$(receipts)" 100
  equal sold-out "$(refusals sold-out)" 50
  equal seats "$(seats | paste -sd ' ')" "$(seq -s ' ' 100)"
  ledger_agrees demo
  audit_is_correct demo 100
  [ "$(metric 'turnstile_orders_total{outcome="outcome-unknown",lock="mutex"}')" -ge 1 ]
}

@test "EIO from fdatasync under a crowd: 100 seats, once each" {
  each_store a_failed_sync_in_a_crowd
}

recovery_fails() {
  need_strace
  expect_log "$POISONED" "$RECOVERED"
  expect_log '^[^ ]+ store-not-recovered error=".+"$'
  EXPECTED+=("$LEFT" "$FAILED" "$REPLACED")
  start_workers 1 --store json
  buy b1
  cp "$DATA/demo/sale.json" "$WORK/sale.json"
  inject "$(worker 1)" -e trace=fdatasync -e inject=fdatasync:error=EIO
  echo nix >"$DATA/demo/sale.json"
  buy b2
  problem outcome-unknown 500
  await 3 grep -q store-not-recovered "$ERR"
  call POST /sales/demo/buy
  problem storage-error 503
  cp "$WORK/sale.json" "$DATA/demo/sale.json"
  await 5 is_ready
  repaired
  STORE=json all_is_well 3
}

@test "recovery that fails is tried again until it works" {
  recovery_fails
}

a_child_recovers() {
  local pid
  for pid in $(children); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != recovery ] || return 0
  done
  return 1
}

# It waits for whoever would write into its sale.json.
recovery_hangs() {
  need_strace
  expect_log "$POISONED"
  EXPECTED+=("$LEFT" "$FAILED" "$REPLACED")
  start_workers 1 --store json --timeout 10s
  inject "$(worker 1)" -e trace=fdatasync -e inject=fdatasync:error=EIO
  mkfifo "$WORK/sale.json"
  mv "$WORK/sale.json" "$DATA/demo/sale.json"
  buy b1
  problem outcome-unknown 500
  await 5 a_child_recovers
  call POST /sales/demo/buy
  problem storage-error 503
  repaired
  stop
}

@test "a stop does not wait for a recovery that hangs" {
  recovery_hangs
}

# -------------------------------------------------------- writes that fail --

# Nothing was sold: 503, and not in the ledger.
refused() {
  local i
  for i in "$@"; do
    buy "b$i"
    problem "${PROBLEM}" 503
    refute is_in_ledger "b$i"
  done
}

# failing_writes PROBLEM OPTION…: b1, b2 are sold, b3, b4 are not while
# the fault lasts.  No worker dies, nothing is poisoned.
failing_writes() {
  local PROBLEM=$1
  shift
  need_strace
  EXPECTED+=("$FAILED")
  start_workers 1 --store "$STORE"
  buy b1
  buy b2
  inject "$(worker 1)" -P "$(orders_file)" "$@"
  refused 3 4
  [ "$(injected)" -ge 2 ]
  call GET /readyz
  equal readyz "$code" "$([ "$PROBLEM" = storage-full ] && echo 503 || echo 200)"
  equal left "$(left demo)" 98
  receipts_kept demo >"$WORK/kept"
  receipts_told | diff - "$WORK/kept"
  repaired
  equal deaths "$(metric turnstile_worker_deaths_total)" 0
  all_is_well 5
}

@test "ENOSPC from write: refused, nothing sold; json" {
  STORE=json failing_writes storage-full -e trace=write \
    -e inject=write:error=ENOSPC
}

@test "ENOSPC from write: refused, nothing sold; sqlite" {
  STORE=sqlite failing_writes storage-full -e trace=pwrite64 \
    -e inject=pwrite64:error=ENOSPC
}

@test "EIO from write: refused, nothing sold; json" {
  STORE=json failing_writes storage-error -e trace=write \
    -e inject=write:error=EIO
}

# A COMMIT that fails is never taken for one that did not happen.
@test "EIO from write: unknown, recovered, sold once; sqlite" {
  local STORE=sqlite
  need_strace
  expect_log "$LEFT" "$POISONED" "$RECOVERED"
  EXPECTED+=("$FAILED" "$REPLACED")
  start_workers 1 --store sqlite
  buy b1
  inject "$(worker 1)" -P "$(orders_file)" -e trace=pwrite64 \
    -e inject=pwrite64:error=EIO
  buy b2
  problem outcome-unknown 500
  await 5 is_ready
  repaired
  all_is_well 3
}

@test "a short write is a full disk; json" {
  STORE=json failing_writes storage-full -e trace=write \
    -e inject=write:retval=5
}

@test "a short write is a full disk; sqlite" {
  STORE=sqlite failing_writes storage-full -e trace=pwrite64 \
    -e inject=pwrite64:retval=0
}

# --------------------------------------------- what no answer can be made of --

@test "a connection that epoll does not let go: a worker ends and says why" {
  local STORE=json
  local ended=${LEFT/left the store to be recovered/exited with 1}
  need_strace
  expect_log '^[^ ]+ http-failed what="[^"]+" error="Cannot allocate memory"$' \
    "$ended" "$REPLACED"
  start_workers 1 --store json
  buy b1
  # The first is the new connection; the next would hand it to a clerk.
  inject "$(worker 1)" -e trace=epoll_ctl \
    -e inject=epoll_ctl:error=ENOMEM:when=2+
  buy b2 || true
  equal "status of b2" "$code" 000
  repaired
  await 5 is_ready
  all_is_well 2
}

@test "a data directory that was made: its name is on disk, or no start" {
  need_strace
  VARIABLES=(strace -qq -o "$WORK/trace" -P "$(realpath "$WORK")"
    -e trace=fsync -e inject=fsync:error=EIO)
  refuses 1 '/new/\.\.: fsync: Input/output error$' --listen 0 \
    --data "$WORK/new"
}

# ------------------------------------------------------------- a full disk --

# What the kernel does at the end of the space: it writes what fits.  To SQLite
# that is a COMMIT that failed; json knows that nothing was sold.
a_full_disk() {
  local pid i
  command -v prlimit >/dev/null || skip "there is no prlimit"
  EXPECTED+=("$FAILED")
  start_workers 1 --store "$STORE"
  pid=$(worker 1)
  buy b1
  # Room for one more, and for a part of the one behind it.
  prlimit --pid "$pid" --fsize=$(($(stat -c %s "$(orders_file)") * 5 / 2 -
    1)):unlimited
  for ((i = 2; i < 9; i++)); do
    buy "b$i"
    [ "$code" -eq 201 ] || break
  done
  echo "$i was the first that did not fit"
  [ "$i" -ge 3 ]
  if [ "$STORE" = json ]; then
    problem storage-full 503
    equal Retry-After "$(header retry-after)" 10
    buy "b$i"
    problem storage-full 503
    refute is_in_ledger "b$i"
    answered 503 GET /readyz
    prlimit --pid "$pid" --fsize=unlimited
  else
    problem outcome-unknown 500
    await 5 is_ready
    grep -Eq "$RECOVERED" "$ERR"
  fi
  ledger_agrees demo
  all_is_well $((i + 1))
}

@test "a full disk: what does not fit is not sold; json" {
  STORE=json a_full_disk
}

@test "a full disk: unknown, recovered, sold once; sqlite" {
  EXPECTED+=("$LEFT" "$POISONED" "$RECOVERED" "$REPLACED")
  STORE=sqlite a_full_disk
}

# Not even a line fits behind a crash: nothing is lost by it.
crash_when_full() {
  command -v prlimit >/dev/null || skip "there is no prlimit"
  EXPECTED+=("$FAILED" "$DIED" "$REPLACED")
  start_workers 1 --store json
  buy b1
  prlimit --pid "$(worker 1)" \
    --fsize=$(($(stat -c %s "$DATA/demo/ledger.jsonl") + 10)):unlimited
  buy b2
  problem storage-full 503
  kill -KILL "$(worker 1)"
  await 5 has_workers 1
  STORE=json all_is_well 3
}

@test "a worker killed on a full disk leaves nothing half" {
  crash_when_full
}
