#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: what --help and the README show can be typed into a shell
# as it stands, quotes and all, and does what it says.

bats_require_minimum_version 1.5.0
load helper

# Each line as it stands, but for the port; what takes long is made short behind.
type_in() {
  local line short status dir
  dir=$(realpath "$WHERE")
  mkdir "$dir/build"
  ln -s "$(realpath "$STRESS")" "$(realpath "$TURNSTILE")" "$dir/build"
  while read -r line; do
    line=${line//localhost:8080/localhost:${url##*:}}
    short='--duration 50ms --runs 1'
    case $line in
      *--url*) ;;
      *) short+=' --stores json' ;;
    esac
    status=0
    (cd "$dir" && PATH=$dir/build:$PATH sh -c "$line $short") \
      >"$WHERE/said" 2>&1 || status=$?
    echo "$line: $status"
    # What a slow machine does not reach is no matter here; usage is.
    if [ "$status" -gt 1 ] || ! grep -q 'AS PROMISED' "$WHERE/said"; then
      cat "$WHERE/said"
      return 1
    fi
    count=$((count + 1))
  done
}

@test "each example of --help" {
  local count=0
  start_service --store json
  type_in < <("$STRESS" --help | sed -nE 's/^  (stress( .*)?)$/\1/p' |
    sed -E 's/  +.*//')
  [ "$count" -eq 6 ]
}

@test "each example of the README of the stress test, but for the longest" {
  local count=0
  start_service --store json
  # shellcheck disable=SC2016 # they are Markdown's
  type_in < <(sed -n '/^```sh/,/^```/p' tests/stress/README.md |
    grep '^build/stress' | sed 's/ *#.*//' | grep -v 'kill')
  [ "$count" -ge 5 ]
}

@test "localhost, 127.0.0.1, and a host that is not there" {
  local port
  start_service --store json
  port=${url##*:}
  run -0 "$STRESS" --url "http://localhost:$port" --locks mutex --duration 0
  run -0 "$STRESS" --url "http://127.0.0.1:$port" --locks mutex --duration 0
  run -2 "$STRESS" --url "http://nowhere.invalid:$port" --locks mutex
}
