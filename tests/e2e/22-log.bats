#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: whoever reads the log knows when the service started and
# stopped, who stopped it, and what each change changed; where the log is JSON
# nothing else is said, and the token nowhere.

load helper
load helper_crash

# said EVENT [N]: the fields of the N-th line of that event, without the request
# that made it, which is random.
said() {
  sed -nE "s/^[^ ]+ $1 (.*)\$/\\1/p" "$ERR" |
    sed -E 's/ request="[0-9a-f]+"//' | sed -n "${2:-1}p"
}

# -------------------------------------------------------- start and stop --

@test "a start and a stop are logged, and who stopped it" {
  local version
  start --store json --workers 2 --clerks 3
  version=$("$TURNSTILE" --version)
  equal started "$(said started)" \
    "version=\"${version#* }\" pid=$SERVICE url=\"$URL\" store=\"json\" data=\"$DATA\" workers=2 clerks=3 admin=\"open\""
  stop
  matches stopping "$(said stopping)" \
    "^signal=\"TERM\" from_pid=$BASHPID from_uid=$UID what=\"new orders"
  matches stopped "$(said stopped)" '^after_ms=[0-9]+$'
  equal "the last lines" "$(tail -n 2 "$ERR" | cut -d ' ' -f 2 | paste -sd ' ')" \
    'stopping stopped'
}

@test "a second signal: that is said, too" {
  local status=0
  EXPECTED+=('^[^ ]+ stopped signal="INT" .*$' '^[^ ]+ (worker-died|drain-gave-up) ')
  start --workers 1 --delay 10s --timeout 30s
  http -X POST -o /dev/null "$URL/sales/demo/buy" 2>/dev/null 3>&- &
  PIDS+=("$!")
  await 5 is_in_delay
  kill -TERM "$SERVICE"
  await 5 grep -q ' stopping ' "$ERR"
  kill -INT "$SERVICE"
  await 5 is_gone "$SERVICE"
  wait "$SERVICE" || status=$?
  SERVICE=
  equal "exit status" "$status" 1
  matches stopped "$(said stopped)" 'what="a second signal: '
  check_stderr
}

is_in_delay() {
  [ "$(metric turnstile_locks_held)" = 1 ]
}

# ---------------------------------------------------------------- changes --

changes_are_told() {
  start --store "$STORE" --lock none --delay 50ms
  answered 201 POST /sales -d id=gig -d capacity=5 -d delay=1ms-2ms
  equal opened "$(said sale-opened)" \
    'sale="gig" capacity=5 lock="none" delay="1ms-2ms"'
  volley gig gig gig # of which two are told the same seat, perhaps
  answered 200 PATCH /sales/gig -d lock=mutex -d delay=0 -d capacity=9
  equal changed "$(said sale-changed)" \
    'sale="gig" lock_old="none" lock_new="mutex" delay_old="1ms-2ms" delay_new="0" capacity_old=5 capacity_new=9'
  if [ -n "$(member recounted_to)" ]; then
    equal recounted "$(said sale-recounted)" \
      "sale=\"gig\" remaining=$(member recounted_to)"
  fi
  answered 200 PATCH /sales/gig -d capacity=10
  equal changed "$(said sale-changed 2)" \
    'sale="gig" capacity_old=9 capacity_new=10'
  answered 200 PATCH /sales/gig -d lock=mutex -d delay=0 -d capacity=10
  equal changed "$(said sale-changed 3)" \
    'sale="gig" what="nothing: it was so already"'
  answered 200 GET /sales/gig
  local left version
  left=$(member remaining) version=$(member version)
  answered 204 DELETE '/sales/gig?force=1'
  equal deleted "$(said sale-deleted)" \
    "sale=\"gig\" capacity=10 remaining=$left ledger_lines=$version"
  # What was refused is not told as done.
  call PATCH /sales/gig -d lock=flock
  call DELETE /sales/gig
  call POST /sales -d id=demo -d capacity=1
  equal "lines on sales" "$(grep -c ' sale-[a-z]* ' "$ERR")" \
    "$((5 + $(grep -c ' sale-recounted ' "$ERR" || true)))"
}

@test "what a change changed is logged: old and new of each member" {
  each_store changes_are_told
}

# ------------------------------------------------------------ connections --

# ask_there FD PATH: over a connection that is open; prints the body.
ask_there() {
  printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$2" >&"$1"
  receive "$1"
}

# 70 clients of a worker that may have 64 files; what it said of them.
crowd_of_70() {
  local real=$TURNSTILE fds=() fd
  printf '#!/bin/sh\nulimit -n 64\nexec %s "$@"\n' "$real" >"$WORK/few-files"
  chmod +x "$WORK/few-files"
  TURNSTILE=$WORK/few-files
  start --workers 1 "$@"
  TURNSTILE=$real
  for _ in {1..70}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
  done
  await 5 grep -q ' connections-full ' "$ERR"
  OPEN=$(ask_there "${fds[0]}" /metrics |
    sed -n 's/^turnstile_connections //p')
  equal "those who are in are served" "$(ask_there "${fds[1]}" /livez)" ok
  equal "lines of it" "$(grep -c ' connections-full ' "$ERR")" 1
  # Those who wait come in, and may fill it once more.
  for fd in "${fds[@]}"; do exec {fd}>&-; done
  answered 200 GET /livez
  stop
}

@test "when there are as many connections as may be it says so, once" {
  local what
  EXPECTED+=('^[^ ]+ connections-full ')
  crowd_of_70 --store json --clerks 1
  what=$(said connections-full)
  equal said "$what" \
    'open=32 what="as many as may be: whoever comes waits"'
  equal open "$OPEN" 32
  # The clerks' handles take files, too.
  crowd_of_70 --store sqlite --clerks 12
  what=$(said connections-full)
  matches said "$what" '^open=[0-9]+ what="no file for another one: whoever comes waits"$'
  [ "$OPEN" -lt 32 ]
}

# ----------------------------------------------------------------- SIGHUP --

has_ignored() {
  [ "$(grep -c ' signal-ignored ' "$ERR")" -eq "$1" ]
}

@test "SIGHUP: it goes on, supervisor and workers, and says so" {
  local pid before
  EXPECTED+=('^[^ ]+ signal-ignored signal="HUP" from_pid=[0-9]+ from_uid=[0-9]+ what="the log goes to standard error, .*"$')
  start_workers 2
  before=$(workers | sort)
  kill -HUP "$SERVICE"
  await 5 has_ignored 1
  for pid in $(workers); do kill -HUP "$pid"; done
  kill -HUP "$SERVICE"
  await 5 has_ignored 2
  answered 201 POST /sales/demo/buy
  equal workers "$(workers | sort)" "$before"
  # A worker that is made later has learned it as well.
  EXPECTED+=("$DIED" "$REPLACED")
  kill -KILL "$(worker 1)"
  await 5 has_workers_anew
  kill -HUP "$(worker 1)"
  answered 201 POST /sales/demo/buy
  equal deaths "$(metric turnstile_worker_deaths_total)" 1
}

has_workers_anew() {
  grep -q ' worker-replaced ' "$ERR" && has_workers 2
}

# a_stop_goes_on SIGNAL: that is ignored in a stop, and what waits is answered.
a_stop_goes_on() {
  local buyer
  start --workers 1 --delay 1s
  http -X POST -o "$WORK/told" -w '%{http_code}' "$URL/sales/demo/buy" \
    >"$WORK/code" 3>&- &
  buyer=$!
  PIDS+=("$buyer")
  await 5 is_in_delay
  kill -TERM "$SERVICE"
  await 5 grep -q ' stopping ' "$ERR"
  kill "-$1" "$SERVICE"
  await 5 has_ignored 1
  wait "$buyer"
  equal "the buyer's answer" "$(cat "$WORK/code")" 201
  end
}

# It is not taken for the second signal of a stop.
@test "SIGHUP in a stop: what waits is answered" {
  EXPECTED+=('^[^ ]+ signal-ignored .*$')
  a_stop_goes_on HUP
}

@test "SIGUSR1, SIGUSR2 and SIGQUIT: it goes on, supervisor and workers" {
  local signal pid before count=0
  expect_log '^[^ ]+ signal-ignored signal="(USR1|USR2|QUIT)" from_pid=[0-9]+ from_uid=[0-9]+ what="it means nothing here; SIGTERM stops the service"$'
  start_workers 2
  before=$(workers | sort)
  for signal in USR1 USR2 QUIT; do
    kill "-$signal" "$SERVICE" $(workers)
    count=$((count + 1))
    await 5 has_ignored "$count"
    answered 201 POST /sales/demo/buy
  done
  equal workers "$(workers | sort)" "$before"
}

# timeout(1) tells the process, and then its group.
@test "the same signal twice at once is one: what waits is answered" {
  expect_log '^[^ ]+ signal-ignored signal="TERM" from_pid=[0-9]+ from_uid=[0-9]+ what="the same once more, at once: it counts as one"$'
  a_stop_goes_on TERM
}

# While it starts nobody reads signals: it waits until somebody does.
@test "SIGHUP before it serves: it starts all the same, and says so" {
  EXPECTED+=('^[^ ]+ signal-ignored .*$')
  start --store json
  stop
  rm "$DATA/.store"
  mkfifo "$DATA/.store"
  STARTED=$((STARTED + 1))
  OUT=$WORK/out.$STARTED ERR=$WORK/err.$STARTED
  "$TURNSTILE" --listen "$PORT" --data "$DATA" --store json \
    >"$OUT" 2>"$ERR" 3>&- &
  SERVICE=$!
  PIDS=("$SERVICE")
  await 5 is_preparing
  kill -HUP "$SERVICE" $(children)
  echo json >"$DATA/.store"
  await 10 has_started
  await 5 has_ignored 1
  answered 201 POST /sales/demo/buy
}

# The child that prepares the store is there, and opens the pipe.
is_preparing() {
  [ -n "$(children)" ]
}

# ------------------------------------------------------------- JSON alone --

# Each line of the file is a JSON object; so many of them.
all_json() {
  equal "lines of $1 that are no JSON" \
    "$(grep -cvE '^\{"time":"[^"\\]+"(,"[a-z_]+":("([^"\\]|\\.)*"|-?[0-9]+))+\}$' "$1" || true)" 0
  [ "$(wc -l <"$1")" -ge "$2" ]
}

@test "--log json: no banner, no token, JSON alone on stderr" {
  local token
  EXPECTED+=('^\{.*\}$')
  mkdir -m 755 "$WORK/open"
  DATA=$WORK/open
  again --log json --admin token --workers 2 --delay 3s
  token=$(cat "$DATA/admin-token")
  kill -HUP "$SERVICE"
  answered 200 PATCH /sales/demo -d lock=flock -d delay=0 \
    -H "Authorization: Bearer $token"
  answered 201 POST /sales/demo/buy
  stop
  all_json "$ERR" 7
  equal stdout "$(cat "$OUT")" ''
  refute grep -q "$token" "$ERR"
  grep -q "\"token_file\":\"$(realpath "$DATA")/admin-token\"" "$ERR"
  # What the banner warns of.
  grep -q '"event":"start-note","what":"others than its owner may look into ' "$ERR"
  grep -q '"event":"start-note","what":"the delay is half ' "$ERR"
  again --log json --tickets 7
  grep -q '"event":"start-note","what":"the sale demo is there already, .* --tickets' "$ERR"
  equal stdout "$(cat "$OUT")" ''
}

@test "--log json: a start that fails says why in JSON" {
  start --store json
  refuses 1 '^\{"time":"[^"]+","event":"start-failed","error":"port [0-9]+ is in use: .*"\}$' \
    --log json --listen "$PORT" --data "$WORK/other"
  refuses 1 '^\{"time":"[^"]+","event":"start-failed","error":".* is in use by process [0-9]+: .*"\}$' \
    --log json --listen 0 --data "$DATA"
}

# ------------------------------------------------------------- a terminal --

@test "on a terminal: the link with the token, and no second banner" {
  command -v script >/dev/null || skip "there is no script"
  DATA=$WORK/data
  timeout --foreground 20 script -qefc "'$TURNSTILE' --listen 0 --data '$DATA' --admin token" \
    "$WORK/screen" >/dev/null 2>&1 3>&- </dev/null &
  local terminal=$!
  PIDS+=("$terminal")
  await 10 grep -q "try it: " "$WORK/screen" || fail "$(cat "$WORK/screen")"
  SERVICE=$(cat "$DATA/.lock")
  kill -TERM "$SERVICE"
  wait "$terminal"
  SERVICE=
  grep -q "^admin: http://[0-9.:]*/#token=$(cat "$DATA/admin-token")" "$WORK/screen"
  refute grep -q ' started version=' "$WORK/screen"
  grep -q ' stopped after_ms=' "$WORK/screen"
}
