# SPDX-License-Identifier: MIT
"""A load generator for the fault tests: keep-alive connections, a deadline for each request, every answer recorded.

It runs in a thread of its own, so that a test can kill processes meanwhile:

    with Load(port, [Call("GET", "/api/v1/social/feed")], connections=4, pause=0.01) as load:
        ...
    load.failures()
"""

import asyncio
import dataclasses
import itertools
import json
import threading
import time


@dataclasses.dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: "dict | None" = None

    def encode(self, user: str) -> bytes:
        content = b"" if self.body is None else json.dumps(self.body).encode()
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: gateway\r\nX-User-ID: {user}\r\n"
        if self.body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        return head.encode() + b"\r\n" + content


@dataclasses.dataclass(frozen=True)
class Sample:
    """One request: when it started and when all of it was sent (time.monotonic), how long it took, and its status or what
    went wrong."""

    call: Call
    start: float
    seconds: float
    status: int = 0
    error: str = ""
    message: str = ""
    sent: float = float("inf")

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Load:
    """`connections` workers take turns through `calls`, each pausing `pause` seconds between its requests."""

    def __init__(self, port: int, calls, connections: int = 4, pause: float = 0.01, deadline: float = 60.0):
        self.port = port
        self.calls = list(calls)
        self.connections = connections
        self.pause = pause
        self.deadline = deadline
        self.samples: list[Sample] = []
        self._users = itertools.count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """No new requests; returns when those in flight are answered or past their deadline."""
        self._stopping.set()
        self._thread.join()

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Until `count` requests were answered well."""
        give_up = time.monotonic() + seconds
        while sum(sample.ok for sample in list(self.samples)) < count:
            if time.monotonic() > give_up:
                raise AssertionError(f"fewer than {count} good answers in {seconds} s: {self.summary()}")
            self._stopping.wait(0.02)

    def failures(self) -> list[Sample]:
        return [sample for sample in self.samples if not sample.ok]

    def slowest(self) -> float:
        return max(sample.seconds for sample in self.samples)

    def summary(self) -> dict:
        counts: dict = {}
        for sample in list(self.samples):
            key = sample.error or sample.status
            counts[key] = counts.get(key, 0) + 1
        return counts

    async def _run(self) -> None:
        await asyncio.gather(*(self._worker(index) for index in range(self.connections)))

    async def _worker(self, index: int) -> None:
        streams = None
        turn = itertools.cycle(self.calls[index % len(self.calls) :] + self.calls[: index % len(self.calls)])
        while not self._stopping.is_set():
            call = next(turn)
            start = time.monotonic()
            sent = float("inf")
            try:
                if streams is None:
                    streams = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), self.deadline)
                streams[1].write(call.encode(f"user-{next(self._users)}"))
                sent = time.monotonic()
                status, message, keep = await asyncio.wait_for(self._answer(streams[0]), self.deadline)
                self.samples.append(Sample(call, start, time.monotonic() - start, status, "", message, sent))
                if not keep:
                    streams = self._close(streams)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as problem:
                took = time.monotonic() - start
                self.samples.append(Sample(call, start, took, 0, type(problem).__name__, sent=sent))
                streams = self._close(streams)
            await asyncio.sleep(self.pause)
        self._close(streams)

    @staticmethod
    def _close(streams) -> None:
        if streams is not None:
            streams[1].close()

    @staticmethod
    async def _answer(reader):
        """(status, message of the JSON body, whether the connection stays open)."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        message = json.loads(body).get("message", "") if body else ""
        return status, message, fields.get("connection") != "close"
