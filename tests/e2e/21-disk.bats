#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a store that is slow to open, has no space left or cannot
# be opened at all.  The service either ends with one line, or it serves what
# it can, says why it does not sell, and sells again when that is over.

load helper
load helper_crash

MORE='^[^ ]+ orders-failed problem="storage-full" more=[0-9]+$'

# ------------------------------------------------------------- a slow start --

is_preparing() {
  [ -n "$(children)" ]
}

# The child that prepares the store waits for somebody to write into the pipe
# that stands where the owner's name does.
slow_start() {
  local status=0
  start --store "$STORE"
  stop
  rm "$DATA/.store"
  mkfifo "$DATA/.store"
  STARTED=$((STARTED + 1))
  OUT=$WORK/out.$STARTED ERR=$WORK/err.$STARTED
  "$TURNSTILE" --listen "$PORT" --data "$DATA" --store "$STORE" \
    >"$OUT" 2>"$ERR" 3>&- &
  SERVICE=$!
  PIDS=("$SERVICE")
  await 5 is_preparing
  http --max-time 2 "$URL/livez" 2>/dev/null || status=$?
  equal "curl's exit status for a refused connection" "$status" 7
  [ ! -s "$OUT" ]
  echo "$STORE" >"$DATA/.store"
  await 10 has_started
  grep -q "^turnstile [^ ]*: $URL " "$OUT"
  answered 200 GET /livez
  answered 201 POST /sales/demo/buy
}

@test "connections are refused, not kept waiting, until the store is ready" {
  each_store slow_start
}

# Of two that take an address and are not listening yet, one is told later.
@test "two that start at once on one port: one is told" {
  local status=0 late
  start
  stop
  mkdir "$WORK/late"
  mkfifo "$WORK/late/.store"
  "$TURNSTILE" --listen "$PORT" --store sqlite --data "$WORK/late" >"$WORK/late.out" \
    2>"$WORK/late.err" 3>&- &
  late=$!
  LOADS+=("$late")
  SERVICE=$late
  await 5 is_preparing
  launch --listen "$PORT" --data "$DATA"
  echo sqlite >"$WORK/late/.store"
  wait "$late" || status=$?
  equal "exit status" "$status" 1
  matches "what it said" "$(cat "$WORK/late.err")" \
    "^turnstile: port $PORT is in use: try --listen "
  equal "lines" "$(wc -l <"$WORK/late.err")" 1
  answered 200 GET /livez
}

# ------------------------------------------------------------- a full disk --

# A small file system of its own, in a file.
small_disk() {
  local image=$WORK/image
  [ "$(id -u)" -eq 0 ] || skip "only root may mount"
  command -v mkfs.ext4 >/dev/null || skip "there is no mkfs.ext4"
  mkdir "$WORK/disk"
  truncate -s 12M "$image"
  mkfs.ext4 -q -m 0 -b 4096 "$image"
  mount -o loop "$image" "$WORK/disk" 2>"$WORK/mount.err" ||
    skip "cannot mount: $(cat "$WORK/mount.err")"
  MOUNTS+=("$WORK/disk")
}

# To the last block that a file can get.
fill_disk() {
  await 10 disk_is_full
}

disk_is_full() {
  cat /dev/zero >>"$WORK/disk/filler" 2>/dev/null || true
  sync -f "$WORK/disk"
  refute dd if=/dev/zero of="$WORK/disk/filler" bs=4096 count=1 oflag=append \
    conv=notrunc 2>/dev/null
}

# try NUMBER: who buys with that key; what was sold is counted.
try() {
  call POST /sales/demo/buy -H "Idempotency-Key: $1" -d "buyer=$1"
  if [ "$code" -eq 201 ]; then
    sold=$((sold + 1))
  else
    problem storage-full 503
  fi
}

# is_full 1: nobody is to be sent here; is_full 0: it sells.
is_full() {
  call GET '/readyz?verbose'
  equal readyz "$code" "$((200 + 303 * $1))"
  matches readyz "$body" "\[[$([ "$1" -eq 0 ] && echo + || echo -)]\]space "
  equal turnstile_store_full "$(metric turnstile_store_full)" "$1"
}

# The log, or the ledger, may have a few bytes left in its last block.
buy_till_full() {
  local i
  fill_disk
  for ((i = 0; i < 60; i++)); do
    try "$1-$i"
    [ "$code" -eq 201 ] || {
      is_full 1
      return 0
    }
  done
  fail "it never was full"
}

starts_on_a_full_disk() {
  local i sold=0
  small_disk
  DATA=$WORK/disk/data
  EXPECTED+=("$FAILED" "$MORE")
  launch --listen 0 --data "$DATA" --store "$STORE" --tickets 1000
  no_orders
  for ((i = 0; i < 300; i++)); do order "b$i" "b$i" demo; done
  send
  equal sold "$(codes 201)" 300
  sold=300
  crash
  fill_disk
  again --store "$STORE"
  equal left "$(left demo)" $((1000 - sold))
  buy_till_full first
  stop
  fill_disk
  again --store "$STORE"
  answered 200 GET /readyz
  equal left "$(left demo)" $((1000 - sold))
  answered 200 GET '/sales/demo/ledger?after=299'
  buy_till_full second
  flood
  rm "$WORK/disk/filler"
  await 5 sells_again
  is_full 0
  audit_is_correct demo "$((sold + 1))"
  stop
  again --store "$STORE"
  audit_is_correct demo "$((sold + 1))"
}

# failures: those that the log tells, and those that it only counts.
failures() {
  awk '/ order-failed / { n++ }
    / orders-failed / { sub(/.* more=/, ""); n += $0 } END { print n + 0 }' "$ERR"
}

told() {
  [ "$(failures)" -eq "$1" ]
}

# Hundreds are refused: of a second ten are told, and all are counted.
flood() {
  local i from=$SECONDS before said
  before=$(failures)
  said=$(grep -c ' order-failed ' "$ERR")
  no_orders
  for ((i = 0; i < 300; i++)); do order "f$i" "f$i" demo; done
  send
  equal refused "$(codes 503)" 300
  await 5 told $((before + 300))
  said=$(($(grep -c ' order-failed ' "$ERR") - said))
  echo "$said of 300 in the log"
  [ "$said" -ge 1 ]
  [ "$said" -le $((10 * (SECONDS - from + 2))) ]
  [ "$said" -lt 300 ]
}

sells_again() {
  call POST /sales/demo/buy -H "Idempotency-Key: last" && [ "$code" -eq 201 ]
}

@test "it starts on a full disk, shows what there is, and sells when it can; json" {
  STORE=json starts_on_a_full_disk
}

@test "it starts on a full disk, shows what there is, and sells when it can; sqlite" {
  STORE=sqlite starts_on_a_full_disk
}

# --------------------------------------------- a store that does not open --

# With so few files the store can be prepared, by one thread, and HTTP can
# start; the clerks of a worker cannot open it.
FEW=16

@test "a worker that cannot open the store at the start: one line, and the end" {
  local status=0
  prlimit --nofile=$FEW timeout 20 "$TURNSTILE" --listen 0 --store sqlite \
    --data "$WORK/data" --workers 2 >"$WORK/out" 2>"$WORK/err" 3>&- ||
    status=$?
  equal "exit status" "$status" 1
  equal "lines" "$(wc -l <"$WORK/err")" 1
  matches "what it said" "$(cat "$WORK/err")" \
    '^turnstile: no worker can serve: .*Too many open files$'
  equal "that it serves" "$(cat "$WORK/out")" ""
}

says_why() {
  call GET '/readyz?verbose'
  [ "$code" -eq 503 ] &&
    [[ $body == *'[-]store is being recovered: '*'Too many open files'* ]]
}

tells_buyers_why() {
  call POST /sales/demo/buy && problem storage-error 503 &&
    matches detail "$(member detail)" 'Too many open files' &&
    answered 200 GET /livez
}

@test "workers that cannot open the store any more: 503, and why; and then they can" {
  local i pid deaths code refused=0
  DIED_SO='^[^ ]+ worker-died worker=[12] pid=[0-9]+ how=".*Too many open files" .*$'
  expect_log "$DIED" "$DIED_SO" "$REPLACED"
  expect_log '^[^ ]+ store-poisoned what="no worker can open it; .*"$'
  EXPECTED+=('^[^ ]+ store-(recovered after_ms=[0-9]+|not-recovered error=".+")$')
  EXPECTED+=('^[^ ]+ worker-died worker=[12] pid=[0-9]+ how="left the store to be recovered" .*$')
  start_workers 2 --store sqlite
  answered 201 POST /sales/demo/buy
  prlimit --pid "$SERVICE" --nofile=$FEW:
  for pid in $(workers); do kill -KILL "$pid"; done
  # Who asks just when a worker tries it again is hung up on.
  await 10 says_why 2>/dev/null
  await 10 tells_buyers_why 2>/dev/null
  # It is tried again, less and less often.
  for ((i = 0; i < 40; i++)); do
    code=$(http -X POST -o "$WORK/body" -w '%{http_code}' \
      "$URL/sales/demo/buy" 2>/dev/null) || [ "$code" = 000 ]
    case $code in
      503) refused=$((refused + 1)) ;;
      *) equal status "$code" 000 ;;
    esac
  done
  [ "$refused" -ge 35 ]
  prlimit --pid "$SERVICE" --nofile=4096:
  await 15 is_ready
  # The other worker may be at it, and hang up.
  await 15 has_workers 2
  answered 201 POST /sales/demo/buy
  answered 200 GET '/readyz?verbose'
  matches readyz "$body" '\[\+\]store ok'
  deaths=$(metric turnstile_worker_deaths_total)
  echo "$deaths deaths"
  [ "$deaths" -le 12 ]
}
