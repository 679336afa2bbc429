#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every strategy on one host, then on two, on one PostgreSQL: how far each cure
# reaches.  usage: demo_hosts.sh BUILD LOG
set -eu
stress=$1/stress
log=$2
: >"$log"

# race HOSTS: "strategy sold" for each row, in $log.HOSTS; all it says in the log
race() {
  echo "\$ $stress --hosts $1 --stores postgres --duration 0" >>"$log"
  "$stress" --hosts "$1" --stores postgres --duration 0 >"$log.out" \
    2>>"$log" || {
    cat "$log.out"
    echo "demo: $stress ended with $?; all of it is in $log" >&2
    exit 1
  }
  cat "$log.out" >>"$log"
  awk '$1 == "postgres" { print $2, $4 }' "$log.out" >"$log.$1"
}

echo "One PostgreSQL, 50 tickets, 200 buyers at once, 2 ms between reading the"
echo "counter and writing it back.  First one host sells, then two, of 2 processes"
echo "with 4 threads each; how many tickets were sold?"
echo
race 1
race 2
echo "  strategy         one host   two hosts   so its cure reaches"
paste -d ' ' "$log.1" "$log.2" | awk '
  $2 > 50 { reach = "not even all of a host" }
  $2 <= 50 { reach = $4 > 50 ? "one host" : "every host" }
  { printf "  %-15s %9s   %9s   %s\n", $1, $2, $4, reach }'
cat <<'TEXT'

A mutex is memory of one machine: each host has its own, and takes turns with
itself.  What reaches every host is where the data is: a check of the version
(optimistic), a decision in the statement (atomic), a lock that the database
keeps (row, advisory).

TEXT
# A collision, in the words of the audit.
sed -n '/^-- mutex, postgres/,/^Again/p' "$log.out" | sed '1d;$d'
rm -f "$log.out" "$log.1" "$log.2"
echo
echo "All of it: $log.  What each is: locks/README.md; the store:"
echo "storage/postgres/README.md."
