# SPDX-License-Identifier: BSD-2-Clause
"""RESULTS.svg: durable buys a second beside what else there is, throughput
over the number of connections, and how far each line of the table is from
what it must be."""

import math
import statistics

import table
from picture import GREEN, GRID, INK, PALE, RED, Picture

WIDTH = 1200
LEFT, RIGHT = 330, 1130
HALF = 520  # where the right half of a panel begins
COLOURS = {"floor": "#9aa5b1", "redis": "#c98500", "json": "#6bb4d8",
           "sqlite": "#0b5c8a", "postgres": "#7a5ea8"}
NAMES = {"floor": "HTTP alone: the floor",
         "redis": "Redis, appendfsync always",
         "postgres": "PostgreSQL, one statement", "json": "turnstile json",
         "sqlite": "turnstile sqlite"}
ORDER = ("floor", "redis", "json", "sqlite", "postgres")


def valid(run, cell):
    """Its rates by round, or nothing where it has no figure."""
    try:
        return list(run.values(cell).values())
    except table.Gap:
        return []


def step_of(most, steps=5):
    """A round number, of which some four or five are `most`."""
    raw = most / steps
    power = 10 ** math.floor(math.log10(raw))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= raw)


def bars(picture, run, top):
    """A group for each number of connections, a bar for each who sells."""
    cells = [(n, who) for n in table.counts(run, table.JUDGED)
             for who in ORDER if valid(run, ("buys", who, n))]
    if not cells:
        return top
    most = max(max(valid(run, ("buys", who, n))) for n, who in cells)
    step = step_of(most)
    picture.words(40, top, "Durable buys a second", 18, bold=True)
    picture.words(RIGHT, top, "dots: rounds; bar: their median", 13, PALE,
                  "end")
    top += 40
    scale = (RIGHT - LEFT) / (math.ceil(most / step) * step)
    bottom = top + 27 * len(cells) + 22 * len({n for n, _ in cells})
    for i in range(math.ceil(most / step) + 1):
        x = LEFT + i * step * scale
        picture.line(x, top - 8, x, bottom, GRID)
        picture.words(x, top - 13, f"{i * step:,.0f}", 12, PALE, "middle")
    before = None
    for n, who in cells:
        if n != before:
            picture.words(40, top + 17, f"{n} connections", 14, bold=True)
            before, top = n, top + 22
        bar(picture, who, valid(run, ("buys", who, n)), top, scale)
        top += 27
    return top + 40


def bar(picture, who, values, y, scale):
    middle = statistics.median(values)
    picture.words(LEFT - 10, y + 14, NAMES[who], 14, anchor="end")
    picture.box(LEFT, y, middle * scale, 20, COLOURS[who])
    for value in values:
        picture.dot(LEFT + value * scale, y + 10, 2.5, INK)
    end = max(max(values), middle) * scale
    picture.words(LEFT + end + 8, y + 14, f"{middle:,.0f}", 13)


def curves(picture, run, top):
    """Answers a second over the number of connections."""
    lines = {}
    for who in ("floor", "json", "sqlite"):
        points = [(n, valid(run, ("connections", who, n)))
                  for n in run.crowds("connections", who)]
        points = [(n, values) for n, values in points if values]
        if len(points) > 1:
            lines[who] = points
    if not lines:
        return top
    every = [p for points in lines.values() for p in points]
    most = max(max(values) for _, values in every)
    few, many = min(n for n, _ in every), max(n for n, _ in every)
    step, height = step_of(most), 240
    high = math.ceil(most / step) * step
    picture.words(40, top, "Over the number of connections", 18, bold=True)
    top += 30

    def at(n, rate):
        return (LEFT + (RIGHT - LEFT - 150) * math.log(n / few)
                / math.log(many / few), top + height * (1 - rate / high))

    for i in range(round(high / step) + 1):
        y = at(few, i * step)[1]
        picture.line(LEFT, y, RIGHT - 150, y, GRID)
        picture.words(LEFT - 10, y + 4, f"{i * step:,.0f}", 12, PALE, "end")
    for n in sorted({n for n, _ in every}):
        picture.words(at(n, 0)[0], top + height + 20, f"{n:,}", 12, PALE,
                      "middle")
    for who, points in lines.items():
        curve(picture, who, points, at)
    label(picture, {who: at(points[-1][0], statistics.median(points[-1][1]))
                    for who, points in lines.items()})
    return top + height + 75


def label(picture, ends):
    """Each line at its end; names that would meet are moved apart."""
    below = -math.inf
    for who, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        below = max(y + 5, below + 17)
        picture.words(x + 12, below, {"floor": "the floor"}.get(who, who), 14,
                      COLOURS[who], bold=True)


def curve(picture, who, points, at):
    middles = [at(n, statistics.median(values)) for n, values in points]
    for (x1, y1), (x2, y2) in zip(middles, middles[1:]):
        picture.line(x1, y1, x2, y2, COLOURS[who], 3)
    for n, values in points:
        x, low = at(n, min(values))
        _, high = at(n, max(values))
        picture.line(x, low, x, high, COLOURS[who], 1.5)
        picture.dot(x, at(n, statistics.median(values))[1], 4, COLOURS[who])


LEAST, MOST = 1 / 8, 16  # of what it must be; beyond that it sticks out


def targets(picture, run, top):
    """Each line of the table on one scale: 1 is "at least"."""
    lines = [(row, line) for row in table.rows(run) for line in row.lines
             if line.values and not line.gap]
    if not lines:
        return top
    picture.words(40, top, "Against the table: how many times better than "
                  "“at least”", 18, bold=True)
    picture.words(RIGHT, top, "tick: “reach for”", 13, PALE, "end")
    top += 40

    def x_of(times):
        inside = min(max(times, LEAST), MOST)
        return HALF + (RIGHT - HALF) * math.log(inside / LEAST) / math.log(
            MOST / LEAST)

    bottom = top + 21 * len(lines) + 26 * len({r.title for r, _ in lines})
    for n, label in ((1 / 8, "1/8"), (1 / 4, "1/4"), (1 / 2, "1/2"),
                     (1, "at least"), (2, "2 ×"), (4, "4 ×"), (8, "8 ×"),
                     (16, "16 ×")):
        picture.line(x_of(n), top - 8, x_of(n), bottom,
                     INK if n == 1 else GRID)
        picture.words(x_of(n), top - 13, label, 12, PALE, "middle")
    before = None
    for row, line in lines:
        if row is not before:
            picture.words(40, top + 18, row.title, 13, bold=True)
            before, top = row, top + 26
        target(picture, line, top, x_of)
        top += 21
    return top + 20


def target(picture, line, y, x_of):
    def times(value):
        if line.lower:
            return line.at_least / max(value, 1e-9)
        return value / line.at_least

    colour = {"missed": RED, "beside": COLOURS["floor"]}.get(line.verdict,
                                                             GREEN)
    figure = f"{line.figure:.3g} {line.unit}".rstrip()
    picture.words(HALF - 95, y + 13, line.label, 13, anchor="end")
    picture.words(HALF - 10, y + 13, figure, 13, PALE, "end")
    begin, end = sorted((x_of(1), x_of(times(line.figure))))
    picture.box(begin, y + 4, end - begin, 11, colour)
    picture.line(x_of(times(min(line.values))), y + 9.5,
                 x_of(times(max(line.values))), y + 9.5, INK, 1.5)
    reach = x_of(times(line.reach))
    picture.line(reach, y + 1, reach, y + 18, INK, 2.5)


def plot(data):
    """The picture, as text."""
    run = table.Run(data)
    body = Picture(WIDTH, 0, "How fast a durable sale is")
    body.words(40, 50, "How fast a durable sale is", 26, bold=True)
    machine = data["machine"]
    body.words(40, 78, f"{machine['cores']} cores, "
               f"{machine['file_system']['type']}, the client beside the "
               f"server, in turn in one run; rounds: "
               f"{data['settings']['rounds']}; {data['date']}", 14, PALE)
    top = bars(body, run, 125)
    top = curves(body, run, top)
    top = targets(body, run, top)
    whole = Picture(WIDTH, round(top), "How fast a durable sale is")
    whole.parts += body.parts[2:]
    return whole.text()
