# SPDX-License-Identifier: MIT
import ctypes
import datetime
import unittest

import seawall
from seawall import _ffi, _library


class Library(unittest.TestCase):
    def test_the_library_is_the_one_the_header_describes(self):
        self.assertEqual(seawall.version(), _ffi.SEAWALL_VERSION)

    def test_only_calls_that_may_wait_give_the_gil_away(self):
        self.assertIsInstance(_library.lib, ctypes.PyDLL)
        self.assertNotIsInstance(_library.lib_waiting, ctypes.PyDLL)

    def test_an_error_carries_code_and_text(self):
        error = _library.new_error()
        error.message = b"why"
        with self.assertRaisesRegex(seawall.SeawallError, "why") as caught:
            _library.check(_ffi.SEAWALL_E_FULL, error)
        self.assertEqual(caught.exception.code, _ffi.SEAWALL_E_FULL)

    def test_seconds_that_are_no_time_are_refused_by_name(self):
        table = seawall.KeyedRateLimiter(seawall.TokenBucket, 5, 60.0)
        registry = seawall.ServiceRegistry()
        registry.register("s", "a", "h", 1)
        refused = {
            "period": lambda t: seawall.TokenBucket(5, t),
            "max_wait": lambda t: seawall.TokenBucket(5, 1.0).reserve(max_wait=t),
            "passed": lambda t: table.restore(b"", passed=t),
            "open_duration": lambda t: seawall.CircuitBreaker(open_duration=t),
            "time_window": lambda t: seawall.CircuitBreaker(time_window=t),
            "idle_after": lambda t: seawall.KeyedCircuitBreaker(idle_after=t),
            "lease": lambda t: seawall.Pipeline(lease=t),
            "heartbeat_interval": lambda t: seawall.ServiceRegistry(heartbeat_interval=t),
            "ejection_duration": lambda t: registry.configure("s", ejection_duration=t),
            "within": lambda t: registry.drain("s/a", within=t),
            "removal_grace": lambda t: seawall.SourceFollower(registry, removal_grace=t),
            "interval": lambda t: seawall.Prober(registry, seawall.ProberOptions(interval=t)),
            "slow": lambda t: seawall.Tracer("s", slow=t),
        }
        for name, call in refused.items():
            for seconds in (float("nan"), float("inf"), float("-inf")):
                with self.subTest(name, seconds=seconds), self.assertRaisesRegex(seawall.SeawallError, f"^{name} is out of range"):
                    call(seconds)
            # A text times a billion would be a gigabyte.
            for seconds in ("", "60", b"6", [], datetime.timedelta(1)):
                with self.subTest(name, seconds=seconds), self.assertRaisesRegex(TypeError, f"^{name} is a number of seconds, not "):
                    call(seconds)

    def test_texts_of_numbers_are_the_names_of_the_constants(self):
        lib = _library.lib
        for prefix, name_of, none in (
            ("SEAWALL_BREAKER_REASON_", lib.seawall_breaker_reason_name, 99),
            ("SEAWALL_GATE_", lib.seawall_gate_name, 6),
            ("SEAWALL_BALANCER_", lib.seawall_balancer_name, 6),
            ("SEAWALL_VERDICT_", lib.seawall_verdict_name, 5),
            ("SEAWALL_VIEW_STATE_", lib.seawall_view_state_name, 3),
            ("SEAWALL_REASON_", lib.seawall_reason_name, 8192),
        ):
            constants = {name: value for name, value in vars(_ffi).items() if name.startswith(prefix)}
            self.assertGreater(len(constants), 2)
            for name, value in constants.items():
                self.assertEqual(name_of(value).decode(), name.removeprefix(prefix).lower())
            self.assertEqual((name_of(none), name_of(-1)), (b"unknown", b"unknown"))
        for bits in (0, 3, 5, 2**31):
            self.assertEqual(lib.seawall_reason_name(bits), b"unknown")
        for kind in (seawall.pipeline.Gate, seawall.service.ViewState, seawall.circuit_breaker.Reason):
            self.assertEqual([str(each) for each in kind], [each.name.lower() for each in kind])

    def test_text_of_any_length_is_read_whole(self):
        whole = b"x" * 1000

        def call(buffer, capacity, needed):
            ctypes.cast(needed, ctypes.POINTER(ctypes.c_size_t))[0] = len(whole)
            if capacity < len(whole):
                return _ffi.SEAWALL_E_BUFFER_TOO_SMALL
            ctypes.memmove(buffer, whole, len(whole))
            return 0

        self.assertEqual(_library.read_text(call), whole.decode())


if __name__ == "__main__":
    unittest.main()
