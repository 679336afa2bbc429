#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: one line of turnstile is wrong (planted/*.patch), and the
# census finds it, says so in its exit status, and has the shortest schedule.

bats_require_minimum_version 1.5.0

# finds PATCH STRATEGY SHORTEST FLAG…: the strategy is wrong, and nowhere sooner
# than in that schedule; without the patch it is right
finds() {
  local name=$1 lock=$2 shortest=$3 count
  shift 3
  run -1 --separate-stderr "$LAB-$name" --json --locks "$lock" "$@"
  count=$(jq '.rows[0] | .schedules - .correct' <<<"$output")
  echo "$name: $count wrong: $output"
  [ "$count" -gt 0 ]
  [ "$(jq -r '.rows[0].shortest_wrong' <<<"$output")" = "$shortest" ]
  run -0 "$LAB" --json --locks "$lock" "$@"
  jq -e '.rows[0] | .correct == .schedules' <<<"$output"
}

# told PATCH VERDICT SCHEDULE FLAG…: that schedule, step by step
told() {
  local name=$1 verdict=$2 schedule=$3
  shift 3
  run -0 "$LAB-$name" --schedule "$schedule" "$@"
  echo "$output"
  [[ $output == *$'\n'"$verdict: "* ]]
}

@test "the counter goes down by one, however many are bought" {
  local lock
  for lock in flock mutex semaphore spin ticket rwlock optimistic; do
    finds decide-counts-one $lock AABB --tickets 2 --quantities 2,1
  done
  told decide-counts-one oversold AABB --tickets 2 --quantities 2,1 --lock mutex
}

@test "more are sold to one than there are left" {
  local lock
  for lock in flock mutex semaphore spin ticket rwlock optimistic; do
    finds decide-sells-the-rest $lock AAB --quantities 2,1
    finds decide-sells-the-rest $lock BBA --quantities 1,2
  done
  told decide-sells-the-rest oversold AAB --quantities 2,1 --lock flock
}

@test "a shared lock where it has to be exclusive" {
  finds flock-shared flock ABBA
  told flock-shared oversold ABBA --lock flock
}

@test "a word that is set, whosever it is" {
  finds spin-untested spin ABBA
  told spin-untested oversold ABBA --lock spin
}

@test "the permit of the dead is not posted" {
  finds semaphore-keeps-permit semaphore aS --crash
  told semaphore-keeps-permit stuck aS --lock semaphore
}

@test "no version check" {
  finds sell-unchecked optimistic ABBA
  told sell-unchecked oversold ABBA --lock optimistic
}

@test "the lock of a strategy that the sale has no more" {
  local lock
  for lock in flock semaphore spin ticket rwlock; do
    finds sell-epoch $lock APABAAB --patch mutex
  done
  told sell-epoch oversold APABAAB --lock flock --patch mutex
}
