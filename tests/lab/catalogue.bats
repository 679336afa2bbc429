#!/usr/bin/env bats
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the catalogue, of which the page makes "every order", says
# what the census counts and what a schedule's telling tells.

load ../e2e/helper

bats_require_minimum_version 1.5.0

setup() {
  run -0 --separate-stderr "$LAB" --catalogue --buyers 3 --tickets 2
  equal stderr "$stderr" ''
  catalogue=$output
}

# What order $1 becomes under $2: "verdict steps".
becomes() {
  jq -r --arg order "$1" --arg lock "$2" '. as $all | .locks | index($lock) as
    $i | $all.runs[$all.orders[$order][$i]] | join(" ")' <<<"$catalogue"
}

@test "as many orders, and as many of them wrong, as the census counts" {
  local counted
  run -0 "$LAB" --json --buyers 3 --tickets 2 --locks none
  counted=$(jq -r '.rows[0] | "\(.schedules) \(.schedules - .correct)"' \
    <<<"$output")
  equal counts "$(jq -r '. as $all | [.orders[][0]] | "\(length) " +
    "\([.[] | select($all.runs[.][0] != "correct")] | length)"' \
    <<<"$catalogue")" "$counted"
}

@test "an order under a lock says who waits, for whom, and what is left over" {
  equal none "$(becomes ABBACC none)" \
    'oversold A<2.0 B<2.0 B>1.1.1 A>1.2.1 C<1.2 C>0.3.2'
  equal mutex "$(becomes ABBACC mutex)" \
    'correct A! A<2.0 B?A B?A A>1.1.1 C! C<1.1 C>0.2.2 B! B<0.2'
  equal optimistic "$(becomes ABBACC optimistic)" \
    'correct A<2.0 B<2.0 B>1.1.1 A=1 C<1.1 C>0.2.2 A<0.2'
}

@test "it is a thing of its own: not beside a census or a schedule" {
  run -2 "$LAB" --catalogue --schedule ABBA
  grep -q 'choose one$' <<<"$output"
}

# orders FLAG…: the page's file, made by the build that way
orders() {
  local file=$BATS_TEST_TMPDIR/service/page/orders.json
  run -0 --separate-stderr make -s -C "$BATS_TEST_DIRNAME/../.." \
    BUILD="$BATS_TEST_TMPDIR" "$@" "$file"
  orders=$(jq -c 'map("\(.buyers)/\(.tickets)")' "$file")
}

@test "the build makes the page's file with it, and goes on without it" {
  orders ORDERS_LAB="$(realpath "$LAB")"
  equal orders "$orders" '["2/1","2/2","3/2"]'
  equal stderr "$stderr" ''
  rm "$BATS_TEST_TMPDIR/service/page/orders.json"
  orders ORDERS_LAB=/bin/false
  equal orders "$orders" '[]'
  equal stderr "$stderr" \
    '/bin/false cannot run here: the page will lack "every order"'
}
