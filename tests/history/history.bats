#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: what clients of turnstile are told can be explained by one
# order, also while it is struck; and what a service tells that is broken on
# purpose cannot.

setup() {
  ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
  BUILD=$(dirname "$(realpath "${TURNSTILE:-$ROOT/build/turnstile}")")
  CHECK=$BUILD/history-check
  WORK=$(mktemp -d "$BUILD/history.XXXXXX")
}

teardown() {
  rm -rf "$WORK"
}

@test "two strategies on both stores, struck; none is found out" {
  run env HISTORY_SECONDS=60 "$ROOT/tests/history/run" "$BUILD" quick
  echo "$output"
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "history: 7 cases, 0 failed" ]
  [[ ${lines[-2]} =~ ^[1-9][0-9]{3,}\ operations$ ]]
}

# judge WHAT STORE: the checker's exit status for a service broken that way
judge() {
  TURNSTILE_BROKEN=$1 "$BUILD/history-record" --sale stress-1 --store "$2" \
    --service "$BUILD/turnstile-broken" --every 600 "$WORK/history"
  run "$CHECK" "$WORK/history"
  echo "$1 $2: $output"
}

# Two workers may happen to pass each other, without a lock as well.
found_out() {
  local round
  for round in {1..5}; do
    judge "$1" "$2"
    [ "$status" -eq 0 ] || break
    echo "# $1, $2: nothing met in history $round; again" >&3
  done
  [ "$status" -eq 1 ]
}

@test "a service that is broken in one of eight ways is found out" {
  local what store
  for store in json sqlite; do
    judge nothing "$store"
    [ "$status" -eq 0 ]
    for what in lock unlock receipt twice sold-out retry stale busy; do
      found_out "$what" "$store"
    done
  done
}

# The README's block of JSON lines behind that heading.
example() {
  awk -v heading="$1" '$0 == heading { in_part = 1 }
    in_part && /^```$/ && in_block { exit }
    in_block { print }
    in_part && /^```json$/ { in_block = 1 }' "$BATS_TEST_DIRNAME/README.md"
}

@test "the README's example, and what it says of it" {
  example '### An example' >"$WORK/example"
  [ "$(wc -l <"$WORK/example")" -ge 10 ]
  run "$CHECK" "$WORK/example"
  echo "$output"
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "linearizable: 5 operations, 1 sale" ]
  # With seat 1 in place of 3 it is another story.
  sed 's/"seats":\[3\]/"seats":[1]/' "$WORK/example" >"$WORK/other"
  run "$CHECK" "$WORK/other"
  echo "$output"
  [ "$status" -eq 1 ]
  while IFS= read -r line; do
    grep -qF -- "$line" "$BATS_TEST_DIRNAME/README.md"
  done <<<"$output"
}

@test "a history that was tampered with is found out" {
  local at what
  "$BUILD/history-record" --every 300 "$WORK/history"
  run "$CHECK" "$WORK/history"
  [ "$status" -eq 0 ]
  # The 20th receipt that was told once: one that was told again would stand.
  at=$(grep -n '"ok","f":"buy","value":{"seats"' "$WORK/history" |
    sed -E 's/^([0-9]+):.*"order":"([^"]+)".*/\1 \2/' |
    awk '{ told[$2]++; line[NR] = $1; order[NR] = $2 }
      END { for (i = 1; i <= NR; i++)
        if (told[order[i]] == 1 && ++n == 20) print line[i] }')
  # Another seat, another version, a 503 that sold, a sold-out that was none.
  for what in 's/"seats":\[/&1/' 's/"version":/&1/' \
    's/"type":"ok"/"type":"fail"/' \
    's/"value":\{[^}]*\}/"value":{"refused":"sold-out","remaining":0}/'; do
    sed -E "$at{$what}" "$WORK/history" >"$WORK/other"
    run "$CHECK" "$WORK/other"
    echo "$what: $output"
    [ "$status" -eq 1 ]
  done
}

@test "what is no history: exit status 2, and the line" {
  echo '{"type":"invoke"}' >"$WORK/history"
  run "$CHECK" "$WORK/history"
  [ "$status" -eq 2 ]
  [[ $output =~ history:\ line\ 1:\ an\ event\ has ]]
  run "$CHECK" "$WORK/nowhere"
  [ "$status" -eq 2 ]
  run "$CHECK"
  [ "$status" -eq 2 ]
}

@test "who is not given enough time is undecided: exit status 3" {
  "$BUILD/history-record" --every 300 "$WORK/history"
  run "$CHECK" --most 1 "$WORK/history"
  echo "$output"
  [ "$status" -eq 3 ]
  run "$CHECK" "$WORK/history"
  [ "$status" -eq 0 ]
}
