# SPDX-License-Identifier: BSD-2-Clause
"""What the harness makes of figures that are known; nothing is started."""

import importlib.machinery
import importlib.util
import os
import unittest

import groups
import machine
import plot
import report
import table
from clients import Wrk
from processes import Failure

HERE = os.path.dirname(os.path.abspath(__file__))


def made(rates, rounds=3, **settings):
    """A run: {(group, who, connections): a rate for each round}."""
    measurements = []
    for (group, who, connections), values in rates.items():
        for number, value in enumerate(values, 1):
            one = {"rate": value, "p50_ms": 1.0, "p99_ms": 3.0,
                   "requests": 1000, "errors": {}}
            one.update(value if isinstance(value, dict) else {})
            one.update(round=number, group=group, who=who,
                       connections=connections)
            measurements.append(one)
    return {"format": 1, "date": "2026-11-21", "command": "made", "took_s": 60,
            "machine": {"cores": 2, "cpu": "c", "memory": "m", "kernel": "k",
                        "system": "s", "fdatasync_us": 200,
                        "load_before": 0, "versions": {"wrk": "4"},
                        "file_system": {"type": "ext4", "device": "d",
                                        "options": "rw"}},
            "settings": {"stores": ["json", "sqlite"], "connections": None,
                         "orders": 1000000, "rounds": rounds, "seconds": 1,
                         **settings},
            "skipped": {"redis": "it is a test", "postgres": "it is a test"},
            "measurements": measurements}


def queries(json, floor, **settings):
    """Only one line of the table has figures: queries of json at 64."""
    return made({("queries", "json", 64): json,
                 ("queries", "floor", 64): floor},
                len(json), connections=[64], **{"stores": ["json"],
                                                **settings})


def only_line(data):
    (row,) = table.rows(table.Run(data))
    (line,) = row.lines
    return line


class Verdicts(unittest.TestCase):
    def test_ratios_are_of_one_round(self):
        """Not of medians: here these would say 1."""
        line = only_line(queries([100, 200, 300], [300, 200, 100]))
        self.assertEqual(line.values, [100 / 300, 1, 3])
        self.assertEqual(line.figure, 1)

    def test_target_itself_is_met(self):
        line = only_line(queries([60], [100]))
        self.assertEqual((line.verdict, line.words()), ("met", "met"))

    def test_below_is_missed_and_says_by_how_much(self):
        data = queries([30, 30, 90], [100, 100, 100])
        line = only_line(data)
        self.assertEqual(line.verdict, "missed")
        self.assertEqual(line.words(),
                         "**missed by 50.0 %**, in 2 of 3 rounds")
        self.assertEqual(table.exit_status(table.rows(table.Run(data))), 1)

    def test_met_but_not_always(self):
        line = only_line(queries([30, 70, 70], [100, 100, 100]))
        self.assertEqual(line.words(), "met, but not in 1 of 3 rounds")

    def test_reached(self):
        data = queries([95], [100])
        self.assertEqual(only_line(data).verdict, "reached")
        self.assertEqual(table.exit_status(table.rows(table.Run(data))), 0)

    def test_errors_make_it_invalid(self):
        bad = {"rate": 95, "errors": {"status": 7, "timeout": 2}}
        data = queries([95, bad, 95], [100, 100, 100])
        line = only_line(data)
        self.assertEqual(
            line.words(), "INVALID: json @64, round 2: 7 refusals or failures "
            "and 2 too late, of 1,000 answers")
        self.assertIsNone(line.figure)
        self.assertEqual(table.exit_status(table.rows(table.Run(data))), 2)
        self.assertIn("INVALID: json @64", report.results(data))

    def test_one_without_a_figure_is_no_success(self):
        bad = {"rate": 95, "errors": {"read": 1}}
        data = queries([95], [100])
        data["settings"]["stores"] = ["json", "sqlite"]
        data["measurements"] += made({("queries", "sqlite", 64): [bad]})[
            "measurements"]
        (row,) = table.rows(table.Run(data))
        self.assertEqual([line.verdict for line in row.lines],
                         ["reached", "invalid"])
        self.assertEqual(row.worst.verdict, "invalid")
        self.assertEqual(table.exit_status([row]), 2)

    def test_what_failed_is_invalid(self):
        failed = {"invalid": "wrk did not end"}
        line = only_line(queries([95, failed], [100, 100]))
        self.assertIn("wrk did not end", line.words())

    def test_other_connections_are_not_judged(self):
        data = made({("queries", "json", 32): [95],
                     ("queries", "floor", 32): [100]},
                    connections=[32], stores=["json"])
        self.assertEqual(only_line(data).verdict, "unjudged")
        self.assertEqual(table.exit_status(table.rows(table.Run(data))), 2)

    def test_skipped_says_why_and_hides_no_miss(self):
        rates = {("buys", who, n): [100] for who in ("floor", "json", "sqlite")
                 for n in (64, 256)}
        rows = table.rows(table.Run(made(rates, 1)))
        redis = next(row for row in rows if "Redis" in row.title)
        self.assertEqual(redis.worst.words(), "SKIP: it is a test")
        self.assertEqual(table.exit_status(rows), 0)
        rates["buys", "sqlite", 64] = [1]
        rows = table.rows(table.Run(made(rates, 1)))
        self.assertEqual(table.exit_status(rows), 1)

    def test_under_is_under(self):
        """p99 against p50: under 4, so 4 itself is a miss."""
        line = table.Line("x", 4, 2, lower=True).of(lambda: [4.0])
        self.assertEqual(line.verdict, "missed")
        line = table.Line("x", 4, 2, lower=True).of(lambda: [3.9])
        self.assertEqual(line.verdict, "met")
        line = table.Line("x", 4, 2, lower=True).of(lambda: [12.0])
        self.assertEqual(line.words(), "**missed 3.0 times**")

    def test_worst_line_leads_its_row(self):
        lines = [table.Line(str(v), 0.5, 1).of(lambda v=v: [v])
                 for v in (2, 0.4, 0.1, 0.6)]
        self.assertEqual(table.Row("x", lines).worst.label, "0.1")

    def test_worst_of_best_is_of_each_round(self):
        data = made({("connections", "json", n): rates for n, rates in
                     zip(table.CROWDS, ([50, 100], [100, 50], [100, 100],
                                        [80, 80], [90, 90]))},
                    2, stores=["json"])
        line = table.rows(table.Run(data))[0].lines[0]
        self.assertEqual(line.values, [0.5, 0.5])
        self.assertEqual(line.verdict, "met")

    def test_floor_beside_is_not_judged(self):
        """However bad it is, it is no target."""
        data = made({("connections", who, n): [100 if n > 16 else least]
                     for who, least in (("json", 60), ("floor", 1))
                     for n in table.CROWDS}, 1, stores=["json"])
        (row,) = table.rows(table.Run(data))
        self.assertEqual([line.verdict for line in row.lines],
                         ["met", "beside"])
        self.assertEqual(row.worst.label, "json")
        self.assertEqual(table.exit_status([row]), 0)

    def test_better_store_is_the_faster_one(self):
        data = made({("buys", "json", 64): [100], ("buys", "sqlite", 64): [80],
                     ("buys", "floor", 64): [200],
                     ("buys", "redis", 64): [100]}, 1, connections=[64])
        row = next(row for row in table.rows(table.Run(data))
                   if "Redis" in row.title)
        self.assertEqual(row.lines[0].label, "json @64")
        self.assertEqual(row.lines[0].figure, 1)

    def test_fewer_orders_are_not_judged(self):
        data = made({("million", "json empty", 64): [100],
                     ("million", "json large", 64): [100]}, 1,
                    stores=["json"], orders=20000)
        rows = table.rows(table.Run(data))
        self.assertEqual(rows[0].lines[0].words(),
                         "not judged: these are 20,000 orders")


class Reports(unittest.TestCase):
    def test_busy_machine_is_told(self):
        data = queries([95] * 5, [100] * 5)
        self.assertNotIn("Do not trust", report.results(data))
        data["machine"]["load_before"] = 3
        self.assertIn("Do not trust", report.results(data))
        data["machine"]["load_before"] = 0
        data["settings"]["service"] = ["--clerks", "1"]
        self.assertIn("had `--clerks 1`", report.results(data))
        for one in data["measurements"]:
            one["others"] = 0.2
        self.assertIn("Others had 20 %", report.results(data))

    def test_whatever_there_is_makes_a_picture(self):
        for data in (queries([95], [100]), made({("buys", "json", 64): [1]}),
                     queries([{"invalid": "x"}], [1])):
            self.assertIn("</svg>", plot.plot(data))

    def test_numbers(self):
        for value, text in ((31234, "31,200"), (412.3, "412"), (4.512, "4.51"),
                            (0.41234, "0.412"), (None, "–")):
            self.assertEqual(report.number(value), text)


class Parts(unittest.TestCase):
    def test_receipts_are_held_against_the_ledger(self):
        cell = groups.Rate("buys", "json", 64, None, None, True)
        cell.check(1000, 1000)
        cell.check(1000 + 2 * 64, 1000)
        for sold in (999, 1000 + 2 * 64 + 1, 0):
            with self.assertRaises(Failure):
                cell.check(sold, 1000)

    def test_wrk_hides_no_error(self):
        result = Wrk.read('Running…\nBENCH {"requests":5,"status":1,'
                          '"connect":0,"read":2,"write":0,"timeout":3}\n')
        self.assertEqual(result["errors"],
                         {"status": 1, "read": 2, "timeout": 3})

    def test_file_system_of_a_mount(self):
        self.assertEqual(machine.file_system("/proc/self")["type"], "proc")

    def test_flame_merges_threads_and_names_libraries(self):
        loader = importlib.machinery.SourceFileLoader(
            "flame", os.path.join(HERE, "flame"))
        flame = importlib.util.module_from_spec(
            importlib.util.spec_from_loader("flame", loader))
        loader.exec_module(flame)
        sample = ("clerk 1.{n} 12{n}\n\tff sys_write ([kernel.kallsyms])\n"
                  "\t1 [unknown] (/lib/libsqlite3.so.0.8.6)\n"
                  "\t2 [unknown] (/lib/libsqlite3.so.0.8.6)\n"
                  "\t3 sell (/x/turnstile)\n\t4 clone3 (/lib/libc.so.6)\n"
                  "\tffffffffffffffff [unknown] ([unknown])\n\n")
        text = sample.format(n=1) + sample.format(n=2)
        found = list(flame.read_samples(text))
        self.assertEqual(found[0], found[1])
        self.assertEqual([name for name, _ in found[0][1]],
                         ["sell", "libsqlite3 (static)", "sys_write"])
        root, own = flame.build_tree(found)
        self.assertEqual(root.count, 2)
        self.assertEqual(own["clerks", 0], 2)
        self.assertIn("clerks: 100.0 %", flame.paint(root, own, "t"))


if __name__ == "__main__":
    unittest.main()
