#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Goal of this test: what the READMEs say is so.  The walk is done with the
# commands that stand in README.md, word for word but for the port; tables are
# held against what the service says of itself.

load helper

# The lines of README.md's section "## $1" that are commands.
commands() {
  awk -v title="## $1" '
    /^## / { inside = $0 == title }
    inside && /^    (curl|make) / { print substr($0, 5) }' README.md
}

# Run a command of the README against the service of this test.
at_port() {
  local text=${1//localhost:8080/$ADDRESS}
  [ "$text" != "$1" ]
  eval "${text/curl/curl -s --max-time 20}"
}

@test "two terminals, three minutes: the walk, word for word" {
  local steps first second
  mapfile -t steps < <(commands "Two terminals, three minutes")
  printf '%s\n' "${steps[@]}"
  [ "${#steps[@]}" -eq 7 ]
  [ "${steps[0]}" = "make run ARGS='--lock none --delay 3s'" ]
  start --lock none --delay 3s
  ADDRESS=${URL#http://}

  at_port "${steps[1]}" >"$BATS_TEST_TMPDIR/alice" &
  sleep 1 # "the second within three seconds of the first"
  second=$(at_port "${steps[2]}")
  wait $!
  first=$(<"$BATS_TEST_TMPDIR/alice")
  [[ $first == *'"buyer":"alice","seats":[1],"remaining":99,"version":1,"lock":"none"'* ]]
  [[ $second == *'"buyer":"bob","seats":[1],"remaining":99,"version":2,"lock":"none"'* ]]

  run at_port "${steps[3]}"
  echo "$output"
  # What README.md shows, but for times, clerks and ids.
  same() { sed -E 's/[0-9]+\.[0-9]{3} ms/T/; s/…[0-9a-f-]{9}…/I/g; s/(worker|clerk) [0-9]+/\1/g; s/ +/ /g'; }
  local shown
  shown=$(awk '/^```$/ { n++; next } n == 1' README.md | same)
  diff <(echo "$shown" | grep -v '^$') \
    <(echo "$output" | same | grep -vE '^$|^ under|^ none|^Cure|PATCH')
  [[ $output == *"curl -X PATCH -d lock=mutex $ADDRESS/sales/demo"* ]]

  [[ $(at_port "${steps[4]}") == *'"lock":"mutex"'* ]]
  at_port "${steps[5]}" >"$BATS_TEST_TMPDIR/alice" &
  second=$(at_port "${steps[6]}")
  wait $!
  first=$(<"$BATS_TEST_TMPDIR/alice")
  seats=$(grep -o '"seats":\[[0-9]*\]' <<<"$first $second" | sort | tr '\n' ' ')
  [ "$seats" = '"seats":[2] "seats":[3] ' ]
  run at_port "${steps[3]}"
  [[ $output == *"  none                   2             1   WRONG"* ]]
  [[ $output == *"  mutex                  2             0   correct"* ]]
}

@test "the tables of strategies are what GET /locks says" {
  local name summary killed file
  start
  curl -s --max-time 5 "$URL/locks" | sed 's/},{/}\n{/g' >"$BATS_TEST_TMPDIR/locks"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/locks")" -ge 6 ]
  while read -r line; do
    name=$(sed -E 's/.*"name":"([^"]*)".*/\1/' <<<"$line")
    summary=$(sed -E 's/.*"summary":"([^"]*)".*/\1/' <<<"$line")
    killed=$(sed -E 's/.*"when_killed":"([^"]*)".*/\1/' <<<"$line")
    [[ $name != *:* ]] || continue # a variant of the one above
    reach=$(sed -E 's/.*"reach":"([^"]*)".*/\1/' <<<"$line")
    for file in README.md locks/README.md; do
      sed 's/\*\*//g' "$file" |
        grep -qF "| \`$name\` | $reach | $killed | $summary |"
    done
  done <"$BATS_TEST_TMPDIR/locks"
}

@test "every folder's README lists every file of it" {
  local folder file
  while read -r folder; do
    for file in "$folder"/*; do
      file=${file##*/}
      case $file in README.md | node_modules) continue ;; esac
      grep -q -- "$file" "$folder/README.md" ||
        { [ -d "$folder/$file" ] && grep -q "\`$file/" "$folder/README.md"; } ||
        { echo "$folder/README.md does not name $file"; return 1; }
    done
  done < <(find locks storage service docker tests -name node_modules -prune \
    -o -name README.md -printf '%h\n')
}

@test "the glossary: ten words, on one screen, linked where they are met" {
  local words file link
  words=$(sed -n 's/^- \*\*\([a-z]*\)\*\*:.*/\1/p' GLOSSARY.md | sort | paste -sd ' ')
  echo "$words"
  [ "$words" = 'base clerk epoch latch ledger sale seat strategy trail version' ]
  [ "$(wc -l <GLOSSARY.md)" -le 40 ]
  [ -z "$(awk 'length > 96' GLOSSARY.md)" ]
  for file in README.md {locks,service,storage}/README.md \
    service/{sale,audit,http,page,process}/README.md storage/json/README.md; do
    link=$(grep -o '([./]*GLOSSARY.md)' "$file" | head -n 1 | tr -d '()')
    [ -e "$(dirname "$file")/${link:-none}" ] ||
      { echo "$file does not link to the glossary"; return 1; }
  done
}
