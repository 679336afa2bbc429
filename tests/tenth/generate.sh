#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# generate.sh DIR: strategies that turnstile does not have, and for each a
# table with its row.  What is done here is what locks/README.md says that
# somebody does who adds one: a file, and a row.
#
#   futex   one that excludes
#   liar    a copy of lock_none.c that claims to exclude
#   full    as many as there can be, with names as long as they can be
#   over    one more than there can be
#   late    the same, without the compiler's check
set -eu
dir=$1
most=$(sed -n 's/^#define LOCK_ROWS_MAX \([0-9]*\).*/\1/p' locks/lock.h)
now=$(grep -c '^	ROW(' locks/lock_rows.c)

# add_row NAME <table: with one row more, behind the last, which is the one
# without a backslash.
add_row() {
  sed -E "s/^	ROW\\(\\w+\\)\$/& \\\\\\n	ROW(lock_$1)/"
}

# copy_none NAME SHOWN-NAME: a strategy's file
copy_none() {
  sed "s/lock_none/lock_$1/; s/\"none\"/\"$2\"/" locks/lock_none.c
}

# fill LAST: strategies and rows up to number LAST, in full.c and full.rows
fill() {
  cp locks/lock_rows.c "$dir/full.rows"
  for i in $(seq $((now + 1)) "$1"); do
    copy_none "row$i" "$(printf 'thirteen-%04d' "$i")" |
      sed 's/permits_max = 1/permits_max = 8, .permits_shown = 8/'
    add_row "row$i" <"$dir/full.rows" >"$dir/more.rows"
    mv "$dir/more.rows" "$dir/full.rows"
  done >"$dir/full.c"
}

cp tests/tenth/lock_futex.c "$dir/lock_futex.c"
add_row futex <locks/lock_rows.c >"$dir/lock_rows_futex.c"

claim='.holds = true, .excludes_threads = true, .excludes_processes = true'
copy_none liar liar |
  sed "s/\.wrong_on_purpose = true/$claim/" >"$dir/lock_liar.c"
add_row liar <locks/lock_rows.c >"$dir/lock_rows_liar.c"

fill "$most"
mv "$dir/full.c" "$dir/lock_full.c"
mv "$dir/full.rows" "$dir/lock_rows_full.c"

fill $((most + 1))
cp "$dir/full.c" "$dir/lock_late.c"
sed '/^static_assert/,$d' "$dir/full.rows" >"$dir/lock_rows_late.c"
mv "$dir/full.c" "$dir/lock_over.c"
mv "$dir/full.rows" "$dir/lock_rows_over.c"
