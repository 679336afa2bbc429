#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: an audit that takes long holds up nobody.  What is short is
# served beside it, others' audits leave room for an admin's, and it ends: at
# its deadline, with its client, with the service.

load helper
load helper_crash

# walk_slowly MS [OPTION…]: a service with one worker, in which whoever reads
# the ledger of "demo" waits so long before each piece of it.
walk_slowly() {
  local ms=$1
  shift
  need_strace
  case $(uname -m) in
    x86_64) PREAD64=17 ;;
    aarch64) PREAD64=67 ;;
    *) skip "which number has pread64 here?" ;;
  esac
  start_workers 1 --store json --admin token "$@"
  TOKEN="Authorization: Bearer $(cat "$DATA/admin-token")"
  answered 201 POST /sales -d id=other -d capacity=10 -H "$TOKEN"
  answered 201 POST /sales/demo/buy
  answered 201 POST /sales/other/buy
  answered 200 GET /sales/demo/audit # from now on only walks read it
  WORKER=$(worker 1)
  inject "$WORKER" -P "$DATA/demo/ledger.jsonl" -e trace=pread64 \
    -e inject=pread64:delay_enter="$((ms * 1000))"
}

is_walking() {
  cat "/proc/$WORKER"/task/*/syscall 2>/dev/null | grep -q "^$PREAD64 "
}

# An audit that has begun; $AUDIT is its client, $WORK/audit what it got.
begin_audit() {
  # Itself, not in a shell of its own: it is to be killed.
  curl -q -sS --noproxy '*' --max-time "$CURL_LIMIT" -o "$WORK/audit" \
    -w '%{http_code}' "$URL/sales/demo/audit" \
    >"$WORK/audit.code" 2>/dev/null 3>&- &
  AUDIT=$!
  PIDS+=("$AUDIT")
  await 5 is_walking
}

# end_audit STATUS
end_audit() {
  wait "$AUDIT" || true
  equal "the audit's status" "$(cat "$WORK/audit.code")" "$1"
  code=$1 body=$(cat "$WORK/audit")
}

@test "beside an audit everything that is short is served" {
  walk_slowly 10000
  begin_audit
  answered 200 GET /livez
  answered 200 GET '/readyz?verbose'
  answered 200 GET /metrics
  answered 200 GET /sales
  answered 200 GET /sales/demo
  answered 201 POST /sales/demo/buy
  answered 200 PATCH /sales/demo -d delay=1ms -H "$TOKEN"
  answered 200 PATCH /sales/other -d lock=flock -H "$TOKEN"
  answered 201 POST /sales -d id=third -d capacity=5 -H "$TOKEN"
  answered 200 GET /sales/other/audit.txt -H "$TOKEN"
  answered 200 GET '/sales/other/ledger' -H "$TOKEN"
  answered 204 DELETE '/sales/other?force=1' -H "$TOKEN"
  kill -0 "$AUDIT" || fail "the audit was over before the others"
  repaired
  end_audit 200
  equal receipts "$(member receipts)" 1 # as it was when it began
}

@test "--audit-timeout: 503, and what to do" {
  walk_slowly 1000 --audit-timeout 600ms
  begin_audit
  end_audit 503
  equal type "$(member type)" /problems/audit-timeout
  matches detail "$(member detail)" 'GET /sales/demo/ledger'
  call GET /sales/demo/audit.txt
  problem audit-timeout 503
  call GET /sales/demo/ledger
  problem audit-timeout 503
  answered 200 GET /sales/other/audit
}

@test "an audit ends when the service does" {
  walk_slowly 1500
  begin_audit
  stop
  end_audit 503
  equal type "$(member type)" /problems/draining
}

was_refused() {
  [ "$(metric 'turnstile_http_requests_total{method="GET",route="/sales/{sale}/audit",status="503"}')" = "$1" ]
}

@test "an audit ends when its client has gone" {
  walk_slowly 10000
  begin_audit
  sleep 0.2 # walkers do not look for their clients all the time
  kill "$AUDIT"
  wait "$AUDIT" 2>/dev/null || true
  repaired
  await 5 was_refused 1
}

# One walks, 32 wait, and 8 of 40 more are refused.
@test "too many audits: 503, but an admin's goes on" {
  walk_slowly 10000
  begin_audit
  http -Z --no-progress-meter --parallel-immediate --parallel-max 40 \
    -o "$WORK/more#1" "$URL/sales/demo/audit#[1-40]" >/dev/null 3>&- &
  local more=$!
  PIDS+=("$more")
  await 10 was_refused 8
  call GET /sales/other/ledger
  problem too-many-audits 503
  answered 200 GET /sales/other/audit -H "$TOKEN"
  answered 200 GET /sales/other/ledger -H "$TOKEN"
  answered 200 GET /sales
  repaired
  end_audit 200
  wait "$more"
  equal "audits that waited" "$(grep -l '"verdict":"correct"' "$WORK"/more* |
    wc -l)" 32
}
