# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="ABA: the same number is not the same state"
judges="your word is played; a program tries all words, the short ones first"
. tests/exercises/forms.sh

begin() {
  play_form <<'END'
# No lock, but a check: who writes looks whether the sale is still as it was
# read; if not, it reads again. 5 tickets, 3 left. After which word is a seat
# sold twice? The shortest one, or: never
# the check compares how many are left; carol (c) has one step: she adds a
# ticket to the sale
value:
# the same without carol: the number only goes down
value-down:
# with carol, and the check compares the version, which only goes up
version:
END
}

judge() {
  play value value-down version
}
