# SPDX-License-Identifier: MIT
"""A redis-server of the test's own on a free port of loopback, stopped by its pid."""

import contextlib
import random
import socket
import subprocess
import tempfile
import time


def eventually(holds, limit: float = 60.0) -> None:
    give_up = time.monotonic() + limit
    while not holds():
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {limit} s")
        time.sleep(0.005)


def free_port() -> int:
    """Below those that the system gives to whoever asks for any, so that while the server is away nobody gets its port."""
    for port in random.sample(range(10240, 22240), 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


class RedisServer:
    def __init__(self, *options: str):
        self.port = free_port()
        self.endpoint = f"127.0.0.1:{self.port}"
        self.options = options
        self.folder = tempfile.TemporaryDirectory()
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [*command, *self.options], cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        eventually(self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 60) as sock:
                sock.sendall(b"PING\r\n")
                return sock.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, command: str) -> str:
        """A command of plain words; what comes back first, as it is on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(command.encode() + b"\r\n")
            return sock.recv(4096).decode()

    def __enter__(self) -> "RedisServer":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.kill()
        self.folder.cleanup()
