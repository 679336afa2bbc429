#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# check_trace.py FILE: no slice of a trace contradicts the versions.
#
# A write's end is when all can see it.  So who read version v was done after
# the end of the write of v, and had begun before the end of that of v + 1; and
# a higher version is not seen before a lower one.  Prints how many it checked.
import json
import sys
from collections import defaultdict

SLACK = 0.002  # us: times are printed as decimal fractions


def fail(*words):
    sys.exit("check_trace: " + " ".join(map(str, words)))


races = defaultdict(lambda: {"read": {}, "write": {}})
names = {}
for event in json.load(open(sys.argv[1]))["traceEvents"]:
    if event["name"] == "process_name":
        if event["pid"] in names:
            fail("two processes of one number:", names[event["pid"]], event)
        names[event["pid"]] = event
    if event["ph"] == "X" and event["name"] in ("read", "write"):
        race = races[event["pid"] // 100]
        # Only the last try has come to something.
        race[event["name"]][event["args"]["order"]] = event


def end(event):
    return event["ts"] + event["dur"]


reads = late = 0
for race in races.values():
    writes = sorted(race["write"].values(), key=lambda e: e["args"]["version"])
    for low, high in zip(writes, writes[1:]):
        if end(low) > end(high) + SLACK:
            fail("a higher version was seen first:", low, high)
    for event in writes:
        late += event["dur"] > 1
        if event["dur"] < 0:
            fail("it ends before it begins:", event)
    for read in race["read"].values():
        reads += 1
        base = read["args"]["base"]
        for write in writes:
            args = write["args"]
            if args["version"] + args["batch"] - 1 <= base:
                if end(write) > end(read) + SLACK:
                    fail("read before it was seen:", write, read)
            elif args["version"] > base and end(write) + SLACK < read["ts"]:
                fail("seen, and not read:", write, read)
            elif args["version"] <= base:
                fail("half of a write was read:", write, read)
print(f"{len(races)} races, {reads} reads, {late} writes that took a while")
