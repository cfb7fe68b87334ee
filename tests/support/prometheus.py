# SPDX-License-Identifier: MIT
"""A real Prometheus server on a free port of loopback, for tests of what it makes of our texts and expressions.

    with Prometheus([job("gateway", 8000, "/metrics")], rules=path) as server:
        server.wait_for_scrapes(2)
        server.query("sum(gateway_http_requests_total)")     # [{"metric": {...}, "value": [time, "12"]}]

A configuration is YAML, of which JSON is a part. The server is Debian's package `prometheus`.
"""

import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request

from support.stack import wait_until

OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def job(name: str, port: int, path: str = "/metrics", **more) -> dict:
    return {"job_name": name, "metrics_path": path, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}], **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    def __init__(self, jobs: list[dict], rules: "pathlib.Path | None" = None):
        program = shutil.which("prometheus")
        assert program, "the Prometheus server is in the package prometheus"
        self._folder = tempfile.TemporaryDirectory()
        here = pathlib.Path(self._folder.name)
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "scrape_configs": jobs,
            "rule_files": [str(rules)] if rules else [],
        }
        (here / "prometheus.yml").write_text(json.dumps(config))
        self._log = (here / "log").open("w+b")
        self.port = free_port()
        self._process = subprocess.Popen(
            [program, f"--config.file={here}/prometheus.yml", f"--storage.tsdb.path={here}/data",
             f"--web.listen-address=127.0.0.1:{self.port}",
             "--enable-feature=exemplar-storage"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log)
        try:
            wait_until("the Prometheus server answers", self._ready)
        except BaseException:
            self.close()
            raise

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError("prometheus ended: " + self._log.read().decode("utf-8", "replace")[-2000:])
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=60).status == 200
        except OSError:
            return False

    def get(self, path: str, **parameters: str):
        """The `data` of an answer of its API; an error of it raises with its text."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters or path}: {json.load(error)['error']}") from None

    def query(self, expression: str) -> list[dict]:
        """The samples of an instant vector."""
        return self.get("query", query=expression)["result"]

    def value(self, expression: str) -> "float | None":
        """The only sample; None where there is none."""
        result = self.query(expression)
        assert len(result) <= 1, (expression, result)
        return float(result[0]["value"][1]) if result else None

    def targets(self) -> dict[str, dict]:
        """What it knows of each job's target: health ("up", "down", "unknown"), lastError."""
        return {target["labels"]["job"]: target for target in self.get("targets")["activeTargets"]}

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pages:
    """An HTTP server of fixed pages: {path: (content type, body)}; a body may be a function that makes it."""

    def __init__(self, pages: dict):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content_type, body = pages[self.path]
                body = body() if callable(body) else body
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512  # a Prometheus with a job for each page asks for all at once

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
