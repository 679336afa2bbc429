# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A service of its own for each test; calls to it; what came back, as text.
#
#   start --lock none      a service on a free port and a new data directory
#   call POST /sales/demo/buy -d buyer=alice
#   [ "$code" -eq 201 ]    the status; also $body, $(header etag), and
#   [ "$(member seats)" = "[1]" ]
#   problem sold-out 409   the last answer was this problem, in full
#
# Teardown stops what was started, and fails the test if it did not exit with
# 0 or said anything on stderr that was not expected.

ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
TURNSTILE=$(cd "$ROOT" && realpath "${TURNSTILE:-build/turnstile}")
CURL_LIMIT=15 # seconds; nothing here takes half of it

# What every service says on stderr as it starts and stops, and of each change.
TOLD_START='^[^ ]+ started version="[^"]+" pid=[0-9]+ url="http://[^"]+" store="[a-z]+" data=".*" workers=[0-9]+ clerks=[0-9]+ admin="[a-z]+"( token_file=".*")?$'
TOLD_STOP='^[^ ]+ (stopping signal="(TERM|INT)" from_pid=[0-9]+ from_uid=[0-9]+ what=".*"|stopped after_ms=[0-9]+)$'
TOLD_SALE='^[^ ]+ sale-(opened|changed|recounted|deleted) sale=".*" request="[^" ]+"( [a-z_]+=("[^"]+"|[0-9]+))+$'

# Nobody's settings but the test's.
unset "${!TURNSTILE_@}" STORE http_proxy https_proxy all_proxy ALL_PROXY
export LC_ALL=C

setup() {
  [ -x "$TURNSTILE" ] || fail "there is no $TURNSTILE: make it first"
  # Beside the binary: /tmp may be a tmpfs, where fsync costs nothing.
  WORK=$(mktemp -d "$(dirname "$TURNSTILE")/e2e.XXXXXX")
  SERVICE='' PIDS=() LOADS=() MOUNTS=()
  VARIABLES=() # NAME=value, for the service only
  EXPECTED=("$TOLD_START" "$TOLD_STOP" "$TOLD_SALE")
  WANTED=()
  STARTED=0
}

teardown() {
  local bad=0 pid mount
  for pid in "${LOADS[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
  if [ -n "$SERVICE" ]; then stop || bad=1; fi
  for pid in "${PIDS[@]}"; do # what a failed test left behind
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
  for mount in "${MOUNTS[@]}"; do umount "$mount" || bad=1; done
  rm -rf "$WORK"
  return "$bad"
}

fail() {
  echo "$*" >&2
  return 1
}

# equal WHAT GOT WANTED
equal() {
  [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# matches WHAT TEXT REGEX
matches() {
  [[ $2 =~ $3 ]] || fail "$1: '$2' does not match '$3'"
}

# refute COMMAND…: it must fail ("!" would not fail a test).
refute() {
  if "$@"; then fail "should have failed: $*"; fi
}

# ------------------------------------------------------------- the service --

# stretched NUMBER: on a machine that has other things to do a second is not a
# second.  It is stretched by how long a program takes here and now, against the
# processor's time that it needs.
stretched() {
  local real user sys TIMEFORMAT='%R %U %S'
  read -r real user sys < <({ time repeat_start 30; } 2>&1)
  awk -v n="$1" -v r="$real" -v c="$user" -v s="$sys" 'BEGIN {
    busy = r / (c + s + 0.001); print int(n * (busy > 1 ? busy : 1)) }'
}

# repeat_start COUNT: start the service's program, for its version only
repeat_start() {
  local i
  for ((i = 0; i < $1; i++)); do "$TURNSTILE" --version >/dev/null; done
}

# soon MS [LIMIT]: was that within so many milliseconds, or two seconds?
soon() {
  local limit=${2:-2000}
  [ "$1" -ge "$limit" ] || return 0
  limit=$(stretched "$limit")
  echo "after $1 ms, of $limit"
  [ "$1" -lt "$limit" ]
}

# await SECONDS COMMAND…: until it succeeds, or fail.
await() {
  local limit=$1 from=$SECONDS late=
  shift
  until "$@"; do
    if [ $((SECONDS - from)) -gt "$limit" ]; then
      [ -z "$late" ] || return 1
      late=yes
      limit=$(stretched "$limit")
    fi
    sleep 0.01
  done
}

is_gone() {
  ! kill -0 "$1" 2>/dev/null
}

has_started() {
  start_line >/dev/null || is_gone "$SERVICE"
}

# The banner; where the log is JSON, the event.
start_line() {
  grep -m 1 '^turnstile [^ ]*: http' "$OUT" ||
    { [ -f "$ERR" ] && grep -m 1 '"event":"started"' "$ERR"; }
}

# The service with exactly these arguments; fails if it does not start.
launch() {
  STARTED=$((STARTED + 1))
  OUT=$WORK/out.$STARTED ERR=$WORK/err.$STARTED
  # fd 3 is bats' own: whoever keeps it open keeps bats waiting.
  env "${VARIABLES[@]}" "$TURNSTILE" "$@" >"$OUT" 2>"$ERR" 3>&- &
  SERVICE=$!
  PIDS=("$SERVICE")
  await 10 has_started
  START_LINE=$(start_line) || {
    cat "$ERR" >&2
    SERVICE=
    fail "the service did not start: $*"
  }
  URL=http${START_LINE#*http} URL=${URL%%[ \"]*}
  PORT=${URL##*:}
}

# start [OPTION…]: on a free port, with a new data directory.
start() {
  DATA=$WORK/data.$((STARTED + 1))
  launch --listen 0 --data "$DATA" "$@"
}

# again [OPTION…]: on a free port, with the data directory of the last start.
again() {
  launch --listen 0 --data "$DATA" "$@"
}

# expect_log REGEX…: lines that must be on stderr, and may be there often.
expect_log() {
  EXPECTED+=("$@")
  WANTED+=("$@")
}

# The service is one with --log json: how it tells of its start and its stop.
json_log() {
  expect_log '^\{"time":"[^"]*Z","event":"started","version":.*,"admin":"[a-z]+"(,"token_file":".*")?\}$' \
    '^\{"time":"[^"]*Z","event":"stopping","signal":"TERM",.*\}$' \
    '^\{"time":"[^"]*Z","event":"stopped","after_ms":[0-9]+\}$'
}

# Nothing but what is expected, and all that is wanted.
check_stderr() {
  local line regex bad=0
  while IFS= read -r line; do
    for regex in "${EXPECTED[@]}"; do
      if [[ $line =~ $regex ]]; then continue 2; fi
    done
    bad=1
    echo "not expected on stderr: $line" >&2
  done <"$ERR"
  for regex in "${WANTED[@]}"; do
    grep -Eq "$regex" "$ERR" && continue
    bad=1
    echo "missing on stderr: $regex" >&2
  done
  return "$bad"
}

stop() {
  kill -TERM "$SERVICE"
  end
}

# It was told to stop: in 10 s it must have ended, and well.
end() {
  local status=0
  if ! await 10 is_gone "$SERVICE"; then
    kill -KILL "$SERVICE"
    wait "$SERVICE" || true
    SERVICE=
    fail "the service did not end within 10 s of SIGTERM"
    return 1
  fi
  wait "$SERVICE" || status=$?
  SERVICE=
  equal "exit status" "$status" 0 && check_stderr
}

# The processes whose parent is the service.
children() {
  grep -l "^PPid:[^0-9]*$SERVICE\$" /proc/[0-9]*/status 2>/dev/null |
    cut -d / -f 3
}

# refuses STATUS REGEX ARGUMENT…: it says one line that matches, and exits.
refuses() {
  local wanted=$1 regex=$2 status=0 said
  shift 2
  timeout 10 env "${VARIABLES[@]}" "$TURNSTILE" "$@" 3>&- \
    >"$WORK/refused.out" 2>"$WORK/refused.err" || status=$?
  mapfile -t said <"$WORK/refused.err"
  matches "$*: stderr" "${said[0]}" "$regex"
  equal "$*: lines on stderr" "${#said[@]}" 1
  if [ -s "$WORK/refused.out" ]; then fail "$*: it said something on stdout"; fi
  equal "$*: exit status" "$status" "$wanted"
}

# each_store FUNCTION: once with json, once with sqlite, as $STORE.
each_store() {
  for STORE in json sqlite; do
    echo "store $STORE"
    "$@"
    if [ -n "$SERVICE" ]; then stop; fi
  done
}

# ------------------------------------------------------------------- calls --

http() {
  curl -q -sS --noproxy '*' --max-time "$CURL_LIMIT" "$@"
}

# call METHOD PATH [CURL OPTION…]: sets $code and $body; see header().
call() {
  local method=(-X "$1") url=$URL$2
  if [ "$1" = HEAD ]; then method=(-I); fi
  shift 2
  : >"$WORK/body"
  code=$(http "${method[@]}" -D "$WORK/headers" -o "$WORK/body" \
    -w '%{http_code}' "$@" "$url")
  body=
  if [ "${method[0]}" = -I ] || [ ! -s "$WORK/body" ]; then return; fi
  IFS= read -r -d '' body <"$WORK/body" || true
  # Every answer ends with a newline.
  [[ $body == *$'\n' ]] || fail "no newline at the end: $body"
  body=${body%$'\n'}
}

# answered STATUS METHOD PATH [CURL OPTION…]
answered() {
  local wanted=$1
  shift
  call "$@"
  [ "$code" -eq "$wanted" ] || fail "$*: wanted $wanted, got $code: $body"
}

# header NAME: of the last call, "" if it is not there.
header() {
  local line value
  while IFS= read -r line; do
    if [[ ${line,,} == "${1,,}:"* ]]; then
      value=${line#*:} value=${value%$'\r'}
      echo "${value# }"
    fi
  done <"$WORK/headers"
}

# member NAME [JSON]: the first member of that name, as it stands there, but
# text without its quotes.  "" if there is none.
member() {
  local json=${2-$body} regex
  regex="\"$1\":(\"(([^\"\\]|\\\\.)*)\"|\[[^]]*\]|[^],}]+)"
  if [[ $json =~ $regex ]]; then
    if [[ ${BASH_REMATCH[1]} == '"'* ]]; then
      echo "${BASH_REMATCH[2]}"
    else
      echo "${BASH_REMATCH[1]}"
    fi
  fi
}

# keys [JSON]: the names of a flat object's members, in order.
keys() {
  grep -o '"[a-z_]*":' <<<"${1-$body}" | tr -d '":' | paste -sd ' '
}

# problem NAME STATUS: the last answer is this problem, as RFC 9457 has it.
problem() {
  equal status "$code" "$2"
  equal Content-Type "$(header content-type)" application/problem+json
  equal type "$(member type)" "/problems/$1"
  equal "the status in the body" "$(member status)" "$2"
  matches title "$(member title)" '^[A-Z].{5,}[^.]$'
  matches detail "$(member detail)" '^.{5,}$'
  if [ "$2" -eq 503 ]; then
    matches Retry-After "$(header retry-after)" '^[1-9][0-9]?$'
  else
    equal Retry-After "$(header retry-after)" ""
  fi
}

# sale_open ID CAPACITY LOCK DELAY
sale_open() {
  answered 201 POST /sales -d "id=$1" -d "capacity=$2" -d "lock=$3" \
    -d "delay=$4"
}

# left ID: how many tickets
left() {
  answered 200 GET "/sales/$1"
  member remaining
}

# ------------------------------------------------------------------ buyers --
# What buyers are told is kept in $WORK/answers, a body in each file.

# What buyers() notes of each answer, a line in $WORK/heads.
HEADS='%{http_code} %{time_total} %{content_type} %header{retry-after}\n'

# buyers COUNT SALE [CURL OPTION…]: each on a connection of its own.
buyers() {
  local count=$1 url=$URL/sales/$2/buy
  shift 2
  rm -rf "$WORK/answers"
  mkdir "$WORK/answers"
  http -Z --no-progress-meter --parallel-immediate --parallel-max "$count" \
    -X POST -o "$WORK/answers/#1" -w "$HEADS" "$@" \
    "$url?trail#[1-$count]" >"$WORK/heads"
}

# volley TARGET…: a connection for each, all of them opened beforehand, then
# all requests are sent at once, in this order.  A target is a sale, or a sale
# and a form: demo?buyer=alice&quantity=2
volley() {
  local fds=() requests=() fd i target form
  rm -rf "$WORK/answers"
  mkdir "$WORK/answers"
  for target; do
    form=${target#"${target%%\?*}"} form=${form#\?}
    printf -v i 'POST /sales/%s/buy?trail HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s' \
      "${target%%\?*}" "${#form}" "$form"
    requests+=("$i")
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
  done
  # All but the last bytes; then these, which is done in no time.
  for i in "${!fds[@]}"; do printf %s "${requests[i]%?}" >&"${fds[i]}"; done
  for i in "${!fds[@]}"; do printf %s "${requests[i]: -1}" >&"${fds[i]}"; done
  for i in "${!fds[@]}"; do
    fd=${fds[i]}
    receive "$fd" >"$WORK/answers/$((i + 1))"
    exec {fd}>&-
  done
}

# receive FD [HEADS]: the body of one answer; its heads, too, if HEADS is not
# empty.
receive() {
  local line length=0
  while IFS= read -r -t "$CURL_LIMIT" -u "$1" line; do
    line=${line%$'\r'}
    if [ -z "$line" ]; then break; fi
    if [ -n "${2-}" ]; then echo "$line"; fi
    if [[ $line =~ ^Content-Length:\ ([0-9]+) ]]; then
      length=${BASH_REMATCH[1]}
    fi
  done
  IFS= read -r -t "$CURL_LIMIT" -u "$1" -d '' -n "$length" line || true
  printf %s "$line"
}

# repeat COUNT WORD: for a volley
repeat() {
  local i
  for ((i = 0; i < $1; i++)); do echo "$2"; done
}

# How many were sold; how many got this problem.
receipts() {
  grep -l '^{"order":' "$WORK"/answers/* | wc -l
}

refusals() {
  grep -l "\"type\":\"/problems/$1\"" "$WORK"/answers/* | wc -l
}

# Each seat on a receipt, a line each, in order.
seats() {
  sed -n 's/^{"order":.*"seats":\[\([0-9,]*\)\].*/\1/p' "$WORK"/answers/* |
    tr , '\n' | sort -n
}

# ledger SALE [ARGUMENT]: every line of it, one JSON object a line.
ledger() {
  local after=0
  while [ "$after" != null ]; do
    answered 200 GET "/sales/$1/ledger?limit=1000&after=$after&${2-}"
    after=${body##*\"next\":} after=${after%\}}
    sed 's/.*"lines":\[\(.*\)\],"next".*/\1/; s/,{"kind"/\n{"kind"/g' \
      <<<"$body" | grep . || true
  done
}

# strategy LOCK: what the last audit says of that strategy.
strategy() {
  grep -o "{\"lock\":\"$1\",\"receipts\"[^}]*}" <<<"$body"
}
