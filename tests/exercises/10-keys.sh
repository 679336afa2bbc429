# shellcheck shell=bash disable=SC2034,SC1091
# SPDX-License-Identifier: BSD-2-Clause
# Between the student's script and the service stands a curl of ours, which
# loses the first answer, or kills the workers while the order is under way.
title="buy once, though the worker was killed"
judges="your script buys, while answers are lost and workers are killed"
. tests/exercises/forms.sh

begin() {
  SCRIPT=$ANSWERS/10.sh
  if [ -e "$SCRIPT" ]; then return; fi
  cat >"$SCRIPT" <<'END'
#!/bin/bash
# Buy one ticket at the service $1, exactly one, and print the receipt.
# Started again, it is another purchase. curl ends with a status that is not
# 0 when the answer was lost: nobody knows then what was sold.
curl -sS -d buyer=me "$1/sales/demo/buy"
END
  not_yet "$SCRIPT was made: mend it, and ask again."
}

# The curl in front: $SCENE says what befalls the first order.
make_curl() {
  mkdir -p "$WORK/bin"
  cat >"$WORK/bin/curl" <<END
#!/bin/bash
scene=\$(cat "$WORK/scene")
[[ "\$*" != */buy* ]] || echo again >"$WORK/scene"
[[ "\$*" != */buy* ]] || echo order >>"$WORK/orders"
case \$scene in
  lost)
    "$(command -v curl)" "\$@" >/dev/null
    echo "curl: (52) Empty reply from server" >&2
    exit 52
    ;;
  killed)
    "$(command -v curl)" "\$@" &
    sleep 0.2
    for worker in \$(grep -l "^PPid:[^0-9]*$SERVICE\$" /proc/[0-9]*/status \\
      2>/dev/null | cut -d / -f 3); do
      kill -KILL "\$worker"
    done
    wait \$!
    ;;
  *) exec "$(command -v curl)" "\$@" ;;
esac
END
  chmod +x "$WORK/bin/curl"
}

sold() {
  ledger | grep -c '"kind":"sold"'
}

# scene NAME HINT: one run of the script sells one ticket, and prints it.
scene() {
  local before after order said
  before=$(sold)
  echo "$1" >"$WORK/scene"
  : >"$WORK/orders"
  said=$(PATH="$PWD/$WORK/bin:$PATH" timeout 60 bash "$SCRIPT" "$URL" \
    2>"$WORK/errors")
  after=$(sold)
  echo "  $1: $((after - before)) sold, curl was called $(wc -l <"$WORK/orders") times"
  [ -s "$WORK/orders" ] || not_yet "It must buy with curl, as found in PATH."
  [ "$((after - before))" -le 1 ] || not_yet "$((after - before)) were sold." \
    "How can the service know that it is the same order?"
  [ "$((after - before))" -eq 1 ] || not_yet "$2"
  order=$(ledger | tail -n 1 | member order)
  [[ $said == *"\"order\":\"$order\""* ]] ||
    not_yet "The receipt was not printed. In the end it has to be known."
}

judge() {
  serve --lock mutex --store json --delay 500ms
  case $WORK in /*) ;; *) WORK=$(realpath --relative-to=. "$WORK") ;; esac
  make_curl
  scene calm "Nothing was sold, and nothing was in the way."
  scene again \
    "A second purchase is another order: it must get a ticket of its own."
  scene lost "The first answer was lost."
  scene killed "The workers were killed before they wrote anything."
}
