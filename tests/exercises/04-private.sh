# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="one worker is right, two are wrong: mutex-private"
judges="a race with one, two and three workers; then your line is compiled and tested"
. tests/exercises/forms.sh

begin() {
  make_form <<'END'
# Ten buyers at once, one ticket, under mutex-private. How many tickets can be
# sold at most, with so many workers?
1 worker:
2 workers:
3 workers:
# Which line of locks/lock_mutex_private.c makes it so (its number), and how
# must the whole line read, so that two workers are right? What else then has
# to change (an #include, how it is freed, the facts) the check does for you.
line:
instead:
END
}

# What was sold to ten buyers, with so many workers.
race() {
  "$BUILD/stress" --locks mutex-private --stores json --workers "$1" \
    --clerks 10 --buyers 10 --tickets 1 --delay 200ms --duration 0 --json \
    --data "$BUILD" 2>/dev/null | sed -n 's/^        "sold": \([0-9]*\),$/\1/p'
}

# The file with the student's line in it.
changed() {
  awk -v at="$(answer line)" -v text="$(answer instead | sed 's/\\/\\\\/g')" '
    NR == at { print "\t" text; next } { print }' locks/lock_mutex_private.c |
    sed 's/\.wrong_on_purpose = true/.excludes_processes = true/
      s/\.destroy = free/.destroy = lock_free_nothing/
      s/^#include "locks\/robust.h"/&\n#include "locks\/shared.h"/'
}

judge() {
  local workers sold s
  need '1 worker' '2 workers' '3 workers' line instead
  built "$BUILD/turnstile" "$BUILD/stress"
  for workers in 1 2 3; do
    sold=$(race "$workers")
    s=s
    if [ "$workers" -eq 1 ]; then s=; fi
    echo "  $workers worker${s}: $sold sold here, this time; at most, by your" \
      "answer, $(answer "$workers worker$s")"
    is "$workers worker$s" "$workers" "How many mutexes are there?"
  done
  [[ $(answer line) =~ ^[0-9]+$ ]] || not_yet "line: a number, please."
  LOCK=$BUILD/exercises/4/lock_mutex_private.c
  mkdir -p "$BUILD/exercises/4"
  changed >"$LOCK"
  lock_build test_locks
  # shellcheck disable=SC2034 # lock_test says it
  CRASHED="It crashes: how many bytes do so many mutexes need?"
  lock_test "does your line exclude?" test_locks 'mutex-private,*' \
    "Between two processes it still does not exclude. Where does the mutex live?"
}
