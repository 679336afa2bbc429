#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2153,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: every option works, by flag and by environment; whatever
# is wrong at the start is said in one line that helps, with the right exit
# status.

load helper

# ------------------------------------------------------------------- words --

@test "--help names every option and strategy and says how to use them" {
  local word output
  output=$("$TURNSTILE" --help)
  for word in '--listen \[ADDR:\]PORT' '--data DIR' '--existing' '--database CONNINFO' '--lock NAME' '--delay MIN\[-MAX\]' '--tickets N' '--workers N' \
    '--clerks N' '--batch N' '--queue N' '--timeout DURATION' \
    '--audit-timeout DURATION' \
    '--max-quantity N' '--admin open\|token\|off' '--allow-origin ORIGIN' \
    '--log text\|json' \
    '--version' '--help'; do
    matches "--help" "$output" "(^|"$'\n'")  $word "
  done
  for word in none mutex-private flock mutex semaphore spin ticket rwlock optimistic atomic row advisory; do
    matches "--help" "$output" $'\n'"  $word  "
  done
  matches "--help" "$output" $'\n'"  none .*WRONG, on purpose"
  matches "--help" "$output" '  --store json\|sqlite\|postgres[[:space:]]+how they are kept '
  matches "--help" "$output" "TURNSTILE_MAX_QUANTITY"
  matches "--help" "$output" "Exit status: 0 .* 1 .* 2 "
}

@test "--version is one line" {
  matches "--version" "$("$TURNSTILE" --version)" '^turnstile [0-9]+(\.[0-9]+)+(-dev)?$'
}

@test "one version: --version, the log, /metrics and openapi.yaml" {
  local version
  version=$("$TURNSTILE" --version)
  version=${version#turnstile }
  start
  matches "start-up" "$START_LINE" "^turnstile $version: "
  grep -qF " started version=\"$version\" " "$ERR"
  answered 200 GET /openapi.yaml
  matches openapi.yaml "$body" $'\n  version: "'"$version"$'"\n'
  answered 200 GET /metrics
  matches build_info "$body" "turnstile_build_info\\{version=\"$version\""
  # What is written next comes first, and bears its name.
  matches CHANGELOG.md "$(grep -m 1 '^## ' "$ROOT/CHANGELOG.md")" \
    "^## ${version%.0-dev}(,|\$)"
}

# What the start says of who sells and of where it is kept: lines 2 and 3.
start_says() {
  equal "who sells" "$(sed -n 2p "$OUT")" "  sold by $1"
  equal "where it is kept" "$(sed -n 3p "$OUT")" "  kept in $2"
}

@test "the start-up lines say where, what, how much is left, and who sells" {
  start --workers 2 --clerks 4 --store sqlite --lock mutex
  matches "start-up" "$START_LINE" \
    '^turnstile [^ ]+: http://127\.0\.0\.1:[0-9]+  lock mutex  sale demo: 100 of 100 left$'
  start_says '2 workers (processes) with 4 clerks (threads) each' \
    "$DATA (sqlite)"
  equal "lines on stdout" "$(wc -l <"$OUT")" 3
  answered 200 GET /sales/demo
}

# ----------------------------------------------------------- wrong options --

# wrong_value OPTION REGEX VALUE…: each is refused, by flag and by variable.
wrong_value() {
  local option=$1 regex=$2 value variable
  shift 2
  variable=${option^^} variable=TURNSTILE_${variable//-/_}
  for value; do
    refuses 2 "^turnstile: --$option: \"$value\" is not valid: use $regex\$" \
      --data "$WORK/data" "--$option" "$value"
    VARIABLES=("$variable=$value")
    refuses 2 "^turnstile: $variable: \"$value\" is not valid: use $regex\$" \
      --data "$WORK/data"
    VARIABLES=()
  done
}

@test "a bad value prints what is valid and exits 2" {
  local number='a number from 1 to [0-9]+'
  wrong_value listen 'PORT, :PORT, ADDR:PORT or \[IPV6\]:PORT, .* 0 to 65535' \
    nix 65536 -1 ::1:80 localhost: localhost:nix 80x '' 127.0.0.1:99999
  wrong_value data 'a directory' ''
  wrong_value store 'json, sqlite or postgres' JSON oracle ''
  wrong_value lock \
    'one of none, mutex-private, flock, mutex, semaphore, .*optimistic, atomic, row, advisory' \
    nix Mutex semaphore:0 semaphore:9 semaphore: semaphore:12 mutex:3 ''
  wrong_value delay 'a duration or a range of two, .*0, 5ms, 1s-3s' \
    5 -5ms 3s-1s 1s- -1s 2h 61m 1s-3s-5s ms 1e3ms ''
  wrong_value tickets 'a number from 0 to [0-9]+' -1 1.5 10000001 x '' 99999999999999999999
  wrong_value workers "$number" 0 -1 100000 x
  wrong_value clerks "$number" 0 -1 100000 x
  wrong_value batch "$number" 0 -1 100000 x
  wrong_value queue "$number" 0 -1 100000000 x
  wrong_value timeout 'a duration from 1ms to 1h: 500ms, 5s' 0 0ms 5 2h -1s x
  wrong_value audit-timeout 'a duration from 1ms to 1h: 500ms, 5s' 0 5 2h x
  wrong_value max-quantity "$number" 0 -1 1001 x
  wrong_value admin 'open, token or off' yes '' Open
  wrong_value log 'text or json' xml '' JSON
  [ ! -e "$WORK/data" ] || fail "a wrong option made a data directory"
}

@test "what is no option is refused with exit 2" {
  refuses 2 '^turnstile: --nix: no such option; see --help$' --nix
  refuses 2 '^turnstile: --lock: needs a value; see --help$' --lock
  refuses 2 '^turnstile: "8080": options begin with --; see --help$' 8080
}

# ------------------------------------------------------------- environment --

@test "each option is a variable too" {
  VARIABLES=(TURNSTILE_LISTEN=0 TURNSTILE_DATA="$WORK/by-variable"
    TURNSTILE_STORE=json TURNSTILE_LOCK=flock TURNSTILE_DELAY=1ms-2ms
    TURNSTILE_TICKETS=7 TURNSTILE_WORKERS=1 TURNSTILE_CLERKS=3
    TURNSTILE_MAX_QUANTITY=2 TURNSTILE_ADMIN=off)
  launch
  matches "start-up" "$START_LINE" \
    'http://127\.0\.0\.1:[0-9]+  lock flock  sale demo: 7 of 7 left$'
  start_says '1 worker (process) with 3 clerks (threads)' \
    "$WORK/by-variable (json)"
  answered 200 GET /sales/demo
  equal delay_ms "$(member delay_ms)" '[1,2]'
  call POST /sales/demo/buy -d quantity=3
  problem bad-value 400
  matches detail "$(member detail)" 'from 1 to 2\.$'
  call PATCH /sales/demo -d lock=none
  problem forbidden 403
}

@test "a variable that looks like an option is refused, with what it may be" {
  local row
  for row in TICKET:TICKETS LOCKS:LOCK MAXQUANTITY:MAX_QUANTITY \
    ADMINS:ADMIN DATAS:DATA; do
    VARIABLES=("TURNSTILE_${row%:*}=7")
    refuses 2 "^turnstile: TURNSTILE_${row%:*}: no such option: is it TURNSTILE_${row#*:}\\? see --help\$" \
      --listen 0 --data "$WORK/data"
  done
  [ ! -e "$WORK/data" ] || fail "it made a data directory"
}

@test "other variables are other programs': ignored, and said" {
  VARIABLES=(TURNSTILE_SITE_KEY=abc TURNSTILE_VERSION=1 TURNSTILE_PORT=9000
    TURNSTILE_SERVICE_HOST=10.0.0.1 TURNSTILE_SERVICE_PORT_HTTP=80
    TURNSTILE_PORT_80_TCP=tcp://10.0.0.1:80 TURNSTILE_PORT_80_TCP_ADDR=10.0.0.1
    TURNSTILE_WEB_PORT=tcp://10.0.0.1:80)
  start
  equal "what is said" "$(grep '^TURNSTILE' "$OUT" | sort)" \
    "TURNSTILE_PORT is no option of turnstile's: ignored
TURNSTILE_SITE_KEY is no option of turnstile's: ignored
TURNSTILE_VERSION is no option of turnstile's: ignored"
  stop
  json_log
  expect_log '^\{.*"event":"start-note","what":"TURNSTILE_SITE_KEY is no option of turnstile.s: ignored"\}$'
  VARIABLES=(TURNSTILE_SITE_KEY=abc)
  start --log json
}

@test "a flag wins over its variable" {
  VARIABLES=(TURNSTILE_LISTEN=127.0.0.1:1 TURNSTILE_DATA="$WORK/by-variable"
    TURNSTILE_STORE=json TURNSTILE_LOCK=flock TURNSTILE_DELAY=1ms-2ms
    TURNSTILE_TICKETS=7 TURNSTILE_WORKERS=1 TURNSTILE_CLERKS=3
    TURNSTILE_MAX_QUANTITY=2 TURNSTILE_ADMIN=off TURNSTILE_TIMEOUT=1ms
    TURNSTILE_LOG=json TURNSTILE_QUEUE=1 TURNSTILE_BATCH=1)
  start --store sqlite --lock optimistic --delay 3ms --tickets 9 --workers 2 \
    --clerks 1 --max-quantity 4 --admin open --timeout 4s --log text
  matches "start-up" "$START_LINE" \
    '  lock optimistic  sale demo: 9 of 9 left$'
  start_says '2 workers (processes) with 1 clerk (thread) each' \
    "$DATA (sqlite)"
  [ ! -e "$WORK/by-variable" ]
  answered 201 POST /sales/demo/buy -d quantity=4
  answered 200 PATCH /sales/demo -d lock=mutex # and a line of text, no JSON
  equal delay_ms "$(member delay_ms)" 3
}

@test "--queue by variable: what does not fit is refused" {
  VARIABLES=(TURNSTILE_QUEUE=1)
  start --workers 1 --clerks 1 --delay 300ms
  volley $(repeat 8 demo)
  [ "$(refusals queue-full)" -ge 1 ]
}

@test "--timeout by variable: the deadline of an order" {
  VARIABLES=(TURNSTILE_TIMEOUT=100ms)
  start --workers 1 --clerks 2 --delay 400ms
  volley demo demo
  equal receipts "$(receipts)" 1
  equal lock-timeout "$(refusals lock-timeout)" 1
}

# While the one clerk is busy elsewhere, nine orders queue up behind it.
batch_is() {
  sale_open slow 10 mutex 300ms
  volley slow $(repeat 9 demo)
  equal receipts "$(receipts)" 10
  ledger demo | grep -o '"nth":[0-9]*' | tr -dc '0-9\n' | sort -n |
    tail -n 1 >"$WORK/nth"
  equal "the largest batch" "$(cat "$WORK/nth")" "$1"
}

@test "--batch: as many orders in one turn, by flag" {
  start --workers 1 --clerks 1 --batch 4
  batch_is 4
}

@test "--batch: as many orders in one turn, by variable" {
  VARIABLES=(TURNSTILE_BATCH=1)
  start --workers 1 --clerks 1
  batch_is 1
}

@test "--log json: events are JSON, one a line" {
  json_log
  expect_log '^\{"time":"[^"]*Z","event":"sale-changed","sale":"demo","request":"[0-9a-f]+","lock_old":"mutex","lock_new":"none"\}$'
  start --log json
  answered 200 PATCH /sales/demo -d lock=none
}

@test "--log by variable" {
  json_log
  expect_log '^\{"time":"[^"]*Z","event":"sale-changed",.*\}$'
  VARIABLES=(TURNSTILE_LOG=json)
  start
  answered 200 PATCH /sales/demo -d lock=none
}

# ------------------------------------------------------------------ listen --

# A port that was free a moment ago.
free_port() {
  start
  stop
  echo "port $PORT"
}

@test "--listen: a port, :port, localhost:port" {
  free_port
  local form wanted port=$PORT
  for form in "$port" ":$port" "localhost:$port" "127.0.0.1:$port"; do
    launch --listen "$form" --data "$DATA" --admin open
    case $form in
      :*) # every address: one that can be typed
        wanted="http://([0-9.]+|\[[0-9a-f:]+\]):$port"
        case $URL in *0.0.0.0*) fail "nobody can open $URL" ;; esac ;;
      localhost:*) wanted='http://(127\.0\.0\.1|\[::1\]):'"$port" ;;
      *) wanted="http://127\.0\.0\.1:$port" ;;
    esac
    matches "$form" "$URL" "^$wanted\$"
    URL=http://localhost:$port
    answered 200 GET /sales/demo
    stop
  done
}

@test "--listen [::1]:0" {
  grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null ||
    skip "there is no IPv6 here"
  launch --listen '[::1]:0' --data "$WORK/data"
  matches "start-up" "$URL" '^http://\[::1\]:[0-9]+$'
  answered 200 GET /sales/demo -g
  answered 200 PATCH /sales/demo -g -d lock=none # loopback: open
}

@test "a busy port: one line that names another, exit 1" {
  start
  refuses 1 "^turnstile: port $PORT is in use: try --listen 127\.0\.0\.1:[0-9]+, or port 0 " \
    --listen "$PORT" --data "$WORK/other"
  local suggested
  suggested=$(grep -o '127.0.0.1:[0-9]*' "$WORK/refused.err")
  [ "${suggested##*:}" -ne "$PORT" ]
}

@test "an address that is not ours: one line, exit 1" {
  refuses 1 '^turnstile: --listen 192\.0\.2\.1:8080: ' \
    --listen 192.0.2.1:8080 --data "$WORK/data"
}

# ------------------------------------------------------------------- admin --

@test "--admin: open on loopback only" {
  launch --listen :0 --data "$WORK/data"
  URL=http://127.0.0.1:$PORT
  call PATCH /sales/demo -d lock=none
  problem token-needed 401
  matches WWW-Authenticate "$(header www-authenticate)" '^Bearer '
  answered 200 GET /sales/demo
  equal lock "$(member lock)" mutex
  stop
  launch --listen :0 --data "$WORK/data" --admin open
  URL=http://127.0.0.1:$PORT
  answered 200 PATCH /sales/demo -d lock=none
}

@test "--admin token and off: nobody without it changes a sale or sees names" {
  local mode with
  for mode in token off; do
    start --admin "$mode"
    answered 201 POST /sales/demo/buy -d buyer=alice
    for with in 'Authorization: Bearer nix' 'Authorization: Bearer ' \
      'Authorization: Basic eDp5' 'X-Nix: nix'; do
      call PATCH /sales/demo -d lock=none -H "$with"
      if [ "$mode" = off ]; then
        problem forbidden 403
      else
        problem token-needed 401
      fi
      call POST /sales -d id=x -d capacity=1 -H "$with"
      [ "$code" -eq 401 ] || [ "$code" -eq 403 ]
      call DELETE '/sales/demo?force=1' -H "$with"
      [ "$code" -eq 401 ] || [ "$code" -eq 403 ]
      answered 200 GET /sales/demo/ledger -H "$with"
      equal buyer "$(member buyer)" ""
    done
    answered 200 GET /sales
    equal sales "$(grep -o '"id"' <<<"$body" | wc -l)" 1
    equal lock "$(member lock)" mutex
    stop
  done
}

# -------------------------------------------------------------- directories --

@test "a data directory that cannot be made: one line, exit 1" {
  echo text >"$WORK/file"
  refuses 1 "^turnstile: $WORK/file/data: " --listen 0 --data "$WORK/file/data"
  refuses 1 "^turnstile: $WORK/file(/.lock)?: " --listen 0 --data "$WORK/file"
  refuses 1 "^turnstile: $WORK/no/data: No such file or directory" \
    --listen 0 --data "$WORK/no/data"
}

@test "a data directory that cannot be written: one line, exit 1" {
  [ "$EUID" -ne 0 ] || skip "root may write everywhere"
  mkdir -m 0555 "$WORK/data"
  refuses 1 "^turnstile: $WORK/data/.*: Permission denied" \
    --listen 0 --data "$WORK/data"
}

@test "somebody else's directory: one line, exit 1, nothing touched" {
  mkdir "$WORK/data"
  echo mine >"$WORK/data/diary"
  local store
  for store in json sqlite; do
    refuses 1 "^turnstile: $WORK/data holds files that are not turnstile's: use an empty directory for --data\$" \
      --listen 0 --data "$WORK/data" --store "$store"
  done
  equal files "$(ls "$WORK/data")" diary
}

@test "a directory in use: one line that names the owner, exit 1" {
  start
  refuses 1 "^turnstile: $DATA is in use by process $SERVICE: " \
    --listen 0 --data "$DATA"
  answered 201 POST /sales/demo/buy
}

is_held() {
  ! flock -n "$DATA/.lock" true
}

# Somebody who was started with that directory sleeps, with its lock open.
is_waited_for() {
  local file pid
  # shellcheck disable=SC2013 # they are words
  for file in $(grep -lF -- "$DATA" /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=${file//[!0-9]/}
    [[ $(readlink "/proc/$pid/fd/"* 2>/dev/null) == *"$DATA/.lock"* ]] &&
      [[ $(cat "/proc/$pid/stat") == *') S '* ]] && return
  done
  return 1
}

@test "a directory whose last owner is on his way out is waited for" {
  start
  stop
  mkfifo "$WORK/go"
  (exec 9>>"$DATA/.lock" && flock 9 && read -r <"$WORK/go") 3>&- &
  LOADS+=("$!")
  await 5 is_held
  (await 10 is_waited_for && echo >"$WORK/go") 3>&- &
  LOADS+=("$!")
  again
  answered 201 POST /sales/demo/buy
}

# Who does not say how sales are kept means as they are: after a restore, say.
@test "a directory says itself which store it is; who names another is refused" {
  local store
  for store in json sqlite; do
    start --store "$store"
    answered 201 POST /sales/demo/buy
    stop
    launch --existing --listen 0 --data "$DATA"
    start_says_store "$store"
    answered 200 GET /sales/demo
    equal left "$(member remaining)" 99
    equal store "$(member store)" "$store"
    stop
  done
  # Nobody's yet: the usual one.
  launch --listen 0 --data "$WORK/new"
  start_says_store sqlite "$WORK/new"
  stop
  VARIABLES=(TURNSTILE_STORE=json)
  refuses 1 "^turnstile: $WORK/new belongs to the store \"sqlite\", not \"json\": " \
    --listen 0 --data "$WORK/new"
  VARIABLES=()
  echo oracle >"$WORK/new/.store"
  refuses 1 "^turnstile: $WORK/new belongs to the store \"oracle\", not " \
    --listen 0 --data "$WORK/new"
}

# In words, and in the log.
start_says_store() {
  equal "where it is kept" "$(sed -n 3p "$OUT")" "  kept in ${2-$DATA} ($1)"
  grep -qF " store=\"$1\" " "$ERR"
}

@test "the other store's directory is refused by name, exit 1" {
  start --store json
  stop
  refuses 1 "^turnstile: $DATA belongs to the store \"json\", not \"sqlite\": use --store json or another --data\$" \
    --listen 0 --data "$DATA" --store sqlite
  start --store sqlite
  stop
  refuses 1 "^turnstile: $DATA belongs to the store \"sqlite\", not \"json\": use --store sqlite or another --data\$" \
    --listen 0 --data "$DATA" --store json
}

@test "a damaged json ledger: one line, exit 1" {
  start --store json
  local ledger=$DATA/demo/ledger.jsonl i
  for i in 1 2 3; do # one after the other: a write may be torn, one alone
    answered 201 POST /sales/demo/buy -d buyer=alice
  done
  stop
  sed -i '2s/alice/malice/' "$ledger"
  refuses 1 '^turnstile: .*ledger\.jsonl' \
    --listen 0 --data "$DATA" --store json
  sed -i 2d "$ledger"
  refuses 1 '^turnstile: .*ledger\.jsonl' \
    --listen 0 --data "$DATA" --store json
}

@test "a damaged sqlite database: one line, exit 1" {
  start --store sqlite
  stop
  rm -f "$DATA"/turnstile.db-*
  yes 'this is no database' 2>/dev/null | head -c 8192 >"$DATA/turnstile.db"
  refuses 1 '^turnstile: .*turnstile\.db: ' \
    --listen 0 --data "$DATA" --store sqlite
}

# --------------------------------------------------------------- demo sale --

demo_stays() {
  start --store "$STORE" --tickets 9 --lock none --delay 1ms-3ms
  stop
  again --store "$STORE" --tickets 8 --lock mutex --delay 5ms
  matches "start-up" "$START_LINE" 'lock none .* sale demo: 9 of 9 left$'
  grep -q '^the sale demo is there already, with 9 tickets, lock none, delay 1ms-3ms: ignored: --tickets --lock --delay$' "$OUT"
  grep -q "^to start over, stop and remove $DATA, or use another --data\$" \
    "$OUT"
  stop
  # Only what differs, and nothing where nothing does.
  again --store "$STORE" --tickets 9 --lock flock --delay 1ms-3ms
  grep -q ': ignored: --lock$' "$OUT"
  stop
  again --store "$STORE" --tickets 9 --lock none
  equal "lines on stdout" "$(wc -l <"$OUT")" 3
}

@test "flags that differ from the demo sale are ignored, and it says so" {
  each_store demo_stays
}

no_demo() {
  start --store "$STORE" --tickets 0
  matches "start-up" "$START_LINE" '  no sale demo: --tickets is 0$'
  answered 404 GET /sales/demo
  answered 200 GET /sales
  matches sales "$body" '"sales":\[\]'
  sale_open gig 5 mutex 0
  answered 201 POST /sales/gig/buy
  stop
  # One that was deleted does not come back; one that is there stays.
  again --store "$STORE"
  answered 204 DELETE /sales/demo
  stop
  again --store "$STORE" --tickets 0
  answered 404 GET /sales/demo
  equal left "$(left gig)" 4
  stop
  again --store "$STORE"
  stop
  again --store "$STORE" --tickets 0
  equal left "$(left demo)" 100
}

@test "--tickets 0: no sale demo" {
  each_store no_demo
}

only_existing() {
  DATA=$WORK/none.$STORE
  refuses 1 "^turnstile: $DATA is no data directory of turnstile's: with --existing it does not make a new one\$" \
    --existing --listen 0 --data "$DATA" --store "$STORE"
  [ ! -e "$DATA" ] || fail "it was made all the same"
  mkdir "$DATA"
  refuses 1 "^turnstile: $DATA is no data directory" \
    --existing --listen 0 --data "$DATA" --store "$STORE"
  equal "what is in it" "$(ls -A "$DATA")" ''
  again --store "$STORE"
  answered 201 POST /sales/demo/buy
  stop
  again --existing --store "$STORE"
  equal left "$(left demo)" 99
  stop
  VARIABLES=(TURNSTILE_EXISTING=1)
  again --store "$STORE"
  stop
  refuses 1 "^turnstile: $WORK/nix is no data directory" \
    --listen 0 --data "$WORK/nix" --store "$STORE"
  VARIABLES=(TURNSTILE_EXISTING=0)
  start --store "$STORE"
  stop
  VARIABLES=(TURNSTILE_EXISTING=perhaps)
  refuses 2 '^turnstile: TURNSTILE_EXISTING: "perhaps" is not valid: use 1 or 0$'
  VARIABLES=()
}

@test "--existing: no new data directory is begun" {
  each_store only_existing
}

@test "a delay of half the timeout or more is warned of" {
  local warning='delay is half the orders.* timeout or more'
  start --delay 499ms --timeout 1s
  refute grep -Eq "$warning" "$OUT"
  answered 200 PATCH /sales/demo -d delay=0
  equal warning "$(member warning)" ""
  answered 200 PATCH /sales/demo -d delay=1ms-500ms
  matches warning "$(member warning)" "$warning"
  matches warning "$(member warning)" 'only two of several buyers'
  answered 201 POST /sales -d id=slow -d capacity=1 -d delay=1h
  matches warning "$(member warning)" "$warning"
  matches warning "$(member warning)" \
    '\(3600s, of 1s\).* only one of several buyers .* without an answer'
  stop
  start --delay 500ms --timeout 1s
  sed 's/--timeout/timeout/' "$OUT" | grep -Eq "$warning"
}

# --------------------------------------------------------------- processes --

threads() {
  cat /proc/"$1"/task/*/comm | sort
}

all_threads() {
  local pid
  for pid in $(children); do threads "$pid"; done | grep -c '^clerk '
}

have_names() {
  [ "$(all_threads)" -eq "$1" ]
}

@test "workers and clerks have names, and end with their supervisor" {
  start --workers 2 --clerks 3
  # The start-up line comes before the last thread has its name.
  await 5 have_names 6
  local pids pid worker wanted
  mapfile -t pids < <(children)
  equal "processes" "${#pids[@]}" 2
  for pid in "${pids[@]}"; do
    worker=$(cat "/proc/$pid/comm")
    matches "process name" "$worker" '^worker [12]$'
    worker=${worker#* }
    wanted=$(printf '%s\n' "clerk $worker."{1,2,3})
    equal clerks "$(threads "$pid" | grep clerk)" "$wanted"
  done
  refute cmp -s "/proc/${pids[0]}/comm" "/proc/${pids[1]}/comm"
  stop
  is_gone "${pids[0]}"
  is_gone "${pids[1]}"
}
