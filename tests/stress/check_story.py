#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_story.py URL RACES: what a service tells of races without a delay.

Opens RACES sales under strategies that are wrong on purpose, lets a crowd buy
each, and holds the audit's text and JSON of every seat that was sold twice
against each other and against the ledger:
  - no row's time is less than the one above it, nor than its own begin;
  - who reads version v reads what line v of the ledger left, and stands below
    the write of v and above that of v + 1;
  - it went wrong when both had read and neither write was seen, and both
    sentences name the same two buyers.
Prints how many stories it checked.
"""
import json
import re
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

LOCKS = ["none", "mutex-private", "semaphore:3"]
CAPACITY = 12
MISTAKES = {"none": "nobody took turns",
            "mutex-private": "two processes, two mutexes",
            "semaphore:3": "three were let in at once"}
ROW = re.compile(r"^ *([0-9.]+) ms  ( *)(\S.*)$")


def fail(story, *words):
    sys.exit("check_story: " + " ".join(map(str, words)) + "\n" + story)


def call(path, body=None):
    request = urllib.request.Request(
        sys.argv[1] + path, None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def race(pool, number):
    """The sale's id, when it was sold to a crowd of 12."""
    sale = f"race-{number}"
    call("/sales", {"id": sale, "lock": LOCKS[number % 3],
                    "capacity": CAPACITY})
    names = [f"b{i:02}" for i in range(12)]
    list(pool.map(lambda i: call(f"/sales/{sale}/crowd",
                                 {"buyers": names[i::4]}), range(4)))
    return sale


def check_numbers(text, steps, lines):
    """Each number has come from the write that it says it has."""
    for i, step in enumerate(steps):
        if step["step"] == "lock":
            continue
        version = step["version"]
        left = lines[version]["remaining"] if version else CAPACITY
        if step["remaining"] != left:
            fail(text, "version", version, "left", left)
        for above in steps[:i]:
            if above["step"] == "write" and above["version"] > version:
                fail(text, step, "stands below", above)
            if (above["step"], step["step"]) == ("read", "write") and \
                    above["version"] >= version:
                fail(text, step, "stands below", above)


def words_of(step, is_wide):
    """How the text's row begins; a read says which version it saw."""
    if step["step"] == "lock":
        return "gets a lock (" if is_wide else "locks ("
    if step["step"] == "read":
        version = f"version {step['version']}" if is_wide else \
            f"v{step['version']}"
        return f"reads {step['remaining']} left ({version})"
    return f"writes {step['remaining']} left, "


def check_times(text, steps):
    """The JSON's never fall, and the text's rows are the JSON's."""
    rows = [ROW.match(line) for line in text.splitlines()]
    rows = [row for row in rows if row]
    if len(rows) != len(steps):
        fail(text, len(steps), "steps")
    last = steps[0]["at_ns"]
    for step, row in zip(steps, rows):
        if step["at_ns"] < last or step["at_ns"] < step["begun_ns"]:
            fail(text, "a time falls:", step)
        last = step["at_ns"]
        after = (step["at_ns"] - steps[0]["at_ns"]) / 1e6
        if abs(float(row[1]) - after) > 0.001:
            fail(text, row[1], "is not", after)
        if (len(row[2]) == 0) != (step["role"] == "first"):
            fail(text, "another's column:", step)
        if not row[3].startswith(words_of(step, len({
                one["role"] for one in steps}) == 2)):
            fail(text, row[3], "is not", step)


def check_begins(text, steps):
    """Where a write was begun before its row's time, the row says so."""
    said = [float(ms) for ms in re.findall(r"\(begun at ([0-9.-]+) ms\)", text)]
    known = [(step["begun_ns"] - steps[0]["at_ns"]) / 1e6 for step in steps
             if step["at_ns"] - step["begun_ns"] >= 1000]
    if len(said) < len(known) or any(
            min(abs(ms - other) for other in said) > 0.001 for ms in known):
        fail(text, "begins:", known)


def check_wrong(text, collision):
    """One fact, told twice, and the strategy's own mistake."""
    steps, orders = collision["steps"], collision["orders"]
    flat = " ".join(text.split())
    if len(orders) == 3:
        wrong = steps[collision["wrong_step"] - 1]
        if (wrong["role"], wrong["step"]) != ("culprit", "write"):
            fail(text, wrong)
    else:
        above = steps[:collision["wrong_step"]]
        read = [step["role"] for step in above if step["step"] == "read"]
        if sorted(read) != ["first", "second"] or \
                any(step["step"] == "write" for step in above):
            fail(text, "not where it went wrong")
        two = sorted(order["buyer"] for order in orders)
        for words in collision["wrong"], collision["why"]:
            if sorted(re.findall(r"\bb\d\d\b", words)) != two:
                fail(text, words, "is not about", two)
    if not collision["why"].startswith(MISTAKES[collision["lock"]] + ": "):
        fail(text, "not the mistake of", collision["lock"])
    if f"{collision['wrong']}. Why: {collision['why']}." not in flat:
        fail(text, "the text tells something else")
    if "^ here it went wrong" not in flat:
        fail(text, "the step is not marked")


def check_seat(sale, seat, lines):
    text = call(f"/sales/{sale}/audit.txt?seat={seat}")
    collision = json.loads(call(f"/sales/{sale}/audit?seat={seat}"))["collision"]
    text = text[text.index("How seat"):]
    check_times(text, collision["steps"])
    check_begins(text, collision["steps"])
    check_numbers(text, collision["steps"], lines)
    check_wrong(text, collision)
    return len(collision["orders"])


def main():
    told = {2: 0, 3: 0}
    with ThreadPoolExecutor(4) as pool:
        for number in range(int(sys.argv[2])):
            sale = race(pool, number)
            page = json.loads(call(f"/sales/{sale}/ledger"))
            lines = {line["version"]: line for line in page["lines"]}
            sold = [seat for line in lines.values() for seat in line["seats"]]
            for seat in sorted({s for s in sold if sold.count(s) > 1}):
                told[check_seat(sale, seat, lines)] += 1
    print(f"{told[2]} stories of two buyers, {told[3]} of three")


main()
