# SPDX-License-Identifier: BSD-2-Clause
"""make bench: how fast a durable sale is, beside what else there is.

It starts everything itself, drives all in turn, and writes a table that says
what is met and what is missed.  Started by `run`, which sees to the packages.
"""

import argparse
import datetime
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from http.client import HTTPException

import groups
import machine
import plot
import report
import table
from processes import Failure
from servers import Postgres

FORMAT = 1  # of the JSON
STORES = ("json", "sqlite")
# What ends a cell, and not the run.
TROUBLE = (Failure, OSError, ValueError, LookupError, HTTPException,
           subprocess.SubprocessError)
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SPACE = {True: 6 << 30, False: 1 << 30}  # bytes; with a million orders


class Interrupted(Exception):
    pass


def fail(text):
    print(f"bench: {text}", file=sys.stderr)
    sys.exit(2)


def words(allowed):
    def read(text):
        found = text.split(",")
        for word in found:
            if word not in allowed:
                raise argparse.ArgumentTypeError(
                    f"'{word}' is none of {', '.join(allowed)}")
        return [word for word in allowed if word in found]
    return read


def at_least(least):
    def read(text):
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}': {least} or more")
        return int(text)
    return read


def numbers(text):
    return [at_least(1)(word) for word in text.split(",")]


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", allow_abbrev=False,
        description="How fast a durable sale is, beside what else there is. "
        "Exit status: 0 all \"at least\" are met, 1 one is missed, 2 "
        "something could not be measured.")
    add = parser.add_argument
    add("--only", type=words(groups.GROUPS), metavar="LIST",
        default=list(groups.GROUPS),
        help=f"groups of rows: {','.join(groups.GROUPS)} (all)")
    add("--stores", type=words(STORES), default=list(STORES), metavar="LIST",
        help="json,sqlite (both)")
    add("--without", type=words(("redis", "postgres")), default=[],
        metavar="LIST", help="not to be compared with: redis,postgres")
    add("--seconds", type=at_least(1), default=3, metavar="N",
        help="how long each measurement takes (3)")
    add("--rounds", type=at_least(1), default=5, metavar="N",
        help="how often each is made (5)")
    add("--connections", type=numbers, metavar="LIST",
        help="instead of each group's own; others than those are not judged")
    add("--orders", type=at_least(1000), default=table.MILLION, metavar="N",
        help="in the large sale (1000000); a target is for a million")
    add("--service", type=shlex.split, default=[], metavar="OPTIONS",
        help="for turnstile, in one word: '--clerks 1'; the report says so")
    add("--data", metavar="DIR", help="where everybody's data are, and are "
        "removed at the end: no tmpfs (BUILD)")
    add("--results", metavar="DIR", help="where RESULTS.md and RESULTS.svg go "
        "(BUILD/bench)")
    add("--json", metavar="FILE", help="keep all figures of this run there")
    add("--report", metavar="FILE", help="measure nothing: write and judge "
        "what was kept there")
    add("--build", default="build", metavar="DIR",
        help="where the programs are (build)")
    return parser.parse_args(arguments)


def cannot():
    """What tools.sh could not get, with its reason."""
    lines = os.environ.get("BENCH_CANNOT", "").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def newest_postgres():
    folder = "/usr/lib/postgresql"
    found = [version for version in os.listdir(folder)
             if os.access(f"{folder}/{version}/bin/pgbench", os.X_OK)] \
        if os.path.isdir(folder) else []
    if not found:
        return None
    return f"{folder}/{max(found, key=float)}/bin/postgres"


def find_programs(options):
    """All programs; the project's own must be there."""
    found = {"redis": shutil.which("redis-server")
             or shutil.which("redis-check-rdb"),
             "postgres": newest_postgres()}
    for name in ("turnstile", "million", "floor", "redis_load"):
        path = os.environ.get("TURNSTILE") if name == "turnstile" else None
        found[name] = os.path.abspath(path or f"{options.build}/{name}")
        if not os.access(found[name], os.X_OK):
            fail(f"there is no {found[name]}: make bench-programs makes it")
    if not shutil.which("wrk"):
        fail("there is no wrk: it is a package of Debian's")
    return found


class Bench:
    """A run: what it is made with, and what it has found so far."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.programs = find_programs(options)
        # Before others are skipped: their versions are told as well.
        self.machine = machine.describe(self.programs, work)
        self.tag = 0  # the last run of a client, for keys of its own
        self.postgres_user = "postgres" if os.getuid() == 0 else None
        self.skipped = self.find_skipped()
        self.measurements = []

    def find_skipped(self):
        found = {who: "it was left out (--without)"
                 for who in self.options.without}
        if "buys" not in self.options.only:
            return found
        for who, why in cannot().items():
            found.setdefault(who, why)
        for who in ("redis", "postgres"):
            if not self.programs[who]:
                found.setdefault(who, "it is not installed")
        return found

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)

    def skip(self, who, why):
        self.skipped[who] = why

    def prepare(self):
        if "buys" in self.options.only and "postgres" not in self.skipped:
            why = Postgres.make_cluster(self)
            if why:
                self.skip("postgres", why)
        for who, why in self.skipped.items():
            self.say(f"SKIP {who}: {why}")
        if "million" in self.options.only:
            groups.make_large_sales(self)
        if "strategies" in self.options.only:
            groups.find_locks(self)

    def measure(self, cell, number):
        try:
            result = cell.run(self)
        except TROUBLE as failure:
            result = {"invalid": f"{failure}" or repr(failure)}
        result.update(round=number, group=cell.group, who=cell.who,
                      connections=cell.connections)
        self.measurements.append(result)
        return result

    def run(self):
        cells = groups.cells(self)
        total, begun = len(cells) * self.options.rounds, time.monotonic()
        done = 0
        for number in range(1, self.options.rounds + 1):
            for cell in cells:
                result = self.measure(cell, number)
                done += 1
                took = time.monotonic() - begun
                left = took / done * (total - done)
                self.say(f"{done:4}/{total}  round {number}  "
                         f"{cell.group:12} {cell.name():24} {told(result):38}"
                         f"{left / 60:4.1f} min left")


def told(result):
    """One measurement in a few words, for the terminal."""
    why = table.invalid(result)
    if why:
        return f"INVALID: {why}"
    text = []
    if "pss" in result:
        text.append(f"{result['pss']:.1f} MiB")
    if "rate" in result:
        text.append(f"{result['rate']:,.0f}/s")
    if "p99_ms" in result:
        text.append(f"p50 {result['p50_ms']:.1f}, p99 "
                    f"{result['p99_ms']:.1f} ms")
    if "start_s" in result:
        text.append(f"start {result['start_s']:.2f} s, audit "
                    f"{result['audit_s']:.2f} s, key {result['find_ms']} ms")
    return ", ".join(text)


def check_folder(folder, options):
    """Only where a sync is one, and where there is space."""
    if not os.path.isdir(folder):
        fail(f"{folder} is no directory")
    kind = machine.file_system(folder)["type"]
    if kind in machine.IN_MEMORY:
        fail(f"{folder} is on {kind}, where nothing is ever on disk and a "
             "sync costs nothing: name another directory with --data")
    wanted = SPACE["million" in options.only]
    if shutil.disk_usage(folder).free < wanted:
        fail(f"{folder} has less than {wanted >> 30} GiB left: name another "
             "directory with --data")


def raise_file_limit():
    """2,000 connections, in whoever is started."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def on_signal(number, _):
    """Once; what follows must not interrupt the ending of what runs."""
    for one in ENDS:
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(number)


def forget_settings():
    """Nobody's but the command's: turnstile takes options from there, too."""
    for name in list(os.environ):
        if name.startswith("TURNSTILE_"):
            del os.environ[name]


def catch_signals():
    for one in ENDS:
        signal.signal(one, on_signal)


def measure(options, arguments):
    """A whole run, as data."""
    folder = options.data or options.build
    check_folder(folder, options)
    raise_file_limit()
    forget_settings()
    begun = time.monotonic()
    work = tempfile.mkdtemp(prefix="bench.", dir=os.path.abspath(folder))
    os.chmod(work, 0o711)  # PostgreSQL's user must come through
    try:
        bench = Bench(options, work)
        bench.prepare()
        bench.run()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {
        "format": FORMAT,
        "date": datetime.datetime.now().strftime("%Y-%m-%d"),
        "command": os.environ.get("BENCH_COMMAND")
        or shlex.join(["tests/bench/run", *arguments]),
        "took_s": time.monotonic() - begun,
        "machine": bench.machine,
        "settings": {name: getattr(options, name) for name in
                     ("only", "stores", "seconds", "rounds", "connections",
                      "orders", "service")},
        "skipped": bench.skipped,
        "measurements": bench.measurements,
    }


def read(name):
    try:
        with open(name, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError) as error:
        fail(f"{name}: {error}")
    if data.get("format") != FORMAT:
        fail(f"{name} is no run of this harness")
    return data


def write(name, text):
    """All of it or nothing."""
    with open(name + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name + ".new", name)


def tell(rows):
    """The table, for the terminal."""
    for row in rows:
        print(row.title)
        for line in row.lines:
            figure = report.number(line.figure, line.unit)
            print(f"    {line.label:28} {figure:>10}   "
                  f"{line.words().replace('**', '')}")


def main(arguments):
    options = parse(arguments)
    results = options.results or os.path.join(options.build, "bench")
    os.makedirs(results, exist_ok=True)
    if options.report:
        data = read(options.report)
    else:
        data = measure(options, arguments)
        if options.json:
            write(options.json, json.dumps(data, indent=1) + "\n")
    write(os.path.join(results, "RESULTS.md"), report.results(data))
    write(os.path.join(results, "RESULTS.svg"), plot.plot(data))
    rows = table.rows(table.Run(data))
    tell(rows)
    print(report.warnings(table.Run(data)).lstrip("> ").replace("**", ""),
          end="")
    print(f"written: {results}/RESULTS.md, {results}/RESULTS.svg")
    return table.exit_status(rows)


if __name__ == "__main__":
    catch_signals()
    try:
        sys.exit(main(sys.argv[1:]))
    except Interrupted as interrupted:
        print("bench: interrupted; everything was ended", file=sys.stderr)
        sys.exit(128 + interrupted.args[0])
