#!/usr/bin/env bats
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a race that happened, over HTTP, is had again in the
# laboratory by the command that its audit gives.

load ../e2e/helper

bats_require_minimum_version 1.5.0

# Of the audit's order $1, first or second: "seat version base".
sold_as() {
  jq -r --arg role "$1" '.collision.orders[] | select(.role == $role) |
    "\(.seats[0]) \(.version) \(.base)"' <<<"$body"
}

@test "the audit's command does the same once more, and shows the cure" {
  local again schedule first second
  start --store json --workers 2 --clerks 4
  sale_open race 3 none 100ms
  volley race race
  [ "$(receipts)" -eq 2 ]
  equal seats "$(seats | uniq)" 1
  answered 200 GET /sales/race/audit.txt
  again=$(sed -n 's/^      turnstile-lab //p' <<<"$body")
  answered 200 GET /sales/race/audit
  equal again "$(jq -r .collision.again <<<"$body")" "turnstile-lab $again"
  schedule=$(jq -r .collision.schedule <<<"$body")
  matches schedule "$schedule" '^(ABAB|ABBA|BAAB|BABA)$'
  matches again "$again" "^--tickets 3 --schedule $schedule --cures$"

  read -ra words <<<"$again"
  run -0 "$LAB" "${words[@]}"
  echo "$output"
  # A is who is told first: the same seat, version and base.
  read -ra first <<<"$(sold_as first)"
  read -ra second <<<"$(sold_as second)"
  equal "the bases" "${first[2]} ${second[2]}" '0 0'
  equal "who changed first" "$(sed -n 's/.*has seat 1 (v\([12]\)).*/\1/p' \
    <<<"$output" | tr -d '\n')" 12
  [[ ${schedule: -1} = B && ${first[1]} -lt ${second[1]} ]] ||
    [[ ${schedule: -1} = A && ${first[1]} -gt ${second[1]} ]]
  equal "both seats" "${first[0]} ${second[0]}" '1 1'
  grep -q "^  none  *double-booked  *$schedule  *followed$" <<<"$output"
  grep -q '^  mutex  *correct  *A*B*A*B*  *letter 2: . waits, . holds the lock$' \
    <<<"$output"
}
