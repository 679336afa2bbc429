# shellcheck shell=bash disable=SC2154 # bats sets $output
# SPDX-License-Identifier: BSD-2-Clause
# A place of its own for each test, and a service if it wants one; and reading
# --json's output without another program.

setup() {
  STRESS=${STRESS:-build/stress}
  TURNSTILE=${TURNSTILE:-$(dirname "$STRESS")/turnstile}
  WHERE=$(mktemp -d "$(dirname "$STRESS")/test.XXXXXX")
}

teardown() {
  if [ -n "${SERVICE:-}" ]; then
    kill "$SERVICE"
    wait "$SERVICE"
  fi
  rm -rf "$WHERE"
}

# A service of the test's own, on 127.0.0.1 alone, as by default: localhost may
# be ::1 first.  Its address goes to $url.
start_service() {
  "$TURNSTILE" --listen 127.0.0.1:0 --data "$WHERE/data" "$@" \
    >"$WHERE/out" 2>"$WHERE/err" 3>&- &
  SERVICE=$!
  until grep -q 'http://' "$WHERE/out"; do
    kill -0 "$SERVICE"
    read -rt 0.02 <> <(:) || :
  done
  # shellcheck disable=SC2034 # for the tests
  url=$(grep -o 'http://[^ ]*' "$WHERE/out" | head -1)
}

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
