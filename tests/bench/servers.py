# SPDX-License-Identifier: BSD-2-Clause
"""What is measured: each is started for one measurement, and ended.

Nobody runs beside the one that is measured, and each begins with an empty
ledger in a directory of its own, unless it is given one.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from processes import Failure, children, end, spawn

CAPACITY = 10_000_000
START_LIMIT = 120  # seconds
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Started by `with`; ended, and its directory removed, behind it."""

    end_with = signal.SIGTERM

    def __init__(self, bench, data=None):
        self.bench = bench
        self.keep = data is not None
        self.data = data
        self.process = None
        self.port = None

    def __enter__(self):
        if not self.keep:
            self.data = tempfile.mkdtemp(dir=self.bench.work)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception):
        self.stop()

    def stop(self):
        if self.process is not None:
            end(self.process, self.end_with)
            self.process = None
        if not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)

    def log_file(self):
        return open(os.path.join(self.bench.work, "log"), "w+b")

    def failed(self, log):
        log.seek(0)
        text = log.read().decode(errors="replace").strip().splitlines()
        return Failure(f"{type(self).__name__} did not start: "
                       f"{text[-1] if text else 'it said nothing'}")

    def await_port(self, log):
        """Until somebody accepts there."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)
        raise self.failed(log)

    def prepare(self):
        """Before the measurement, and not part of it."""

    def sold(self):
        """How many lines its ledger has; None: it has none."""
        return None


class Http(Server):
    """One that says on standard output where it listens."""

    def launch(self, command):
        with self.log_file() as log:
            self.process = spawn(command, stdout=subprocess.PIPE, stderr=log)
            for line in self.process.stdout:
                found = re.search(rb"http://127\.0\.0\.1:(\d+)", line)
                if found:
                    self.port = int(found[1])
                    return
            raise self.failed(log)

    def stop(self):
        pipe = self.process.stdout if self.process else None
        super().stop()
        if pipe:
            pipe.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and the body, read as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=START_LIMIT)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        finally:
            connection.close()


class Floor(Http):
    def start(self):
        self.launch([self.bench.programs["floor"],
                     str(self.bench.machine["cores"])])


class Turnstile(Http):
    def __init__(self, bench, store, data=None, options=()):
        super().__init__(bench, data)
        self.store = store
        self.options = list(options)

    def start(self):
        data = os.path.join(self.data, "data")
        self.launch([self.bench.programs["turnstile"], "--listen",
                     "127.0.0.1:0", "--store", self.store, "--data", data,
                     "--tickets", str(CAPACITY), *self.options,
                     *self.bench.options.service])

    def sold(self):
        status, _, sale = self.ask("GET", "/sales/demo")
        if status != 200:
            raise Failure(f"GET /sales/demo: {status}")
        return sale["version"]

    def workers(self):
        return children(self.process.pid)


class Redis(Server):
    """appendfsync always; what else would cost it time is off: snapshots, and
    rewriting the log when it has grown."""

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def program(self):
        """redis-check-rdb is the same binary, and looks at its name."""
        found = self.bench.programs["redis"]
        if os.path.basename(found) == "redis-server":
            return found
        link = os.path.join(self.data, "redis-server")
        os.symlink(found, link)
        return link

    def start(self):
        self.port = free_port()
        with self.log_file() as log:
            self.process = spawn(
                [self.program(), "--bind", "127.0.0.1", "--port",
                 str(self.port), "--dir", self.data, "--save", "",
                 "--appendonly", "yes", "--appendfsync", "always",
                 "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"],
                stdout=log, stderr=log)
            self.await_port(log)

    def prepare(self):
        if self.cli("CONFIG", "GET", "appendfsync").split()[-1] != "always":
            raise Failure("Redis does not sync its log")
        with open(os.path.join(HERE, "redis.lua"), encoding="utf-8") as file:
            script = file.read().replace("CAPACITY", str(CAPACITY))
        self.cli("SET", "demo:remaining", str(CAPACITY))
        self.sha = self.cli("SCRIPT", "LOAD", script)

    def sold(self):
        lines = int(self.cli("XLEN", "demo:ledger"))
        if lines != CAPACITY - int(self.cli("GET", "demo:remaining")):
            raise Failure("Redis's counter and its stream differ")
        return lines


class Postgres(Server):
    """A cluster of its own, as Debian's initdb makes it.  PostgreSQL does not
    run as root; then it is the package's user who does."""

    end_with = signal.SIGINT  # "fast": clients are sent away

    def __init__(self, bench):
        super().__init__(bench, bench.cluster)

    @staticmethod
    def tool(bench, name):
        return os.path.join(os.path.dirname(bench.programs["postgres"]), name)

    @staticmethod
    def make_cluster(bench):
        """Once; the reason if it cannot be."""
        folder = os.path.join(bench.work, "postgres")
        os.mkdir(folder, 0o700)
        if bench.postgres_user:
            shutil.chown(folder, bench.postgres_user)
        process = spawn([Postgres.tool(bench, "initdb"), "-D", folder, "-U",
                         "bench", "--auth=trust", "-E", "UTF8",
                         "--locale=C", "--no-sync"], bench.postgres_user,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True, cwd="/")
        try:
            text, _ = process.communicate(timeout=START_LIMIT)
        finally:
            end(process)
        if process.returncode != 0:
            return "initdb: " + text.strip().splitlines()[-1]
        bench.cluster = folder
        return None

    def start(self):
        self.port = free_port()
        options = {"port": self.port, "listen_addresses": "127.0.0.1",
                   "unix_socket_directories": "", "fsync": "on",
                   "synchronous_commit": "on"}
        command = [self.tool(self.bench, "postgres"), "-D", self.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file() as log:
            self.process = spawn(command, self.bench.postgres_user,
                                 stdout=log, stderr=log, cwd="/")
            self.await_port(log)
            limit = time.monotonic() + START_LIMIT
            while self.psql("-c", "SELECT 1", check=False) != "1":
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise self.failed(log)
                time.sleep(0.05)

    def psql(self, *arguments, check=True):
        done = subprocess.run(
            [self.tool(self.bench, "psql"), "-X", "-q", "-A", "-t", "-h",
             "127.0.0.1", "-p", str(self.port), "-U", "bench", "-v",
             "ON_ERROR_STOP=1", "-d", "postgres", *arguments],
            capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise Failure("psql: " + done.stderr.strip())
        return done.stdout.strip()

    def prepare(self):
        for name in ("fsync", "synchronous_commit"):
            if self.psql("-c", f"SHOW {name}") != "on":
                raise Failure(f"PostgreSQL has {name} off")
        self.psql("-c", "DROP TABLE IF EXISTS sale, ledger")
        self.psql("-v", f"capacity={CAPACITY}", "-f",
                  os.path.join(HERE, "schema.sql"))
        self.psql("-c", "CHECKPOINT")

    def sold(self):
        lines, version = self.psql("-F", " ", "-c", """
            SELECT count(*), (SELECT version FROM sale) FROM ledger""").split()
        if lines != version:
            raise Failure("PostgreSQL's counter and its ledger differ")
        return int(lines)
