#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the proxies of docs/operating.md, as they stand there but
# for their addresses: buyers and admins come through, nothing is sent twice,
# and who is outside does not see what is for those inside.

load helper
load helper_crash

NAME=http://tickets.example

# through PROGRAM: a service, and that proxy before it, at a socket
through() {
  command -v "$1" >/dev/null || skip "there is no $1: tests/packages.sh $1"
  start_workers 2 --admin token --lock mutex --timeout 5s
  PROXY=$WORK/socket
  "begin_$1"
  LOADS+=("$!")
  await 10 test -S "$PROXY"
  await 5 is_through
}

begin_nginx() {
  mkdir "$WORK/nginx"
  sed "s|listen 80;|listen unix:$PROXY;|; s|127.0.0.1:8080|127.0.0.1:$PORT|" \
    "$ROOT/docs/nginx.conf" >"$WORK/nginx/site.conf"
  cat >"$WORK/nginx/nginx.conf" <<END
daemon off;
pid $WORK/nginx/pid;
error_log stderr;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
events {}
http {
  access_log off;
  client_body_temp_path $WORK/nginx/a;
  proxy_temp_path $WORK/nginx/b;
  fastcgi_temp_path $WORK/nginx/c;
  uwsgi_temp_path $WORK/nginx/d;
  scgi_temp_path $WORK/nginx/e;
  include $WORK/nginx/site.conf;
}
END
  nginx -p "$WORK/nginx" -c "$WORK/nginx/nginx.conf" >"$WORK/proxy.log" 2>&1 3>&- &
}

begin_caddy() {
  sed "s|^tickets.example {|$NAME {\n\tbind unix/$PROXY|; s|127.0.0.1:8080|127.0.0.1:$PORT|" \
    "$ROOT/docs/Caddyfile" >"$WORK/Caddyfile"
  sed -i '1i {\n\tadmin off\n}' "$WORK/Caddyfile"
  HOME=$WORK XDG_DATA_HOME=$WORK XDG_CONFIG_HOME=$WORK caddy run \
    --adapter caddyfile --config "$WORK/Caddyfile" >"$WORK/proxy.log" 2>&1 3>&- &
}

is_through() {
  [ "$(outside -o /dev/null -w '%{http_code}' "$NAME/livez")" = 200 ]
}

outside() {
  http --unix-socket "$PROXY" "$@"
}

# said STATUS CURL OPTION…: what came back is $body
said() {
  local wanted=$1
  shift
  code=$(outside -D "$WORK/headers" -o "$WORK/body" -w '%{http_code}' "$@")
  body=$(cat "$WORK/body")
  [ "$code" -eq "$wanted" ] || fail "$*: wanted $wanted, got $code: $body"
}

works() {
  local receipt token
  through "$1"
  token=$(cat "$DATA/admin-token")
  said 201 -H 'Idempotency-Key: k' -d buyer=alice "$NAME/sales/demo/buy"
  receipt=$body
  said 201 -H 'Idempotency-Key: k' -d buyer=alice "$NAME/sales/demo/buy"
  equal receipt "$body" "$receipt"
  said 200 "$NAME/"
  # Admins, from the page too; everybody else not, though they come from here.
  said 401 -d id=gig -d capacity=5 "$NAME/sales"
  said 201 -d id=gig -d capacity=5 -H "Authorization: Bearer $token" \
    -H "Origin: $NAME" "$NAME/sales"
  said 403 -d id=evil -d capacity=5 -H "Authorization: Bearer $token" \
    -H 'Origin: http://evil.example' "$NAME/sales"
  said 404 "$NAME/metrics"
  said 404 "$NAME/readyz"
}

# Two lines through which what is asked for passes: the caller's id, or one.
request_ids() {
  local id
  through "$1"
  said 201 -H 'X-Request-Id: mine-17' -X POST "$NAME/sales/demo/buy"
  id=$(header x-request-id)
  equal "the caller's id" "$id" mine-17
  said 201 -X POST "$NAME/sales/demo/buy"
  matches "the proxy's id" "$(header x-request-id)" '^[0-9a-f-]{32,36}$'
}

# The workers are killed while the order waits in its delay.  Others serve at
# once; a proxy that tried again would buy there.
not_sent_twice() {
  local pid buyer
  expect_log "$DIED" "$REPLACED"
  through "$1"
  answered 200 PATCH /sales/demo -d delay=1500ms -H \
    "Authorization: Bearer $(cat "$DATA/admin-token")"
  outside -o /dev/null -w '%{http_code}' -d buyer=bob \
    "$NAME/sales/demo/buy" >"$WORK/bob" 3>&- &
  buyer=$!
  await 5 somebody_decides
  for pid in $(workers); do kill -KILL "$pid"; done
  wait "$buyer" || true
  equal "bob is told" "$(cat "$WORK/bob")" 502
  await 5 has_workers 2
  equal left "$(left demo)" 100
}

somebody_decides() {
  [ "$(metric turnstile_locks_held)" = 1 ]
}

# As the help says it now.
usual() {
  "$TURNSTILE" --help | sed -nE "s/^  --$1 .*\(([0-9]+)s\)\$/\1/p"
}

@test "the proxies wait longer than the service" {
  local file wait
  for file in nginx.conf Caddyfile; do
    wait=$(sed -nE 's/^.*(proxy_read|response_header)_timeout ([0-9]+)s.*/\2/p' \
      "$ROOT/docs/$file")
    [ "$wait" -gt "$(usual timeout)" ]
    [ "$wait" -gt "$(usual audit-timeout)" ]
  done
}

@test "buyers and admins come through; nginx" {
  works nginx
}

@test "buyers and admins come through; caddy" {
  works caddy
}

@test "request ids pass; nginx" {
  request_ids nginx
}

@test "request ids pass; caddy" {
  request_ids caddy
}

@test "nothing is sent twice; nginx" {
  not_sent_twice nginx
}

@test "nothing is sent twice; caddy" {
  not_sent_twice caddy
}
