# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# What several exercises do alike; sourced by them.

# make_form <TEXT: the form, if there is none yet; then the student is asked.
make_form() {
  if [ -e "$FORM" ]; then return; fi
  cat >"$FORM"
  not_yet "$FORM was made: write your answers into it, and ask again."
}

# play_form <TEXT: the same, where words can be tried before one is written.
play_form() {
  built "$BUILD/exercises/play"
  make_form
}

# play KEY…: each answer is a word, or never, for the puzzle of that name.
play() {
  local key said
  need "$@"
  for key; do
    said=$("$BUILD/exercises/play" "$key" "$(answer "$key")") ||
      not_yet "$key: $(answer "$key")" "$said"
  done
}

# lock_begin: the student's lock, from the template.
lock_begin() {
  LOCK=$ANSWERS/$N/lock_yours.c
  if [ -e "$LOCK" ]; then return; fi
  mkdir -p "$ANSWERS/$N"
  sed 's/template/yours/g' locks/lock_template.c >"$LOCK"
  not_yet "$LOCK was made: write your lock into it, and ask again."
}

# lock_build PROGRAM…: with the student's file in it, in $TRY.
lock_build() {
  local said
  TRY=$BUILD/exercises/$N
  mkdir -p "$TRY"
  # Another file of the same age must not pass for this one.
  cmp -s "$LOCK" "$TRY/lock.c.built" || rm -f "$TRY/lock.o"
  cp "$LOCK" "$TRY/lock.c.built"
  said=$(build LOCK="$LOCK" TRY="$TRY" "${@/#/$TRY/}" 2>&1) ||
    not_yet "It does not compile:" "$(grep -m 3 error <<<"$said")"
}

CRASHED="It crashes: is every pointer set, and the memory as big as what is in it?"
STUCK="Your acquire did not come back at its deadline (0 means: at once)."
KEPT_OUT="Nobody gets in any more, though nobody is inside. See release."

# of_cause HINT STATUS: by what was seen, if that says more than the hint.
of_cause() {
  case $2:$seen in
    # 127: what was written over was the loader's.
    127:* | 13[4569]:* | *'exception: '* | *' is dead'*) echo "$CRASHED" ;;
    *'never got in'*) echo "$KEPT_OUT" ;;
    *'did not come back'*) echo "$STUCK" ;;
    *) echo "$1" ;;
  esac
}

# what_was_seen <OUTPUT: what the first test that failed said, and where
what_was_seen() {
  sed -nE '/^\[  FAILED/q
    s/^.*\[   LINE   \] --- (.*): error: Failure!$/(\1)/p; t
    s/^\[  ERROR   \] --- //p; t
    s/^ERROR: //p; t
    s/^\*\*\* (.*) \*\*\*.*/\1/p' | paste -sd ' '
}

# how_it_ended STATUS
how_it_ended() {
  if [ "$1" -lt 128 ]; then echo "it ended with status $1"; return; fi
  echo "it was ended by SIG$(kill -l "$1")"
}

# lock_test WHAT PROGRAM PATTERN HINT: the first test that fails is named.
lock_test() {
  local said failed seen status=0
  echo "  $1"
  said=$(FIRST=1 ONLY=$3 timeout 150 "$TRY/$2" 2>&1) || status=$?
  if [ "$status" -eq 0 ]; then return; fi
  failed=$(sed -n 's/.*\[  FAILED  \] //p' <<<"$said" | head -n 1)
  [ -n "$failed" ] || failed=$(sed -n 's/.*\[ RUN      \] //p' <<<"$said" |
    tail -n 1)
  seen=$(what_was_seen <<<"$said")
  not_yet "failed: ${failed:-$2}" "seen: ${seen:-$(how_it_ended "$status")}" \
    "$(of_cause "$4" "$status")"
}

# lock_judge: it claims to exclude, and does.
lock_judge() {
  lock_build turnstile stress test_locks test_locks_crashes test_yours
  lock_claims
  lock_test "does it let in one at a time?" \
    test_locks "yours,*excludes as its facts say" \
    "Somebody got in while somebody else was inside. See acquire."
  lock_test "does it keep its deadline?" test_locks 'yours,*held: *' \
    "tests/unit/test_locks.c says what this test does."
  lock_test "does it keep the rest of the contract?" test_locks 'yours,*' \
    "tests/unit/test_locks.c says what this test does."
  lock_test "and if clerks are killed?" test_locks_crashes 'yours,*killed*' \
    "A clerk was killed. What becomes of what it had?"
  lock_test "and if clerks are stopped?" test_locks_crashes 'yours,*' \
    "A clerk was stopped on its way. Did somebody else get in meanwhile?"
  lock_test "and in a crowd?" test_yours 'yours,*crowd*' \
    "In a crowd two were inside at once, or somebody never got in."
  # Longer than anybody takes a holder that is only slow for dead.
  lock_race "buyers race, while who is inside is stopped for 12 s" \
    "Who is stopped is not dead: the others must wait, until their deadline." \
    --pause-holder 12s --timeout 20s --jitter steps
  # Stepped through, on a busy machine, a right lock can take its time.
  lock_race "buyers race, while a worker is killed" \
    "Whose receipts are wrong? And who held the lock then?" \
    --kill 1 --patience 30s
}

# The facts are what the tests believe: a lock that excludes must say so.
lock_claims() {
  local facts fact
  facts=$("$TRY/stress" --help | grep '^  yours ')
  [ -n "$facts" ] || not_yet "The strategy is not called yours any more."
  [[ $facts != *'(WRONG)' ]] ||
    not_yet "Its facts must say that it excludes threads and processes."
  for fact in checks_write wrong_on_purpose; do
    if grep -q "\.$fact = true" "$LOCK"; then
      not_yet "A lock, please: without the fact $fact."
    fi
  done
}

# lock_race WHAT HINT OPTION…
lock_race() {
  local said
  echo "  $1"
  said=$("$TRY/stress" --service "$TRY/turnstile" --data "$TRY" --locks yours \
    --stores json --duration 0 "${@:3}" 2>/dev/null) ||
    not_yet "Not as promised:" "$(sed -n '/^  json /,/^$/p' <<<"$said")" \
      "$2"
}
