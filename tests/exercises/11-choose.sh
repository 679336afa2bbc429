# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
title="choose a strategy for a given service"
judges="your choice against what GET /locks says that each does, and against a race"
. tests/exercises/forms.sh

begin() {
  make_form <<'END'
# For each service the strategy that fits, by its name in GET /locks; or:
# nobody, if none does.
# Who gets in must know whether the one before died inside: he mends first.
mend:
# The programs have no common parent and no common memory: only a directory.
apart:
# Choosing takes three seconds, and hardly ever two want the same sale. Nobody
# may be kept waiting by somebody who chooses. Still no seat is sold twice.
choosing:
# One worker only, two clerks; shared memory is forbidden, files are too slow.
alone:
# A bench with three tools: three may work at it, a fourth waits.
bench:
# First come, first served.
fair:
END
}

# have FACT…: the strategies with all these facts, as GET /locks has them
have() {
  local found=$LOCKS fact
  for fact; do found=$(grep -F "$fact" <<<"$found"); done
  grep -o '"name":"[^"]*"' <<<"$found" | cut -d '"' -f 4 | grep . || echo nobody
}

# fits KEY HINT <NAMES
fits() {
  local given
  given=$(answer "$1" | tr '[:upper:]' '[:lower:]')
  grep -qxF -- "$given" || not_yet "$1: $given" "$2"
}

# What is chosen for one worker has to be right there.
race() {
  "$BUILD/stress" --locks "$1" --stores json --workers 1 --clerks 2 \
    --duration 0 --json --data "$BUILD" 2>/dev/null |
    sed -n 's/^        "verdict": "\(.*\)",$/\1/p'
}

judge() {
  need mend apart choosing alone bench fair
  serve
  built "$BUILD/stress"
  LOCKS=$(ask "$URL/locks" | sed 's/},{/}\n{/g')
  fits mend "Who is told of a death? See tells_death in GET /locks." \
    < <(have '"tells_death":true')
  fits apart "Where does each lock live? locks/README.md says it." \
    < <(have '"name":"flock"')
  fits choosing "Nobody waits: so nothing is held. What is checked instead?" \
    < <(have '"safe":true' '"holds":false')
  fits alone "Between threads only: see excludes_threads." \
    < <(have '"excludes_threads":true' '"excludes_processes":false')
  echo "  alone: a race with one worker: $(race "$(answer alone)" |
    sed 's/^not-shown$/none showed/')"
  fits bench "Three permits." < <(have '"name":"semaphore:3"')
  fits fair "See fair in GET /locks." < <(have '"fair":true')
}
