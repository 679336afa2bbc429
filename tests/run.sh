#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Run test programs and .bats files, each a group; a line as each group ends,
# the output of what failed, and "N passed, N failed, N skipped" last.
# Programs write TAP (cmocka does, when asked; bats does with a formatter).
set -u

export CMOCKA_MESSAGE_OUTPUT=TAP
output=$(mktemp)
trap 'rm -f "$output"' EXIT
passed=0 failed=0 skipped=0

run_group() {
  case $1 in
    *.bats) timeout "${GROUP_TIMEOUT:-300}" bats --formatter tap "$1" ;;
    *) timeout "${GROUP_TIMEOUT:-300}" "$1" ;;
  esac
}

for group; do
  started=$(date +%s%N)
  run_group "$group" >"$output" 2>&1
  status=$?
  took=$((($(date +%s%N) - started) / 100000000))
  bad=$(grep -c '^not ok ' "$output")
  skips=$(grep -ci '^ok .*# skip' "$output")
  good=$(($(grep -c '^ok ' "$output") - skips))
  # A crash or a sanitizer's word is a failure, whatever was counted.
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$((good + bad + skips))" -eq 0 ]; then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
  skipped=$((skipped + skips))
  printf '%-34s %3d passed  %2d failed  %2d skipped  %3d.%d s\n' \
    "$(basename "$group")" "$good" "$bad" "$skips" \
    $((took / 10)) $((took % 10))
  grep -i '^ok .*# skip' "$output" | sed 's/^ok [0-9]*/    SKIP/'
  if [ "$bad" -gt 0 ]; then
    echo "--- the last lines of $group (exit status $status):"
    tail -n 40 "$output"
    echo "---"
  fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
