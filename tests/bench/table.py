# SPDX-License-Identifier: BSD-2-Clause
"""The table: from what was measured to a figure and a verdict for each line.

It starts nothing: a run that was kept as JSON is judged by it again.  A ratio
is made of two measurements of one round; the figure is the median of the
rounds' ratios, and its spread is the lowest and the highest of them.
"""

import statistics

JUDGED = (64, 256)
STRATEGIES_AT = 64
CROWDS = (16, 64, 256, 1000, 2000)
MILLION = 1_000_000


class Gap(Exception):
    """There is no figure; `kind` is invalid, skip or unjudged."""

    def __init__(self, kind, why):
        super().__init__(why)
        self.kind = kind


class Run:
    """The measurements of a run, by what they are of."""

    def __init__(self, data):
        self.data = data
        self.by_cell = {}
        for one in data["measurements"]:
            cell = one["group"], one["who"], one["connections"]
            self.by_cell.setdefault(cell, {})[one["round"]] = one

    def groups(self):
        return {cell[0] for cell in self.by_cell}

    def groups_in_order(self):
        return list(dict.fromkeys(cell[0] for cell in self.by_cell))

    def who(self, group):
        """Each one in it, in the order in which it was measured."""
        return list(dict.fromkeys(who for g, who, _ in self.by_cell
                                  if g == group))

    def crowds(self, group, who):
        return [n for g, w, n in self.by_cell if (g, w) == (group, who)]

    def values(self, cell, field="rate"):
        """By round.  One round that is invalid makes all of them so."""
        if cell not in self.by_cell:
            why = self.data["skipped"].get(cell[1])
            raise Gap("skip", why or f"{cell[1]} was left out")
        found = {}
        for number, one in self.by_cell[cell].items():
            why = invalid(one)
            if why:
                raise Gap("invalid", f"{cell[1]} @{cell[2]}, round "
                          f"{number}: {why}")
            found[number] = one[field]
        return found

    def ratios(self, one, other, field="rate"):
        a, b = self.values(one, field), self.values(other, field)
        return [a[n] / b[n] for n in sorted(a) if n in b]


def invalid(one):
    """Why a measurement is none; None: it is one."""
    if one.get("invalid"):
        return one["invalid"]
    errors = one.get("errors")
    if not errors:
        return None
    words = {"status": "refusals or failures", "timeout": "too late",
             "connect": "connections refused", "read": "connections lost",
             "write": "connections lost"}
    return " and ".join(f"{count:,} {words.get(name, name)}"
                        for name, count in errors.items()) + \
        f", of {one.get('requests', 0):,} answers"


class Line:
    """A line of the table, made of its values, one for each round."""

    def __init__(self, label, at_least, reach, unit="", lower=False):
        self.label, self.unit, self.lower = label, unit, lower
        self.at_least, self.reach = at_least, reach
        self.values, self.gap = [], None
        self.beside = False  # for comparison: it is nobody's target

    def of(self, make):
        try:
            self.values = make()
        except Gap as gap:
            self.gap = gap
        return self

    @property
    def figure(self):
        return statistics.median(self.values) if self.values else None

    def good(self, target, value=None):
        value = self.figure if value is None else value
        return value < target if self.lower else value >= target

    @property
    def verdict(self):
        if self.gap:
            return self.gap.kind
        if self.beside:
            return "beside"
        if not self.good(self.at_least):
            return "missed"
        return "reached" if self.good(self.reach) else "met"

    @property
    def rank(self):
        """The worst line of a row has the highest."""
        order = ("beside", "skip", "unjudged", "reached", "met", "invalid", "missed")
        away = self.away() if self.values else 0
        return order.index(self.verdict), away

    def away(self):
        """How far it is from what it must be, as a factor: 1 is there."""
        if self.lower:
            return self.figure / self.at_least
        return self.at_least / max(self.figure, 1e-9)

    def words(self):
        """The verdict in words, with all that a reader must know."""
        if self.gap:
            names = {"skip": "SKIP", "invalid": "INVALID",
                     "unjudged": "not judged"}
            return f"{names[self.gap.kind]}: {self.gap}"
        if self.beside:
            return "beside them, for comparison"
        text = {"reached": "**reached**", "met": "met",
                "missed": f"**missed {self.miss()}**"}[self.verdict]
        bad = sum(not self.good(self.at_least, v) for v in self.values)
        if self.verdict != "missed" and bad:
            text += f", but not in {bad} of {len(self.values)} rounds"
        if self.verdict == "missed" and bad < len(self.values):
            text += f", in {bad} of {len(self.values)} rounds"
        return text

    def miss(self):
        if self.lower and self.away() >= 2:
            return f"{self.away():.1f} times"
        if self.lower:
            return f"by {(self.away() - 1) * 100:.1f} %"
        return f"by {(1 - self.figure / self.at_least) * 100:.1f} %"


class Row:
    def __init__(self, title, lines):
        self.title, self.lines = title, list(lines)

    @property
    def worst(self):
        return max(self.lines, key=lambda line: line.rank)


def stores(run):
    return run.data["settings"]["stores"]


def counts(run, usual):
    """What was asked for; the line is not judged where that is another."""
    return run.data["settings"]["connections"] or usual


def only_at(line, connections, judged=JUDGED):
    if connections not in judged and not line.gap:
        line.gap = Gap("unjudged", f"the target is for "
                       f"{' and '.join(map(str, judged))} connections")
    return line


def against_floor(run, group, store, at_least, reach):
    for n in counts(run, JUDGED):
        line = Line(f"{store} @{n}", at_least, reach)
        line.of(lambda n=n: run.ratios((group, store, n), (group, "floor", n)))
        yield only_at(line, n)


def better(run, n):
    """Which store sells more, by the median."""
    rates = {}
    for store in stores(run):
        try:
            rates[store] = statistics.median(
                run.values(("buys", store, n)).values())
        except Gap:
            continue
    if not rates:
        raise Gap("invalid", "no store has a figure")
    return max(rates, key=rates.get)


def against_other(run, other, where, at_least, reach):
    for n in where:
        try:
            store = better(run, n)
        except Gap as gap:
            line = Line(f"@{n}", at_least, reach)
            line.gap = gap
        else:
            line = Line(f"{store} @{n}", at_least, reach)
            line.of(lambda n=n, store=store: run.ratios(
                ("buys", store, n), ("buys", other, n)))
        yield only_at(line, n)


def beside(line):
    line.beside = True
    return line


def with_floor(run):
    """What HTTP and the client do by themselves stands beside the stores."""
    return [*stores(run), "floor"]


def tails(run):
    for who in with_floor(run):
        for n in counts(run, JUDGED):
            line = Line(f"{who} @{n}", 4, 2, lower=True)
            cell = "buys", who, n
            line.of(lambda cell=cell: [
                a / b for a, b in zip(run.values(cell, "p99_ms").values(),
                                      run.values(cell, "p50_ms").values())])
            yield beside(line) if who == "floor" else only_at(line, n)


def worst_of_best(run, who):
    """In each round, over all numbers of connections."""
    columns = [run.values(("connections", who, n))
               for n in run.crowds("connections", who)]
    return [min(rates) / max(rates)
            for rates in zip(*(c.values() for c in columns))]


def crowds(run):
    for who in with_floor(run):
        line = Line(who, 0.4, 0.8).of(lambda who=who: worst_of_best(run, who))
        if who == "floor":
            beside(line)
        elif tuple(run.crowds("connections", who)) != CROWDS and not line.gap:
            line.gap = Gap("unjudged", "not all numbers of connections")
        yield line


def a_million(run, line):
    orders = run.data["settings"]["orders"]
    if orders != MILLION and not line.gap:
        line.gap = Gap("unjudged", f"these are {orders:,} orders")
    return line


def late_tickets(run):
    for store in stores(run):
        for n in counts(run, (64,)):
            line = Line(f"{store} @{n}", 0.8, 1.0)
            line.of(lambda s=store, n=n: run.ratios(
                ("million", f"{s} large", n), ("million", f"{s} empty", n)))
            yield a_million(run, only_at(line, n))


def times(run, field, label, at_least, reach, unit):
    for store in stores(run):
        line = Line(f"{store}, {label}", at_least, reach, unit, lower=True)
        line.of(lambda s=store: list(
            run.values(("million", f"{s} times", 1), field).values()))
        yield a_million(run, line)


def all_times(run):
    yield from times(run, "start_s", "start-up", 1, 0.2, "s")
    yield from times(run, "audit_s", "audit", 2, 0.5, "s")
    yield from times(run, "find_ms", "a line by its key", 1, 0.1, "ms")
    yield from times(run, "replay_ms", "the same order again", 1, 0.1, "ms")


def memory(run):
    for store in stores(run):
        line = Line(f"{store}", 64, 24, "MiB", lower=True)
        line.of(lambda s=store: list(run.values(
            ("million", f"{s} memory", 1000), "pss").values()))
        yield a_million(run, line)


def strategy_lines(run, field, at_least, reach, lower):
    for store in stores(run):
        for who in run.who("strategies"):
            if not who.startswith(store + " ") or who.endswith(" mutex"):
                continue
            for n in run.crowds("strategies", who):
                line = Line(f"{who} @{n}", at_least, reach, lower=lower)
                line.of(lambda who=who, s=store, n=n: run.ratios(
                    ("strategies", who, n), ("strategies", f"{s} mutex", n),
                    field))
                yield only_at(line, n, (STRATEGIES_AT,))


def rows(run):
    """All rows of the groups that were measured."""
    groups = run.groups()
    found = []

    def add(group, title, lines):
        if group in groups:
            row = Row(title, lines)
            if row.lines:
                found.append(row)

    for store in reversed(stores(run)):
        add("buys", f"durable buys, {store}, mutex, against the floor's POSTs",
            against_floor(run, "buys", store, 0.33, 0.6))
    add("buys", "durable buys, the better store, against Redis with "
        "appendfsync always",
        against_other(run, "redis", counts(run, JUDGED), 0.8, 1.5))
    add("buys", "the same against PostgreSQL, one statement an order",
        against_other(run, "postgres", (64,), 15, 30))
    add("queries", "queries, both stores, against the floor's GETs",
        [line for store in stores(run)
         for line in against_floor(run, "queries", store, 0.6, 0.9)])
    add("buys", "p99 against p50", tails(run))
    add("connections", "throughput from 16 to 2,000 connections, worst "
        "against best", crowds(run))
    add("million", "the rate behind the millionth ticket against an empty "
        "sale's, with an Idempotency-Key on every order", late_tickets(run))
    add("million", "start-up, audit, finding an order by its key, at a "
        "million orders", all_times(run))
    add("million", "a worker's memory with 1,000 connections and a million "
        "orders (PSS)", memory(run))
    add("strategies", "every right strategy against mutex, no delay",
        strategy_lines(run, "rate", 0.6, 0.9, False))
    add("strategies", "its p99 against mutex's",
        strategy_lines(run, "p99_ms", 4, 1.5, True))
    return found


def exit_status(found):
    """0: all "at least" are met; 1: one is missed; 2: one has no figure that
    should have one, or there is none at all."""
    verdicts = {line.verdict for row in found for line in row.lines}
    if "missed" in verdicts:
        return 1
    if "invalid" in verdicts or not verdicts & {"met", "reached"}:
        return 2
    return 0
