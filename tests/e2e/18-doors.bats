#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: what the service makes is for its owner alone, what it has
# open it hands on to nobody, and a fault in it is hard to make use of.

load helper
load helper_crash

# Of the supervisor and its workers.
processes() {
  echo "$SERVICE"
  workers
}

# Every kind of file that there is: keys, an order, two sales, a flock, a token.
use_it() {
  local with
  with="Authorization: Bearer $(cat "$DATA/admin-token")"
  answered 201 POST /sales -H "$with" -d id=gig -d capacity=5 -d lock=flock
  answered 201 POST /sales/gig/buy -H 'Idempotency-Key: k1'
  answered 201 POST /sales/demo/buy
  answered 200 PATCH /sales/demo -H "$with" -d lock=semaphore -d capacity=200
  answered 201 POST /sales/demo/buy
  answered 200 GET /sales/gig/audit
  answered 200 GET /sales/gig/ledger
  answered 200 GET /page/main.js
}

# ------------------------------------------------------------------ files --

# What each store keeps, and what both have.
KINDS=(.lock .store admin-token)
KINDS_json=(demo/sale.json demo/ledger.jsonl demo/stock.json gig/ledger.jsonl)
KINDS_sqlite=(turnstile.db turnstile.db-wal turnstile.db-shm)

files_are_the_owners() {
  local -n kinds=KINDS_$STORE
  local kind
  umask 000 # nobody else keeps others out
  start_workers 2 --store "$STORE" --admin token
  use_it
  find "$DATA" -printf '%y %m %p\n' | grep -v -e '^d 700 ' -e '^f 600 ' &&
    fail "those are not their owner's alone"
  for kind in "${KINDS[@]}" "${kinds[@]}"; do
    equal "the mode of $kind" "$(stat -c %a "$DATA/$kind")" 600
  done
  equal "a flock's file" "$(find "$DATA/.locks" -type f -perm 600 | wc -l)" 1
  refute grep -q 'may look into' "$OUT"
}

@test "the data directory is 0700, and all files in it 0600" {
  each_store files_are_the_owners
}

@test "a directory that was there stays as it is; if it is open, that is said" {
  local mode
  for mode in 700 711 740 755; do
    DATA=$WORK/mode.$mode
    mkdir -m "$mode" "$DATA"
    again
    equal mode "$(stat -c %a "$DATA")" "$mode"
    if [ "$mode" = 700 ]; then
      refute grep -q 'may look into' "$OUT"
    else
      grep -qxF "others than its owner may look into $DATA: chmod 700 it" "$OUT"
    fi
    find "$DATA" -mindepth 1 -printf '%y %m %p\n' |
      grep -v -e '^d 700 ' -e '^f 600 ' && fail "those are not"
    stop
  done
}

# -------------------------------------------------------------- processes --

# Each descriptor but the first three, of each process.
all_close_on_exec() {
  local pid info flags count=0
  for pid in $(processes); do
    for info in "/proc/$pid/fdinfo/"*; do
      [ "${info##*/}" -gt 2 ] || continue
      flags=$(awk '$1 == "flags:" { print $2 }' "$info")
      ((flags & 02000000)) || fail "stays open over exec: process $pid," \
        "$(readlink "/proc/$pid/fd/${info##*/}")"
      count=$((count + 1))
    done
  done
  [ "$count" -ge 20 ]
}

nothing_is_handed_on() {
  local inherited fd
  exec {inherited}>"$WORK/inherited"
  start_workers 2 --store "$STORE" --admin token
  use_it
  exec {fd}<>"/dev/tcp/127.0.0.1/$PORT" # a connection that stays
  answered 200 GET /livez
  all_close_on_exec
  exec {inherited}>&- {fd}>&-
}

@test "every descriptor closes on exec" {
  each_store nothing_is_handed_on
}

@test "no process can gain privileges" {
  local pid
  start_workers 2
  for pid in $(processes); do
    grep -qx 'NoNewPrivs:[[:space:]]1' "/proc/$pid/status" ||
      fail "process $pid can"
  done
}

# -------------------------------------------------------------- the binary --

# has WHAT REGEX: readelf's words about $program
has() {
  grep -Eq "$2" <<<"$elf" || fail "$program: $1"
}

@test "the binary is hardened" {
  local program elf
  command -v readelf >/dev/null || skip "there is no readelf"
  for program in "$TURNSTILE" ${STRESS:+"$STRESS"}; do
    elf=$(readelf -W -h -l -d -s "$program")
    has "moves in memory (PIE)" 'Type: +DYN '
    has "resolved at the start (now)" 'FLAGS_1.* NOW'
    has "read-only once resolved (relro)" ' GNU_RELRO '
    has "no code on the stack" ' GNU_STACK .* RW +0x'
    has "code apart from data" ' LOAD .* R E '
    refute grep -Eq ' LOAD .* (RWE|WE) ' <<<"$elf"
    refute grep -Eq ' LOAD +0x0+ .* R E ' <<<"$elf"
    has "a guarded stack" ' __stack_chk_fail'
    if ! grep -Eq '__(asan|tsan|gcov)_' <<<"$elf"; then
      has "fortified calls" ' __v?snprintf_chk'
    fi
  done
}
