# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="the fewest letters"
judges="your word is played; a program tries all words, the short ones first"
. tests/exercises/forms.sh

begin() {
  play_form <<'END'
# Each letter is one step of alice (a) or bob (b). After which word is a seat
# sold twice? The shortest word that does it; or: never
# no lock; each: read, write
none:
# the lock comes too late; each: read, lock, write, unlock
late:
# a semaphore with two permits; each: wait, read, write, post
two:
# a mutex; each: lock, read, write, unlock
mutex:
END
}

judge() {
  play none late two mutex
}
