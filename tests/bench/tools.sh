#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools.sh ARGUMENTS: install what `run ARGUMENTS` measures with.  Without wrk
# and python3 nothing can be measured: it fails.  What cannot be compared with
# is said on standard output, a line "NAME: REASON" each.
#
# Redis comes with redis-tools, whose redis-check-rdb is the server under another
# name: the package redis-server would start one as a service of this machine.
# PostgreSQL has no such package; installing it makes Debian's own cluster "main".
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! { command -v python3 && command -v wrk; } >/dev/null; then
  "$here/../packages.sh" python3 wrk >&2
fi

# wanted NAME: it is neither left out, nor is anything else than buys measured
wanted() {
  case " $arguments" in *" --without"*"$1"*) return 1 ;; esac
  case " $arguments" in
    *" --only"*buys*) return 0 ;;
    *" --only"*) return 1 ;;
  esac
}

# offer NAME PACKAGE COMMAND…: is it there, or can it be installed?
offer() {
  name=$1 package=$2
  shift 2
  wanted "$name" || return 0
  "$@" >/dev/null 2>&1 || "$here/../packages.sh" "$package" >&2 || true
  "$@" >/dev/null 2>&1 ||
    echo "$name: $package is not there, and cannot be installed"
}

has_redis() {
  command -v redis-cli && { command -v redis-server ||
    command -v redis-check-rdb; }
}

has_postgres() {
  ls /usr/lib/postgresql/*/bin/pgbench /usr/lib/postgresql/*/bin/initdb
}

arguments=$1
offer redis redis-tools has_redis
offer postgres postgresql-15 has_postgres
