#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: a ledger is had as CSV and in part, and none is lost or cut
# by a slip of the pen.

load helper
load helper_crash

HEAD=version,kind,sold_at,order,buyer,first_seat,quantity,remaining,capacity,lock,base,nth

# Buyers whose names a spreadsheet, or a careless reader, would stumble over.
NAMES=('alice' '=HYPERLINK("http://x","y")' '+1' '-1' '@SUM(1)' "'quoted'"
  'a, "b"' 'Zoë 北京' ';' '"')

# The table, a row a line: version, kind, buyer, seat.  Read by who did not
# write it.
rows() {
  node -e '
    const text = require("fs").readFileSync(0, "utf8");
    const rows = [[""]]; let quoted = false;
    for (let i = 0; i < text.length; i++) {
      const row = rows.at(-1), c = text[i];
      if (c === "\"" && quoted && text[i + 1] === "\"") row[row.length - 1] += text[i++];
      else if (c === "\"") quoted = !quoted;
      else if (c === "," && !quoted) row.push("");
      else if (c === "\r" && !quoted && text[i + 1] === "\n") { rows.push([""]); i++; }
      else row[row.length - 1] += c;
    }
    if (quoted || rows.pop()[0] !== "") throw new Error("it does not end");
    for (const row of rows) {
      if (row.length !== rows[0].length) throw new Error(`columns: ${row}`);
      console.log([row[0], row[1], row[4], row[5]].join("\t"));
    }'
}

csv_is_read() {
  local name i=0
  start --store "$STORE"
  for name in "${NAMES[@]}"; do
    answered 201 POST /sales/demo/buy --data-urlencode "buyer=$name"
  done
  answered 200 PATCH /sales/demo -d capacity=120
  answered 200 GET /sales/demo/ledger.csv
  equal Content-Type "$(header content-type)" \
    'text/csv; charset=utf-8; header=present'
  equal "the first row" "$(head -n 1 <<<"$body" | tr -d '\r')" "$HEAD"
  equal "lines that end with CR LF" "$(grep -c $'\r$' "$WORK/body")" 12
  rows <"$WORK/body" >"$WORK/rows"
  for name in "${NAMES[@]}"; do
    i=$((i + 1))
    case $name in [=+@\'-]*) name="'$name" ;; esac
    equal "row $i" "$(sed -n "$((i + 1))p" "$WORK/rows")" \
      "$i"$'\t'sold$'\t'"$name"$'\t'"$i"
  done
  equal "the last row" "$(tail -n 1 "$WORK/rows")" $'11\traised\t\t'
  # The same by Accept.
  cp "$WORK/body" "$WORK/by-name"
  answered 200 GET /sales/demo/ledger -H 'Accept: text/csv'
  cmp "$WORK/body" "$WORK/by-name"
}

@test "CSV: RFC 4180, a row of names, and no name is a formula" {
  command -v node >/dev/null || skip "there is no node"
  each_store csv_is_read
}

csv_in_pages() {
  local after=0
  start --store "$STORE" --tickets 25
  buyers 25 demo
  : >"$WORK/all"
  while [ -n "$after" ]; do
    answered 200 GET "/sales/demo/ledger.csv?limit=10&after=$after"
    tail -n +2 "$WORK/body" >>"$WORK/all"
    after=$(header next-after)
  done
  answered 200 GET /sales/demo/ledger.csv
  equal Next-After "$(header next-after)" ''
  tail -n +2 "$WORK/body" | cmp - "$WORK/all"
  equal lines "$(wc -l <"$WORK/all")" 25
}

@test "CSV in pages is CSV as a whole" {
  each_store csv_in_pages
}

filters() {
  local moment name
  start --store "$STORE"
  for name in alice bob alice; do
    answered 201 POST /sales/demo/buy -d "buyer=$name"
  done
  moment=$(date -u +%FT%T.%3NZ)
  until [ "$(date -u +%FT%T.%3NZ)" != "$moment" ]; do :; done
  answered 201 POST /sales/demo/buy -d buyer=alice
  versions() {
    grep -o '"kind":"sold","version":[0-9]*' <<<"$body" | cut -d : -f 3 |
      paste -sd ' '
  }
  answered 200 GET '/sales/demo/ledger?buyer=alice'
  equal "alice's" "$(versions)" '1 3 4'
  answered 200 GET '/sales/demo/ledger?buyer=alice&limit=1'
  equal "alice's first" "$(versions)" 1
  matches next "$body" '"next":1\}$'
  answered 200 GET "/sales/demo/ledger?since=$moment"
  matches "since then" "$(versions)" '4$'
  refute grep -q '"version":1,' <<<"$body"
  answered 200 GET "/sales/demo/ledger?since=9999-01-01"
  equal "in the far future" "$(versions)" ''
  call GET '/sales/demo/ledger?since=yesterday'
  problem bad-value 400
  equal member "$(member member)" since
  answered 200 GET "/sales/demo/ledger?until=$moment"
  matches "before then" "$(versions)" '^1[ 23]*$'
  answered 201 POST /sales/demo/buy -d buyer=zoe -H 'Idempotency-Key: "k\"5"'
  answered 200 GET '/sales/demo/ledger?key=k%225'
  equal "under the key" "$(versions)" 5
  answered 200 GET '/sales/demo/ledger.csv?key=k%225'
  equal "rows" "$(wc -l <<<"$body")" 2
}

@test "filters: buyer, since, until and key" {
  each_store filters
}

@test "the filter by buyer tells nobody who bought" {
  local token
  start --admin token
  answered 201 POST /sales/demo/buy -d buyer=alice
  token="Authorization: Bearer $(cat "$DATA/admin-token")"
  for name in alice bob; do
    call GET "/sales/demo/ledger?buyer=$name"
    problem token-needed 401
    call GET "/sales/demo/ledger.csv?buyer=$name"
    problem token-needed 401
  done
  answered 200 GET '/sales/demo/ledger?buyer=alice' -H "$token"
  equal buyer "$(grep -o '"buyer":"[a-z]*"' <<<"$body")" '"buyer":"alice"'
  answered 200 GET /sales/demo/ledger.csv
  refute grep -q alice <<<"$body"
}

# refused PATH KNOWN [METHOD [CURL OPTION…]]: with an argument that nobody knows
refused() {
  local path=$1 known=$2
  shift 2
  call "${1:-GET}" "$path?fource=1" "${@:2}"
  problem unknown-member 400
  equal member "$(member member)" fource
  matches detail "$(member detail)" "here; $known\\.\$"
}

@test "an argument that is not known is refused, and those that are, are named" {
  local path none='this call takes none'
  local ledger='there are: after, buyer, key, limit, since, trail, until'
  start
  answered 201 POST /sales/demo/buy
  for path in / /about /locks /openapi.yaml /livez /metrics /page/main.js \
    /problems/sold-out /sales /sales/demo /sales/demo/orders/x; do
    refused "$path" "$none"
  done
  refused /readyz 'there are: verbose'
  refused /sales/demo/ledger "$ledger"
  refused /sales/demo/ledger.csv "$ledger"
  refused /sales/demo/audit 'there are: seat'
  refused /sales/demo/audit.txt 'there are: seat'
  refused /sales "$none" POST -d id=x -d capacity=1
  refused /sales/demo "$none" PATCH -d lock=none
  refused /sales/demo 'there are: force' DELETE
  refused /sales/demo/buy 'there are: trail' POST
  # Nothing was done.
  answered 200 GET /sales/demo
  equal version "$(member version)" 1
  equal lock "$(member lock)" mutex
  call GET /sales/x
  problem no-sale 404
  # A question mark alone asks for nothing.
  answered 200 GET '/livez?'
}
