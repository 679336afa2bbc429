# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="two locks, and nobody moves"
judges="your word is played; with your steps for bob, all words are tried"
. tests/exercises/forms.sh

begin() {
  play_form <<'END'
# Two sales, a lock for each: x and y. Alice's steps are
#   x y r w Y X     take x, take y, read, write, release y, release x
# and bob's are
#   y x r w X Y
# After which word do both wait for ever? The shortest one.
deadlock:
# Bob's steps, so that this never happens, and he still holds both locks while
# he reads and writes: six letters
cure:
END
}

judge() {
  need deadlock cure
  play deadlock
  # Blanks between the letters are welcome.
  local said
  said=$("$BUILD/exercises/play" cure "$(answer cure | tr -d ' ')") ||
    not_yet "cure: $(answer cure)" "$said"
}
