#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the list of mutants does not rot, and whoever says that a
# mutant was killed is right.  The runner is tried on a program of five lines.

setup() {
  ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
  WORK=$(mktemp -d)
  "$ROOT/tests/packages.sh" patch
}

teardown() {
  rm -rf "$WORK"
}

mutants() {
  run "$ROOT/tests/mutants/run" "$@"
  echo "$output"
}

@test "each mutant still applies, and its tests are there" {
  mutants --check
  [ "$status" -eq 0 ]
}

@test "each says in its first line what it breaks, and breaks one file" {
  local patch bad=0
  for patch in "$ROOT"/tests/mutants/*/*.patch; do
    [[ $(head -n 1 "$patch") == ?*. ]] || bad=$patch
    [ "$(grep -c '^+++ ' "$patch")" -eq 1 ] || bad=$patch
  done
  echo "$bad"
  [ "$bad" = 0 ]
}

# A tree of a program that says yes, and a test that wants to hear it.
tree() {
  export TREE=$WORK/tree PATCHES=$WORK/patches TEST_SECONDS=3
  mkdir -p "$TREE/tests/unit" "$TREE/tests/e2e" "$PATCHES/say"
  # shellcheck disable=SC2016 # they are make's
  printf '%s\n' 'build/unit/test_say: say.c tests/unit/test_say.c' \
    '	@mkdir -p $(@D)' '	cat $^ >$@.c' '	gcc -o $@ $@.c' \
    'all:' >"$TREE/Makefile"
  printf '%s\n' 'int a = 1;' '/* */' 'int b = 2;' '/* */' 'int c = 3;' >"$TREE/say.c"
  printf '%s\n' '#include <stdio.h>' 'int main(void)' '{' \
    '  while (c != 3);' '  printf("1..1\n%s 1 - a is one\n",' \
    '    a == 1 ? "ok" : "not ok"); return a != 1; }' \
    >"$TREE/tests/unit/test_say.c"
}

# mutant NAME OLD NEW [TESTS]: of say.c
mutant() {
  sed "s/$2/$3/" "$TREE/say.c" >"$WORK/say.c"
  {
    echo "It is $1."
    if [ -n "${4-}" ]; then echo "Tests: $4"; fi
    echo
    diff -u --label a/say.c --label b/say.c "$TREE/say.c" "$WORK/say.c" || true
  } >"$PATCHES/say/$1.patch"
}

@test "killed, lived, hung, and broken in two ways" {
  tree
  mutant killed 'a = 1' 'a = 0' test_say
  mutant lived 'b = 2' 'b = 0' test_say
  mutant hung 'c = 3' 'c = 0'
  mutant unbuilt 'b = 2' 'b = x' test_say
  mutant moved 'b = 2' 'b = 0' test_say
  sed -i 's/^-int b = 2/-int b = 7/' "$PATCHES/say/moved.patch"
  mutants "$WORK/build"
  [ "$status" -eq 1 ]
  [[ $output == *"It is killed."*"    killed by test_say: a is one"* ]]
  [[ $output == *"It is hung."*"    killed by test_say: did not end in 3 s"* ]]
  [ "$(grep -c '^    LIVED$' <<<"$output")" -eq 1 ]
  [[ $output == *"    BROKEN: it does not build: "* ]]
  [[ $output == *"    BROKEN: it does not apply"* ]]
  [ "${lines[-1]}" = "mutants: 5 tried, 2 killed, 1 lived, 2 broken" ]
  [ "$(cat "$TREE/say.c")" = "$(sed 's/a = 0/a = 1/' "$TREE/say.c")" ]
  [ ! -e "$TREE/build" ]

  mutants --check
  [ "$status" -eq 1 ]
  [[ $output == *"say/moved does not apply"* ]]
}

@test "only those that were asked for; all killed is well" {
  tree
  mutant killed 'a = 1' 'a = 0' test_say
  mutant lived 'b = 2' 'b = 0' test_say
  mutants "$WORK/build" 'say/k*'
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "mutants: 1 tried, 1 killed, 0 lived, 0 broken" ]
  mutants "$WORK/build" 'nobody/*'
  [ "$status" -eq 1 ]
}

@test "a test that is red anyway kills nothing" {
  tree
  sed -i 's/a = 1/a = 5/' "$TREE/say.c"
  mutant killed 'b = 2' 'b = 0' test_say
  mutants "$WORK/build"
  [ "$status" -eq 1 ]
  [[ $output == *"    BROKEN: red without it, too: test_say: a is one"* ]]
}

# A .bats file whose first test is red once, and whose second is about a.
@test "behind a test that was in a mood the others are asked" {
  tree
  export MOOD=$WORK/mood
  # shellcheck disable=SC2016 # make's
  printf '%s\n' 'build/turnstile build/stress:' '	@mkdir -p $(@D); touch $@' \
    >>"$TREE/Makefile"
  # shellcheck disable=SC2016
  printf '%s\n' '@test "mood" {' '  [ -e "$MOOD" ] || { touch "$MOOD"; false; }' \
    '}' '@test "a is one" {' '  grep "a = 1" say.c' '}' >"$TREE/tests/e2e/say.bats"
  mutant killed 'a = 1' 'a = 0' say
  mutants "$WORK/build"
  [ "$status" -eq 0 ]
  [[ $output == *"    killed by say: a is one"* ]]

  rm "$MOOD"
  mutant killed 'b = 2' 'b = 0' say
  mutants "$WORK/build"
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = "mutants: 1 tried, 0 killed, 1 lived, 0 broken" ]
}

@test "a test that is not there is said" {
  tree
  mutant killed 'a = 1' 'a = 0' test_nobody
  mutants --check
  [ "$status" -eq 1 ]
  [[ $output == *"say/killed: there is no test test_nobody"* ]]
}
