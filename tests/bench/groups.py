# SPDX-License-Identifier: BSD-2-Clause
"""What is measured, a cell each.  A round is all cells of all groups, one
behind the other; what is compared stands side by side in it."""

import os
import shutil
import subprocess
import threading
import time

from clients import (Pgbench, RedisLoad, Spent, Wrk, children_seconds)
from processes import Failure, memory_mib
from servers import Floor, Postgres, Redis, Turnstile

GROUPS = ("buys", "queries", "connections", "million", "strategies")
BUYERS = (64, 256)                         # connections
CROWDS = (16, 64, 256, 1000, 2000)         # connections, from few to many
MEMORY_CONNECTIONS = 1000
FIND_CHECKS = 20


class Cell:
    """One measurement of one round."""

    def __init__(self, group, who, connections):
        self.group, self.who, self.connections = group, who, connections

    def name(self):
        return f"{self.who} @{self.connections}"


class Rate(Cell):
    """So many answers a second.  Those that buy are held against the ledger:
    it must have a line for each good answer, and no more than those, and what
    was on its way when the client left."""

    def __init__(self, group, who, connections, server, client, buys):
        super().__init__(group, who, connections)
        self.server, self.client, self.buys = server, client, buys

    def run(self, bench):
        with self.server() as server:
            server.prepare()
            before = server.sold()
            os.sync()  # what was written before is not what is measured
            warm = self.client.warm_up(server, self.connections)
            spent = Spent(server, bench.machine["cores"])
            clients = children_seconds()
            result = self.client.measure(server, self.connections,
                                         bench.options.seconds)
            clients = children_seconds() - clients
            result.update(spent.since(result["requests"], clients))
            if self.buys and before is not None and not result["errors"]:
                self.check(server.sold() - before, warm + result["requests"])
        result["rate"] = result["requests"] / result["seconds"]
        if result["requests"] == 0:
            raise Failure("nobody was answered")
        return result

    def check(self, sold, answers):
        if not answers <= sold <= answers + 2 * self.connections:
            raise Failure(f"{answers} receipts, and {sold} lines in the "
                          "ledger")


class Times(Cell):
    """Of a service with a large sale: how long it takes to start, to audit,
    and to find an order by its key."""

    def __init__(self, store):
        super().__init__("million", f"{store} times", 1)
        self.store = store

    def run(self, bench):
        orders = bench.options.orders
        os.sync()
        begun = time.monotonic()
        with Turnstile(bench, self.store, bench.large[self.store]) as server:
            if server.sold() != orders:
                raise Failure("it has not all orders")
            result = {"start_s": time.monotonic() - begun, "errors": {}}
            begun = time.monotonic()
            _, _, audit = server.ask("GET", "/sales/demo/audit")
            result["audit_s"] = time.monotonic() - begun
            if audit.get("receipts") != orders or audit["wrong"]:
                raise Failure(f"the audit says {audit}")
            self.check_keys(server, orders)
            for load in ("find", "replay", "look"):
                found = Wrk(bench, load, orders).measure(server, 1, 1)
                result["errors"].update(found["errors"])
                result[load + "_ms"] = found["p50_ms"]
                result[load + "_p99_ms"] = found["p99_ms"]
            if server.sold() != orders:
                raise Failure("a replay was sold")
        return result

    @staticmethod
    def check_keys(server, orders):
        """That what is timed finds what it looks for."""
        for i in range(FIND_CHECKS):
            n = 1 + i * (orders - 1) // FIND_CHECKS
            key = f"key-{n}"
            _, _, page = server.ask("GET", f"/sales/demo/ledger?key={key}")
            status, headers, receipt = server.ask(
                "POST", "/sales/demo/buy", f'{{"buyer":"buyer-{n}"}}',
                {"Idempotency-Key": key, "Content-Type": "application/json"})
            if (len(page.get("lines", ())) != 1 or status != 201
                    or receipt["seats"] != [n]
                    or headers["Idempotent-Replayed"] != "true"):
                raise Failure(f"the order of {key} is not found")


class Memory(Cell):
    """What a worker has in memory when it has all of 1,000 connections that
    buy, and a large sale: the most that was seen."""

    def __init__(self, store):
        super().__init__("million", f"{store} memory", MEMORY_CONNECTIONS)
        self.store = store

    def run(self, bench):
        os.sync()
        with Turnstile(bench, self.store, bench.selling[self.store],
                       ("--workers", "1")) as server:
            most, over = {}, threading.Event()
            watcher = threading.Thread(target=self.watch,
                                       args=(server, most, over))
            watcher.start()
            try:
                result = Wrk(bench, "keyed").measure(
                    server, self.connections, bench.options.seconds)
            finally:
                over.set()
                watcher.join()
        if not most:
            raise Failure("there is no worker to look at")
        result["rate"] = result["requests"] / result["seconds"]
        return {**result, **most}

    @staticmethod
    def watch(server, most, over):
        while not over.wait(0.1):
            for pid in server.workers():
                try:
                    seen = memory_mib(pid)
                except OSError:
                    continue  # it has ended meanwhile
                if seen.get("pss", 0) > most.get("pss", 0):
                    most.update(seen)


def stores_and_floor(bench, group, load, crowds):
    """The floor and each store, at each number of connections."""
    for connections in crowds:
        yield Rate(group, "floor", connections, lambda: Floor(bench),
                   Wrk(bench, load), False)
        for store in bench.options.stores:
            yield store_rate(bench, group, store, connections, load)


def store_rate(bench, group, store, connections, load, who=None, options=(),
               data=None):
    return Rate(group, who or store, connections,
                lambda: Turnstile(bench, store, data, options),
                Wrk(bench, load), load in ("buy", "keyed"))


def crowds(bench, usual):
    return bench.options.connections or usual


def buys(bench):
    for connections in crowds(bench, BUYERS):
        yield from stores_and_floor(bench, "buys", "buy", (connections,))
        if "redis" not in bench.skipped:
            yield Rate("buys", "redis", connections, lambda: Redis(bench),
                       RedisLoad(bench), True)
        if "postgres" not in bench.skipped and connections == BUYERS[0]:
            yield Rate("buys", "postgres", connections,
                       lambda: Postgres(bench), Pgbench(bench), True)


def queries(bench):
    return stores_and_floor(bench, "queries", "look", crowds(bench, BUYERS))


def connections(bench):
    return stores_and_floor(bench, "connections", "buy",
                            crowds(bench, CROWDS))


def million(bench):
    for store in bench.options.stores:
        for connections in crowds(bench, BUYERS[:1]):
            yield store_rate(bench, "million", store, connections, "keyed",
                             f"{store} empty")
            yield store_rate(bench, "million", store, connections, "keyed",
                             f"{store} large", data=bench.selling[store])
        yield Times(store)
        yield Memory(store)


def strategies(bench):
    for store in bench.options.stores:
        for connections in crowds(bench, BUYERS[:1]):
            for lock in bench.locks:
                yield store_rate(bench, "strategies", store, connections,
                                 "buy", f"{store} {lock}", ("--lock", lock))


def cells(bench):
    makers = {"buys": buys, "queries": queries, "connections": connections,
              "million": million, "strategies": strategies}
    return [cell for group in GROUPS if group in bench.options.only
            for cell in makers[group](bench)]


def make_large_sales(bench):
    """Two of each store: one is looked at, and stays as it is; into the
    other one is sold, round by round."""
    bench.large, bench.selling = {}, {}
    for store in bench.options.stores:
        folder = os.path.join(bench.work, f"large-{store}")
        data = os.path.join(folder, "data")
        os.makedirs(data)
        bench.say(f"making a sale with {bench.options.orders:,} orders "
                  f"({store})")
        done = subprocess.run(
            [bench.programs["million"], store, data,
             str(bench.options.orders)], check=False, capture_output=True,
            text=True)
        if done.returncode != 0:
            raise Failure("million: " + done.stderr.strip())
        shutil.copytree(folder, folder + "-selling")
        bench.large[store] = folder
        bench.selling[store] = folder + "-selling"


def find_locks(bench):
    """The strategies that are right; mutex first, which they are held
    against."""
    with Turnstile(bench, bench.options.stores[0]) as server:
        _, _, answer = server.ask("GET", "/locks")
    safe = [lock["name"] for lock in answer["locks"] if lock["safe"]]
    bench.locks = sorted(safe, key=lambda name: (name != "mutex", name))
