# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="measure the price"
judges="your answers against your own measurement, and one against a race"
. tests/exercises/forms.sh

begin() {
  make_form <<END
# Measure it yourself, in the top folder:
#   build/stress --locks flock,mutex,semaphore,optimistic --stores json --json >$ANSWERS/9.json
# (without --json it is easier to read). Then, from that very measurement:
# the strategy that sold most in a second
fastest:
# Is it apart from the second? Yes, if it still sold more with its spread taken
# off, and the second's put on; else no
apart:
# the strategy with the longest tail: p99 divided by p50 (of what was sold)
tail:
# And a prediction. Under mutex, with 20 ms between read and write: how many
# can be sold in a second, at most, however many buyers there are?
most:
END
}

# strategy, sold/s, spread, p99/p50, p50, p99; the fastest first
measured() {
  awk '
    { value = $2; gsub(/[",]/, "", value) }
    /^      "lock":/ { lock = value; sold = 0 }
    /^        "sold_per_s":/ { sold = value }
    /^        "spread":/ { spread = value }
    /^          "p50_ms":/ && sold && !(lock in p50) { p50[lock] = value }
    /^          "p99_ms":/ && sold && !(lock in seen) {
      seen[lock] = 1
      if (p50[lock] > 0)
        print lock, sold, spread, value / p50[lock], p50[lock], value
    }' "$ANSWERS/9.json" | sort -k2,2gr
}

# The rows, as the answers are looked for in them.
show() {
  measured | awk '
    BEGIN { printf "  %-12s %8s %8s %8s %8s\n",
        "strategy", "sold/s", "spread", "p50 ms", "p99 ms" }
    { printf "  %-12s %8d %8.2f %8.2f %8.2f\n", $1, $2, $3, $5, $6 }'
}

# "yes" or "no", from the two fastest
apart() {
  measured | awk 'NR == 1 { low = $2 * (1 - $3) }
    NR == 2 { print (low > $2 * (1 + $3)) ? "yes" : "no" }'
}

# What 40 buyers got of 40 tickets, a second.
race() {
  "$BUILD/stress" --locks mutex --stores json --buyers 40 --tickets 40 \
    --delay 20ms --duration 0 --json --data "$BUILD" 2>/dev/null |
    awk '/^        "sold":/ { sold = $2 + 0 }
      /^        "seconds":/ { printf "%d", sold / $2 }'
}

judge() {
  local lock
  [ -s "$ANSWERS/9.json" ] ||
    not_yet "There is no $ANSWERS/9.json: $FORM says how to measure."
  for lock in flock mutex semaphore optimistic; do
    measured | grep -q "^$lock " ||
      not_yet "$ANSWERS/9.json has no price of $lock: measure once more."
  done
  show
  need fastest apart tail most
  is fastest "$(measured | head -n 1 | cut -d ' ' -f 1)" \
    "Look at the column sold/s, or at sold_per_s."
  is apart "$(apart)" "Spread is a share: 0.09 of 30000 is 2700."
  is tail "$(measured | sort -k4,4gr | head -n 1 | cut -d ' ' -f 1)" \
    "Divide p99 by p50, in each row."
  built "$BUILD/turnstile" "$BUILD/stress"
  echo "  a race of 40 buyers, just now: $(race) sold in a second"
  is most 50 "How many may be between read and write at a time?"
}
