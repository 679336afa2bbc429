# shellcheck shell=bash disable=SC2154 # bats sets $output
# SPDX-License-Identifier: BSD-2-Clause
# Reading --json's output without another program.

# The values of a member in one line, by its depth: 6 is a row's own, 8 its
# race's and drill's, 12 a finding's.
values() {
  sed -nE "s/^ {$1}\"$2\": \"?([^\",]*)\"?,?\$/\1/p" <<<"$output" | xargs
}

# The values of a member for those rows that promise, added up.
sum_where_safe() {
  awk -v name="\"$1\":" '
    $1 == "\"safe\":" { safe = $2 == "true," }
    $1 == name && safe { sum += $2 }
    END { print sum + 0 }' <<<"$output"
}
