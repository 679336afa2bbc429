#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The stress test's long runs, as a part of the torture: workers killed, those
# who hold a lock killed, and every combination of the axes.  Last line:
# "stress: N cases, M failed", a case being a strike, or a row's run.
#
#   stress.sh PROGRAM
set -u

stress=$1
said=$(mktemp)
trap 'rm -f "$said"' EXIT
cases=0 failed=0

# one RUNS OPTION…
one() {
  runs=$1
  shift
  if ! "$stress" --runs "$runs" "$@" >"$said" 2>&1; then
    failed=$((failed + 1))
    cat "$said"
  fi
  rows=$(grep -cE '^  (json|sqlite) ' "$said")
  struck=$(sed -n 's/^Misfortune struck \([0-9]*\) times.*/\1/p' "$said")
  cases=$((cases + ${struck:-$((rows * runs))}))
}

one 10 --kill 3 --expect 'stop<2s'
one 10 --kill-holder 3 --expect 'stop<2s'
one 2 --locks mutex,flock,semaphore,spin,ticket,rwlock,optimistic --workers 2,4 --clerks 1,8 \
  --batch 1,64 --delay 0,1ms --duration 500ms
echo "stress: $cases cases, $failed failed"
[ "$failed" -eq 0 ]
