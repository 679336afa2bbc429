# SPDX-License-Identifier: BSD-2-Clause
"""What is measured on: the machine, the file system, the versions."""

import os
import platform
import re
import statistics
import subprocess
import tempfile
import time

IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs")


def file_system(path):
    """Its type, device and options: of the mount that `path` is in."""
    path = os.path.realpath(path)
    best = {"mount": ""}
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            left, right = line.split(" - ", 1)
            mount = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)),
                           left.split()[4])
            inside = (path + "/").startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best["mount"]):
                kind, device, options = right.split()[:3]
                best = {"mount": mount, "type": kind, "device": device,
                        "options": options}
    if best["type"] == "ext4" and not has_journal(best["device"]):
        best["options"] += ", no journal"
    return best


def has_journal(device):
    """Of ext4: the kernel lists each journal as DEVICE-NUMBER."""
    name = os.path.basename(os.path.realpath(device)) + "-"
    folder = "/proc/fs/jbd2"
    return os.path.isdir(folder) and any(
        entry.startswith(name) for entry in os.listdir(folder))


def sync_us(path, count=200):
    """Median of how long an append of 4 KiB takes to be on disk."""
    took = []
    with tempfile.TemporaryFile(dir=path) as file:
        for _ in range(count):
            begun = time.perf_counter()
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e6


def said(*command):
    """The first line that a command says; "" if there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False, timeout=20)
    except OSError:
        return ""
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def package(name):
    version = said("dpkg-query", "-W", "-f", "${Version}\n", name)
    return "" if version.startswith("dpkg-query") else version


def field(file, name):
    """The value of a "name : value" line of a file in /proc."""
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def system_name():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def commit(folder):
    """Which commit it is, and whether anything else is in the tree."""
    # The figures are not the code.
    git = ("git", "-C", folder)
    number = said(*git, "rev-parse", "--short=12", "HEAD")
    if not re.fullmatch("[0-9a-f]{12}", number):
        return ""
    dirty = said(*git, "status", "--porcelain", "--untracked-files=no", "--",
                 ":/", ":!tests/bench/RESULTS*", ":!tests/bench/flame.svg")
    return number + (" and changes" if dirty else "")


def versions(programs):
    found = {
        "turnstile": said(programs["turnstile"], "--version"),
        "commit": commit(os.path.dirname(__file__)),
        "wrk": said("wrk", "-v").split(" [")[0],
        "redis": said(programs.get("redis") or "/", "--version"),
        "postgres": said(programs.get("postgres") or "/", "--version"),
        "compiler": said("gcc", "--version"),
        "python": platform.python_version(),
    }
    for name in ("libmicrohttpd12", "libsqlite3-0", "libjansson4"):
        found[name] = package(name)
    return {name: text for name, text in found.items() if text}


def load():
    return os.getloadavg()[0]


def describe(programs, folder):
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system_name(),
        "file_system": file_system(folder),
        "fdatasync_us": sync_us(folder),
        "load_before": load(),
        "versions": versions(programs),
    }
