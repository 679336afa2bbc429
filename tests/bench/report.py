# SPDX-License-Identifier: BSD-2-Clause
"""RESULTS.md: a run in words and tables.  It is written anew each time; what
people have to say of it is in NOTES.md."""

import statistics

import table

BUSY = 0.05  # the share of the machine that others may have

READING = """\
- Each figure is the median of the rounds; behind it stand the lowest and the
  highest. A ratio is made of two measurements of one round, which lie seconds
  apart; then the median of these ratios is taken.
- Everybody is measured alone, with the client on the same cores. *client* and
  *server* are what each needed of the processors for one answer; *others* is
  what anybody else had of the machine meanwhile, the kernel's writers to the
  disk among them, and *stolen* what the hypervisor took.
- It is a closed loop: each connection asks again when it has its answer, so
  times are those of so many who are always there. wrk's percentiles are from
  after its own correction: it adds, for an answer that took longer than its
  connection needs on average, those that would have waited meanwhile.
- Receipts are held against the ledger of whoever sold, Redis's and PostgreSQL's
  too. An answer that is no receipt, or none at all, makes its line INVALID."""


def number(value, unit=""):
    """Three digits that count: 31,200, 0.412, 4.51."""
    if value is None:
        return "–"
    if value >= 1000:
        text = f"{float(f'{value:.3g}'):,.0f}"
    elif value >= 100:
        text = f"{value:.0f}"
    elif value >= 1:
        text = f"{value:.3g}"
    else:
        text = f"{value:.3f}"
    return f"{text} {unit}".rstrip()


def spread(values):
    if len(values) < 2:
        return ""
    return f"{number(min(values))} – {number(max(values))}"


def markdown(header, rows):
    """`header`: the columns; ":" in front of those that are numbers."""
    marks = ["--:" if name.startswith(":") else "---" for name in header]
    lines = ["| " + " | ".join(n.lstrip(":") for n in header) + " |",
             "|" + "|".join(marks) + "|"]
    for row in rows:
        cells = (str(cell).replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def target(line, value):
    return f"{value:g} {line.unit}".rstrip()


def bounds(line):
    if line.beside:
        return "", ""
    sign = "under " if line.lower else ""
    return (sign + target(line, line.at_least),
            sign + target(line, line.reach))


def summary(rows):
    body = []
    for row in rows:
        line = row.worst
        body.append((row.title, line.label, number(line.figure, line.unit),
                     *bounds(line), line.words()))
    return markdown(("what", "its worst line", ":figure", ":at least",
                     ":reach for", "verdict"), body)


def details(rows):
    parts = []
    for row in rows:
        body = [(line.label, number(line.figure, line.unit),
                 spread(line.values), *bounds(line), line.words())
                for line in row.lines]
        parts.append(f"**{row.title}**\n\n" + markdown(
            ("", ":figure", ":rounds", ":at least", ":reach for", "verdict"),
            body))
    return "\n\n".join(parts)


def over_rounds(run, cell, field):
    return [one[field] for one in run.by_cell[cell].values()
            if one.get(field) is not None]


def middle(run, cell, field, scale=1):
    values = over_rounds(run, cell, field)
    return number(statistics.median(values) * scale) if values else "–"


def trouble(run, cell):
    found = [table.invalid(one) for one in run.by_cell[cell].values()]
    return "; ".join(dict.fromkeys(why for why in found if why))


def rates(run, group):
    body = []
    for cell in run.by_cell:
        if cell[0] != group or not over_rounds(run, cell, "p50_ms"):
            if cell[0] == group and trouble(run, cell):
                body.append((cell[1], cell[2], "–", "", *["–"] * 6,
                             trouble(run, cell)))
            continue
        body.append((
            cell[1], cell[2], middle(run, cell, "rate"),
            spread(over_rounds(run, cell, "rate")),
            middle(run, cell, "p50_ms"), middle(run, cell, "p99_ms"),
            middle(run, cell, "client_us"), middle(run, cell, "server_us"),
            middle(run, cell, "others", 100), middle(run, cell, "stolen", 100),
            trouble(run, cell)))
    return markdown(
        ("who", ":connections", ":answers/s", ":rounds", ":p50 ms", ":p99 ms",
         ":client µs", ":server µs", ":others %", ":stolen %", "errors"), body)


TIMES = (("start_s", "start-up, s"), ("audit_s", "audit, s"),
         ("find_ms", "a line by its key, p50 ms"),
         ("find_p99_ms", "the same, p99"),
         ("replay_ms", "the same order again, p50 ms"),
         ("replay_p99_ms", "the same, p99"),
         ("look_ms", "beside it: GET the sale, p50 ms"),
         ("pss", "memory: PSS, MiB"), ("pss_anon", "of that its own"),
         ("pss_file", "of files, shared parts divided"),
         ("pss_shmem", "of shared memory, divided"),
         ("rss", "beside it: RSS, MiB"))


def single_values(run):
    body = []
    for cell in run.by_cell:
        for field, label in TIMES:
            values = over_rounds(run, cell, field)
            if values:
                body.append((cell[1].split()[0], label,
                             number(statistics.median(values)),
                             spread(values)))
    return markdown(("store", "what", ":figure", ":rounds"), body)


def machine_lines(data):
    machine, disk = data["machine"], data["machine"]["file_system"]
    where = f"{disk['type']} on {disk['device']} ({disk['options']})"
    lines = [
        f"- {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory']} of memory",
        f"- {machine['system']}, {machine['kernel']}",
        f"- {where}; 4 KiB more are on disk after "
        f"{machine['fdatasync_us']:.0f} µs (median of 200 fdatasync)",
        f"- load {machine['load_before']:.2f} before the run"]
    lines += [f"- {name}: {text}"
              for name, text in machine["versions"].items()]
    return "\n".join(lines)


def writes_nothing(one):
    """So the kernel has nothing to write to the disk meanwhile."""
    return one["who"] == "floor" or one["group"] == "queries"


def warnings(run):
    """What a reader must know before any figure."""
    machine, found = run.data["machine"], []
    if machine["load_before"] > 0.5 * machine["cores"]:
        found.append(f"The machine was not idle before the run (load "
                     f"{machine['load_before']:.1f}).")
    for field, who in (("others", "Others"), ("stolen", "The hypervisor")):
        shares = [one[field] for one in run.data["measurements"]
                  if field in one and writes_nothing(one)]
        if shares and statistics.median(shares) > BUSY:
            found.append(f"{who} had {statistics.median(shares) * 100:.0f} % "
                         "of the machine, and more, in every second "
                         "measurement.")
    if machine["file_system"]["type"] == "overlay":
        found.append("The file system is an overlay: what is below it counts.")
    service = run.data["settings"].get("service")
    if service:
        found.append(f"The service had `{' '.join(service)}`, which is not "
                     "its default.")
    rounds = run.data["settings"]["rounds"]
    if rounds < 5:
        found.append(f"Rounds: {rounds}, and not five.")
    if not found:
        return ""
    return "> **Do not trust these figures.** " + " ".join(found) + "\n\n"


def results(data):
    """The whole of RESULTS.md."""
    run = table.Run(data)
    rows, settings = table.rows(run), data["settings"]
    skipped = "".join(f"- SKIP {who}: {why}\n"
                      for who, why in data["skipped"].items())
    groups = "\n\n".join(f"**{group}**\n\n{rates(run, group)}"
                         for group in run.groups_in_order())
    times = single_values(run) if "million" in run.groups() else ""
    return f"""\
# How fast a durable sale is

{warnings(run)}Made by `{data["command"]}` on {data["date"]}, in \
{data["took_s"] / 60:.0f} minutes: all cells in turn in one run, \
rounds of {settings["seconds"]} s a cell: {settings["rounds"]}. It is generated; \
[NOTES.md](NOTES.md) says what limits the service, and what was tried.
{skipped and chr(10) + skipped}
![Answers a second, and the ratios against their targets](RESULTS.svg)

## The table

{summary(rows)}

## Each line of it

{details(rows)}

## How to read it

{READING}

## All figures

{groups}

{times}

## The machine

{machine_lines(data)}
"""
