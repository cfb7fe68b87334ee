# SPDX-License-Identifier: MIT
"""Bytes to the gateway and what comes back, below any HTTP library; and upstreams that misbehave."""

import contextlib
import socket
import threading


@contextlib.contextmanager
def connected(port: int, timeout: float = 60.0):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        yield sock


def read_to_end(sock: socket.socket) -> bytes:
    """All that comes until the other side closes; a reset after the answer ends it as well."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while chunk := sock.recv(65536):
            got += chunk
    return got


def exchange(port: int, data: bytes) -> bytes:
    with connected(port) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
        return read_to_end(sock)


def read_answer(stream) -> tuple:
    """(status, headers with lower-case names, body) of the next answer on a kept connection."""
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, stream.read(int(headers.get("content-length", "0")))


class FakeUpstream:
    """Listens, and gives each connection to `behave(socket)` in a thread. Remembers what it received by read_request()."""

    def __init__(self, behave):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._behave = behave
        self.requests: list = []
        self.closed_by_peer = threading.Event()
        self.hung_up = 0  # connections that were closed here
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "FakeUpstream":
        return self

    def __exit__(self, *_) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            self._behave(self, sock)
        self.hung_up += 1

    def read_request(self, sock: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            if not (chunk := sock.recv(65536)):
                return got
            got += chunk
        head, body = got.split(b"\r\n\r\n", 1)
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += sock.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return got
