#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# All parts of the torture: those of the first list two at a time, those of
# the second one by one; what each says, and all last lines once more.
#
#   all.sh "TARGET…" "TARGET…"
set -u

said=$(mktemp)
trap 'rm -f "$said"' EXIT
from=$(date +%s)
status=0

# run JOBS TARGET…
run() {
  "${MAKE:-make}" -s -k -j"$1" --output-sync=target $2 2>&1 | tee -a "$said"
}

run 2 "$1"
run 1 "$2"
echo "--- all parts, after $((($(date +%s) - from) / 60)) minutes:"
grep -E '^[^ ]+( [^ ]+)?: [0-9]+ cases, [0-9]+ failed$' "$said"
for target in $1 $2; do
  name=$(echo "${target#torture-}" | tr - ' ')
  grep -qE "^$name: [0-9]+ cases, 0 failed\$" "$said" || {
    echo "$target: red, or it did not end"
    status=1
  }
done
exit "$status"
