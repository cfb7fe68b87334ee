# SPDX-License-Identifier: MIT
"""Each way in which a gateway can break its contract makes the check for it fail, and no other ground is needed."""

import contextlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from seawall import _validate_gateway as checks
from seawall import validate

from .fake_gateway import FakeGateway, running

# What is wrong with the gateway: the check that must say so (others may as well), and a word of its text.
FAULTS = {
    "root_is_500": ("connectivity", "answered 500"),
    "root_is_text": ("connectivity", "JSON"),
    "root_lacks_version": ("connectivity", "version"),
    "no_healthy_instance": ("health", "user"),
    "always_degraded": ("health", "degraded"),
    "redis_unknown": ("health", "perhaps"),
    "three_services": ("service discovery", "3 services"),
    "another_fourth_service": ("service discovery", "social"),
    "service_unhealthy": ("service discovery", "user"),
    "service_without_port": ("service discovery", "port"),
    "instances_unhealthy": ("service discovery", "instance"),
    "metric_is_missing": ("business metrics", "users_active"),
    "kpi_is_null": ("business metrics", "revenue_per_trade"),
    "requests_do_not_rise": ("business metrics", "requests_total"),
    "trades_do_not_rise": ("business metrics", "trades_executed"),
    "revenue_does_not_rise": ("business metrics", "revenue_generated"),
    "nobody_is_active": ("business metrics", "users_active"),
    "metrics_are_no_metrics": ("business metrics", "Prometheus"),
    "id_is_always_fresh": ("correlation", "sent X-Correlation-ID"),
    "any_id_is_kept": ("correlation", "two words"),
    "fresh_ids_repeat": ("correlation", "same"),
    "trace_is_cut": ("correlation", "X-Trace-ID"),
    "processing_time_is_no_time": ("correlation", "fast"),
    "error_without_id": ("correlation", "error body"),
    "never_refuses": ("rate limiting", "none was refused"),
    "one_too_many": ("rate limiting", "let 11"),
    "limit_forgets": ("rate limiting", "again"),
    "limit_is_shared": ("rate limiting", "user"),
    "no_retry_after_on_429": ("rate limiting", "Retry-After"),
    "no_test_endpoints": ("breaker opens", "--test-endpoints"),
    "breaker_says_half_open": ("breaker opens", "half_open"),
    "breaker_stays_closed": ("breaker opens", "closed"),
    "count_is_lost": ("breaker opens", "failure_count"),
    "always_healthy": ("breaker opens", "degraded"),
    "breaker_lets_through": ("breaker protects", "not 503"),
    "wrong_503_text": ("breaker protects", "go away"),
    "503_without_state": ("breaker protects", "circuit_breaker_state"),
    "breaker_takes_all": ("breaker protects", "neighbours"),
    "no_retry_after_on_503": ("breaker protects", "Retry-After"),
    "reset_does_nothing": ("trade execution", "503"),
    "trade_is_pending": ("trade execution", "pending"),
    "trade_without_id": ("trade execution", "trade_id"),
    "wrong_fee": ("trade execution", "fee"),
}
HTTP_CHECKS = [check.name for check in validate.GatewayChecks(validate.Client("http://127.0.0.1", 1)).checks()]


def validated(*arguments):
    """Exit code, printed text and report of one run of the HTTP checks."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "report.json")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = validate.main([*arguments, "--only", "http", "--report", str(path)])
        return code, printed.getvalue(), json.loads(path.read_text())


class Patient(unittest.TestCase):
    """No test here fails because its machine is busy: only what is deliberately slow is held to the real limit."""

    def setUp(self):
        for name, seconds in (("CONCURRENT_SECONDS", 30.0), ("DETECTION_SECONDS", 30.0), ("SETTLE_SECONDS", 0.1)):
            patch = mock.patch.object(checks, name, seconds)
            patch.start()
            self.addCleanup(patch.stop)


class Gateway(Patient):
    def test_there_are_ten_checks(self):
        self.assertEqual(len(HTTP_CHECKS), 10)

    def test_a_gateway_that_behaves_passes(self):
        gateway = FakeGateway()
        with running(gateway) as url:
            code, text, report = validated("--url", url)
        self.assertEqual((code, report["passed"], report["failed"]), (0, 10, 0), text)
        self.assertEqual(gateway.breaker("trading"), "closed")

    def test_each_fault_fails_its_check(self):
        for fault, (name, word) in FAULTS.items():
            with self.subTest(fault), running(FakeGateway(fault)) as url:
                code, text, report = validated("--url", url)
                self.assertEqual(code, 1, text)
                details = {detail["name"]: detail for detail in report["details"]}
                self.assertFalse(details[name]["passed"], text)
                self.assertIn(word, details[name]["measured"])

    def test_a_slow_gateway_fails_the_concurrent_requests(self):
        with mock.patch.object(checks, "CONCURRENT_SECONDS", 0.1), running(FakeGateway("slow")) as url:
            _, text, report = validated("--url", url)
        details = {detail["name"]: detail for detail in report["details"]}
        self.assertFalse(details["ten concurrent requests"]["passed"], text)
        self.assertIn("not under 100 ms", text)

    def test_a_breaker_seen_open_too_late_is_a_failure(self):
        with mock.patch.object(checks, "DETECTION_SECONDS", 0.0), running(FakeGateway()) as url:
            _, text, report = validated("--url", url)
        self.assertEqual([d["name"] for d in report["details"] if not d["passed"]], ["breaker opens"], text)

    def test_no_check_lacks_a_fault(self):
        self.assertEqual({name for name, _ in FAULTS.values()} | {"ten concurrent requests"}, set(HTTP_CHECKS))

    def test_without_test_endpoints_only_the_checks_that_need_them_fail(self):
        with running(FakeGateway("no_test_endpoints")) as url:
            _, text, report = validated("--url", url)
        failed = [detail["name"] for detail in report["details"] if not detail["passed"]]
        self.assertEqual(failed, ["rate limiting", "breaker opens", "breaker protects"], text)

    def test_where_nobody_listens_every_check_fails(self):
        with socket.socket() as bound:  # bound and not listening: refused, and nobody else can take the port
            bound.bind(("127.0.0.1", 0))
            code, text, report = validated("--url", f"http://127.0.0.1:{bound.getsockname()[1]}")
        self.assertEqual((code, report["failed"]), (1, 10), text)

    def test_the_token_resets_the_breaker(self):
        gateway = FakeGateway(admin_token="secret")
        with running(gateway) as url:
            code, text, _ = validated("--url", url, "--admin-token", "secret")
        self.assertEqual((code, gateway.resets, gateway.breaker("trading")), (0, 1, "closed"), text)

    def test_without_the_token_the_trade_waits_for_recovery(self):
        gateway = FakeGateway(admin_token="secret", recovers_after=0.3)
        with running(gateway) as url, mock.patch.dict(os.environ):
            os.environ.pop("SEAWALL_ADMIN_TOKEN", None)
            code, text, _ = validated("--url", url)
        self.assertEqual((code, gateway.resets), (0, 0), text)
        self.assertIn("recovered", text)

    def test_a_breaker_that_never_recovers_is_a_failure(self):
        with running(FakeGateway(admin_token="secret")) as url:
            code, text, _ = validated("--url", url, "--admin-token", "wrong", "--recovery-timeout", "0.2")
        self.assertEqual(code, 1, text)
        self.assertIn("no recovery in 0.2 s", text)
        self.assertIn("may still be open", text)

    def test_it_can_wait_for_a_gateway_that_is_not_ready(self):
        gateway = FakeGateway()
        gateway.opened_at, gateway.recovers_after = 0.0, None  # open, until the first look at its health has passed
        look, looks = gateway.health, []

        def health():
            looks.append(gateway.breaker("trading"))
            answer = look()
            gateway.opened_at = None if len(looks) == 3 else gateway.opened_at
            return answer

        with running(gateway) as url, mock.patch.object(gateway, "health", health):
            code, text, _ = validated("--url", url, "--wait", "30")
        self.assertEqual((code, looks[:4]), (0, ["open", "open", "open", "closed"]), text)

    def test_an_interrupted_run_closes_the_breaker_it_opened(self):
        gateway = FakeGateway()
        interrupt = mock.patch.object(validate.GatewayChecks, "breaker_protects", side_effect=KeyboardInterrupt)
        with running(gateway) as url, interrupt, self.assertRaises(KeyboardInterrupt):
            validated("--url", url)
        self.assertEqual((gateway.resets, gateway.breaker("trading")), (1, "closed"))


class Command(Patient):
    def test_the_report_has_the_fields_that_readers_rely_on(self):
        with running(FakeGateway("three_services")) as url:
            _, text, report = validated("--url", url)
        self.assertEqual(
            list(report), ["timestamp", "total_tests", "passed", "failed", "success_rate", "details"], text
        )
        self.assertEqual((report["total_tests"], report["success_rate"]), (10, 90.0), text)
        self.assertEqual(list(report["details"][0]), ["group", "name", "passed", "measured", "milliseconds"])

    def test_each_check_is_one_line(self):
        with running(FakeGateway("root_is_500")) as url:
            _, text, _ = validated("--url", url)
        for name in HTTP_CHECKS:
            self.assertRegex(text, rf"(?m)^  {name} +(ok|FAILED) +[0-9.]+ ms  .+$")

    def test_a_url_that_is_none_is_asked_wrongly(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(validate.main(["--url", "localhost:8000"]), 2)
        self.assertIn("http://HOST:PORT", said.getvalue())

    def test_a_report_that_cannot_be_written_is_said_before_the_checks_run(self):
        gateway = FakeGateway()
        with tempfile.TemporaryDirectory() as folder, running(gateway) as url:
            for path in (folder, os.path.join(folder, "none", "report.json")):
                with contextlib.redirect_stderr(io.StringIO()) as said:
                    self.assertEqual(validate.main(["--url", url, "--only", "http", "--report", path]), 2)
                self.assertIn(path, said.getvalue())
        self.assertEqual(gateway.resets, 0, "nothing was checked")

    def test_an_interrupted_program_ends_without_a_traceback(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [sys.executable, validate.__file__, "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "60"],
                env={**os.environ, "SEAWALL_ADMIN_TOKEN": ""},
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            with silent.accept()[0]:  # the first check is waiting for its answer
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
        self.assertEqual((process.returncode, said), (130, "interrupted\n"))

    def test_addresses_without_a_port_take_that_of_the_scheme(self):
        for url, address in (
            ("http://[::1]", ("::1", 80)),
            ("https://gateway.example.org/", ("gateway.example.org", 443)),
            ("http://[::1]:8000/", ("::1", 8000)),
        ):
            self.assertEqual(validate.Client(url, 1)._address, address)

    def test_run_as_a_file_it_works_without_the_library(self):
        with tempfile.TemporaryDirectory() as folder, running(FakeGateway()) as url:
            ran = subprocess.run(
                [sys.executable, validate.__file__, "--url", url],
                env={**os.environ, "SEAWALL_LIBRARY": os.path.join(folder, "none.so"), "SEAWALL_ADMIN_TOKEN": ""},
                cwd=folder,
                capture_output=True,
                text=True,
            )
            report = json.loads(pathlib.Path(folder, "deployment_validation_report.json").read_text())
        self.assertEqual((ran.returncode, report["total_tests"]), (1, 11), ran.stdout + ran.stderr)
        self.assertEqual([detail["name"] for detail in report["details"] if detail["group"] == "library"], ["library loads"])
        self.assertIn("none.so", report["details"][-1]["measured"])


if __name__ == "__main__":
    unittest.main()
