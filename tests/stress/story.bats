#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: what is told of races that no delay spreads contradicts
# neither itself nor the ledger: text, JSON and trace.

bats_require_minimum_version 1.5.0
load helper

setup() {
  STRESS=${STRESS:-build/stress}
  TURNSTILE=${TURNSTILE:-$(dirname "$STRESS")/turnstile}
  WHERE=$(mktemp -d "$(dirname "$STRESS")/test.XXXXXX")
}

teardown() {
  if [ -n "${SERVICE:-}" ]; then
    kill "$SERVICE"
    wait "$SERVICE"
  fi
  rm -rf "$WHERE"
}

stories_hold() {
  local told
  "$TURNSTILE" --listen 127.0.0.1:0 --data "$WHERE/$1" --store "$1" \
    >"$WHERE/out" 2>"$WHERE/err" 3>&- &
  SERVICE=$!
  until grep -q 'http://' "$WHERE/out"; do kill -0 "$SERVICE"; done
  told=$(/usr/bin/python3 tests/stress/check_story.py \
    "$(grep -o 'http://[^ ]*' "$WHERE/out" | head -n 1)" 120)
  echo "$1: $told"
  [ "${told%% *}" -ge 40 ]
  kill "$SERVICE"
  wait "$SERVICE"
  SERVICE=''
}

@test "races without a delay, json: every seat's story holds" {
  stories_hold json
}

@test "races without a delay, sqlite: every seat's story holds" {
  stories_hold sqlite
}

# No time in $output is less than the one above it in the same table.
times_rise() {
  awk '/^How seat/ { last = 0; stories++ }
    / ms  / { if ($1 + 0 < last) { print "falls: " $0; exit 1 }
      last = $1 + 0 }
    END { exit stories < 3 }' <<<"$output"
}

@test "the stress test's stories and its trace hold, too" {
  run -0 --separate-stderr "$STRESS" --data "$WHERE" --runs 3 --delay 0 \
    --jitter off --locks none,mutex-private,semaphore:3 --duration 0 \
    --trace "$WHERE/trace.json"
  echo "$output"
  times_rise
  [ "$(grep -c '^It went wrong at ' <<<"$output")" -ge 3 ]
  /usr/bin/python3 tests/stress/check_trace.py "$WHERE/trace.json"
}
