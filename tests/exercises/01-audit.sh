# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
# An audit of two buyers whose names and times are dealt; its last lines, which
# say who did what, are left out.
title="read an audit"
judges="your answers against the ledger of the same sale"
. tests/exercises/forms.sh

NAMES=(alice bob carol dave erin frank grace heidi ivan judy mallory oscar)

buy() {
  ask -d buyer="$1" "$URL/sales/demo/buy" >/dev/null
}

# Some buy one after the other, then two at once.
deal() {
  local i first=$((RANDOM % 12)) before=$((1 + RANDOM % 5))
  local second=$(((first + 1 + RANDOM % 11) % 12))
  serve --lock none --store json --tickets 20
  for ((i = 0; i < before; i++)); do buy dora; done
  ask -X PATCH -d delay=400ms-900ms "$URL/sales/demo" >/dev/null
  buy "${NAMES[first]}" &
  i=$!
  buy "${NAMES[second]}"
  wait "$i"
  ledger | tail -n 2 >"$ANSWERS/1.ledger"
  ask "$URL/sales/demo/audit.txt" |
    sed '/is lost/,$d; /^It went/,$d; /went wrong$/d' >"$ANSWERS/1.audit.txt"
  unserve
}

of_line() {
  sed -n "$1p" "$ANSWERS/1.ledger" | member "$2"
}

collided() {
  [ -n "$(of_line 2 base)" ] && [ "$(of_line 1 base)" = "$(of_line 2 base)" ]
}

begin() {
  local tries
  if [ ! -e "$FORM" ] || ! collided; then
    for ((tries = 0; tries < 5; tries++)); do
      deal
      if collided; then break; fi
    done
    collided || cannot "the two never met: is the machine very busy?"
  fi
  make_form <<END
# Read $ANSWERS/1.audit.txt. Two have bought the same seat.
# the number of that seat
seat:
# how many tickets both saw
saw:
# whose write is lost
lost:
# who wrote over it
over:
END
}

judge() {
  need seat saw lost over
  is seat "$(of_line 1 seats)" "Which seat did both take?"
  is saw "$(($(of_line 1 remaining) + 1))" "Look at what both read."
  is lost "$(of_line 1 buyer)" \
    "Who reads first does not matter. Who writes last, stays."
  is over "$(of_line 2 buyer)" "Whose number stands there in the end?"
}
