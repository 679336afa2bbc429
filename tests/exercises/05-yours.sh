# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="write a lock: from none to yours"
judges="the contract tests, a crowd, every step of acquire, a race with a stop, and one with a kill"
. tests/exercises/forms.sh

begin() {
  lock_begin
}

judge() {
  lock_judge
}
