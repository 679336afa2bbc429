#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a service that is told to stop answers all that it took,
# takes nothing new, says so, and ends in time.

load helper
load helper_crash

has_queued() {
  [ "$(metric turnstile_queue_depth)" -ge "$1" ]
}

# refuses_connections: nobody listens any more
refuses_connections() {
  refute http -o /dev/null "$URL/livez" 2>/dev/null
}

# The service ends by itself, within $1 s, with this exit status.
ends() {
  local status=0
  await "$1" is_gone "$SERVICE" || fail "it did not end within $1 s"
  wait "$SERVICE" 2>/dev/null || status=$?
  SERVICE=
  equal "exit status" "$status" "$2"
  check_stderr
}

# send_orders COUNT: in the background, at once; LOADS has the client.
send_orders() {
  local i
  no_orders
  for ((i = 1; i <= $1; i++)); do order "b$i" "k$i" demo; done
  send &
  LOADS+=("$!")
}

# 200 orders for 150 tickets, all of them queued or in a clerk's hands: the
# lock is held from here.
queue_200() {
  start_workers 2 --store "$STORE" --clerks 4 --lock flock --delay 3ms --tickets 150
  hold
  send_orders 200
  await 5 has_queued $((200 - 2 * 4))
}

sent() {
  wait "${LOADS[@]}"
  LOADS=()
}

# The service ends, and all of queue_200's buyers were told the truth.
all_are_answered() {
  ends 5 0
  sent
  equal 201 "$(codes 201)" 150
  equal 409 "$(codes 409)" 50
  ledger_agrees_later 150
}

# Only after a start again can the ledger be asked.
ledger_agrees_later() {
  again --store "$STORE"
  ledger_agrees demo
  audit_is_correct demo "$1"
}

# ------------------------------------------------------------- under load --

one_was_sold() {
  [ "$(left demo)" -lt 150 ]
}

in_the_middle() {
  queue_200
  let_go
  await 5 one_was_sold
  kill -TERM "$SERVICE"
  all_are_answered
}

@test "SIGTERM in the middle of 200 queued orders: all are answered" {
  each_store in_the_middle
}

# Some of them are not in yet: 201, 409, 503 or refused, and no answer lies.
while_they_come() {
  start_workers 2 --store "$STORE" --tickets 2000
  send_orders 200
  await 5 any_sold
  kill -TERM "$SERVICE"
  ends 5 0
  sent
  echo "201: $(codes 201), 503: $(codes 503), refused: $(codes 000)"
  equal answers $(($(codes 201) + $(codes 503) + $(codes 000))) 200
  ledger_agrees_later "$(codes 201)"
}

any_sold() {
  [ "$(left demo)" -lt 2000 ]
}

@test "SIGTERM while orders come in: the ledger is what buyers were told" {
  each_store while_they_come
}

# The deadline is over before the lock is free: 503, in time, nothing sold.
@test "SIGTERM while the lock is held elsewhere: 503 at the deadline" {
  local STORE=json from timeout_ms
  timeout_ms=$(stretched 600) # all twenty have to wait at the same time
  start_workers 1 --store json --clerks 4 --lock flock \
    --timeout "${timeout_ms}ms"
  hold
  send_orders 20
  await 5 has_queued 16
  from=$(now_ms)
  kill -TERM "$SERVICE"
  ends 5 0
  soon $(($(now_ms) - from)) $((timeout_ms + 900))
  sent
  let_go
  equal 503 "$(codes 503)" 20
  ledger_agrees_later 0
}

# ----------------------------------------------------------- what is new --

# ask METHOD PATH: on the connection that is open on fd $FD; its head is
# $answer then, its body $said.
ask() {
  local line size=0
  printf '%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' "$1" "$2" \
    >&"$FD"
  answer=''
  while read -r -t 5 line <&"$FD"; do
    answer+=$line$'\n'
    case $line in
      Content-Length:*) size=$(tr -dc 0-9 <<<"$line") ;;
      $'\r') break ;;
    esac
  done
  read -r -t 5 -N "$size" said <&"$FD"
}

@test "while it drains, new connections are refused, open ones get 503" {
  local STORE=json others=() fd
  start_workers 1 --store json --lock flock --clerks 1 --timeout 5s
  exec {FD}<>"/dev/tcp/127.0.0.1/$PORT"
  ask GET /livez
  [[ $answer == 'HTTP/1.1 200 '* ]]
  for _ in 1 2 3; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    others+=("$fd")
  done
  hold
  no_orders
  order alice alice demo
  order bob bob demo
  send &
  LOADS+=("$!")
  await 5 has_queued 1
  kill -TERM "$SERVICE"
  await 2 refuses_connections
  # On connections that are open: an order is refused, and told to go.
  ask POST /sales/demo/buy
  [[ $answer == 'HTTP/1.1 503 '* ]]
  matches headers "$answer" $'\nConnection: close\r'
  matches headers "$answer" $'\nRetry-After: [0-9]+\r'
  matches body "$said" '"/problems/draining"'
  exec {FD}>&-
  FD=${others[0]}
  ask GET /readyz
  [[ $answer == 'HTTP/1.1 503 '* ]]
  FD=${others[1]}
  ask GET '/readyz?verbose'
  [[ $answer == 'HTTP/1.1 503 '* ]]
  FD=${others[2]}
  ask GET /livez
  [[ $answer == 'HTTP/1.1 200 '* ]]
  matches headers "$answer" $'\nConnection: close\r'
  for fd in "${others[@]}"; do exec {fd}>&-; done
  let_go
  ends 5 0
  sent
  equal 201 "$(codes 201)" 2
  ledger_agrees_later 2
}

@test "idle connections do not hold it up" {
  local fds=() fd from
  start_workers 2
  for _ in {1..20}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
  done
  printf 'POST /sales/demo/buy HTTP/1.1\r\nHost: x\r\n' >&"${fds[0]}"
  FD=${fds[1]}
  ask GET /livez
  from=$(now_ms)
  kill -TERM "$SERVICE"
  ends 2 0
  echo "ended after $(($(now_ms) - from)) ms"
  for fd in "${fds[@]}"; do exec {fd}>&-; done
}

# Requests with half a body, and answers that nobody reads: each was begun, and
# none ends by itself.
@test "clients that do not send, or do not read, do not hold it up" {
  local fds=() fd from i
  start_workers 2 --timeout 5s
  for i in {1..8}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
    printf 'POST /sales/demo/buy HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbuy' >&"$fd"
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
    # Answers of 9 MB, more than sockets keep.
    printf 'GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n%.0s' {1..300} >&"$fd"
  done
  await 5 begun 8
  from=$(now_ms)
  kill -TERM "$SERVICE"
  ends 5 0
  echo "ended after $(($(now_ms) - from)) ms"
  for fd in "${fds[@]}"; do exec {fd}>&-; done
}

# begun COUNT: so many clients at least have been sent an answer to begin with
begun() {
  [ "$(metric \
    'turnstile_http_requests_total{method="GET",route="/openapi.yaml",status="200"}')" \
    -ge "$1" ]
}

# ---------------------------------------------------------------- signals --

@test "a second signal ends it at once" {
  EXPECTED+=('^[^ ]+ stopped signal="(TERM|INT)" .* what="a second signal: ')
  local first second from
  for first in TERM INT; do
    for second in TERM INT; do
      STORE=json queue_200
      kill "-$first" "$SERVICE"
      await 2 refuses_connections
      refute is_gone "$SERVICE"
      from=$(now_ms)
      # From another process: the same from the same one counts once.
      bash -c "kill -$second $SERVICE; true"
      ends 1 1
      soon $(($(now_ms) - from)) 1000
      sent
      let_go
    done
  done
  STORE=json ledger_agrees_later 0
}

to_the_group() {
  local real=$TURNSTILE
  # What a shell without job control starts ignores SIGINT: not here.
  printf '#!/bin/sh\nexec env --default-signal=INT setsid %s "$@"\n' "$real" \
    >"$WORK/in-a-group"
  chmod +x "$WORK/in-a-group"
  TURNSTILE=$WORK/in-a-group
  queue_200
  TURNSTILE=$real
  equal "in its group" "$(groups | grep -cx "$SERVICE")" 3
  kill "-$1" -- "-$SERVICE"
  let_go
  all_are_answered
  stop
}

# What a terminal does, and many a supervisor of services: the whole group
# gets it.
@test "Ctrl-C is one signal, and so is SIGTERM to the group: it drains" {
  local STORE=json
  command -v setsid >/dev/null || skip "there is no setsid"
  to_the_group INT
  to_the_group TERM
}

@test "a worker that is stopped does not keep it for ever" {
  local other from
  EXPECTED+=("$DIED")
  start_workers 2 --store json --timeout 100ms
  other=$(worker 2)
  freeze "$other"
  from=$(now_ms)
  kill -TERM "$SERVICE"
  ends 5 0
  echo "ended after $(($(now_ms) - from)) ms"
  is_gone "$other"
  grep -Eq "$DIED" "$ERR"
}

@test "SIGTERM right after the start" {
  local i
  for i in 1 2 3; do
    start --workers 2
    kill -TERM "$SERVICE"
    ends 2 0
  done
}
