#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: what is told of races that no delay spreads contradicts
# neither itself nor the ledger: text, JSON and trace.

bats_require_minimum_version 1.5.0
load helper

stories_hold() {
  local told
  start_service --store "$1"
  told=$(/usr/bin/python3 tests/stress/check_story.py "$url" 120)
  echo "$1: $told"
  [ "${told%% *}" -ge 40 ]
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
