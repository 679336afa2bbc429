#!/usr/bin/env bats
# shellcheck disable=SC2001,SC2030,SC2031,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the laboratory counts what paper and pencil count, the same
# in each run and over each store, and follows a schedule that it is given.

bats_require_minimum_version 1.5.0

lab() {
  "$LAB" "$@"
}

# census FLAG…: a line for each strategy: store lock schedules correct wrong
# stuck untold ends shortest
census() {
  lab --json "$@" | jq -r '.rows[] | [.store, .lock, .schedules, .correct,
    .schedules - .correct, .stuck, .untold, .ends, .shortest_wrong // "-"] |
    join(" ")'
}

# same GOT WANTED
same() {
  diff <(echo "$1") <(echo "$2")
}

# for_stores TEXT: the same over each store
for_stores() {
  sed 's/^/json /' <<<"$1"
  sed 's/^/sqlite /' <<<"$1"
}

# The strategies that promise it, with commas.
safe_locks() {
  lab --json | jq -r '[.rows[] | select(.correct == .schedules).lock] | unique | join(",")'
}

both=(--stores 'json,sqlite')

@test "two buyers, one ticket: 6 orders, 4 of them wrong, but for a lock" {
  same "$(census "${both[@]}")" "$(for_stores "\
none 6 2 4 0 0 4 ABBA
mutex-private 6 2 4 0 0 4 ABBA
flock 2 2 0 0 0 2 -
mutex 2 2 0 0 0 2 -
semaphore 2 2 0 0 0 2 -
semaphore:3 6 2 4 0 0 4 ABBA
spin 2 2 0 0 0 2 -
ticket 2 2 0 0 0 2 -
rwlock 2 2 0 0 0 2 -
optimistic 6 6 0 0 0 2 -")"
}

@test "two tickets: nobody is refused, and the same seat is sold twice" {
  run lab --tickets 2
  [ "$status" -eq 0 ]
  [[ $output == *doubled* ]]
  [[ $output != *oversold* ]]
  same "$(census --tickets 2 --locks none,mutex,optimistic)" "\
json none 6 2 4 0 0 4 ABBA
json mutex 2 2 0 0 0 2 -
json optimistic 6 6 0 0 0 2 -"
}

@test "three buyers, two tickets: 90, 84 wrong; the right ones have 6 ends" {
  local first
  first=$(census --buyers 3 --tickets 2 "${both[@]}")
  same "$first" "$(for_stores "\
none 90 6 84 0 0 36 AABCCB
mutex-private 90 6 84 0 0 36 AABCCB
flock 6 6 0 0 0 6 -
mutex 6 6 0 0 0 6 -
semaphore 6 6 0 0 0 6 -
semaphore:3 90 6 84 0 0 36 AABCCB
spin 6 6 0 0 0 6 -
ticket 6 6 0 0 0 6 -
rwlock 6 6 0 0 0 6 -
optimistic 498 498 0 0 0 6 -")"
  same "$(census --buyers 3 --tickets 2 "${both[@]}")" "$first"
}

@test "a bound on preemptions: from 6 right ones to all 90" {
  local n
  for n in 0 1 2 3; do
    census --buyers 3 --tickets 2 --locks none --preemptions "$n"
  done >"$BATS_TEST_TMPDIR/counts"
  same "$(cat "$BATS_TEST_TMPDIR/counts")" "\
json none 6 6 0 0 0 6 -
json none 24 6 18 0 0 24 AABCCB
json none 60 6 54 0 0 36 AABCCB
json none 90 6 84 0 0 36 AABCCB"
}

@test "one is killed: nothing is sold twice, and two were never told" {
  same "$(census --crash --locks flock,mutex,semaphore,spin,ticket,rwlock)" "\
json flock 8 8 0 0 2 6 -
json mutex 8 8 0 0 2 6 -
json semaphore 8 8 0 0 2 6 -
json spin 8 8 0 0 2 6 -
json ticket 8 8 0 0 2 6 -
json rwlock 8 8 0 0 2 6 -"
  # Nobody hands back what the dead had.
  same "$(census --crash --alone --locks mutex,semaphore,spin,ticket,rwlock)" "\
json mutex 8 8 0 0 2 6 -
json semaphore 8 4 4 4 2 7 a
json spin 8 4 4 4 2 7 a
json ticket 8 4 4 4 2 7 a
json rwlock 8 8 0 0 2 6 -"
}

# ends FLAG…: those that a strategy has that way
ends() {
  lab --json "$@" | jq '.rows[].each_end'
}

@test "in classes, and at each step: the same ends" {
  local lock what bound
  for lock in none mutex flock semaphore spin ticket rwlock optimistic; do
    for what in '--tickets 1' '--tickets 2' '--tickets 2 --quantities 1,2,1'; do
      # shellcheck disable=SC2086
      set -- --buyers 3 --locks "$lock" $what
      echo "$*"
      same "$(ends "$@" --classes)" "$(ends "$@")"
      bound=()
      # 52,020 schedules, and the same six ends.
      [ "$lock$what" != 'optimistic--tickets 2' ] || bound=(--preemptions 3)
      same "$(ends "$@" --grain step "${bound[@]}")" "$(ends "$@")"
    done
  done
}

@test "whatever is right comes to the same six ends" {
  local ends
  ends=$(lab --json --buyers 3 --tickets 2 --locks "$(safe_locks)" "${both[@]}" |
    jq -c '.rows[].each_end' | sort -u)
  echo "$ends"
  [ "$(wc -l <<<"$ends")" -eq 1 ]
  jq -e 'length == 6 and
    all(test("sold! v1 on v0")) and all(test("sold! v2 on v1"))' <<<"$ends"
}

@test "ABBA, and what the same order does under each cure" {
  run -0 lab --schedule ABBA --cures
  echo "$output"
  [[ $output == *'1 A  reads 1 left (v0)'* ]]
  [[ $output == *'oversold: 2 sold of 1, 0 left'* ]]
  same "$(grep -E 'followed|: B waits' <<<"$output")" "\
  none           oversold       ABBA       followed
  mutex-private  oversold       ABBA       followed
  flock          correct        AAB        letter 2: B waits, A holds the lock
  mutex          correct        AAB        letter 2: B waits, A holds the lock
  semaphore      correct        AAB        letter 2: B waits, A holds the lock
  semaphore:3    oversold       ABBA       followed
  spin           correct        AAB        letter 2: B waits, A holds the lock
  ticket         correct        AAB        letter 2: B waits, A holds the lock
  rwlock         correct        AAB        letter 2: B waits, A holds the lock
  optimistic     correct        ABBAA      followed"
}

@test "one who is killed with the lock: it is inherited, or handed back" {
  run -0 lab --schedule aBBS --lock mutex
  [[ $output == *'inherits the lock'* ]]
  [[ $output == *'correct: 1 sold of 1'* ]]
  run -0 lab --schedule aB --lock semaphore --alone
  [[ $output == *'B waits, A died with the lock'* ]]
  [[ $output == *'stuck: 0 sold of 1'* ]]
  run -0 lab --schedule aBSBB --lock semaphore
  [[ $output == *'correct: 1 sold of 1'* ]]
}

@test "the supervisor has its turn where nobody else can go" {
  run -0 lab --schedule aBB --cures
  echo "$output"
  [[ $output == *'semaphore      correct        aSBB       letter 2: B waits, A died with the lock'* ]]
}

@test "what an exhibit does that a lock does not is told, and a circle drawn" {
  run -0 lab --lock flag --schedule ABBAAB
  [[ $output == *'1 A  sees that the flag is not set '* ]]
  run -0 lab --lock early --schedule AABBBA
  [[ $output == *'2 A  lets go of the lock '* ]]
  run -0 lab --lock two --schedule AB --cures
  echo "$output"
  [[ $output == *'A waits for lock 1, B has it'* ]]
  [[ $output == *'each waits for the next: A --lock 1--> B --lock 2--> A'* ]]
  [[ $output == *$'\n  two-ordered    correct '* ]]
  run -0 lab --lock upgrade --schedule AB
  [[ $output == *'B waits for a share, A has it'* ]]
}

@test "another strategy at each position, for buyers that may die: 0 wrong" {
  local safe to
  safe=$(safe_locks)
  for to in ${safe//,/ }; do
    # The exit status says so, too.
    run -0 lab --json --crash --patch "$to" --locks "$safe" "${both[@]}"
    jq -e '[.rows[] | .schedules > 6 and .correct == .schedules and
      .strange == 0] | length > 0 and all' <<<"$output"
  done
}

@test "a PATCH of a lock that is none: wrong is only what came before it" {
  local to
  for to in flock mutex semaphore spin ticket rwlock optimistic; do
    # The 4 of the 6 in which nobody changed it, and none of the others.
    run -0 census --patch "$to" --locks none
    [[ $output =~ ^'json none '[0-9]+' '[0-9]+' 4 0 0 4 ABBA'$ ]]
  done
  run -0 lab --schedule ABPBAAAB --patch mutex
  [[ $output == *'correct: 1 sold of 1'* ]]
  # And nothing is promised of those that a PATCH takes the lock from.
  run -0 lab --json --patch none --locks mutex
  jq -e '.rows[0].oversold > 0' <<<"$output"
}

@test "the museum: each exhibit is as wrong as it is said to be" {
  same "$(census --locks flag,twice,late,early,two,two-ordered,upgrade \
    "${both[@]}")" "$(for_stores "\
flag 14 6 8 0 0 4 ABBAAB
twice 44 20 24 0 0 4 AABBBAAB
late 6 2 4 0 0 4 ABBA
early 8 2 6 0 0 4 AABBBA
two 4 2 2 0 0 3 AB
two-ordered 2 2 0 0 0 2 -
upgrade 4 2 2 0 0 3 AB")"
  same "$(census --locks lease,fenced)" "\
json lease 12 8 4 0 0 4 ATBBA
json fenced 12 12 0 0 0 2 -"
  # The guide says the same, and its commands can be typed.
  run -0 lab --museum
  echo "$output"
  [ "$(grep -c '^    "' <<<"$output")" -eq 9 ]
  [[ $output == *'8 of 14 schedules are wrong; the shortest: ABBAAB'* ]]
  [[ $output == *'2 of 4 schedules end in a deadlock: AB'* ]]
  sed -n "s|^    $LAB ||p" <<<"$output" >"$BATS_TEST_TMPDIR/typed"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/typed")" -eq 7 ]
  while read -ra words; do
    run -0 lab "${words[@]}"
    echo "$output"
    [[ $output == *oversold:* || $output == *deadlock:* ]]
  done <"$BATS_TEST_TMPDIR/typed"
}

# refused REASON FLAG…
refused() {
  local reason=$1
  shift
  run -2 --separate-stderr lab "$@"
  echo "$stderr"
  [[ $stderr == "lab: "*"$reason"* ]]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [ -z "$output" ]
}

@test "what cannot be: one line, and exit 2" {
  refused "letter 2, 'X', is no buyer" --schedule AXB
  refused "letter 2, 'C', is no buyer" --buyers 2 --schedule ACB
  refused 'ends early: ABBA is whole' --schedule ABB
  refused 'letter 5: A was done' --schedule ABBAA
  refused 'it has no letter' --schedule ''
  refused 'P needs --patch' --schedule PABBA
  refused '--buyers 5: must be' --buyers 5
  refused 'must be' --locks nosuch
  refused '3 quantities' --quantities 1,2,1
  refused 'choose one' --census --schedule AB
  refused 'needs a --schedule' --cures
  refused 'one strategy' --schedule ABBA --locks mutex
  refused 'choose one' --lock mutex --locks none
  refused 'no P' --schedule ABBA --patch mutex
  refused 'needs --crash' --alone
}

@test "who is about to wait for long is told how long, and what is faster" {
  local pid said=$BATS_TEST_TMPDIR/said
  "$LAB" --buyers 4 --crash --locks none,optimistic --json >"$said.json" \
    2>"$said" 3>&- &
  pid=$!
  until grep -q 'Faster' "$said"; do kill -0 "$pid" && sleep 0.05; done
  cat "$said"
  grep -qE '^lab: about [0-9.,]+( million)? schedules, [0-9]+ (min|hours|days)\.' "$said" || {
    kill -TERM "$pid"
    false
  }
  grep -q -- '--classes (the same ends), --preemptions' "$said"
  # And whoever has enough gets what is known by then.
  kill -INT "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" -eq 130 ]
  jq -e '.rows[0].whole == false' "$said.json"
  # Nobody is bothered with that over something short.
  run -0 --separate-stderr lab --buyers 3 --tickets 2
  [ -z "${stderr:-}" ]
}

# directories PID: how many that lab has
directories() {
  find /dev/shm /tmp -maxdepth 1 -name "turnstile-lab-$1-*" | wc -l
}

@test "a signal leaves no process and no directory" {
  local pid status=0 child children
  "$LAB" --buyers 4 --tickets 2 --locks optimistic \
    >/dev/null 2>&1 3>&- &
  pid=$!
  until [ "$(pgrep -c -P "$pid")" -ge 5 ]; do kill -0 "$pid"; done
  children=$(pgrep -P "$pid")
  [ "$(directories "$pid")" -eq 1 ]
  kill -TERM "$pid"
  wait "$pid" || status=$?
  [ "$status" -eq 143 ]
  for child in $children; do [ ! -e "/proc/$child" ]; done
  [ "$(directories "$pid")" -eq 0 ]
}
