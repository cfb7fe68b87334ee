# SPDX-License-Identifier: MIT
"""Repeats an operation on one and two threads and prints lines of JSON as ../peers.py reads them. PEER_REPETITIONS and
PEER_MS say how often and how long. The loop's own cost, that of an empty lambda less its call, is in all rows alike."""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable

REPETITIONS = int(os.environ.get("PEER_REPETITIONS", "5"))
LENGTH_NS = int(os.environ.get("PEER_MS", "100")) * 1_000_000


def loop(operation: Callable[[], object], calls: int) -> int:
    begin = time.perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        operation()
    return time.perf_counter_ns() - begin


def repeat(operation: Callable[[], object], threads: int, calls: int) -> float:
    """ns for each call of each thread: what a thread waits for one operation."""
    if threads == 1:
        return loop(operation, calls) / calls
    start = threading.Barrier(threads)
    took: list[int] = []

    def work() -> None:
        start.wait()
        took.append(loop(operation, calls))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(took) / threads / calls


def operation(peer: str, identifier: str, what: str, call: Callable[[], object]) -> None:
    for threads in (1, 2):
        calls = 1
        while repeat(call, threads, calls) * calls < LENGTH_NS / 4:
            calls *= 2
        ns = [repeat(call, threads, calls * 4) for _ in range(REPETITIONS)]
        row = {"peer": peer, "id": identifier, "what": what, "threads": threads, "ns": [round(n, 1) for n in ns]}
        print(json.dumps(row), flush=True)
