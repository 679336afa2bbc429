# SPDX-License-Identifier: BSD-2-Clause
"""Who asks: wrk over HTTP, redis_load over Redis's protocol, pgbench.

Each of them keeps so many connections, asks again on each when it has the
answer, and tells how many answers there were, and how many were no good.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time

from processes import Failure, cpu_seconds, end, machine_seconds, spawn
from servers import HERE, Postgres

WARM_UP = 0.4  # seconds
PATIENCE = 60  # seconds that a client may take longer than it was told


class Spent:
    """What a server, its client and all others have of the machine."""

    def __init__(self, server, cores):
        self.server, self.cores = server, cores
        self.time = time.monotonic()
        self.before = cpu_seconds(server.process.pid)
        self.machine, self.steal = machine_seconds()

    def since(self, answers, client):
        machine, steal = machine_seconds()
        seconds = (time.monotonic() - self.time) * self.cores
        server = cpu_seconds(self.server.process.pid) - self.before
        others = machine - self.machine - server - client
        answers = max(answers, 1)
        return {"server_us": server / answers * 1e6,
                "client_us": client / answers * 1e6,
                "others": max(0.0, others / seconds),
                "stolen": (steal - self.steal) / seconds}


def run(command, limit, **options):
    """Its output and its exit status."""
    process = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, **options)
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        name = os.path.basename(command[0])
        raise Failure(f"{name} did not end in time") from None
    finally:
        end(process)
        process.stdout.close()
    return text, process.returncode


def children_seconds():
    """The processor's time of all clients that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1,
                             int(share * len(sorted_values)))]


class Wrk:
    """BENCH_LOAD is what it sends: see load.lua."""

    def __init__(self, bench, load, orders=1):
        self.bench, self.load, self.orders = bench, load, orders

    def environment(self):
        self.bench.tag += 1
        return dict(os.environ, BENCH_LOAD=self.load,
                    BENCH_TAG=f"r{self.bench.tag}",
                    BENCH_ORDERS=str(self.orders))

    def command(self, server, connections, seconds):
        threads = min(self.bench.machine["cores"], connections)
        return ["wrk", "-t", str(threads), "-c", str(connections), "-d",
                f"{seconds}s", "--timeout", "10s", "-s",
                os.path.join(HERE, "load.lua"), server.url]

    def warm_up(self, server, connections):
        """wrk knows whole seconds only; SIGINT is its way to end earlier."""
        process = spawn(self.command(server, connections, 1),
                        stdout=subprocess.PIPE, text=True,
                        env=self.environment())
        try:
            time.sleep(WARM_UP)
            process.send_signal(signal.SIGINT)
            text, _ = process.communicate(timeout=PATIENCE)
        finally:
            end(process)
        return self.read(text)["requests"]

    def measure(self, server, connections, seconds):
        text, _ = run(self.command(server, connections, seconds),
                      seconds + PATIENCE, env=self.environment())
        return self.read(text)

    @staticmethod
    def read(text):
        found = re.search(r"^BENCH (\{.*\})$", text, re.MULTILINE)
        if not found:
            raise Failure("wrk: " + text.strip()[-200:])
        result = json.loads(found[1])
        result["errors"] = {
            name: count for name in ("status", "connect", "read", "write",
                                     "timeout")
            if (count := result.pop(name)) > 0}
        return result


class RedisLoad:
    def __init__(self, bench):
        self.bench = bench

    def measure(self, server, connections, seconds):
        self.bench.tag += 1
        threads = min(self.bench.machine["cores"], connections)
        text, status = run(
            [self.bench.programs["redis_load"], str(server.port), server.sha,
             str(connections), str(seconds), str(threads),
             f"r{self.bench.tag}"], seconds + PATIENCE)
        if status != 0:
            raise Failure("redis_load: " + text.strip())
        result = json.loads(text)
        errors = result.pop("errors")
        result["errors"] = {"status": errors} if errors else {}
        return result

    def warm_up(self, server, connections):
        return self.measure(server, connections, WARM_UP)["requests"]


class Pgbench:
    def __init__(self, bench):
        self.bench = bench

    def pgbench(self, server, connections, amount, log):
        threads = min(self.bench.machine["cores"], connections)
        text, status = run(
            [Postgres.tool(self.bench, "pgbench"), "-h", "127.0.0.1", "-p",
             str(server.port), "-U", "bench", "-n", "-M", "prepared", "-c",
             str(connections), "-j", str(threads), *amount, "-D", "n=0",
             "-l", "--log-prefix", log, "-f", os.path.join(HERE, "buy.sql"),
             "postgres"], PATIENCE + 60)
        if status != 0:
            raise Failure("pgbench: " + text.strip()[-200:])
        return text

    def warm_up(self, server, connections):
        with tempfile.TemporaryDirectory(dir=self.bench.work) as folder:
            text = self.pgbench(server, connections, ["-t", "10"],
                                folder + "/log")
        return int(re.search(r"actually processed: (\d+)", text)[1])

    def measure(self, server, connections, seconds):
        with tempfile.TemporaryDirectory(dir=self.bench.work) as folder:
            text = self.pgbench(server, connections, ["-T", str(seconds)],
                                folder + "/log")
            took = sorted(self.latencies_ms(folder))
        requests = int(re.search(r"actually processed: (\d+)", text)[1])
        failed = int(re.search(r"failed transactions: (\d+)", text)[1])
        rate = float(re.search(r"tps = ([\d.]+)", text)[1])
        return {"requests": requests, "seconds": requests / rate,
                "errors": {"status": failed} if failed else {},
                "mean_ms": statistics.fmean(took), "max_ms": took[-1],
                "p50_ms": percentile(took, 0.5),
                "p90_ms": percentile(took, 0.9),
                "p99_ms": percentile(took, 0.99)}

    @staticmethod
    def latencies_ms(folder):
        """The third word of each line of its log: microseconds."""
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="ascii") as lines:
                for line in lines:
                    yield int(line.split()[2]) / 1e3
