#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Run test programs and .bats files, each a group, JOBS at a time; a line as
# each group ends, the output of what failed, and "N passed, N failed, N
# skipped" last.  Programs write TAP: cmocka does when asked, bats as well.
set -u

export CMOCKA_MESSAGE_OUTPUT=TAP
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
jobs_max=${JOBS:-2}

# The longest group takes a minute where nothing else runs, and half an hour is
# for machines on which much does: only what hangs takes longer.
run_group() {
  case $1 in
    *.bats) timeout "${GROUP_TIMEOUT:-1800}" bats --formatter tap "$1" ;;
    *) timeout "${GROUP_TIMEOUT:-1800}" "$1" ;;
  esac
}

# What one group's TAP says: a line for people, and one to be summed.
report() {
  local group=$1 output=$2 status=$3 took=$4 bad skips good
  # cmocka says "not ok 3 # SKIP", bats "ok 3 name # skip why".
  skips=$(grep -Eci '^(not )?ok .*# skip' "$output")
  bad=$(grep '^not ok ' "$output" | grep -vc '# SKIP')
  good=$(grep '^ok ' "$output" | grep -vci '# skip')
  # A crash or a sanitizer's word is a failure, whatever was counted.
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$((good + bad + skips))" -eq 0 ]; then bad=1; fi
  printf '%-34s %3d passed  %2d failed  %2d skipped  %3d.%d s\n' \
    "$(basename "$group")" "$good" "$bad" "$skips" \
    $((took / 10)) $((took % 10))
  grep -Ei '^(not )?ok .*# skip' "$output" |
    sed -E 's/^(not )?ok [0-9]*( # SKIP)?/    SKIP/'
  grep '^SKIP: ' "$output" | sort -u | sed 's/^/    /'
  if [ "$bad" -gt 0 ]; then
    echo "--- $group (exit status $status): what failed, and its last lines:"
    grep '^not ok ' "$output" | grep -v '# SKIP'
    tail -n 40 "$output"
    echo "---"
  fi
  echo "$good $bad $skips" >"$output.sum"
}

run_and_report() {
  local output started status
  output=$(mktemp "$results/XXXXXX")
  started=$(date +%s%N)
  run_group "$1" >"$output" 2>&1 </dev/null
  status=$?
  # Gathered first, so that two groups do not mix their lines.
  report "$1" "$output" "$status" \
    $((($(date +%s%N) - started) / 100000000)) >"$output.text"
  cat "$output.text"
}

for group; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs_max" ]; do
    wait -n
  done
  run_and_report "$group" &
done
wait

read -r passed failed skipped < <(cat "$results"/*.sum |
  awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
