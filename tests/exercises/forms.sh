# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# What several exercises do alike; sourced by them.

# make_form <TEXT: the form, if there is none yet; then the student is asked.
make_form() {
  if [ -e "$FORM" ]; then return; fi
  cat >"$FORM"
  not_yet "$FORM was made: write your answers into it, and ask again."
}

# play KEY…: each answer is a word, or never, for the puzzle of that name.
play() {
  local key said
  need "$@"
  built "$BUILD/exercises/play"
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

# lock_test PROGRAM PATTERN HINT: the first test that fails is named.
lock_test() {
  local said failed
  said=$(ONLY=$2 timeout 150 "$TRY/$1" 2>&1) && return
  failed=$(sed -n 's/.*\[  FAILED  \] //p' <<<"$said" | head -n 1)
  [ -n "$failed" ] || failed=$(sed -n 's/.*\[ RUN      \] //p' <<<"$said" |
    tail -n 1)
  not_yet "failed: ${failed:-$1}" "$3"
}

# lock_judge: it claims to exclude, and does.
lock_judge() {
  lock_build turnstile stress test_locks test_locks_crashes test_yours
  lock_claims
  lock_test test_locks "yours,*excludes as its facts say" \
    "Somebody got in while somebody else was inside. See acquire."
  lock_test test_locks 'yours,*' \
    "tests/unit/test_locks.c says what this test does."
  lock_test test_locks_crashes 'yours,*killed*' \
    "A clerk was killed. What becomes of what it had?"
  lock_test test_locks_crashes 'yours,*' \
    "A clerk was stopped on its way. Did somebody else get in meanwhile?"
  lock_test test_yours 'yours,*crowd*' \
    "In a crowd two were inside at once, or somebody never got in."
  lock_race
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

lock_race() {
  local said
  said=$("$TRY/stress" --service "$TRY/turnstile" --data "$TRY" --locks yours \
    --stores json --duration 0 --kill 1 2>/dev/null) ||
    not_yet "Buyers raced, while a worker was killed:" \
      "$(grep '^  json ' <<<"$said")"
}
