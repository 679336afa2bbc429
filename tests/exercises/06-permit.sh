# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="lose a permit"
judges="your word is played; a program tries all words, the short ones first"
. tests/exercises/forms.sh

begin() {
  play_form <<'END'
# A semaphore with one permit. A small letter is a step (call wait, get the
# permit, read, write, post); a capital letter kills: A kills alice. There are
# a, b and c. The shortest word, or: never
# after which the permit is lost: nobody is inside, and nobody can get in
bare:
# Now the supervisor posts for every dead clerk that had called wait and had
# not posted. After which word are two inside at once?
eager:
# And if, besides, who got a permit must claim the only name tag, or wait again
# (call wait, permit, claim, read, write, clear, post)?
tags:
END
}

judge() {
  play bare eager tags
}
