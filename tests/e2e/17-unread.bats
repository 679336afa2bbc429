#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: nobody has to read the log for the service to go on; what
# was lost of it is counted, and said.

load helper
load helper_crash

# The next service's stderr is a pipe that is full to the brim and that nobody
# reads.
unread() {
  PIPE=$WORK/err.$((STARTED + 1))
  mkfifo "$PIPE"
  exec {HELD}<>"$PIPE"
  fill
}

# By a description of its own: the service's waits, as a shell's does.
fill() {
  local size
  for size in 4096 1; do
    dd if=/dev/zero of="$PIPE" bs="$size" oflag=nonblock status=none \
      2>/dev/null || true
  done
}

# What stands in the pipe, but for what it was filled with.
read_it() {
  dd if="$PIPE" bs=4096 iflag=nonblock status=none 2>/dev/null | tr -d '\0'
}

dropped() {
  metric turnstile_log_lines_dropped_total
}

nobody_reads() {
  local killed
  unread
  start_workers 2 --store "$STORE"
  killed=$(worker 1)
  kill -KILL "$killed"
  await 5 has_replaced "$killed" || fail "worker 1 was not replaced"
  answered 200 PATCH /sales/demo -d lock=flock
  answered 201 POST /sales/demo/buy
  equal "dropped" "$(dropped)" 4 # started, died, replaced, changed
  # Somebody does.
  equal "in the pipe" "$(read_it)" ''
  answered 200 PATCH /sales/demo -d lock=mutex
  read_it >"$WORK/said"
  matches "the first line" "$(sed -n 1p "$WORK/said")" \
    ' log-lines-dropped count=4$'
  matches "the second line" "$(sed -n 2p "$WORK/said")" ' sale-changed '
  equal lines "$(wc -l <"$WORK/said")" 2
  equal "dropped" "$(dropped)" 4
  # A stop is not held up either.
  fill
  kill -TERM "$SERVICE"
  await 5 is_gone "$SERVICE" || fail "it did not end"
  wait "$SERVICE"
  SERVICE=
  exec {HELD}>&-
}

has_replaced() {
  has_workers 2 && ! workers | grep -qx "$1"
}

@test "an unread stderr: workers are replaced, sales sold and changed" {
  each_store nobody_reads
}

@test "started without standard input, output and error" {
  local data=$WORK/data fd
  "$TURNSTILE" --listen 0 --data "$data" --store json \
    <&- >&- 2>&- 3>&- &
  SERVICE=$!
  PIDS=("$SERVICE")
  await 5 has_a_worker
  for fd in 0 1 2; do
    equal "fd $fd" "$(readlink "/proc/$SERVICE/fd/$fd")" /dev/null
  done
  ERR=/dev/null
}

has_a_worker() {
  [ "$(workers | wc -l)" -ge 1 ]
}
