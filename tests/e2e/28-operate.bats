#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal of this test: the commands of docs/operating.md, as they stand there but
# for their paths: nothing is sold again after a restore that failed, and the
# lines for cron and systemd find what they name.

load helper

# guide HEADING: its lines that are indented as commands are, with our paths.
guide() {
  sed -n "/^## $1\$/,/^## /s/^    //p" "$ROOT/docs/operating.md" | ours
}

ours() {
  sed "s|/var/lib/turnstile|$DATA|g; s|/var/backups/turnstile|$WORK/backups|g
    s|/usr/local/bin/turnstile|$TURNSTILE|g"
}

# What the guide's shell has: a systemctl that is noted, and nobody's rights.
operator() {
  mkdir -p "$WORK/bin" "$WORK/backups"
  # shellcheck disable=SC2016 # it is the script's
  printf '#!/bin/sh\necho "$1" >>%s\n' "$WORK/systemctl" >"$WORK/bin/systemctl"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nshift 3\nexec "$@"\n' >"$WORK/bin/runuser"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nfor d; do :; done\nexec mkdir -m 700 "$d"\n' \
    >"$WORK/bin/install"
  ln -s "$TURNSTILE" "$WORK/bin/turnstile"
  chmod +x "$WORK"/bin/*
  PATH=$WORK/bin:$PATH
}

sold_one() {
  operator
  start --store "$STORE"
  answered 201 POST /sales/demo/buy
  sh -c "$(guide 'Back up' | grep -m 1 ' backup ')"
  stop
}

# The options of the unit, but for where it listens.
unit() {
  guide 'Run it' | sed -n 's/^ExecStart=[^ ]* //p' |
    sed 's/--listen [^ ]*/--listen 0/'
}

restored() {
  sold_one
  sh -c "$(guide Restore)"
  equal systemctl "$(paste -sd ' ' "$WORK/systemctl")" 'stop start'
  # shellcheck disable=SC2046 # they are words
  launch $(unit)
  equal left "$(left demo)" 99
  stop
}

@test "the restore block brings back what was sold" {
  STORE=sqlite restored
}

@test "a restore that fails starts nothing, and the unit would not either" {
  local STORE=json
  sold_one
  echo damage >"$WORK/backups/now.tar"
  refute sh -c "$(guide Restore)"
  equal systemctl "$(paste -sd ' ' "$WORK/systemctl")" stop
  # shellcheck disable=SC2046
  refuses 1 "^turnstile: $DATA is no data directory of turnstile's" $(unit)
}

# cron has no more in its PATH than this.
@test "the line for cron finds what it calls" {
  local line
  operator
  start
  answered 201 POST /sales/demo/buy
  line=$(guide 'Back up' | sed -n 's/^17 3 [* ]*turnstile  //p')
  env -i PATH=/usr/bin:/bin sh -c "${line//\\%/%}"
  tar -tf "$WORK/backups/$(date +%a).tar" | grep -q '^demo/ledger.jsonl$'
}

# upgrade: the copy is made while it is stopped, and before the new one is.
@test "the upgrade block copies first" {
  local STORE=json
  sold_one
  sh -c "$(guide Upgrade)"
  equal systemctl "$(paste -sd ' ' "$WORK/systemctl")" 'stop start'
  grep -q '"seats":\[1\]' "$DATA.before/demo/ledger.jsonl"
}

@test "systemd takes the units" {
  local unit
  command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze"
  DATA=$WORK/data
  for unit in turnstile.service turnstile-backup.service turnstile-backup.timer; do
    sed -n "\\|^    # /etc/systemd/system/$unit\$|,/^\$/s/^    //p" \
      "$ROOT/docs/operating.md" | ours |
      sed 's/^User=.*/User=root/' >"$WORK/$unit"
    grep -q '^\[' "$WORK/$unit"
  done
  equal "systemd-analyze" "$(systemd-analyze verify "$WORK"/turnstile*.service \
    "$WORK"/turnstile*.timer 2>&1 | grep -F "$WORK")" ''
}
