#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The tour: the class script without a lock, the same with one, every order of
# two buyers, then every strategy on both stores.  usage: demo.sh BUILD LOG
set -eu
stress=$1/stress
lab=$1/lab
log=$2
: >"$log"

title() {
  printf '\n== %s\n\n' "$*" | tee -a "$log"
}

# Show and keep what the stress test says; what it does meanwhile goes to the
# log, unless somebody watches.
show() {
  echo "\$ $stress $*" >>"$log"
  if [ -t 2 ]; then
    "$stress" "$@" >"$log.out" || failed $?
  else
    "$stress" "$@" >"$log.out" 2>>"$log" || failed $?
  fi
  cat "$log.out" >>"$log"
}

failed() {
  cat "$log.out"
  rm -f "$log.out"
  echo "demo: $stress ended with $1; all of it is in $log" >&2
  exit 1
}

title "1. Ten buyers, one ticket, and nobody takes turns"
echo "Each reads \"1 left\", waits 200 ms as on a slow network, and writes back 0."
echo
show --classroom --locks none
cat "$log.out"

title "2. The same ten, with a mutex round read and write"
show --classroom --locks mutex
cat "$log.out"

# What the laboratory says: "$ lab …", its table, and not how long it took.
lab() {
  echo "\$ $lab${1:+ }$*" | tee -a "$log"
  "$lab" "$@" >"$log.out" || {
    set -- "$?"
    cat "$log.out"
    echo "demo: $lab ended with $1" >&2
    exit 1
  }
  grep -vE '^[0-9.]+ s$' "$log.out" | tee -a "$log"
}

title "3. That was chance.  Two buyers, one ticket: every order there is"
echo "A letter is a look at the number, or a change of it.  AABB: A looks, A"
echo "changes; then B.  ABBA: both look before either changes it."
echo
lab
echo
lab --schedule ABBA --cures

title "4. Every strategy on both stores: is it right, and what does it cost?"
show
# Every wrong row's collision is in the log; one was shown above.
awk '/^-- /{skip = 1} /^The price/{skip = 0} !skip' "$log.out"
rm -f "$log.out"

cat <<END

The wrong ones are wrong on purpose.  Of the right ones choose by what happens
when a holder dies (README.md), not by the price: the disk is most of it.
END
title "What next"
cat <<END
make run ARGS='--lock none --delay 3s'      (in a folder without data/)
    and then, at once, in two more terminals:
    curl -d buyer=me localhost:8080/sales/demo/buy
    or open http://localhost:8080 in a browser, and watch it
$stress --kill 3
    the same while workers are killed
$stress --runs 20 --delay 0 --buyers 2 --tickets 1 --clerks 1 --locks none
    without a delay it is a matter of chance, and "no race showed" is not "safe"
$lab --buyers 3 --tickets 2
    three buyers: 90 orders, 84 of them wrong; $lab --museum: wrong cures
less $log
    all of the above, with the collision of each row
END
