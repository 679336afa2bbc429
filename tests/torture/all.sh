#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# All parts of the torture: what each says, all last lines once more, and the
# table of what was survived.
#
#   all.sh [PARTS]        another table than `parts`
set -u

parts=${1:-$(dirname "$0")/parts}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
status=0

# targets WHEN: those of the table
targets() {
  awk -F' *[|] *' -v when="$1" '!/^#/ && $2 == when { print $1 }' "$parts"
}

# run JOBS TARGET…
run() {
  local jobs=$1
  shift
  [ $# -eq 0 ] ||
    "${MAKE:-make}" -s -k -j"$jobs" --output-sync=target "$@" 2>&1 |
    tee -a "$said"
}

# last TARGET: its last line, or nothing
last() {
  grep -E "^${1#torture-}: [0-9]+ cases, [0-9]+ failed\$" "$said" | tail -n 1
}

# left TARGET: how many cases there was no time for; "and more" if it said so
left() {
  sed -nE "s/^ *([0-9]+) cases( and more)? were left out for time: ${1#torture-}\$/\1\2/p" "$said"
}

# row TARGETS SURVIVED HOW: of the table
row() {
  local target words late more='' cases=0 failed=0 all=0
  for target in $1; do
    read -r -a words < <(last "$target")
    read -r -a late < <(left "$target")
    cases=$((cases + ${words[1]:-0}))
    failed=$((failed + ${words[3]:-1}))
    all=$((all + ${words[1]:-0} + ${late[0]:-0}))
    [ ${#late[@]} -le 1 ] || more=' and more'
  done
  [ "$all" -eq "$cases" ] || cases="$cases of $all$more"
  [ "$failed" -eq 0 ] || cases="$cases, $failed failed"
  echo "|$2|$3| $cases |"
}

mapfile -t beside < <(targets beside | xargs -r -n 1)
mapfile -t alone < <(targets alone | xargs -r -n 1)
run 2 "${beside[@]}"
run 1 "${alone[@]}"

echo
echo "--- all parts, after $((SECONDS / 60)) minutes:"
grep -E '^ *[0-9]+ cases( and more)? were left out' "$said"
for target in "${beside[@]}" "${alone[@]}"; do
  line=$(last "$target")
  echo "${line:-$target: it did not end}"
  [[ $line == *' cases, 0 failed' ]] || status=1
done
echo
echo '| what it survives | how that was tried | cases |'
echo '|---|---|---|'
while IFS='|' read -r names _ survived how; do
  case $names in
    '#'*) continue ;;
  esac
  row "$names" "$survived" "$how "
done <"$parts"
exit "$status"
