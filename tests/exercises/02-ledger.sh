# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
# A ledger that is dealt from a seed, which stands in its first line.
title="read a ledger, and say whose write was lost"
judges="your answers against the versions and bases of your ledger"
. tests/exercises/forms.sh

# deal SEED: twelve lines.  Most clerks have read the line before; three times
# a clerk comes late, and writes over one or two lines.
deal() {
  awk -v seed="$1" '
    function chance(n) {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return int(seed / 65536) % n
    }
    BEGIN {
      split("alice bob carol dave erin frank grace heidi ivan judy", name)
      printf "# ledger %s, of 40 tickets\n", seed
      printf "%7s %5s  %-7s %-9s %s\n", "version", "base", "buyer", "seats",
        "left"
      left[0] = 40
      late[4 + chance(2)] = late[8] = 1
      late[11] = 2
      chance(2)
      for (v = 1; v <= 12; v++) {
        base = v - 1 - (v in late ? late[v] : 0)
        quantity = 1 + (chance(3) == 0)
        left[v] = left[base] - quantity
        seats = 40 - left[base] + 1
        if (quantity == 2) seats = seats " " (seats + 1)
        printf "%7d %5d  %-7s %-9s %d\n", v, base, name[1 + chance(10)],
          seats, left[v]
      }
    }'
}

# The truth, from the bases alone: who is not on the way back from the last
# line to the first is lost.
truth() {
  awk 'NR > 2 {
      base[$1] = $2
      count = NF - 4
      tickets += count
      for (i = 0; i < count; i++) sold[$(4 + i)]++
      left = $NF
      last = $1
    }
    END {
      for (v = last; v > 0; v = base[v]) kept[v] = 1
      for (v = 1; v <= last; v++) if (!(v in kept)) lost = lost " " v
      for (s = 1; s <= 40; s++) if (sold[s] > 1) twice = twice " " s
      print substr(lost, 2) "|" substr(twice, 2) "|" tickets - (40 - left)
    }' "$ANSWERS/2.ledger"
}

begin() {
  local seed
  seed=$(sed -n '1s/^# ledger \([0-9]*\),.*/\1/p' "$ANSWERS/2.ledger" \
    2>/dev/null)
  if [ -z "$seed" ]; then
    deal "${EXERCISE_SEED:-$((RANDOM * 7 + 1))}" >"$ANSWERS/2.ledger"
  elif ! deal "$seed" | cmp -s - "$ANSWERS/2.ledger"; then
    not_yet "$ANSWERS/2.ledger was changed: remove it, and get a new one."
  fi
  make_form <<END
# Read $ANSWERS/2.ledger.
# the versions whose write is lost, as in: 3 9
lost:
# the seats that were sold twice
twice:
# how many sold tickets the last line does not know of
forgotten:
END
}

judge() {
  local lost twice forgotten
  need lost twice forgotten
  IFS='|' read -r lost twice forgotten < <(truth)
  is lost "$lost" \
    "Begin with the last line. Which line had its clerk read? And that one's?"
  is twice "$twice" "Go through the seats, from 1 on. Do not trust the counter."
  is forgotten "$forgotten" \
    "Count the tickets that were sold. How many does the last line count?"
}
