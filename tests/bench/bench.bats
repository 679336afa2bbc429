#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: nobody need doubt a figure of `make bench`.  It measures
# nothing where a sync costs nothing, counts no answer that is none, calls a
# miss a miss, holds everybody against the loop that the service has, and
# leaves nothing behind.  How fast anything is, is not looked at here.

ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")

setup() {
  cd "$ROOT" || return
  command -v wrk >/dev/null || skip "there is no wrk"
  SERVICE=$(realpath "${TURNSTILE:-build/turnstile}")
  BUILD=$(dirname "$SERVICE")
  # Beside the binary: /tmp may be a tmpfs.
  WORK=$(mktemp -d "$BUILD/bench-test.XXXXXX")
  export BENCH_TEST=$WORK # by this the processes are known
  harness=
}

teardown() {
  [ -z "$harness" ] || kill -KILL "$harness" 2>/dev/null || true
  ours | xargs -r kill -KILL 2>/dev/null || true # of a test that failed
  rm -rf "${WORK:?}"
}

# Each process that a run has started, and that is there; not bats' own.
ours() {
  grep -lzx "BENCH_TEST=$WORK" /proc/[0-9]*/environ 2>/dev/null |
    cut -d / -f 3 | while read -r pid; do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      turnstile | floor | wrk | worker\ * | python3) echo "$pid" ;;
    esac
  done
}

none_of_ours() {
  [ -z "$(ours)" ]
}

# await SECONDS COMMAND…
await() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.02
  done
}

# bench ARGUMENT…: the harness, with $TURNSTILE; its status is $status
bench() {
  run tests/bench/run --build "$BUILD" --data "$WORK" \
    --results "$WORK/results" "$@"
  echo "$output"
}

# A service whose sqlite has no place for whoever waits: it answers 503.
make_full_service() {
  cat >"$WORK/turnstile" <<END
#!/bin/sh
case "\$*" in
*'--store sqlite'*) exec "$SERVICE" "\$@" --queue 1 --workers 1 --clerks 1 ;;
*) exec "$SERVICE" "\$@" ;;
esac
END
  chmod +x "$WORK/turnstile"
}

@test "a run: a report, a picture, what it found; and 503 is no figure" {
  make_full_service
  # Settings of this shell's are not the service's.
  TURNSTILE_BATCH=none TURNSTILE=$WORK/turnstile bench --only buys --without redis,postgres \
    --seconds 1 --rounds 1 --connections 64 --json "$WORK/run.json"
  [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
  none_of_ours
  [ "$(cd "$WORK" && echo *)" = "results run.json turnstile" ]
  # In the terminal, in the table, in the details and beside the figures.
  [[ $output == *"sqlite @64"*"INVALID: sqlite @64, round 1: "*" refusals or failures, of "*" answers"* ]]
  [[ $output == *"SKIP: it was left out (--without)"* ]]
  [ "$(grep -c '^| .*sqlite.*INVALID' "$WORK/results/RESULTS.md")" -ge 2 ]
  grep -q '^| sqlite | 64 | .* refusals or failures, of ' \
    "$WORK/results/RESULTS.md"
  grep -Eq '^\| json @64 \| [0-9.]+ \|' "$WORK/results/RESULTS.md"
  grep -q '^- SKIP redis: ' "$WORK/results/RESULTS.md"
  grep -Eq '^- [0-9]+ cores of ' "$WORK/results/RESULTS.md"
  grep -Eq '^- commit: |^- turnstile: ' "$WORK/results/RESULTS.md"
  python3 -B - "$WORK" <<'END'
import json, sys, xml.dom.minidom
work = sys.argv[1]
xml.dom.minidom.parse(work + "/results/RESULTS.svg")
found = {one["who"]: one for one in
         json.load(open(work + "/run.json"))["measurements"]}
assert set(found) == {"floor", "json", "sqlite"}, found
assert found["sqlite"]["errors"]["status"] > 0, found
for who in "floor", "json":
    one = found[who]
    assert not one["errors"] and one["rate"] > 0, one
    assert 0 < one["p50_ms"] <= one["p99_ms"], one
    assert one["client_us"] > 0 and one["server_us"] > 0, one
END
}

@test "on tmpfs it refuses, and says where to go instead" {
  [ "$(stat -f -c %T /dev/shm)" = tmpfs ] || skip "/dev/shm is no tmpfs"
  run tests/bench/run --build "$BUILD" --data /dev/shm --only queries
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"/dev/shm is on tmpfs"*"--data"* ]]
}

@test "one server at a time; Ctrl-C, or a kill, leaves no process, and no data" {
  begin
  await 30 is_measuring turnstile
  [[ $names != *floor* ]] # it was measured first
  interrupt INT
  [ "$status" -eq 130 ]
  [ "$(cd "$WORK" && echo *)" = "out results" ]
  begin
  await 30 is_measuring floor
  interrupt KILL
}

# A run that would take long.
begin() {
  tests/bench/run --build "$BUILD" --data "$WORK" --only queries \
    --stores json --connections 64 --seconds 1 --rounds 100 \
    --results "$WORK/results" >"$WORK/out" 2>&1 3>&- &
  harness=$!
}

# is_measuring NAME: that one and wrk run; $names are all that the harness runs
is_measuring() {
  local pid pids
  read -ra pids <"/proc/$harness/task/$harness/children" || true
  names=
  for pid in "${pids[@]}"; do
    names+=" $(cat "/proc/$pid/comm" 2>/dev/null)" || true
  done
  [[ $names == *$1* && $names == *wrk* ]]
}

# interrupt SIGNAL: its status is $status, and all that it started is gone
interrupt() {
  kill "-$1" "$harness"
  status=0
  wait "$harness" || status=$?
  harness=
  echo "$1: status $status"
  cat "$WORK/out"
  await 10 none_of_ours
}

@test "figures that are known get the verdicts that they should" {
  run python3 -B tests/bench/test_bench.py
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "the floor has the service's flags, options and limits" {
  local file facts=()
  for file in service/http/loop.c tests/bench/floor.c; do
    facts+=("$(grep -oE 'MHD_(USE|ALLOW|OPTION)_[A-Z_]+' "$file" | sort -u
      grep -E '^#define (CONNECTION|CONNECTIONS|LOOP)_' "$file" | sort)")
  done
  diff <(echo "${facts[0]}") <(echo "${facts[1]}")
}
