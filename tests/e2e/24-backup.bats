#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a backup that is made while tickets are sold has what was
# acknowledged before, each sale as it was at one moment; what is restored from
# it sells on.  FILE is whole or as it was, whatever happens to who writes it.

load helper
load helper_crash

# back_up [ARGUMENT…]: of the data directory, to $WORK/b.tar
back_up() {
  "$TURNSTILE" backup --data "$DATA" "$@" "$WORK/b.tar" >"$WORK/said" 3>&-
}

# restore STORE: to a new data directory, and start there
restore() {
  DATA=$WORK/restored.$((STARTED + 1))
  "$TURNSTILE" restore --data "$DATA" --store "$1" "$WORK/b.tar" \
    >"$WORK/said" 3>&-
  again --store "$1"
}

# Nobody has left a file beside the backup.
nothing_beside() {
  equal "beside the backup" "$(find "$WORK" -maxdepth 1 -name 'b.tar.*')" ""
}

# unpack DIR: the backup, by tar
unpack() {
  mkdir "$1"
  tar -xf "$WORK/b.tar" -C "$1"
}

# buy KEY [OPTION…]: what a 201 says is kept in told/KEY.
buy() {
  local key=$1
  shift
  mkdir -p "$WORK/told"
  call POST /sales/demo/buy -H "Idempotency-Key: $key" -d "buyer=$key" "$@"
  if [ "$code" -eq 201 ]; then echo "$body" >"$WORK/told/$key"; fi
}

# Who was told yes before is told the same.
receipts_are_there() {
  local file key
  for file in "$WORK"/told/*; do
    key=${file##*/}
    answered 201 POST /sales/demo/buy -H "Idempotency-Key: $key" \
      -d "buyer=$key"
    equal "the receipt of $key" "$body" "$(cat "$file")"
  done
}

# ------------------------------------------------------- while it sells --

# The crowd buys from before the backup begins until after it has ended.
while_it_sells() {
  local i to
  rm -rf "$WORK/told"
  start --store "$STORE" --workers 2 --tickets 1000
  for ((i = 1; i <= 20; i++)); do buy "early-$i"; done
  equal told "$(find "$WORK/told" -type f | wc -l)" 20
  answered 200 PATCH /sales/demo -d delay=50ms # it is not served before
  crowd 240 demo
  await 10 sells 30
  orders_so_far
  back_up
  refute served_already
  matches "what it says" "$(cat "$WORK/said")" \
    "^$WORK/b.tar: 1 sale, [0-9]+ receipts\$"
  answered 200 PATCH /sales/demo -d delay=0
  crowd_is_served
  stop
  for to in json sqlite; do
    restore "$to"
    answered 200 PATCH /sales/demo -d delay=0
    receipts=$(receipts_kept demo | wc -l)
    echo "restored to $to: $receipts receipts, $(wc -l <"$WORK/before") told before"
    receipts_kept demo | cut -d ' ' -f 1 | comm -13 - "$WORK/before" >"$WORK/lost"
    equal "orders that were told before and are lost" "$(cat "$WORK/lost")" ""
    audit_is_correct demo "$receipts"
    receipts_are_there
    audit_is_correct demo "$receipts"
    # The crowd tries again: who is in it is told what was sold, others buy.
    crowd 240 demo
    crowd_is_served
    audit_is_correct demo 260
    stop
  done
}

# What the crowd has been told by now.
orders_so_far() {
  cat "$WORK"/persist.*/answers/* "$WORK"/persist.*/told/* 2>/dev/null |
    sed -nE 's/^\{"order":"([0-9a-f-]+)".*\}$/\1/p' | sort >"$WORK/before"
  [ "$(wc -l <"$WORK/before")" -ge 20 ]
}

sells() {
  [ "$(left demo)" -le $((1000 - 20 - $1)) ]
}

served_already() {
  [ "$(left demo)" -le 740 ]
}

@test "backup and restore while a crowd buys; json" {
  STORE=json while_it_sells
}

@test "backup and restore while a crowd buys; sqlite" {
  STORE=sqlite while_it_sells
}

# A change, sales that come and go, and tickets without end, all the time.
unrest() {
  local n
  for ((n = 1; ; n++)); do
    http -X PATCH -d "capacity=$((1000 + n))" "$URL/sales/demo"
    http -X PATCH -d "lock=none" "$URL/sales/demo"
    http -X POST -d quantity=7 "$URL/sales/demo/buy"
    http -X PATCH -d "lock=mutex" "$URL/sales/demo"
    http -d "id=sale-$((n % 3))" -d capacity=5 "$URL/sales"
    http -X POST "$URL/sales/sale-$((n % 3))/buy"
    http -X DELETE "$URL/sales/sale-$((n % 3))?force=1"
  done >/dev/null 2>&1
}

# That it opens is the test: a start reads every line, holds the settings
# against them, and refuses what does not fit.
beside_changes() {
  local i changer
  start --store "$STORE" --workers 2 --tickets 1000
  unrest 3>&- &
  changer=$!
  LOADS+=("$changer")
  await 5 has_changed 1001
  for ((i = 0; i < 8; i++)); do
    back_up
    rm -rf "$WORK/out"
    "$TURNSTILE" restore --data "$WORK/out" --store "$STORE" "$WORK/b.tar" 3>&-
    unpack "$WORK/$STORE.$i"
    holds_together "$WORK/$STORE.$i/demo"
  done
  kill "$changer"
  wait "$changer" || true
  LOADS=()
  stop
}

has_changed() {
  answered 200 GET /sales/demo
  [ "$(member capacity)" -ge "$1" ]
}

# The settings are those that the last line was written under.
holds_together() {
  local settings last raised
  settings=$(cat "$1/sale.json")
  last=$(tail -n 1 "$1/ledger.jsonl")
  equal version "$(member version "${settings//: /:}")" \
    "$(member version "$last")"
  equal capacity "$(member capacity "${settings//: /:}")" \
    "$(member capacity "$last")"
  equal lines "$(wc -l <"$1/ledger.jsonl")" "$(member version "$last")"
}

@test "changes, creations and deletions while it is made" {
  each_store beside_changes
}

# ------------------------------------------------------------- what it is --

# From one store to the other and back: the same bytes.
any_store() {
  local to
  start --store "$STORE" --tickets 10
  sale_open gig 3 none 0
  sale_open empty 3 semaphore:3 2ms-5ms
  buy a
  answered 201 POST /sales/gig/buy -d quantity=2
  answered 200 PATCH /sales/gig -d capacity=9 -d lock=mutex
  answered 201 POST /sales/gig/buy --data-urlencode 'buyer=卖 "x" \ y'
  back_up --store "$STORE"
  rm -rf "$WORK/first"
  unpack "$WORK/first"
  equal "mode" "$(stat -c %a "$WORK/b.tar")" 600
  equal members "$(tar -tf "$WORK/b.tar" | sort | paste -sd ' ')" \
    ".store demo/ledger.jsonl demo/sale.json empty/ledger.jsonl empty/sale.json gig/ledger.jsonl gig/sale.json"
  stop
  back_up # nobody is there
  unpack "$WORK/idle.$STORE"
  diff -r "$WORK/first" "$WORK/idle.$STORE"
  for to in sqlite json; do
    rm -rf "$WORK/to"
    "$TURNSTILE" restore --data "$WORK/to" --store "$to" "$WORK/b.tar" 3>&-
    DATA=$WORK/to back_up
    unpack "$WORK/$STORE.$to"
    diff -r "$WORK/first" "$WORK/$STORE.$to"
  done
  # What tar makes of it is a data directory of json.
  DATA=$WORK/first
  chmod 700 "$DATA"
  again --store json
  answered 200 GET /sales/gig
  equal remaining "$(member remaining)" 6
  receipts_are_there
}

@test "a backup is a tar of plain JSON, the same from either store" {
  each_store any_store
}

# ------------------------------------------------------------ what is wrong --

@test "wrong words, wrong directories: one line that helps" {
  local missing='give it one FILE; see --help'
  refuses 2 "^turnstile backup: $missing$" backup
  refuses 2 "^turnstile backup: $missing$" backup a b
  refuses 2 "^turnstile restore: $missing$" restore ''
  refuses 2 '^turnstile backup: "-": FILE is a file, never standard output' \
    backup --data "$WORK/no" -
  refuses 2 '^turnstile restore: "-": FILE is a file, never standard input' \
    restore --data "$WORK/no" -
  [ ! -e - ] || fail "there is a file called -"
  refuses 2 '^turnstile backup: --lock: no such option; see --help$' \
    backup --lock none x
  refuses 2 '^turnstile restore: --store: "x" is not valid: use json, sqlite or postgres$' \
    restore --store x y
  refuses 1 "^turnstile backup: $WORK/no is no data directory of turnstile's$" \
    backup --data "$WORK/no" "$WORK/b.tar"
  start --store json
  refuses 1 '^turnstile backup: .* belongs to the store "json", not "sqlite"$' \
    backup --data "$DATA" --store sqlite "$WORK/b.tar"
  refuses 1 "^turnstile backup: $WORK is there and is no file$" \
    backup --data "$DATA" "$WORK"
  refuses 1 "^turnstile backup: $WORK/no/b.tar: open: No such file" \
    backup --data "$DATA" "$WORK/no/b.tar"
  back_up
  refuses 1 "^turnstile restore: $DATA is not empty: restore into a new dir" \
    restore --data "$DATA" "$WORK/b.tar"
  answered 201 POST /sales/demo/buy
  refuses 1 "^turnstile restore: $OUT is no backup of turnstile's$" \
    restore --data "$WORK/new" "$OUT"
  nothing_beside
  [ ! -e "$WORK/new" ]
}

# The service that has begun there has it; no second one takes half of it.
@test "restore and a service do not meet in a directory" {
  start --store json
  back_up
  mkdir "$WORK/new"
  touch "$WORK/new/.lock"
  refuses 1 "^turnstile restore: $WORK/new is not empty" \
    restore --data "$WORK/new" "$WORK/b.tar"
  rm "$WORK/new/.lock"
  # It stands still before it names the store: there is no data directory yet.
  need_strace
  strace -f -qq -o "$WORK/strace" -e trace=rename \
    -e inject=rename:signal=SIGSTOP:when=2 "$TURNSTILE" restore --store json \
    --data "$WORK/new" "$WORK/b.tar" >"$WORK/said" 2>&1 3>&- &
  LOADS+=("$!")
  await 10 has_stopped_restore
  refuses 1 "^turnstile: $WORK/new is in use by process $RESTORE: " \
    --listen 0 --store json --data "$WORK/new"
  kill -KILL "$RESTORE"
  wait "${LOADS[0]}" 2>/dev/null || true
  LOADS=()
  refuses 1 "^turnstile: $WORK/new holds files that are not turnstile's" \
    --listen 0 --store json --data "$WORK/new"
}

has_stopped_restore() {
  RESTORE=$(head -n 1 "$WORK/new/.lock" 2>/dev/null) &&
    [ -n "$RESTORE" ] && [ -d "$WORK/new/demo" ] &&
    [[ $(cat "/proc/$RESTORE/stat") =~ \)\ [tT]\  ]]
}

# ---------------------------------------------------------- it is killed --

# traced OPTION… : a backup under strace
traced() {
  status=0
  strace -f -qq -o "$WORK/strace" "$@" "$TURNSTILE" backup --data "$DATA" \
    "$WORK/b.tar" >"$WORK/said" 2>"$WORK/complaint" 3>&- || status=$?
}

# At each of its calls that change something: FILE is the old one, or the new.
killed() {
  local call n old new status kills=0
  need_strace
  start --store "$STORE" --tickets 500000 --max-quantity 1000
  buyers 30 demo -d quantity=1000
  back_up
  old=$(sha256sum <"$WORK/b.tar")
  answered 201 POST /sales/demo/buy
  for call in write fsync ftruncate rename; do
    for ((n = 1; ; n++)); do
      traced -e "inject=$call:signal=SIGKILL:when=$n" -e "trace=$call"
      new=$(sha256sum <"$WORK/b.tar")
      if [ "$status" -eq 0 ]; then break; fi
      kills=$((kills + 1))
      equal status "$status" 137
      tar -tf "$WORK/b.tar" >/dev/null
      if [ "$call" != rename ] && [ "$n" = 1 ]; then
        equal "FILE, killed at the first $call" "$new" "$old"
      fi
    done
    cp "$WORK/b.tar" "$WORK/whole"
    old=$new
  done
  echo "$STORE: killed $kills times"
  [ "$kills" -ge 20 ]
  rm -f "$WORK"/b.tar.*
  stop
  restore "$STORE"
  audit_is_correct demo 30001
}

@test "killed at any call: FILE is whole, the old one or the new; json" {
  STORE=json killed
}

@test "killed at any call: FILE is whole, the old one or the new; sqlite" {
  STORE=sqlite killed
}

# ------------------------------------------------------------ disks fail --

failing_disks() {
  local old
  need_strace
  start --store "$STORE"
  answered 201 POST /sales/demo/buy
  back_up
  old=$(sha256sum <"$WORK/b.tar")
  answered 201 POST /sales/demo/buy
  failing write ENOSPC 'No space left on device'
  failing write EIO 'Input/output error'
  failing fsync EIO 'Input/output error'
  failing ftruncate EIO 'Input/output error'
  failing rename EACCES 'Permission denied'
  equal "the old one" "$(sha256sum <"$WORK/b.tar")" "$old"
  nothing_beside
  stop
}

# failing CALL ERROR TEXT: the first of them
failing() {
  local status
  traced -e "trace=$1" -e "inject=$1:error=$2:when=1"
  equal "$1 $2: exit status" "$status" 1
  matches "$1 $2" "$(cat "$WORK/complaint")" \
    "^turnstile backup: $WORK/b.tar: [a-z]+: $3\$"
  equal "$1 $2: lines" "$(wc -l <"$WORK/complaint")" 1
  equal "$1 $2: stdout" "$(cat "$WORK/said")" ""
}

@test "a disk that is full or fails: one line, exit 1, the old FILE" {
  each_store failing_disks
}

# --------------------------------------------- while the store is poisoned --

# The other worker is stopped, so that the recovery waits: that is the time.
poisoned() {
  need_strace
  rm -rf "$WORK/told"
  EXPECTED+=("$DIED" "$RECOVERED" "$REPLACED" "$LEFT")
  expect_log "$POISONED" "$FAILED"
  start_workers 2 --store "$STORE" --clerks 1
  freeze "$(worker 2)"
  inject "$(worker 1)" -P "$(orders_file)" -e trace=fdatasync,fsync \
    -e inject=fdatasync,fsync:error=EIO:when=2
  buy b1
  equal "status of b1" "$code" 201
  buy b2
  problem outcome-unknown 500
  call GET /readyz
  equal readyz "$code" 503
  back_up
  await 5 is_ready
  repaired
  stop
  WANTED=()
  restore "$STORE"
  receipts_are_there
  buy b2
  equal "status of b2" "$code" 201
  audit_is_correct demo 2
}

@test "a backup while the store is poisoned; json" {
  STORE=json poisoned
}

@test "a backup while the store is poisoned; sqlite" {
  STORE=sqlite poisoned
}
