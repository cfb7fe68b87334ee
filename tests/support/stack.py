# SPDX-License-Identifier: MIT
"""Starts the real gateway and services for tests, on free ports of loopback, and stops them by their own pids.

    with Stack("--open-duration", "2s") as stack:
        stack.start("trading")
        stack.wait_until_healthy("trading")
        stack.get("/health").json()["status"]

The programs are those in the folder named by SEAWALL_BIN, else build/release/bin. Waiting is for events (a line that a
program prints, an answer of the gateway), with a limit after which the test fails and shows the program's errors.
"""

import dataclasses
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SEAWALL_BIN", ROOT / "build" / "release" / "bin"))
SERVICES = ("trading", "gamification", "social", "user")
TRADE = {"user_id": 7, "asset_symbol": "BTC", "direction": "LONG", "amount": 100.0}
LIMIT_SECONDS = float(os.environ.get("SEAWALL_TEST_LIMIT_SECONDS", "60"))


def wait_until(what: str, holds, limit: float = LIMIT_SECONDS):
    """Asks holds() until it answers something true, which is returned."""
    give_up = time.monotonic() + limit
    pause = 0.002
    while not (answer := holds()):
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(pause)
        pause = min(0.05, pause * 2)
    return answer


@dataclasses.dataclass
class Answer:
    status: int
    headers: "http.client.HTTPMessage"
    body: bytes

    def json(self):
        return json.loads(self.body)


class Program:
    """One process that prints `listening on http://HOST:PORT` when it is ready."""

    def __init__(self, name: str, *arguments: str, env=None, prepare=None):
        self.name = name
        self.arguments = arguments
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(BIN / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(env or {})},
            preexec_fn=prepare,
        )
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on http://"):
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{name} {' '.join(arguments)} did not start: {line!r} {self.errors()}")
        self.port = int(line.strip().rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        return self.process.pid

    def errors(self) -> str:
        """What it has said so far. Read without moving the offset: the program writes at the same one."""
        file = self._errors.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace")

    def memory_kib(self, field: str = "VmRSS") -> int:
        """A figure of /proc/PID/status, such as VmRSS or VmHWM."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise KeyError(field)

    def kill(self) -> None:
        """As a crash does: no good-bye."""
        self.process.kill()
        self.process.wait()

    def stop(self, limit: float = LIMIT_SECONDS) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {limit} s of SIGTERM") from None

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        self._errors.close()


class Stack:
    """A gateway with `options` and the services started behind it. All is killed when the `with` block ends."""

    def __init__(self, *options: str, port: int = 0, env=None, prepare=None):
        self._options = options
        self._port = port
        self._env = env
        self._prepare = prepare  # runs in the gateway's process before its program
        self.services: list[Program] = []

    def __enter__(self) -> "Stack":
        self.gateway = Program("seawall-gateway", "--port", str(self._port), *self._options, env=self._env, prepare=self._prepare)
        self.port = self.gateway.port
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_) -> None:
        for program in [*self.services, self.gateway]:
            program.close()

    def start(self, service: str, *options: str, port: int = 0) -> Program:
        arguments = ("--service", service, "--port", str(port), "--gateway", self.url, *options)
        program = Program("seawall-service", *arguments, env=self._env)
        self.services.append(program)
        return program

    def start_all(self) -> dict:
        started = {name: self.start(name) for name in SERVICES}
        for name in SERVICES:
            self.wait_until_healthy(name)
        return started

    def call(self, method: str, path: str, body=None, headers=None, timeout: float = LIMIT_SECONDS) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        content = json.dumps(body) if isinstance(body, (dict, list)) else body
        fields = {"Content-Type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, content, fields)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers) -> Answer:
        return self.call("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def trade(self, user: str = "trader") -> Answer:
        return self.call("POST", "/api/v1/trading/execute", TRADE, {"X-User-ID": user})

    def health(self, service: str) -> dict:
        return self.get("/health").json()["services"][service]

    def instances(self, service: str) -> list:
        return self.get("/services").json()["services"].get(service, {}).get("instances", [])

    def wait_until_healthy(self, service: str, instances: int = 1) -> None:
        wait_until(
            f"{instances} healthy instance(s) of {service}",
            lambda: self.health(service)["healthy_instances"] >= instances,
        )
