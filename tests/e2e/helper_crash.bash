# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# For the tests of crashes and faults: buyers with keys who try again, clerks
# that stop where they hold a lock, processes that are killed, disks that fail.

DIED='^[^ ]+ worker-died worker=[0-9]+ pid=[0-9]+ how="killed by signal 9 \(Killed\)" locks_held=[0-9]+ permits_handed_back=[0-9]+ lived_ms=[0-9]+$'
REPLACED='^[^ ]+ worker-replaced worker=[0-9]+ pid=[0-9]+ after_ms=[0-9]+$'

STUCK='^[^ ]+ worker-stuck worker=[0-9]+ pid=[0-9]+ what="it is stopped, or does not get to run: its clients wait" killed_in_ms=[0-9]+$'
GOES_ON='^[^ ]+ worker-goes-on worker=[0-9]+ pid=[0-9]+$'

LEFT='^[^ ]+ worker-died worker=[12] pid=[0-9]+ how="left the store to be recovered" locks_held=0 permits_handed_back=0 lived_ms=[0-9]+$'
POISONED='^[^ ]+ store-poisoned what="a write.s outcome is unknown; nothing is sold until the store is recovered"$'
RECOVERED='^[^ ]+ store-recovered after_ms=[0-9]+$'
FAILED='^[^ ]+ order-failed sale="demo" error=".+" request="[0-9a-f]+"$'

# ------------------------------------------------------------- processes --

# The processes of the service's workers, by their numbers.
workers() {
  local pid name
  # shellcheck disable=SC2013 # they are words
  for pid in $(cat "/proc/$SERVICE/task/$SERVICE/children" 2>/dev/null); do
    read -r name <"/proc/$pid/comm" && echo "$name $pid"
  done 2>/dev/null | sort | sed -n 's/^worker [0-9]* \([0-9]*\)$/\1/p'
}

# A worker is one when it has its name, and serves when it says so.
has_workers() {
  [ "$(workers | wc -l)" -eq "$1" ] &&
    [ "$(metric turnstile_workers_ready)" = "$1" ]
}

# start_workers COUNT [OPTION…]: a service whose workers all serve.
start_workers() {
  start --workers "$@"
  await 5 has_workers "$1"
}

worker() {
  workers | sed -n "$1p"
}

# It leaves $code and $body as they were.
is_ready() {
  local code body
  call GET /readyz && [ "$code" -eq 200 ]
}

is_stopped() {
  [[ $(cat "/proc/$1/stat" 2>/dev/null) == *') T '* ]]
}

# It may be told before it goes on: how long a test takes is not its own.
may_be_stuck() {
  EXPECTED+=("$STUCK" "$GOES_ON")
}

freeze() {
  may_be_stuck
  kill -STOP "$1"
  await 2 is_stopped "$1"
}

thaw() {
  kill -CONT "$1"
}

# The process group of each process there is, by its number, one a line.
groups() {
  sed -E 's/^.*\) . [0-9]+ ([0-9]+) .*$/\1/' /proc/[0-9]*/stat 2>/dev/null
}

# Kill the supervisor; its workers and their locks go with it.
crash() {
  kill -KILL "$SERVICE"
  wait "$SERVICE" 2>/dev/null || true
  check_stderr
  SERVICE=
}

# The service once more, where it was.
revive() {
  launch --listen "$PORT" --data "$DATA" "$@"
}

now_ms() {
  local now=$EPOCHREALTIME
  echo $((${now/./} / 1000))
}

# ---------------------------------------------------------------- drills --
# A clerk who finds an order of ours stops its process just before it writes,
# with the lock held.

# Before start.
drill_begin() {
  rm -f "$WORK/order" "$WORK/report"
  mkfifo "$WORK/order" "$WORK/report"
  exec {ORDER_FD}<>"$WORK/order" {REPORT_FD}<>"$WORK/report"
  VARIABLES=("TURNSTILE_DRILL=$ORDER_FD,$REPORT_FD")
}

drill_end() {
  exec {ORDER_FD}>&- {REPORT_FD}>&-
  VARIABLES=()
}

# stop_a_holder NAME: NAME buys, with a key, and its clerk stops on the way:
# $HOLDER is the process.  Its answer will be in $WORK/holder.
stop_a_holder() {
  echo -n x >&"$ORDER_FD"
  rm -f "$WORK/holder"
  http -o "$WORK/holder" -w '%{http_code}' -H "Idempotency-Key: $1" \
    -d "buyer=$1" "$URL/sales/demo/buy" \
    >"$WORK/holder.code" 2>/dev/null 3>&- &
  HOLDER_BUYER=$!
  LOADS+=("$HOLDER_BUYER")
  read -r -t 5 HOLDER HOLDER_WORKER _ <&"$REPORT_FD" ||
    fail "nobody came to write"
  await 2 is_stopped "$HOLDER"
  may_be_stuck
}

# Its answer: sets $code and $body.
hear_the_holder() {
  wait "$HOLDER_BUYER" || true
  LOADS=()
  code=$(cat "$WORK/holder.code")
  body=$(cat "$WORK/holder" 2>/dev/null) || body=
}

# ------------------------------------------------------ the lock, from here --

# Hold the lock of the first sale, under flock, so that all others wait.
hold() {
  mkdir -p "$DATA/.locks"
  exec {HOLD_FD}>>"$DATA/.locks/0"
  flock -w 5 "$HOLD_FD" || fail "the lock is held"
}

# A clerk of process $1 waits for it.
has_waiting() {
  grep -q -- "-> FLOCK .* $1 " /proc/locks
}

let_go() {
  flock -u "$HOLD_FD"
  exec {HOLD_FD}>&-
}

# ----------------------------------------------------------------- buyers --

# order NAME KEY SALE [FILE]: one more for send(); NAME buys one ticket, and
# what it is told goes to answers/FILE.  All of it is kept in $BOOK, if that is
# set.
order() {
  local book=${BOOK:-$WORK} next=next
  [ -s "$book/orders" ] || next=
  {
    echo "$next"
    printf '%s = "%s"\n' url "$URL/sales/$3/buy" data "buyer=$1" \
      header "Idempotency-Key: $2" output "$book/answers/${4-$1}" \
      write-out "%{http_code} ${4-$1}\n" noproxy '*' max-time "$CURL_LIMIT"
  } >>"$book/orders"
}

no_orders() {
  local book=${BOOK:-$WORK}
  rm -rf "$book/answers" "$book/orders"
  mkdir "$book/answers"
}

# Send all orders at once, each on a connection of its own; "CODE NAME" of
# each is in $WORK/codes, 000 for one that was not answered.
send() {
  local book=${BOOK:-$WORK}
  curl -q -Z --parallel-immediate --parallel-max 300 -K "$book/orders" \
    >"$book/codes" 2>/dev/null 3>&- || true
}

# codes REGEX: how many
codes() {
  grep -cE "^($1) " "$WORK/codes" || true
}

# persist FROM TO SALE: buyers FROM … TO, with keys, try until they are told
# yes or no.
persist() {
  local BOOK=$WORK/persist.$1 until=$((SECONDS + 20)) todo code i
  mkdir "$BOOK" "$BOOK/told"
  mapfile -t todo < <(seq "$1" "$2")
  while [ "${#todo[@]}" -gt 0 ]; do
    [ "$SECONDS" -lt "$until" ] || return 1
    no_orders
    for i in "${todo[@]}"; do order "$i" "key-$i" "$3"; done
    send
    todo=()
    while read -r code i; do
      case $code in
        201 | 409) mv "$BOOK/answers/$i" "$BOOK/told/$i" ;;
        000 | 500 | 503) todo+=("$i") ;;
        *) return 1 ;;
      esac
    done <"$BOOK/codes"
  done
}

# crowd COUNT SALE: they buy in the background, a third of them each.
crowd() {
  local third=$(($1 / 3)) first
  rm -rf "$WORK"/persist.*
  CROWD=()
  for first in 1 $((third + 1)) $((2 * third + 1)); do
    persist "$first" $((first + third - 1)) "$2" 3>&- &
    CROWD+=("$!")
    LOADS+=("$!")
  done
}

# All of them have their answers: in $WORK/answers.
crowd_is_served() {
  local pid
  for pid in "${CROWD[@]}"; do
    wait "$pid" || fail "a buyer was never told, or told strange things"
  done
  LOADS=()
  rm -rf "$WORK/answers"
  mkdir "$WORK/answers"
  mv "$WORK"/persist.*/told/* "$WORK/answers"
}

# --------------------------------------------------------------- judgement --

# Each receipt's order and seats, a line each, in order.
receipts_told() {
  cat "$WORK"/answers/* /dev/null |
    sed -nE 's/^\{"order":"([0-9a-f-]+)".*"seats":(\[[0-9,]*\]).*/\1 \2/p' |
    sort
}

receipts_kept() {
  ledger "$1" |
    sed -nE 's/.*"order":"([0-9a-f-]+)".*"seats":(\[[0-9,]*\]).*/\1 \2/p' | sort
}

# The ledger has these receipts, no more and no fewer.
ledger_agrees() {
  receipts_told | uniq >"$WORK/told"
  receipts_kept "$1" >"$WORK/kept"
  diff "$WORK/told" "$WORK/kept" >&2 ||
    fail "the ledger is not what buyers were told"
}

# audit_is_correct SALE SOLD
audit_is_correct() {
  answered 200 GET "/sales/$1/audit"
  equal verdict "$(member verdict)" correct
  equal wrong "$(member wrong)" false
  equal tickets "$(member tickets)" "$2"
  equal seats "$(member seats)" "$2"
  equal overwrites "$(member overwrites)" 0
  equal stranded "$(member stranded)" 0
}

# metric NAME[{LABELS}]: its value, by whoever answers; "" if it is not there.
metric() {
  http "$URL/metrics" 2>/dev/null | awk -v name="$1" '$1 == name { print $2 }'
}

# ------------------------------------------------------------------ faults --

# Skip where nobody may be traced; tried once in a run.
need_strace() {
  local target status=0 works=$BATS_RUN_TMPDIR/strace-works
  [ ! -e "$works" ] || return 0
  command -v strace >/dev/null || skip "there is no strace"
  sleep 10 3>&- &
  target=$!
  timeout 0.5 strace -qq -o /dev/null -p "$target" 2>"$WORK/strace.err" 3>&- ||
    status=$?
  kill "$target"
  wait "$target" 2>/dev/null || true
  if [ -s "$WORK/strace.err" ] || [ "$status" -lt 124 ]; then
    skip "strace may not attach: $(head -n 1 "$WORK/strace.err")"
  fi
  touch "$works"
}

is_traced() {
  local count
  count=$(grep -L "^TracerPid:[^0-9]*$STRACE\$" "/proc/$1"/task/*/status |
    wc -l)
  [ "$count" -eq 0 ]
}

# The file that orders are written to, once $DATA is known.
orders_file() {
  case $STORE in
    json) echo "$DATA/demo/ledger.jsonl" ;;
    sqlite) echo "$DATA/turnstile.db-wal" ;;
  esac
}

# inject PID OPTION…: from now on, the worker's system calls fail like that.
inject() {
  local pid=$1
  shift
  strace -f -qq -o "$WORK/strace" "$@" -p "$pid" 2>"$WORK/strace.err" 3>&- &
  STRACE=$!
  LOADS+=("$STRACE")
  await 3 is_traced "$pid" || fail "strace: $(cat "$WORK/strace.err")"
}

# The fault is gone.
repaired() {
  kill "$STRACE" 2>/dev/null || true
  wait "$STRACE" 2>/dev/null || true
  LOADS=()
}

# How many calls failed that way.
injected() {
  grep -c INJECTED "$WORK/strace" || true
}
