# SPDX-License-Identifier: MIT
"""Calls every function of the C API with arguments that are wrong, generated from the ctypes tables of its headers.

No function may crash or hang; one that takes a handle must refuse NULL and a live handle of another type. A crash ends
the process, after the name of the function was printed (python -X faulthandler shows the rest).
"""

import ctypes
import functools
import json
import os
import unittest

from seawall import _ffi, _redis_ffi

CORE = _ffi.declare(ctypes.PyDLL(os.environ["SEAWALL_LIBRARY"]))
FUNCTIONS = dict(_ffi.FUNCTIONS)
if REDIS := os.environ.get("SEAWALL_REDIS_LIBRARY"):
    REDIS = _redis_ffi.declare(ctypes.PyDLL(REDIS))
    FUNCTIONS |= _redis_ffi.FUNCTIONS
HANDLE = ctypes.c_void_p
OUT_HANDLE = ctypes.POINTER(ctypes.c_void_p)
INTEGERS = (ctypes.c_int32, ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint64, ctypes.c_size_t, ctypes.c_int)

# Options that have no default.
QUOTA = {"permits": 10, "period_ns": 1_000_000_000}
REQUIRED = {
    f"seawall_{kind}": QUOTA for kind in ("token_bucket", "fixed_window", "sliding_window", "keyed_limiter")
}
REQUIRED["seawall_leased_token_bucket"] = {**QUOTA, "burst": 100}
REQUIRED["seawall_tracer"] = {"service": "test"}
REQUIRED["seawall_redis_store"] = {"endpoints": "127.0.0.1:1"}  # nobody is there
REQUIRED["seawall_redis_limiter"] = {**QUOTA, "name": "test"}
# Handles that another one makes: {handle type: its function}.
MADE_BY_ANOTHER = {
    f"seawall_redis_{part}": f"seawall_redis_store_new_{part}_from_json" for part in ("limiter", "registrar", "source")
}
# Those that have no options.
PLAIN = {
    "seawall_redis_inbox": "seawall_redis_inbox_new",
    "seawall_redis_keeper": "seawall_redis_registrar_new_keeper",
    "seawall_redis_trip_board": "seawall_redis_store_new_trip_board",
}

# Their first argument is the caller's memory and no handle.
MEMORY_FIRST = {"seawall_reader_attach", "seawall_circuit_breaker_attach"} | {
    f"seawall_{limiter}_attach"
    for limiter in ("token_bucket", "fixed_window", "sliding_window", "leased_token_bucket")
}


def call(name: str, arguments: list):
    print(name, flush=True)
    return getattr(REDIS if name in _redis_ffi.FUNCTIONS else CORE, name)(*arguments)


def options_of(kind: str):
    return getattr(_redis_ffi, kind + "_options", None) or getattr(_ffi, kind + "_options")


def empty(kind):
    """NULL, or zero."""
    if issubclass(kind, ctypes._CFuncPtr):
        return kind()
    return None if kind in (HANDLE, ctypes.c_char_p) or not isinstance(kind(), ctypes._SimpleCData) else kind(0)


def takes_handle(name: str) -> bool:
    arguments = FUNCTIONS[name][1]
    return bool(arguments) and arguments[0] is HANDLE and name not in MEMORY_FIRST


def answers(name: str) -> bool:
    return FUNCTIONS[name][0] is ctypes.c_int32


@functools.lru_cache(None)
def another(name: str) -> ctypes.c_void_p:
    """The handle whose function `name` is; kept."""
    [kind] = [kind for kind in handles() if name.startswith(kind + "_new_")]
    return create(kind)


def create(kind: str) -> ctypes.c_void_p:
    """A handle of this kind."""
    name = handles()[kind]
    text = b"plain" if kind in PLAIN else json.dumps(REQUIRED.get(kind, {})).encode()
    handle = ctypes.c_void_p()
    given = {ctypes.c_char_p: text, ctypes.c_size_t: len(text), ctypes.c_int64: _ffi.SEAWALL_NOW}
    arguments = [ctypes.byref(handle) if wanted is OUT_HANDLE else given.get(wanted) for wanted in FUNCTIONS[name][1]]
    if takes_handle(name):
        arguments[0] = another(name)
    code = call(name, arguments)
    assert code == _ffi.SEAWALL_OK and handle, f"{name}: {CORE.seawall_code_name(code)}"
    return handle


def kinds() -> dict[str, str]:
    """{handle type: the function that makes one from JSON text}"""
    found = {name.removesuffix("_new_from_json"): name for name in FUNCTIONS if name.endswith("_new_from_json")}
    return found | {kind: name for kind, name in MADE_BY_ANOTHER.items() if name in FUNCTIONS}


def handles() -> dict[str, str]:
    """The same with those that have no options."""
    return kinds() | {kind: name for kind, name in PLAIN.items() if name in FUNCTIONS}


class Arguments(unittest.TestCase):
    def test_null_and_zero_everywhere(self):
        for name, (_, kinds_) in FUNCTIONS.items():
            answer = call(name, [empty(kind) for kind in kinds_])
            if takes_handle(name) and answers(name):
                self.assertLess(answer, 0, name)

    def test_null_with_every_number_at_its_ends(self):
        for name, (_, kinds_) in FUNCTIONS.items():
            if not any(kind in INTEGERS for kind in kinds_):
                continue
            for bits in (1, -1, 2**31 - 1, 2**63 - 1, -(2**63)):
                answer = call(name, [kind(bits) if kind in INTEGERS else empty(kind) for kind in kinds_])
                if takes_handle(name) and answers(name):
                    self.assertLess(answer, 0, (name, bits))

    def test_a_live_handle_with_nothing_else(self):
        """The handle is right, all pointers are NULL and all numbers 0 or 1: an answer or a code, no crash."""
        for kind in handles():
            handle = create(kind)
            for name, (_, arguments) in FUNCTIONS.items():
                if takes_handle(name) and name.startswith(kind + "_") and not name.endswith("_free"):
                    for bits in (0, 1):
                        call(name, [handle] + [k(bits) if k in INTEGERS else empty(k) for k in arguments[1:]])
            call(kind + "_free", [handle])

    def test_a_live_handle_of_another_type_is_refused(self):
        for kind in handles():
            handle = create(kind)
            for name, (_, arguments) in FUNCTIONS.items():
                if not takes_handle(name) or name.startswith(kind + "_"):
                    continue
                for bits in (0, 1):
                    rest = [other(bits) if other in INTEGERS else empty(other) for other in arguments[1:]]
                    answer = call(name, [handle, *rest])
                    if answers(name):
                        self.assertEqual(answer, _ffi.SEAWALL_E_WRONG_HANDLE, f"{name} with a {kind}")
            call(kind + "_free", [handle])

    def test_results_for_an_older_and_a_newer_caller(self):
        """A result struct that may grow is filled as far as the caller's goes, and not beyond; a struct_size that no
        struct can have is refused."""
        tried = 0
        for kind in handles():
            handle = create(kind)
            for name in (f"{kind}_stats", f"{kind}_get_stats", f"{kind}_get_snapshot"):
                _, arguments = FUNCTIONS.get(name, (None, ()))
                if not arguments or ctypes.c_char_p in arguments:
                    continue
                tried += 1
                known = ctypes.sizeof(arguments[-1]._type_)
                for size in range(0, known + 17, 4):
                    given = (ctypes.c_uint64 * (known // 8 + 2))(*[2**64 - 3] * (known // 8 + 2))
                    struct = ctypes.cast(given, arguments[-1])
                    struct.contents.struct_size = size
                    answer = call(name, [handle, *(0 for _ in arguments[1:-1]), struct])
                    good = size >= 16 and size % 8 == 0
                    self.assertEqual(answer, _ffi.SEAWALL_OK if good else _ffi.SEAWALL_E_INVALID_ARGUMENT, (name, size))
                    self.assertEqual(struct.contents.struct_size, size)
                    filled = min(size, known) // 8 if good else 1
                    self.assertNotIn(2**64 - 3, given[1:filled], (name, size))
                    self.assertEqual({*given[filled:]}, {2**64 - 3}, (name, size))
            call(kind + "_free", [handle])
        self.assertGreaterEqual(tried, 4)

    def refused(self, maker: str, text: bytes) -> str:
        """The message with which `maker` refuses this text."""
        handle = ctypes.c_void_p(1)
        given = {ctypes.c_char_p: text, ctypes.c_size_t: len(text), ctypes.c_int64: _ffi.SEAWALL_NOW}
        error = _ffi.seawall_error(struct_size=ctypes.sizeof(_ffi.seawall_error))
        pointers = {OUT_HANDLE: ctypes.byref(handle), ctypes.POINTER(_ffi.seawall_error): ctypes.byref(error)}
        arguments = [pointers[k] if k in pointers else given.get(k) for k in FUNCTIONS[maker][1]]
        if takes_handle(maker):
            arguments[0] = another(maker)
        self.assertEqual(call(maker, arguments), _ffi.SEAWALL_E_INVALID_ARGUMENT, (maker, text[:60]))
        self.assertIsNone(handle.value, f"{maker} left *out on failure")
        self.assertTrue(error.message, f"{maker} says nothing about {text[:60]!r}")
        return error.message.decode()

    def test_creation_from_text_that_is_no_json_object(self):
        for maker in kinds().values():
            for text in (b"", b"{", b"[]", b"1", b"null", b"\xff\xfe", b"{}{}", b'{"a":1,}', b"[" * 100_000):
                self.refused(maker, text)

    def test_creation_from_json_names_the_key_that_is_wrong(self):
        for kind, maker in kinds().items():
            self.assertIn("no_such_key", self.refused(maker, b'{"no_such_key": 1}'))
            for field, field_kind in options_of(kind)._fields_:
                if field == "struct_size" or field.startswith("reserved") or field_kind not in INTEGERS:
                    continue
                for value in ("true", "null", '"1"', "1.5", "[1]", "{}", str(2**64), str(-(2**63) - 1)):
                    said = self.refused(maker, f'{{"{field}": {value}}}'.encode())
                    self.assertIn(field, said, (maker, value))

    def test_options_of_other_sizes(self):
        """A struct_size of 0 is refused; a longer struct is read when what we do not know is zero, else refused."""
        makers = {kind: maker.removesuffix("_from_json") for kind, maker in kinds().items()}
        makers = {kind: maker for kind, maker in makers.items() if maker in FUNCTIONS}
        self.assertTrue(makers)
        for kind_, maker in makers.items():
            options = options_of(kind_)

            class Longer(ctypes.Structure):
                _fields_ = [("known", options), ("unknown", ctypes.c_uint64)]

            for size, unknown, accepted in (
                (0, 0, False),
                (ctypes.sizeof(options), 7, True),
                (ctypes.sizeof(Longer), 0, True),
                (ctypes.sizeof(Longer), 7, False),
            ):
                given = Longer(unknown=unknown)
                call(kind_ + "_options_init", [ctypes.byref(given.known)])
                for field, value in REQUIRED.get(kind_, {}).items():
                    text = isinstance(value, str)
                    setattr(given.known, field, _ffi.seawall_text(value.encode(), len(value)) if text else value)
                given.known.struct_size = size
                handle = ctypes.c_void_p()
                arguments = []
                for kind in FUNCTIONS[maker][1]:
                    if kind is ctypes.POINTER(options):
                        arguments.append(ctypes.byref(given.known))
                    elif kind is OUT_HANDLE:
                        arguments.append(ctypes.byref(handle))
                    else:
                        arguments.append(_ffi.SEAWALL_NOW if kind is ctypes.c_int64 else empty(kind))
                if takes_handle(maker):
                    arguments[0] = another(maker)
                code = call(maker, arguments)
                want = _ffi.SEAWALL_OK if accepted else _ffi.SEAWALL_E_INVALID_ARGUMENT
                self.assertEqual(code, want, (maker, size, unknown))
                self.assertEqual(bool(handle), accepted)
                call(kind_ + "_free", [handle])


if __name__ == "__main__":
    unittest.main(verbosity=0)
