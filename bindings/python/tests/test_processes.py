# SPDX-License-Identifier: MIT
"""What becomes of live objects when the interpreter ends or forks, also with threads that never stop calling."""

import os
import subprocess
import sys
import unittest

ALIVE = """
import os, sys, threading
import seawall
breaker, bucket, registry = seawall.CircuitBreaker(), seawall.TokenBucket(10, 1.0), seawall.ServiceRegistry()
ticket, service, watch = breaker.try_acquire(), registry.service("trading"), registry.watch("trading")
metrics = seawall.MetricsRegistry()
calls = metrics.counter("calls_total", "Calls.", ["result"]).labels("ok")
span = seawall.Tracer("program").start("work")
cycle = [breaker, metrics, registry]
cycle.append(cycle)
"""
BUSY = """
running = threading.Semaphore(0)
def call():
    running.release()
    while True:
        calls.add(); bucket.try_acquire()
        with breaker:
            pass
for _ in range(4):
    threading.Thread(target=call, daemon=True).start()
for _ in range(4):
    running.acquire()
"""
FORK = """
if (child := os.fork()) == 0:
    before = calls.value
    calls.add()
    with breaker:
        bucket.try_acquire()
    sys.exit(int(calls.value != before + 1))
_, status = os.waitpid(child, 0)
assert status == 0, status
"""


class Processes(unittest.TestCase):
    def run_program(self, program: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        # Python 3.12 and later warn of any fork() beside threads, which is what is tried here.
        python = [sys.executable, "-W", "ignore::DeprecationWarning", "-X", "faulthandler"]
        done = subprocess.run([*python, "-c", program], capture_output=True, text=True, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_all_alive_at_exit(self):
        self.run_program(ALIVE)

    def test_threads_that_call_at_exit(self):
        for _ in range(2):
            self.run_program(ALIVE + BUSY)

    def test_a_child_has_copies_and_ends_as_any_program(self):
        self.run_program(ALIVE + FORK)

    def test_a_child_of_busy_threads_counts_and_decides(self):
        for _ in range(2):
            self.run_program(ALIVE + BUSY + FORK)


if __name__ == "__main__":
    unittest.main()
