# SPDX-License-Identifier: MIT
import json
import unittest

import run


def benchmark(name, threads, real_time, unit="ns", **more):
    return {"name": name, "run_name": name, "run_type": "iteration", "threads": threads, "real_time": real_time,
            "time_unit": unit, **more}


BASE = [
    benchmark("baseline.fetch_add/real_time/threads:1", 1, 5.0),
    benchmark("baseline.clock/real_time/threads:1", 1, 20.0),
    benchmark("baseline.mutex/real_time/threads:1", 1, 10.0),
]


class Table(unittest.TestCase):
    def rows(self, *more):
        found, weights, _ = run.samples({"benchmarks": BASE + list(more)})
        return {(row["id"], row["threads"]): row for row in run.rows(found, weights)}

    def test_ns_is_what_one_thread_waits(self):
        row = self.rows(benchmark("breaker.healthy/real_time/threads:2", 2, 4.0))["breaker.healthy", 2]
        self.assertEqual(row["ns"], 8.0)

    def test_ratios_are_to_the_baselines_with_one_thread(self):
        contended = benchmark("baseline.fetch_add/real_time/threads:2", 2, 50.0)
        row = self.rows(contended, benchmark("bucket.allowed/real_time/threads:1", 1, 40.0))["bucket.allowed", 1]
        self.assertEqual((row["fetch_add_ratio"], row["clock_ratio"], row["mutex_ratio"]), (8.0, 2.0, 4.0))

    def test_the_median_of_the_repetitions_counts_and_aggregates_do_not(self):
        name = "bucket.denied/real_time/threads:1"
        repeated = [benchmark(name, 1, ns) for ns in (1.0, 900.0, 2.0, 3.0, 1.5)]
        row = self.rows(*repeated, benchmark(name, 1, 77.0, run_type="aggregate"))["bucket.denied", 1]
        self.assertEqual(row["ns"], 2.0)
        self.assertEqual(row["spread"], 899.0 / 2.0)

    def test_units_are_converted(self):
        self.assertEqual(self.rows(benchmark("metrics.render/real_time", 1, 1.5, "us"))["metrics.render", 1]["ns"], 1500)

    def test_a_name_that_is_no_part_what_is_reported_and_left_out(self):
        found, weights, other = run.samples({"benchmarks": BASE + [benchmark("keyed.hit/1024/real_time/threads:1", 1, 3.0)]})
        self.assertEqual(other, ["keyed.hit/1024"])
        self.assertEqual(len(run.rows(found, weights)), len(BASE))

    def test_a_failed_benchmark_fails_the_run(self):
        failed = benchmark("x.y", 1, 0.0, error_occurred=True, error_message="why")
        with self.assertRaisesRegex(SystemExit, "why"):
            run.samples({"benchmarks": [failed]})

    def test_without_baselines_there_is_no_table(self):
        found, weights, _ = run.samples({"benchmarks": BASE[1:]})
        with self.assertRaisesRegex(SystemExit, "baseline.fetch_add"):
            run.rows(found, weights)

    def test_the_file_has_one_row_for_each_operation_and_number_of_threads(self):
        two = benchmark("baseline.clock/real_time/threads:2", 2, 10.0)
        found, weights, _ = run.samples({"benchmarks": BASE + BASE + [two]})
        written = json.loads(json.dumps(run.results(run.rows(found, weights))))
        self.assertEqual(len({(row["id"], row["threads"]) for row in written}), len(written))
        self.assertEqual(set(written[0]), {"id", "threads", "ns", "fetch_add_ratio", "clock_ratio"})


class Ratios(unittest.TestCase):
    """Targets that are another row of the same run."""

    def table(self, *more):
        found, weights, _ = run.samples({"benchmarks": BASE + list(more)})
        return {(row["id"], row["threads"]): row for row in run.rows(found, weights)}

    def test_the_other_row_with_as_many_threads_counts(self):
        table = self.table(
            benchmark("redis.local", 1, 10.0), benchmark("redis.local", 2, 30.0),
            benchmark("redis.leased", 1, 12.0, local_percent=99.9), benchmark("redis.leased", 2, 37.0, local_percent=99.9),
            benchmark("redis.evalsha", 1, 100.0), benchmark("redis.exact", 1, 131.0),
        )
        self.assertEqual(table["redis.leased", 1]["ratio"], 1.2)
        self.assertEqual(run.verdict(table["redis.leased", 1]), ("1.2 redis.local, 99 % local", "yes"))
        self.assertEqual(run.verdict(table["redis.leased", 2])[1], "NO")
        self.assertEqual(run.verdict(table["redis.exact", 1]), ("1.3 redis.evalsha", "NO"))
        self.assertIn("yes (1.20, 99.900 % local)", run.render(list(table.values())))
        self.assertIn("1.31 redis.evalsha", "".join(run.missed(list(table.values()))))
        kept = {row["id"]: row for row in run.results([table["redis.exact", 1]])}["redis.exact"]
        self.assertEqual((kept["ratio"], kept["ratio_to"]), (1.31, "redis.evalsha"))

    def test_too_few_local_decisions_miss_the_target(self):
        rows = (benchmark("redis.local", 1, 10.0), benchmark("redis.leased", 1, 10.0, local_percent=98.9))
        self.assertEqual(run.verdict(self.table(*rows)["redis.leased", 1])[1], "NO")

    def test_without_the_other_row_nothing_is_said(self):
        self.assertEqual(run.verdict(self.table(benchmark("redis.exact", 1, 1.0))["redis.exact", 1]), ("", ""))

    def test_what_is_not_installed_is_named_and_the_rest_is_measured(self):
        absent = benchmark("redis.exact/real_time", 1, 0.0, error_occurred=True, error_message="needs redis-server")
        report = {"benchmarks": BASE + [absent, absent]}
        found, weights, _ = run.samples(report)
        self.assertEqual(len(run.rows(found, weights)), len(BASE))
        self.assertEqual(run.missing(report), ["redis.exact: needs redis-server"])


class Targets(unittest.TestCase):
    """FA is 5 ns and CLK 20 ns in BASE."""

    def table(self, *more):
        found, weights, _ = run.samples({"benchmarks": BASE + list(more)})
        return run.rows(found, weights)

    def verdicts(self, *more):
        return {(row["id"], row["threads"]): run.verdict(row) for row in self.table(*more)}

    def test_a_target_is_a_ratio_of_the_same_run(self):
        for ns, reached in ((2.5, "yes"), (2.6, "NO")):
            said = self.verdicts(benchmark("breaker.healthy", 1, ns))["breaker.healthy", 1]
            self.assertEqual(said, ("0.5 FA", reached))

    def test_a_target_in_clock_reads_and_one_in_nanoseconds(self):
        said = self.verdicts(benchmark("trace.parse", 1, 16.0), benchmark("tracestate.parse32", 1, 1.1, "us"))
        self.assertEqual(said["trace.parse", 1], ("0.8 CLK", "yes"))
        self.assertEqual(said["tracestate.parse32", 1], ("1000 ns", "NO"))

    def test_two_threads_have_a_target_only_where_it_was_asked(self):
        said = self.verdicts(benchmark("counter.add", 2, 1.5), benchmark("bucket.allow", 2, 1.0))
        self.assertEqual(said["counter.add", 2], ("0.4 FA", "NO"))  # 1.5 ns by operations of both, 3 ns of one
        self.assertEqual(said["bucket.allow", 2], ("", ""))

    def test_bytes_are_part_of_the_target(self):
        for weight, reached in ((24.0, "yes"), (24.1, "NO")):
            said = self.verdicts(benchmark("keyed.u64", 1, 60.0, bytes=weight))["keyed.u64", 1]
            self.assertEqual(said, ("3.2 CLK, 24 bytes", reached))
        self.assertEqual(self.verdicts(benchmark("series.bytes", 1, 1.0, bytes=101.0))["series.bytes", 1][1], "NO")
        self.assertEqual(self.verdicts(benchmark("series.bytes", 1, 1.0))["series.bytes", 1][1], "NO")

    def test_what_is_missed_or_not_measured_is_listed(self):
        table = self.table(benchmark("breaker.healthy", 1, 5.0), benchmark("bucket.allow", 1, 5.0))
        said = "breaker.healthy, 1 threads: 5.0 ns, 1.00 FA, 0.25 CLK; must reach 0.5 FA"
        self.assertEqual(run.missed(table), [said])
        self.assertIn("keyed.u64", run.unmeasured(table))
        self.assertNotIn("bucket.allow", run.unmeasured(table))

    def test_bytes_go_into_the_file(self):
        written = run.results(self.table(benchmark("keyed.u64", 1, 60.0, bytes=17.5)))
        self.assertEqual({row["id"]: row.get("bytes") for row in written}["keyed.u64"], 17.5)


if __name__ == "__main__":
    unittest.main()
