# SPDX-License-Identifier: BSD-2-Clause
"""Processes that are started here: their end, and what they cost."""

import os
import pwd
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Something could not be measured; the text says why."""


def spawn(command, user=None, **options):
    """Start it; it ends when this process does, however that ends.

    In a session of its own, so that a terminal's Ctrl-C comes to us alone and
    we end them in order.
    """
    before = ["setpriv", "--pdeathsig", "INT" if user else "TERM"]
    if user and os.getuid() == 0:
        gid = pwd.getpwnam(user).pw_gid
        before += ["--reuid", user, "--regid", str(gid), "--init-groups"]
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(before + list(command), start_new_session=True,
                            **options)


def end(process, number=signal.SIGTERM, limit=30):
    """End it and wait for it; False if it had to be killed."""
    if process.poll() is not None:
        return True
    process.send_signal(number)
    try:
        process.wait(limit)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children",
                      encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        pass
    return found


def family(pid):
    """It, its children, theirs, and so on."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def cpu_seconds(pid):
    """What a family has had of the processors, those that ended included."""
    total = 0
    for one in family(pid):
        try:
            with open(f"/proc/{one}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(number) for number in fields[11:15])
    return total / TICKS


def machine_seconds():
    """What all processors did, and what the hypervisor took from them."""
    with open("/proc/stat", encoding="ascii") as file:
        numbers = [int(n) for n in file.readline().split()[1:9]]
    user, nice, system, _, _, irq, softirq, steal = numbers
    return (user + nice + system + irq + softirq) / TICKS, steal / TICKS


def memory_mib(pid):
    """Its parts of what is in memory; see README.md for what each is."""
    parts = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("Rss", "Pss", "Pss_Anon", "Pss_File", "Pss_Shmem"):
                parts[name.lower()] = int(rest.split()[0]) / 1024
    return parts
