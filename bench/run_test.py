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
        found, _ = run.samples({"benchmarks": BASE + list(more)})
        return {(row["id"], row["threads"]): row for row in run.rows(found)}

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
        found, other = run.samples({"benchmarks": BASE + [benchmark("keyed.hit/1024/real_time/threads:1", 1, 3.0)]})
        self.assertEqual(other, ["keyed.hit/1024"])
        self.assertEqual(len(run.rows(found)), len(BASE))

    def test_a_failed_benchmark_fails_the_run(self):
        failed = benchmark("x.y", 1, 0.0, error_occurred=True, error_message="why")
        with self.assertRaisesRegex(SystemExit, "why"):
            run.samples({"benchmarks": [failed]})

    def test_without_baselines_there_is_no_table(self):
        found, _ = run.samples({"benchmarks": BASE[1:]})
        with self.assertRaisesRegex(SystemExit, "baseline.fetch_add"):
            run.rows(found)

    def test_the_file_has_one_row_for_each_operation_and_number_of_threads(self):
        found, _ = run.samples({"benchmarks": BASE + BASE + [benchmark("baseline.clock/real_time/threads:2", 2, 10.0)]})
        written = json.loads(json.dumps(run.results(run.rows(found))))
        self.assertEqual(len({(row["id"], row["threads"]) for row in written}), len(written))
        self.assertEqual(set(written[0]), {"id", "threads", "ns", "fetch_add_ratio", "clock_ratio"})


if __name__ == "__main__":
    unittest.main()
