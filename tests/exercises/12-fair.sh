# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="write a fair lock"
judges="as exercise 5; and four who come one after the other get in in that order, six times"
. tests/exercises/forms.sh

begin() {
  lock_begin
}

judge() {
  lock_judge
  lock_test "first come, first served?" test_yours 'yours,*first come*' \
    "Who came later got in first. Who remembers the order?"
  lock_test "does it say so?" test_yours 'yours,*says that*' \
    "Now say so, in its facts: .fair"
}
