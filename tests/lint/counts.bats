#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: counts.sh counts what it says it does.  Each count over
# a few lines whose number is known.

setup() {
  HERE=$BATS_TEST_DIRNAME
  WORK=$(mktemp -d)
  cd "$WORK" || return 1
}

teardown() {
  rm -rf "$WORK"
}

# statements FROM TO: a line for each
statements() {
  seq -f '	call(%g);' "$1" "$2"
}

# is LINE…: that is the output
is() {
  diff <(printf '%s\n' "$@") <(echo "$output")
}

@test "a function of 40 lines is short, one of 41 is long" {
  {
    printf 'static int\nshort_one(void)\n{\n'
    statements 1 37
    printf '}\n\nint\nlong_one(int a,\n    int b)\n{\n'
    statements 1 37
    printf '}\n\nstatic const int table[] = {\n'
    statements 1 60
    printf '};\n'
  } >a.c
  run awk -f "$HERE/functions.awk" a.c
  is 'a.c:44: long_one, 41'
}

@test "six lines that stand twice are a pair, five are not" {
  { statements 1 6; statements 20 24; statements 30 30; } >a.c
  { statements 10 13; statements 20 24; statements 1 6; } >b.c
  run awk -f "$HERE/duplicates.awk" a.c b.c
  is 'a.c:1 and b.c:10: 6 lines'
}

@test "a run is one pair, whatever its length, and whatever is between" {
  statements 1 12 >a.c
  {
    echo '#include "a.h"'
    statements 1 4
    printf '	/* not\n	   this */\n\n}\n'
    statements 5 12 | sed 's/^	/        /'
  } >b.c
  run awk -f "$HERE/duplicates.awk" a.c b.c
  is 'a.c:1 and b.c:2: 12 lines'
}

@test "three places are three pairs; two in one file are one" {
  statements 1 6 >a.c
  cp a.c b.c
  cp a.c c.c
  run awk -f "$HERE/duplicates.awk" a.c b.c c.c
  [ "${#lines[@]}" -eq 3 ]
  statements 7 8 >>a.c
  statements 1 6 >>a.c
  run awk -f "$HERE/duplicates.awk" a.c
  is 'a.c:1 and a.c:9: 6 lines'
}

@test "a window does not go on in the next file" {
  statements 1 6 >a.c
  statements 1 3 >b.c
  statements 4 6 >c.c
  run awk -f "$HERE/duplicates.awk" a.c b.c c.c
  [ -z "$output" ]
}

@test "the longest way down, through symbols, past a circle" {
  {
    printf 'file service/%s\n' main.c sale/sell.{c,h} a.{c,h} b.{c,h} d.c log.h
    echo 'include service/main.c service/sale/sell.h'
    echo 'include service/main.c a.h'
    echo 'include service/a.c b.h'
    echo 'symbol service/a sell U'
    echo 'symbol service/b a_run U'
    echo 'symbol service/a b_run U'
    echo 'symbol service/b b_run T'
    echo 'symbol service/b d_run U'
    echo 'symbol service/d sell U'
    echo 'symbol service/d d_run T'
    echo 'symbol service/a a_run T'
    echo 'symbol service/sale/sell sell T'
    echo 'include service/sale/sell.c service/log.h'
  } >facts
  run awk -v circles=1 -f "$HERE/floors.awk" facts
  [ "${lines[0]}" = 'a circle of 2 files' ]
  [ "${#lines[@]}" -eq 2 ]
  run awk -f "$HERE/floors.awk" facts
  [ "${lines[0]}" = 'floors from main down to sell: 3' ]
  [[ ${lines[1]} =~ ^\ +service/main\ →\ \{service/[ab]\ service/[ab]\}\ →\ service/d\ →\ service/sale/sell$ ]]
  [ "${lines[2]}" = 'floors from sell down to the ground: 1' ]
  [ "${lines[3]}" = '    service/sale/sell → service/log' ]
}
