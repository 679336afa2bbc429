#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: the stress test says what it must, in every form, leaves
# nothing behind, and its drills find nothing wrong.

bats_require_minimum_version 1.5.0
load helper

# What --json printed is as the schema has it.
check_report() {
  /usr/bin/python3 tests/stress/check_report.py <<<"$output"
}

# $output as one line, however it is folded.
flat() {
  tr -s ' \n' ' ' <<<"$output"
}

# Ten strategies, and seven of them right, on both stores.
ROWS=21 RIGHT=15

@test "every strategy on both stores: a row each, and the right verdicts" {
  local columns
  run --separate-stderr "$STRESS" --data "$WHERE" --locks all \
    --stores json,sqlite --duration 200ms --markdown "$WHERE/table.md" \
    --trace "$WHERE/trace.json" --plot "$WHERE/plot.svg"
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -cE '^  (json|sqlite) .* (correct|[A-Z-]{4,}) ' \
    <<<"$output")" -eq "$ROWS" ]
  for lock in none mutex-private semaphore:3; do
    [ "$(grep -cE "^  (json|sqlite) +$lock +(OVERSOLD|DOUBLE-BOOKED)" \
      <<<"$output")" -eq 2 ]
    grep -q -- "^-- $lock, " <<<"$output"
  done
  [ "$(grep -cE '^  (json|sqlite) .* correct ' <<<"$output")" -eq "$RIGHT" ]
  [ "$(grep -c "write is lost" <<<"$output")" -ge 3 ]
  # Nothing is wider than a terminal.
  columns=$(LC_ALL=C.UTF-8 wc -L <<<"$output")
  echo "columns: $columns"
  [ "$columns" -le 80 ]
  # Nothing stays but what was asked for.
  [ "$(ls "$WHERE")" = $'plot.svg\ntable.md\ntrace.json' ]

  # The trace has a lane for each clerk, and no step that ends before it began.
  [ "$(grep -o '"ph": *"X"' "$WHERE/trace.json" | wc -l)" -gt 100 ]
  /usr/bin/python3 tests/stress/check_trace.py "$WHERE/trace.json"
  # How long the last step took is not known: it is a moment.
  [ "$(grep -c '"name": *"unlock".*"ph": *"i"' "$WHERE/trace.json")" -gt 100 ]
  run ! grep -q '"dur": *1.0[,}]' "$WHERE/trace.json"
  [ "$(grep -o '"thread_name"' "$WHERE/trace.json" | wc -l)" -gt "$ROWS" ]
  [ "$(grep -c '^| \(json\|sqlite\) ' "$WHERE/table.md")" -eq "$ROWS" ]
  grep -q '^<svg ' "$WHERE/plot.svg"
  [ "$(grep -c '>OVERSOLD<' "$WHERE/plot.svg")" -ge 4 ]
  # A bar has its ±.
  [ "$(grep -c '^<path class="spread" ' "$WHERE/plot.svg")" -eq "$RIGHT" ]
  grep -q 'Whiskers: ± how much the rounds differ' "$WHERE/plot.svg"
}

@test "the class script: ten buyers hold the one ticket, and then one" {
  run --separate-stderr "$STRESS" --data "$WHERE" --classroom --json
  [ "$status" -eq 0 ]
  check_report
  [ "$(values 6 lock)" = "none mutex" ]
  [ "$(values 8 verdict)" = "oversold correct" ]
  [ "$(values 8 tickets)" = "10 1" ]
  [ "$(values 8 told_enough_left)" = "10 10" ]
  [ "$(values 8 refused)" = "0 9" ]
}

@test "a query is not a promise" {
  run --separate-stderr "$STRESS" --data "$WHERE" --classroom
  [[ $output == *"10 were told 1 left, and 1 got one."* ]]
}

@test "runs, several tickets an order, and what is expected" {
  run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex,none \
    --stores json --runs 3 --quantity 3 --orders 300 --duration 0 \
    --expect 'wrong<=3' --expect 'unknown>0'
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"wrong in 3 of 3 runs"* ]]
  [[ $output == *"ok   wrong<=3"* ]]
  [[ $output == *"NOT  unknown>0"* ]]
  # The headline, the JSON and the exit status are one truth.
  [[ $output == "NOT AS PROMISED"*"1 not as expected"* ]]
  run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --duration 0 --expect 'wrong>0' --json
  [ "$status" -eq 1 ]
  [ "$(values 2 good)" = false ]
  check_report
}

@test "columns are as wide as what is in them" {
  run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --duration 0 --tickets 1000001 --buyers 20 --jitter off
  echo "$output"
  [[ $output =~ 'correct '\ +20\ +1000001\ +999981\ +'0 refused' ]]
  run --separate-stderr "$STRESS" --data "$WHERE" --locks none \
    --stores json --duration 0 --runs 2 --pause-holder 300ms --jitter off
  echo "$output"
  [[ $(flat) =~ 'wrong in '.' of 2 runs, stop '[0-9.]+' s, first: ' ]]
}

@test "what is left though all was sold is explained" {
  run --separate-stderr "$STRESS" --data "$WHERE" --classroom --locks none \
    --tickets 5 --json
  [ "$(values 8 remaining)" -gt 0 ]
  run --separate-stderr "$STRESS" --data "$WHERE" --classroom --locks none \
    --tickets 5
  echo "$output"
  [[ $output =~ [0-9]+' left, as lost writes are not counted' ]]
  # Also where all were sold and no more, and in several runs.
  run --separate-stderr "$STRESS" --data "$WHERE" --locks none --runs 2 \
    --stores json --duration 0 --tickets 400 --buyers 200 --quantity 2
  echo "$output"
  [[ $(flat) =~ 'wrong in 2 of 2 runs, first: '[0-9]+' seats twice or more,' ]]
  [[ $(flat) =~ [0-9]+' left, as lost writes are not counted' ]]
}

@test "a long headline is folded; labels of several axes are explained" {
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks none,mutex \
    --stores json --duration 0 --workers 1 --clerks 1,2 --delay 0,5ms \
    --buyers 6 --expect 'unknown>0' --expect 'wrong>100'
  echo "$output"
  [[ $output == "NOT AS PROMISED  4 correct, "*" not as expected"* ]]
  [[ $(flat) == *"; 2x4: workers x clerks; the last is the delay store "* ]]
  [ "$(LC_ALL=C.UTF-8 wc -L <<<"$output")" -le 80 ]
}

# Run $STRESS in the background; its words go to $WHERE/said.
in_background() {
  "$STRESS" "$@" >"$WHERE/said" 2>"$WHERE/err.stress" 3>&- &
  RUN=$!
}

# Wait until the run in the background has sold at $1, of 100000 tickets.
until_sold() {
  until curl -s "$1/sales" | grep -q '"remaining":99[0-9]*'; do
    kill -0 "$RUN"
    read -rt 0.02 <> <(:) || :
  done
}

@test "a client that was stopped says that it was late itself" {
  in_background --data "$WHERE" --locks mutex --stores json --jitter off \
    --duration 2s --rounds 1 --warmup 0 --json \
    --markdown "$WHERE/t.md" --plot "$WHERE/p.svg"
  until [ -n "$(find "$WHERE"/stress-data.* -path '*stress-*-price-*')" ]; do
    kill -0 "$RUN"
    read -rt 0.02 <> <(:) || :
  done
  # Its loop turns by now, or it does when it goes on: often enough for both.
  for _ in 1 2 3 4 5; do
    kill -STOP "$RUN"
    read -rt 0.1 <> <(:) || :
    kill -CONT "$RUN"
    read -rt 0.1 <> <(:) || :
  done
  wait "$RUN"
  output=$(cat "$WHERE/said")
  check_report
  grep client_late_ms "$WHERE/said"
  [[ $output =~ '"client_late_ms": '[0-9]{2,} ]]
  grep -qE '^The client itself was late by up to [0-9]{2,} ms: ' "$WHERE/t.md"
  grep -qE '>The client itself was late by up to [0-9]{2,} ms: ' "$WHERE/p.svg"
}

@test "a service that dies is said at once, and how; not that it hung" {
  local lock
  in_background --data "$WHERE" --locks mutex --stores json --duration 0 \
    --orders 100000 --tickets 100000 --delay 50ms --patience 1h
  until lock=$(cat "$WHERE"/stress-data.*/.lock 2>/dev/null) &&
    [ -n "$lock" ] && [ -n "$(find "$WHERE"/stress-data.* -path '*stress-*-race-*')" ]; do
    kill -0 "$RUN"
    read -rt 0.02 <> <(:) || :
  done
  kill -KILL "$lock"
  status=0
  wait "$RUN" || status=$?
  cat "$WHERE/said" "$WHERE/err.stress"
  [ "$status" -eq 1 ]
  grep -qE '^  json +mutex +DIED' "$WHERE/said"
  output=$(cat "$WHERE/said")
  [[ $(flat) == *"killed by signal 9 (SIGKILL)"* ]]
  [[ $output != *HUNG* && $output != *"was last"* ]]
}

@test "a service of others that goes away is said to be gone" {
  start_service --store json
  in_background --url "$url" --locks mutex --duration 0 --orders 100000 \
    --tickets 100000 --delay 50ms --patience 1s
  until_sold "$url"
  kill -KILL "$SERVICE"
  wait "$SERVICE" || :
  SERVICE=
  status=0
  wait "$RUN" || status=$?
  cat "$WHERE/said" "$WHERE/err.stress"
  [ "$status" -eq 1 ]
  output=$(cat "$WHERE/said")
  [[ $output == *" GONE "* ]]
  [[ $(flat) == *"Couldn't connect to server"* ]]
}

@test "what cannot be done is said before the first row" {
  local out
  for out in --plot --markdown --trace --history; do
    run -2 --separate-stderr "$STRESS" --data "$WHERE" $out /nowhere/x
    [ "$output" = "" ]
    [ "$stderr" = "stress: /nowhere/x: No such file or directory" ]
  done
  run -2 --separate-stderr "$STRESS" --compare /etc/passwd
  [[ $stderr == "stress: --compare /etc/passwd: "* ]]
  run -2 --separate-stderr "$STRESS" --data "$WHERE" --service /nope
  [ "$stderr" = "stress: --service /nope: No such file or directory" ]
  run -2 --separate-stderr "$STRESS" --data "$WHERE" --service /usr
  [ "$stderr" = "stress: --service /usr: Is a directory" ]
  run -2 --separate-stderr "$STRESS" --data /proc
  [[ $stderr == "stress: --data /proc: "* && $stderr != *1/"$ROWS"* ]]
  run -2 --separate-stderr "$STRESS" --url http://127.0.0.1:1
  [ "$stderr" = "stress: http://127.0.0.1:1: Couldn't connect to server" ]
  run -2 --separate-stderr "$STRESS" --data "$WHERE" --service /bin/false
  [[ $stderr == *"1/$ROWS"*"the service did not start" ]]
  [[ $stderr != *"2/$ROWS"* ]]
  # shellcheck disable=SC2016 # they are the other shell's
  run -1 bash -c '"$0" --data "$1" --locks mutex --stores json \
    --duration 0 --json >/dev/full' "$STRESS" "$WHERE"
  [[ $output == *"No space left"* ]]
}

@test "a round in which next to nothing happens is usage" {
  run -2 --separate-stderr "$STRESS" --rate 7
  [ "$output" = "" ]
  [ "$stderr" = "stress: --rate is too low for --rounds 5: must be 100 or more, or --duration 14286ms,
so that each has 20 orders" ]
  run -2 --separate-stderr "$STRESS" --rate 99
  run -2 --separate-stderr "$STRESS" --rate 7 --duration 14285ms
  run -2 --separate-stderr "$STRESS" --duration 1ms
  [ "$stderr" = "stress: --duration is too short for --rounds 5: must be 50ms or more, or 0" ]
  run -2 --separate-stderr "$STRESS" --duration 49ms
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --rate 2000 --duration 50ms --warmup 10ms
  [[ $output == *"Open loop: 2000 orders a second"* ]]
  # It has no price, and needs none.
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --duration 1ms --kill 1
}

@test "what cannot be expected is said before the first row" {
  local expect
  for expect in 'slower==0' 'ratio>0.9' 'p99-ratio<1.2'; do
    run -2 --separate-stderr "$STRESS" --expect 'wrong==0' --expect "$expect"
    [ "$output" = "" ]
    [ "$stderr" = "stress: --expect $expect: needs --compare" ]
  done
  for expect in 'p99<50ms' 'sold/s>1' 'unsent==0' 'slower==0'; do
    run -2 --separate-stderr "$STRESS" --duration 0 --expect "$expect"
    [ "$stderr" = "stress: --expect $expect: is of the price, and none is measured" ]
    run -2 --separate-stderr "$STRESS" --kill 1 --expect "$expect"
    run -2 --separate-stderr "$STRESS" --url http://127.0.0.1:1 --sale demo \
      --expect "$expect"
    [[ $stderr == *"none is measured" ]]
  done
  run -2 --separate-stderr "$STRESS" --expect 'stop<2s'
  [ "$stderr" = "stress: --expect stop<2s: needs a drill: --kill, --kill-holder or --pause-holder" ]
  for expect in 'p99<50' 'max<1e3' 'p50<1m' 'sold/s>1ms'; do
    run -2 --separate-stderr "$STRESS" --expect "$expect"
    [[ $stderr == "stress: --expect $expect: must be "*"with its unit: p99<50ms" ]]
  done
}

@test "no option is dropped without a word" {
  local out
  run -2 --separate-stderr "$STRESS" --duration 0 --rate 7
  [ "$stderr" = "stress: --rate is of the price, and --duration 0 measures none" ]
  run -2 --separate-stderr "$STRESS" --kill 1 --rate 7
  [ "$stderr" = "stress: --rate is of the price, and a drill has none" ]
  run -2 --separate-stderr "$STRESS" --url http://127.0.0.1:1 --sale demo \
    --compare /dev/null
  [ "$stderr" = "stress: --compare is of the price, and --sale has none" ]
  for out in --json '--expect wrong==0' '--plot x' '--rate 7'; do
    # shellcheck disable=SC2086 # two words
    run -2 --separate-stderr "$STRESS" --flood /livez $out
    [[ $stderr == "stress: --flood prints one line: no ${out%% *}" ]]
  done
  run -2 --separate-stderr "$STRESS" --data "$WHERE" --flood /nowhere \
    --duration 50ms --buyers 2
  [ "$output" = "" ]
  [[ $stderr == "stress: GET /nowhere: none of "*" with 200, the last with 404" ]]
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --flood /livez \
    --duration 50ms --buyers 2
  [[ $output == *" requests/s by 2 buyers"* ]]
}

# The member of the only row's sold prices.
price() {
  sed -nE "/\"sold\": \{/,/\}/s/^ *\"$1\": ([0-9.e+-]*),?\$/\1/p" <<<"$output"
}

@test "an open loop counts from when an order was due; the warm-up does not" {
  # Half of them are the warm-up's.
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json --buyers 20 --duration 1s --warmup 1s --rate 107
  check_report
  # Whole intervals: 21 in each of five rounds, and never more than 107 a second.
  [ "$(price count)" -eq 105 ]
  grep -q '"unsent": 0$' <<<"$output"
  grep -q '"relative": null' <<<"$output"
  rounds=$(sed -nE 's/^ {12}"sold_per_s": ([0-9]+).*/\1/p' <<<"$output" | xargs)
  echo "$rounds"
  [ "$(wc -w <<<"$rounds")" -eq 5 ]
  for sold in $rounds; do
    [ "$sold" -le 107 ]
  done
  # More than two can ask for: they queue, and that is not hidden.
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json --buyers 2 --duration 300ms --warmup 0 --rate 1000000
  check_report
  # Most found nobody free, so half of them waited for ever.
  [[ $output =~ '"p50_ms": null' ]]
  [[ $output =~ '"unsent": '[1-9] ]]
}

@test "who is turned away, and what is never sent, fails a gate on times" {
  # A turn for each order, and a deadline that most of them miss; all of them,
  # for seconds, on a machine that is busy.
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores sqlite --workers 1 --clerks 1 --batch 1 --timeout 20ms \
    --rate 20000 --duration 300ms --patience 1m --expect 'p99<30s' \
    --expect 'later==0' --markdown "$WHERE/table.md"
  echo "$output"
  [[ $output == *"NOT  p99<30s"* ]]
  [[ $output == *"NOT  later==0"* ]]
  [[ $(flat) =~ 'mutex, sqlite: '[0-9]+' of '[0-9]+' turned away (503)' ]]
  grep -qE '[0-9]+ of [0-9]+ turned away \(503\)' "$WHERE/table.md"
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores sqlite --buyers 2 --rate 1000000 --duration 200ms \
    --expect 'max<1000s' --expect 'p50>0' --expect 'unsent==0'
  echo "$output"
  [ "$(grep -c '^  NOT ' <<<"$output")" -eq 3 ]
  [[ $(flat) =~ [0-9]+' of '[0-9]+' never sent' ]]
  [ "$(LC_ALL=C.UTF-8 wc -L <<<"$output")" -le 80 ]
}

@test "an older report is compared with, and a gate can be made of it" {
  "$STRESS" --data "$WHERE" --locks mutex --stores json --duration 200ms \
    --json 2>/dev/null >"$WHERE/old.json"
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex,flock \
    --stores json --duration 200ms --compare "$WHERE/old.json"
  echo "$output"
  [[ $output =~ json\ +mutex\ .*' '(noise|faster|SLOWER) ]]
  [[ $output =~ json\ +flock\ +'not in both' ]]
  [[ $(flat) == *"on a machine that stays as fast as it was"* ]]
  [[ $output != *"It had another"* ]]
  [ "$(LC_ALL=C.UTF-8 wc -L <<<"${output//"$WHERE"/}")" -le 80 ]
  # A thousandth of then is more than noise.
  sed -i -E 's/("sold_per_s": )[0-9.e+]+/\11e9/' "$WHERE/old.json"
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json --duration 200ms --compare "$WHERE/old.json" \
    --expect 'slower==0' --expect 'ratio>0.9'
  check_report
  grep -q '"differs": true' <<<"$output"
  [ "$(grep -c '"holds": false' <<<"$output")" -eq 2 ]
}

@test "a comparison of what is not alike says so; of a rate p99 is judged" {
  "$STRESS" --data "$WHERE" --locks mutex --stores json --duration 200ms \
    --rate 1000 --json 2>/dev/null >"$WHERE/old.json"
  sed -i -E 's/("p99_ms": )[0-9.e+-]+/\11e-6/' "$WHERE/old.json"
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json --duration 200ms --rate 1000 --compare "$WHERE/old.json" \
    --expect 'slower==0'
  check_report
  grep -q '"judged": "p99"' <<<"$output"
  grep -q '"unlike": null' <<<"$output"
  sed -i -E 's/("machine": "|"file_system": ")/\1another /' "$WHERE/old.json"
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --duration 200ms --rate 1000 --compare "$WHERE/old.json" \
    --warmup 50ms --timeout 9s --quantity 2 --tickets 40 --rounds 1
  echo "$output"
  [[ $(flat) == *"It had another tickets, quantity, rounds, warm-up, timeout, machine, file system: "* ]]
  [[ $output == *" ?  not judged"* ]]
}

@test "what cannot be judged is not passed over, and does not differ" {
  "$STRESS" --data "$WHERE" --locks mutex --stores json,sqlite \
    --duration 200ms --json 2>/dev/null >"$WHERE/old.json"
  # In json's last round nothing was sold.
  awk '/"sold_per_s"/ && ++n == 6 { sub(/[0-9.e+]+,/, "0.0,") } 1' \
    "$WHERE/old.json" >"$WHERE/hole.json"
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json,sqlite --duration 200ms --compare "$WHERE/hole.json" \
    --expect 'slower>=0'
  check_report
  [ "$(grep -c '"slower": null' <<<"$output")" -eq 1 ]
  [ "$(grep -c '"noise": null' <<<"$output")" -eq 1 ]
  grep -q '"found": "mutex, json: it cannot be judged"' <<<"$output"
  # And in all of them: that is not "not in both".
  sed -E 's/("sold_per_s": )[0-9.e+]+/\10.0/' "$WHERE/old.json" \
    >"$WHERE/hole.json"
  run -1 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores json --duration 200ms --compare "$WHERE/hole.json" \
    --expect 'slower==0' --expect 'ratio>0.9'
  echo "$output"
  [[ $output =~ mutex\ +0\ +[0-9]+\ +'? '.*' ?  not judged' ]]
  [ "$(grep -c '^  NOT .* it cannot be judged' <<<"$output")" -eq 2 ]
  run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex --json \
    --stores json --duration 200ms --compare "$WHERE/hole.json"
  check_report
}

@test "the reports say which loop it was, and what ± is" {
  local rate
  for rate in '' '--rate 1000'; do
    # shellcheck disable=SC2086 # two words, or none
    run -0 --separate-stderr "$STRESS" --data "$WHERE" --locks mutex $rate \
      --stores json --duration 100ms --markdown "$WHERE/t.md" \
      --plot "$WHERE/p.svg"
    echo "$output"
    [[ $(flat) == *"±: how much the rounds differ"* ]]
    [[ $(flat) =~ json\ mutex\ [0-9]+\ ±\ *[0-9]+%.*json\ mutex\ [0-9]+\ ± ]]
    [[ $(flat) == *"refusals by a sold-out sale, in a closed loop"* ]]
    grep -q '± is how much its rounds differ' "$WHERE/t.md"
    if [ -n "$rate" ]; then
      grep -q ', an open loop: 1000 orders a second' "$WHERE/t.md"
      grep -q '1000 orders a second' "$WHERE/p.svg"
      # All were given the same load: nobody is the best of them.
      [[ $output != *best* ]]
      run ! grep best "$WHERE/t.md"
      [ "$(grep '^|' "$WHERE/t.md" | tr -cd '|\n' | sort -u)" = '|||||||||' ]
    else
      [[ $output == *"Closed loop: "* ]]
      grep -q 'a closed loop: a buyer asks again' "$WHERE/t.md"
      grep -q 'closed loop' "$WHERE/p.svg"
    fi
  done
}

@test "axes: a row for each combination, named by what differs" {
  run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
    --stores sqlite --workers 1,2 --batch 1,8 --delay 0,1ms --duration 0
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c ' correct ' <<<"$output")" -ge 8 ]
  [[ $output == *"mutex 2x4 b8 1ms"* ]]
}

@test "killed workers: nothing is wrong, selling resumes within 2 s" {
  run --separate-stderr "$STRESS" --data "$WHERE" --kill 3 --runs 5 --json \
    --expect 'stop<2s' --expect 'unknown==0'
  echo "$output" | tail -n 400
  [ "$status" -eq 0 ]
  [ "$(values 6 lock | wc -w)" -eq "$ROWS" ]
  [ "$(sum_where_safe wrong_runs)" -eq 0 ]
  [ "$(sum_where_safe struck)" -gt "$((RIGHT * 5 * 3 * 2 / 3))" ]
}

@test "killed holders: nothing is wrong, selling resumes within 2 s" {
  run --separate-stderr "$STRESS" --data "$WHERE" --kill-holder 2 --runs 2 \
    --json --expect 'stop<2s' --expect 'unknown==0'
  echo "$output" | tail -n 400
  [ "$status" -eq 0 ]
  [ "$(sum_where_safe struck)" -gt 24 ]
}

@test "a stopped holder: nobody steals, its late sale is right" {
  run --separate-stderr "$STRESS" --data "$WHERE" --pause-holder 700ms \
    --timeout 300ms --json --locks flock,mutex,semaphore,spin,ticket,rwlock,optimistic
  echo "$output" | tail -n 400
  [ "$status" -eq 0 ]
  [ "$(sum_where_safe struck)" -ge 7 ]
}

@test "a service that runs already: sales that it opens, and deletes" {
  start_service --store json
  run --separate-stderr "$STRESS" --url "$url/" --locks none,flock \
    --delay 2ms --duration 200ms --json
  [ "$status" -eq 0 ]
  [ "$(values 8 verdict)" = "oversold correct" ]
  [ "$(values 6 promise)" = "control-wrong kept" ]
  [ "$(values 6 store)" = "json json" ]
  # Of what it did not start it does not say how it is.
  check_report
  for member in workers clerks batch; do
    [ "$(values 6 $member)" = "null null" ]
  done
  [ "$(values 2 jitter)" = null ]
  grep -q "^  \"machine\": \"the client's machine: [0-9]* core" <<<"$output"
  [ "$(curl -s "$url/sales" | grep -o '"id":"[^"]*"')" = '"id":"demo"' ]
}

@test "a service with a token" {
  start_service --store sqlite --admin token
  run --separate-stderr "$STRESS" --url "$url" --locks mutex --duration 0
  [ "$status" -eq 2 ]
  [[ $stderr == *401* ]]
  run --separate-stderr "$STRESS" --url "$url" --locks mutex --duration 0 \
    --token "$(cat "$WHERE/data/admin-token")"
  [ "$status" -eq 0 ]
}

@test "a sale as it is" {
  start_service --store sqlite --lock none --delay 5ms --tickets 20
  run --separate-stderr "$STRESS" --url "$url" --sale demo --buyers 50 --json
  [ "$status" -eq 0 ]
  [ "$(values 6 lock)" = none ]
  [ "$(values 8 capacity)" = 20 ]
  [ "$(values 8 verdict)" = oversold ]
  # What it is under was not read: it is not said to be "none".
  run --separate-stderr "$STRESS" --url "$url" --sale nowhere
  [ "$status" -eq 2 ]
  [[ $stderr == *"its own: no result"* && $stderr != *none* ]]
}

# While the test sells for a minute: signal $1, with which it ends as $2.
stop_by() {
  # Behind a shell SIGINT and SIGQUIT may be ignored.
  env --default-signal=INT,QUIT "$STRESS" --data "$WHERE" --locks mutex \
    --duration 60s >/dev/null 2>&1 3>&- &
  local pid=$!
  local supervisor
  until supervisor=$(cat "$WHERE"/stress-data.*/.lock 2>/dev/null) &&
    [ -n "$supervisor" ]; do
    kill -0 "$pid"
    read -rt 0.02 <> <(:) || :
  done
  kill -"$1" "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" -eq "$2" ]
  [ -z "$(ls "$WHERE")" ]
  [ ! -e "/proc/$supervisor" ]
}

@test "Ctrl-C, Ctrl-\\, a hangup: the service ends, and its data goes" {
  stop_by INT 130
  stop_by QUIT 131
  stop_by HUP 129
}

@test "a report says how clerks dawdled" {
  local how
  for how in auto off steps deep; do
    run --separate-stderr "$STRESS" --data "$WHERE" --locks mutex \
      --stores json --duration 0 --jitter "$how" --json
    check_report
    [ "$(values 2 jitter)" = "$how" ]
    [ "$(values 6 workers) $(values 6 clerks) $(values 6 batch)" = "2 4 64" ]
  done
}

@test "two hosts on one database: what reaches one host only is wrong" {
  run --separate-stderr "$STRESS" --hosts 2 --duration 0 \
    --locks none,mutex-private,flock,mutex,semaphore,optimistic,atomic,row,advisory \
    --json
  echo "$output" | tail -n 300
  [ "$status" -eq 0 ]
  [ "$(values 6 store | tr ' ' '\n' | sort -u)" = postgres ]
  [ "$(values 6 safe)" = 'false false false false false true true true true' ]
  [ "$(values 6 promise | tr ' ' '\n' | sort | uniq -c | xargs)" = \
    '5 control-wrong 4 kept' ]
  run "$STRESS" --hosts 2 --duration 0 --locks mutex
  [[ $output == *"2 hosts x 2 x 4 clerks"* ]]
  [[ $output == *"host 1 · worker"* ]]
  [[ $(flat) == *"Why: two hosts, and a mutex on each:"* ||
    $(flat) == *"mutex let both in:"* ]]
}

@test "make demo-hosts: each strategy on one host and on two" {
  run -0 --separate-stderr tests/demo_hosts.sh "$(dirname "$STRESS")" "$WHERE/log"
  echo "$output"
  [ "$(grep -cE ' 50 +[0-9]+   one host$' <<<"$output")" -eq 6 ]
  [ "$(grep -cE ' 50 +50   every host$' <<<"$output")" -eq 4 ]
  [ "$(grep -c 'not even all of a host$' <<<"$output")" -eq 3 ]
  [[ $(flat) == *"Why: two hosts, and a mutex on each: "* ]]
  [ "$(LC_ALL=C.UTF-8 wc -L <<<"$output")" -le 80 ]
}

@test "the database is killed, and workers of both hosts: nothing is wrong" {
  run "$STRESS" --hosts 2 --duration 0 --locks row,atomic --kill-database 1 \
    --kill 2 --orders 600 --tickets 400 --expect unknown==0
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"Misfortune struck 6 times of 6"* ]]
}

@test "usage: what is wrong, what is valid, and 2" {
  run -2 "$STRESS" --locks mutexx
  [[ $output == *"semaphore:N"* ]]
  run -2 "$STRESS" --stores oracle
  run -2 "$STRESS" --hosts 9
  run -2 "$STRESS" --hosts 2 --stores json
  [[ $output == *"the store json is one host's"* ]]
  run -2 "$STRESS" --locks mutex,row --stores sqlite
  [[ $output == *"--locks row: "*"none of --stores has it"* ]]
  run -2 "$STRESS" --workers 1,x
  run -2 "$STRESS" --workers 0
  run -2 "$STRESS" --delay 5
  run -2 "$STRESS" --buyers
  run -2 "$STRESS" --expect 'beauty>9'
  run -2 "$STRESS" --nonsense
  run -2 "$STRESS" extra
  run -2 "$STRESS" --sale demo
  for axis in --hosts --workers --clerks --batch --kill --kill-holder; do
    run -2 "$STRESS" --url http://127.0.0.1:1 $axis 2
    [[ $output == *"--url"* ]]
  done
  run -2 "$STRESS" --url http://127.0.0.1:1 --sale demo --locks none
  run -2 "$STRESS" --service /nowhere --locks mutex
  run -0 "$STRESS" -h
  run -0 "$STRESS" --help
  [ "$(LC_ALL=C.UTF-8 wc -L <<<"$output")" -le 80 ]
  for flag in buyers tickets orders quantity duration seed url token sale rate warmup compare patience jitter \
    locks stores hosts database kill-database workers clerks batch delay runs classroom kill kill-holder \
    pause-holder json markdown trace plot expect; do
    [[ $output == *"--$flag "* ]]
  done
}
