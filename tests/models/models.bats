#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the models hold, and each fails without one of its lines;
# and who says otherwise of a model is not believed.

setup() {
  ROOT=$(realpath "$BATS_TEST_DIRNAME/../..")
  WORK=$(mktemp -d)
}

teardown() {
  rm -rf "$WORK"
}

models() {
  run "$ROOT/tests/models/run" "$WORK" "$@"
  echo "$output"
  if [[ $output == SKIP* ]]; then skip "${lines[0]#SKIP }"; fi
}

@test "the quick ones of the table" {
  models quick
  [ "$status" -eq 0 ]
  [[ ${lines[-1]} =~ ^models:\ [1-9][0-9]*\ cases,\ 0\ failed$ ]]
}

@test "a table that is wrong is found wrong" {
  {
    echo 'quick  semaphore  holds      NO_CAS    it does not'
    echo 'quick  semaphore  stuck      NO_CAS    not in this way'
    echo 'quick  semaphore  assertion  DEATHS=0  it holds'
    echo 'quick  semaphore  holds      DEATHS=x  that is no model'
    echo 'quick  semaphore  holds      DEATHS=0  this one is right'
  } >"$WORK/cases"
  models quick "$WORK/cases"
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = "models: 5 cases, 4 failed" ]
}
