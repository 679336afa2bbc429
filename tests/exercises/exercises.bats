#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the check of each exercise says "not yet" of what it makes
# for the student and of a plausible mistake, with a hint that does not hold
# the answer, and "solved" of the solution.

bats_require_minimum_version 1.5.0

# The plain build, whatever was tested before: the checks build with it, too.
setup_file() {
  unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL SANITIZE BUILD
  cd "$BATS_TEST_DIRNAME/../.." || return 1
  make -s build/turnstile build/stress build/exercises/play 3>&-
}

setup() {
  ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
  SOLUTIONS=$ROOT/tests/exercises/solutions
  cd "$ROOT" || return 1
  unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL SANITIZE
  BUILD=build
  ANSWERS=$(mktemp -d)
  EXERCISE_SEED=2026
  export BUILD ANSWERS EXERCISE_SEED
}

teardown() {
  rm -rf "$ANSWERS"
}

# check N WANTED TEXT: its last line, and something that it said.
check() {
  local n=$1 wanted=$2
  run tests/exercises/run "$n" 3>&-
  echo "$output"
  [ "${lines[-1]}" = "exercise $n: $wanted" ]
  [[ $wanted != solved || $status -eq 0 ]]
  [[ $wanted != "not yet" || $status -eq 1 ]]
  [[ $output == *"${3-}"* ]]
}

# It makes the form, which is not yet a solution.
made() {
  check "$1" "not yet" " was made: "
  [ -s "$ANSWERS/$2" ]
}

# solve N: the solution is in the form
solve() {
  cp "$SOLUTIONS/$1.txt" "$ANSWERS"
}

# wrong N KEY ANSWER TEXT: the solution, but for this
wrong() {
  solve "$1"
  sed -i "s|^$2:.*|$2: $3|" "$ANSWERS/$1.txt"
  check "$1" "not yet" "$4"
}

# lock N SCRIPT: the student's lock is the solution of exercise 5, changed
lock() {
  mkdir -p "$ANSWERS/$1"
  sed -E "$2" "$SOLUTIONS/5/lock_yours.c" >"$ANSWERS/$1/lock_yours.c"
  [ -z "$2" ] ||
    ! cmp -s "$SOLUTIONS/5/lock_yours.c" "$ANSWERS/$1/lock_yours.c"
}

@test "there are twelve, each in EXERCISES.md by its number" {
  run tests/exercises/run
  [ "$status" -eq 0 ]
  [ "$(grep -c 'make exercise N=' <<<"$output")" -eq 12 ]
  [ "$(grep -c '^## [0-9]*\. ' tests/EXERCISES.md)" -eq 12 ]
  run tests/exercises/run 13
  [ "$status" -eq 2 ]
  run tests/exercises/run x
  [ "$status" -eq 2 ]
}

# The truth in the two lines of the ledger, not as the check reads it.
value() {
  sed -n "$1p" "$ANSWERS/1.ledger" | grep -o "\"$2\":[^]},]*" | head -n 1 |
    cut -d : -f 2 | tr -d '"['
}

@test "1: read an audit" {
  local first second saw
  made 1 1.txt
  check 1 "not yet" 'write something behind "seat:"'
  first=$(value 1 buyer) second=$(value 2 buyer)
  saw=$(($(value 1 remaining) + 1))
  # What is to be found is not said; what is needed for it is.
  cat "$ANSWERS/1.audit.txt"
  grep -q "reads $saw left" "$ANSWERS/1.audit.txt"
  run ! grep -Eq "is lost|went wrong|^Why" "$ANSWERS/1.audit.txt"
  printf 'seat: %s\nsaw: %s\nlost: %s\nover: %s\n' "$(value 1 seats)" "$saw" \
    "$second" "$first" >"$ANSWERS/1.txt"
  check 1 "not yet" "Who writes last, stays."
  printf 'seat: %s\nsaw: %s\nlost: %s\nover: %s\n' "$(value 1 seats)" "$saw" \
    "$first" "$second" >"$ANSWERS/1.txt"
  check 1 solved
}

@test "2: read a ledger" {
  made 2 2.txt
  check 2 "not yet" 'write something behind "lost:"'
  wrong 2 lost '4 8 11' "Begin with the last line."
  wrong 2 twice '5 6 9 10 11 12' "Do not trust the counter."
  wrong 2 forgotten 12 "Count the tickets"
  solve 2
  check 2 solved
  sed -i '7s/judy/joan/' "$ANSWERS/2.ledger"
  sed -i '4s/ 1 / 0 /' "$ANSWERS/2.ledger"
  check 2 "not yet" "was changed"
}

@test "2: another ledger has another solution" {
  EXERCISE_SEED=7
  made 2 2.txt
  solve 2
  check 2 "not yet"
}

# A form says a program's name: it must be there.
@test "3, 6, 7, 8: the form comes with what it is tried with" {
  local n
  for n in 3 6 7 8; do
    rm build/exercises/play
    made "$n" "$n.txt"
    [ -x build/exercises/play ]
  done
  run build/exercises/play three
  echo "$output"
  [ "${lines[-1]}" = "Type: build/exercises/play three cba, or another word." ]
  run build/exercises/play three cba
  [ "$status" -eq 1 ]
}

@test "3: the fewest letters" {
  made 3 3.txt
  check 3 "not yet" 'write something behind "none:"'
  wrong 3 none aabb "Not after this word: a seat is sold twice."
  wrong 3 none never "There is a word"
  wrong 3 late abaabb "Letter 5: b must wait for lock x."
  wrong 3 two ababaabb "The last letters change nothing."
  wrong 3 two aabaabab "must wait" || wrong 3 two aabaabab "has gone home"
  wrong 3 mutex aaaabbbb "Not after this word"
  solve 3
  check 3 solved
}

@test "3: a word that does it, and is not the shortest" {
  run build/exercises/play none abab
  [ "$status" -eq 0 ]
  # A detour that is possible with killing only: carol comes and goes.
  run build/exercises/play eager ccccbBaacc
  [ "$status" -eq 1 ]
  run build/exercises/play bare aaaaabbB
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"Fewer letters do, too."* ]]
}

# Every word up to a length, without the program's own search.
@test "3: no shorter word does what the solutions do" {
  local word words=('') longer
  while [ "${#words[0]}" -lt 4 ]; do
    for word in "${words[@]}"; do
      run build/exercises/play none "$word"
      [ "$status" -ne 0 ]
    done
    longer=()
    for word in "${words[@]}"; do longer+=("${word}a" "${word}b"); done
    words=("${longer[@]}")
  done
}

@test "4: mutex-private" {
  made 4 4.txt
  check 4 "not yet" 'write something behind "1 worker:"'
  wrong 4 '2 workers' 1 "How many mutexes are there?"
  [[ $output == *"  2 workers: "*" sold here, this time; at most, by your"* ]]
  wrong 4 instead 'mutexes = calloc(2 * LOCK_SLOTS, sizeof(*mutexes));' \
    "Where does the mutex live?"
  wrong 4 instead 'mutexes = shared_new(LOCK_SLOTS' "It does not compile"
  wrong 4 instead 'mutexes = shared_new(LOCK_SLOTS);' \
    "It crashes: how many bytes do so many mutexes need?"
  wrong 4 line 36 "does not"
  solve 4
  check 4 solved
}

@test "5: write a lock: nothing, and what is nearly one" {
  made 5 5/lock_yours.c
  check 5 "not yet" "excludes as its facts say"
  # A flag is looked at, and then set.
  lock 5 's/atomic_compare_exchange_strong/looks_free/
    s/^static enum lock_result$/static bool looks_free(_Atomic uint32_t *word, uint32_t *nobody, uint32_t name)\n{\n\tif (atomic_load(word) != *nobody)\n\t\treturn false;\n\tatomic_store(word, name);\n\treturn true;\n}\n\n&/'
  check 5 "not yet" "met at any step of acquire"
}

@test "5: write a lock: other mistakes" {
  lock 5 's/cleared\+\+;/cleared += 0;/; s/atomic_store\(&words\[slot\], 0\);.*/;/'
  check 5 "not yet" "A clerk was killed"
  lock 5 's/\.excludes_processes = true/.checks_write = true/'
  check 5 "not yet" "Its facts" || check 5 "not yet" "without the fact"
  lock 5 's/return LOCK_HELD;/return LOCK_HELD/'
  check 5 "not yet" "It does not compile"
}

# What is said names the cause, in the words of who wrote it.
@test "5: write a lock: nobody gets in, a crash, a deadline that is ignored" {
  local begun
  lock 5 '/^yours_release/,/^}/s/atomic_store.*/(void)o->words[slot];/'
  check 5 "not yet" \
    "seen: a clerk never got in, though others had left (tests/unit/test_locks.c:"
  [[ $output == *"See release."* && $output != *"Somebody got in"* ]]
  lock 5 's/o->words = shared;/o->words = NULL; (void)shared;/'
  check 5 "not yet" "It crashes:"
  [[ $output != *"Somebody got in"* ]]
  # One wait that does not end, and no second one.
  lock 5 's/if \(deadline_ns == 0 .*/if (deadline_ns == 1)/'
  begun=$SECONDS
  check 5 "not yet" "Your acquire did not come back at its deadline"
  [[ $output == *"failed: yours, threads: held: a past deadline"* ]]
  [ "$((SECONDS - begun))" -lt 45 ]
}

# Who has waited for some seconds believes that the holder has crashed.
@test "5: write a lock: a lease, of a holder that was only stopped" {
  lock 5 's/uint32_t nobody = 0;/&\n\tconst int64_t since = clock_now_ns();/
    s/^\t\tclock_sleep_until/\t\tif (clock_now_ns() - since > 3 * NS_PER_SEC) {\n\t\t\tatomic_store(\&o->words[slot], o->name);\n\t\t\treturn LOCK_HELD;\n\t\t}\n&/'
  check 5 "not yet" "Who is stopped is not dead"
  [[ $output == *"trespassed, "* ]]
}

@test "5: write a lock: the solution" {
  lock 5 ''
  check 5 solved
}

@test "6: lose a permit" {
  made 6 6.txt
  check 6 "not yet" 'write something behind "bare:"'
  wrong 6 bare aA "Not after this word"
  wrong 6 bare aaaA "Not after this word" ||
    wrong 6 bare aaaA "The last letters change nothing." ||
    wrong 6 bare aaaA "Fewer letters do, too."
  wrong 6 eager never "There is a word"
  wrong 6 tags aAbbbccc "Not after this word"
  solve 6
  sed -i 's/: never/: Never/' "$ANSWERS/6.txt"
  grep -q Never "$ANSWERS/6.txt"
  check 6 solved
}

@test "7: ABA" {
  made 7 7.txt
  check 7 "not yet" 'write something behind "value:"'
  wrong 7 value abba "Not after this word"
  wrong 7 value never "There is a word"
  wrong 7 version abbca "Not after this word"
  wrong 7 value-down abab "Not after this word"
  solve 7
  check 7 solved
}

@test "8: two locks" {
  made 8 8.txt
  check 8 "not yet" 'write something behind "deadlock:"'
  wrong 8 deadlock aabb "b must wait for lock y" ||
    wrong 8 deadlock aabb "Not after this word"
  wrong 8 cure 'y x r w Y X' "still a word"
  wrong 8 cure 'x r w X' "six letters"
  wrong 8 cure 'x X y r w Y' "six letters"
  solve 8
  check 8 solved
}

@test "9: measure the price" {
  made 9 9.txt
  check 9 "not yet" "There is no $ANSWERS/9.json"
  cp "$SOLUTIONS/9.json" "$ANSWERS"
  check 9 "not yet" 'write something behind "fastest:"'
  # The rows in which the answers are.
  [ "$(grep -cE '^  (flock|mutex|semaphore|optimistic) +[0-9]+ +0\.[0-9]+ ' \
    <<<"$output")" -eq 4 ]
  wrong 9 fastest mutex "sold/s"
  wrong 9 apart yes "Spread is a share"
  wrong 9 tail flock "Divide p99 by p50"
  wrong 9 most 100 "between read and write at a time"
  solve 9
  check 9 solved
  sed -i 's/"optimistic"/"none"/' "$ANSWERS/9.json"
  check 9 "not yet" "no price of optimistic"
}

@test "9: what build/stress measures is understood" {
  made 9 9.txt
  build/stress --locks flock,mutex,semaphore,optimistic --stores json \
    --duration 1s --json >"$ANSWERS/9.json"
  wrong 9 fastest none "sold/s"
}

@test "10: buy once" {
  made 10 10.sh
  check 10 "not yet" "The receipt was not printed."
  cat >"$ANSWERS/10.sh" <<'END'
until curl -sS -d buyer=me "$1/sales/demo/buy"; do sleep 0.1; done
END
  check 10 "not yet" "How can the service know that it is the same order?"
  cat >"$ANSWERS/10.sh" <<'END'
until curl -sS -H 'Idempotency-Key: k1' -d buyer=me "$1/sales/demo/buy"
do sleep 0.1; done
END
  check 10 "not yet" "A second purchase is another order"
  cat >"$ANSWERS/10.sh" <<'END'
echo '{"order":"1"}'
END
  check 10 "not yet" "It must buy with curl"
  cp "$SOLUTIONS/10.sh" "$ANSWERS"
  check 10 solved
}

@test "11: choose" {
  made 11 11.txt
  check 11 "not yet" 'write something behind "mend:"'
  wrong 11 mend flock "Who is told of a death?"
  wrong 11 apart mutex "Where does each lock live?"
  wrong 11 choosing none "What is checked instead?"
  wrong 11 alone mutex "Between threads only"
  wrong 11 bench semaphore "Three permits."
  wrong 11 fair semaphore "See fair in GET /locks."
  solve 11
  check 11 solved
}

@test "12: a fair lock: one that says so, and one that is" {
  made 12 12/lock_yours.c
  lock 12 's/(\.excludes_processes = true)\}/\1, .fair = true}/'
  check 12 "not yet" "Who came later got in first."
  cp "$SOLUTIONS/12/lock_yours.c" "$ANSWERS/12"
  check 12 solved
}
