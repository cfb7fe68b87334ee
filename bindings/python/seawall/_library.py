# SPDX-License-Identifier: MIT
"""Finds and loads libseawall.so, and turns its status codes into exceptions."""

import atexit
import ctypes
import ctypes.util
import gc
import os
import pathlib
from collections.abc import Callable
from typing import Any, Union

from . import _ffi


class SeawallError(Exception):
    """A call that failed; `code` is one of the SEAWALL_E_* numbers. A refusal is never an error."""

    def __init__(self, code: int, message: str):
        super().__init__(code, message)  # both, so that it can be pickled: worker processes send it to their parent
        self.code = code

    def __str__(self) -> str:
        return self.args[1]


def _candidates(name: str, variable: str):
    """Where the library may be, best first: named by the user, in a wheel, in a source tree, on the system."""
    if named := os.environ.get(variable):
        yield named
        return
    here = pathlib.Path(__file__).resolve().parent
    for folder in (here, here.parent.parent.parent / "build" / "release" / "lib"):
        if (path := folder / f"lib{name}.so").exists():
            yield str(path)
    if found := ctypes.util.find_library(name):
        yield found


def load(name: str, variable: str, table):
    """The library twice: what the first calls keeps the GIL, the second gives it away. `table`: its ctypes table."""
    for path in _candidates(name, variable):
        try:
            library, waiting = table.declare(ctypes.PyDLL(path)), table.declare(ctypes.CDLL(path))
        except OSError as error:
            raise ImportError(f"lib{name}.so cannot be loaded: {error}") from error
        version = getattr(library, f"{name}_abi_version")()
        if version != _ffi.SEAWALL_ABI_VERSION:
            raise ImportError(f"{path} has ABI version {version}, this package needs {_ffi.SEAWALL_ABI_VERSION}")
        return library, waiting
    raise ImportError(f"lib{name}.so not found: set {variable} to its path, install it, or run `make build`")


# A call that never waits is shorter than giving the GIL away and taking it back. What walks a table, writes pages of text
# or waits for another thread goes through lib_waiting, so that the other Python threads run meanwhile.
lib, lib_waiting = load("seawall", "SEAWALL_LIBRARY", _ffi)
NOW = _ffi.SEAWALL_NOW


def bare(function: Callable) -> Callable:
    """The same function of `lib` without the types of its arguments, for the hottest calls: ctypes then passes what it is
    given as it is, in half the time. That may be bytes, None, what ctypes has made (objects, byref(), prepared()), and
    for an int32_t an int."""
    return lib[function.__name__]


def prepared(kind: Any, value: Any) -> Any:
    """A value as an argument of this ctypes type, made once for many calls of what bare() gave."""
    return kind.from_param(value)


class Handle(int):
    """An object of the library, freed when the last Python object that holds this is gone; subclasses say how.

    The garbage collector runs the finalisers of a cycle in any order. What it finalises is freed when it has done, so
    that a ticket's `__del__` or a generator's `finally` never meets a handle that was freed before; what borrows another
    handle goes first. At exit, when it no longer says when it has done, nothing is freed.
    """

    __slots__ = ()
    _free: Callable[[int], None]
    _borrows = False
    _collecting = False
    _condemned: list[tuple[Callable[[int], None], int]] = []

    def __del__(self) -> None:
        if self._collecting:  # through self: at exit the names of this module may be gone
            self._condemned.insert(len(self._condemned) if self._borrows else 0, (self._free, int(self)))
        else:
            self._free(self)

    @staticmethod
    def _collection(phase: str, _info: dict) -> None:
        Handle._collecting = phase == "start"
        while Handle._condemned and not Handle._collecting:
            free, address = Handle._condemned.pop()
            free(address)

    @staticmethod
    def _at_exit() -> None:
        gc.callbacks.remove(Handle._collection)
        Handle._collecting = True


gc.callbacks.append(Handle._collection)
atexit.register(Handle._at_exit)


def new_error() -> _ffi.seawall_error:
    return _ffi.seawall_error(struct_size=ctypes.sizeof(_ffi.seawall_error))


def check(code: int, error: "_ffi.seawall_error | None" = None) -> int:
    """`code` when it is an answer (0 or more); else raises SeawallError with the text of `error`."""
    if code >= 0:
        return code
    text = error.message.decode("utf-8", "replace") if error is not None and error.message else ""
    raise SeawallError(code, text or lib.seawall_code_name(code).decode())


def address(out: ctypes.c_void_p) -> int:
    """Of what a call that succeeded has made."""
    assert out.value is not None
    return out.value


def made(create: Callable[..., int], *given: Any) -> int:
    """The address of what create(*given, out, error) makes, for a Handle."""
    out, error = ctypes.c_void_p(), new_error()
    check(create(*given, ctypes.byref(out), error), error)
    return address(out)


def field(struct: type[ctypes.Structure], name: str) -> Callable[[Any], Any]:
    """Reads a field of this struct, also from one of a subclass where the name is a property's."""
    return getattr(struct, name).__get__


def fill(struct: ctypes.Structure, values: dict, path: str = "") -> None:
    """Sets the fields of these names. Raises SeawallError for a number that ctypes would cut silently."""
    for name, value in values.items():
        setattr(struct, name, value)
        if getattr(struct, name) != value:
            raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{path}{name} does not fit: {value}")


def fitted(name: str, value: int, kind: type) -> int:
    """The same for an argument of this ctypes type: `value`."""
    if kind(value).value != value:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} does not fit: {value}")
    return value


def instant(now_ns: int) -> int:
    """`now_ns`, where ctypes would cut what does not fit."""
    if not -(2**63) <= now_ns < 2**63:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"now_ns is out of range: {now_ns}")
    return now_ns


_Instant = ctypes.c_int64
def nanoseconds(name: str, seconds: float, rounded: Callable = round) -> int:
    """The `seconds` of the option `name`. Raises SeawallError that names it when they are not a number or infinite, TypeError
    when they are of another type."""
    try:
        return rounded((seconds - 0) * 1_000_000_000)  # of a text nothing can be subtracted: it would be repeated
    except TypeError:
        raise TypeError(f"{name} is a number of seconds, not {seconds!r}") from None
    except (OverflowError, ValueError):
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} is out of range: {seconds}") from None


# What the hottest calls are given most.
CLOCK = prepared(ctypes.c_int64, NOW)
ONE = prepared(ctypes.c_int64, 1)


def moment(now_ns: int) -> Any:
    """The same as an argument of what bare() gave."""
    if -(2**63) < now_ns < 2**63:
        return _Instant(now_ns)
    return CLOCK if now_ns == NOW else _Instant(instant(now_ns))


class _Sizes(dict[int, Any]):
    def __missing__(self, size: int) -> Any:
        return ctypes.c_size_t(size)


# A size as an argument of what bare() gave: SIZES[len(data)]. Those of short texts are made once.
SIZES = _Sizes((size, prepared(ctypes.c_size_t, size)) for size in range(256))


def key_bytes(key: Union[str, bytes]) -> bytes:
    """A key as the library reads it: any bytes."""
    if isinstance(key, str):
        return key.encode("utf-8", "surrogatepass")
    if isinstance(key, bytes):
        return key
    raise TypeError(f"str or bytes needed, not {key!r}")


def place(memory: Any) -> ctypes.Array:
    """The bytes of a buffer that can be written. They cannot be unmapped while this object lives."""
    return (ctypes.c_char * memoryview(memory).nbytes).from_buffer(memory)


def read_text(call, error: "_ffi.seawall_error | None" = None) -> str:
    """The text that `call(buffer, capacity, needed)` writes, whatever its length."""
    needed = ctypes.c_size_t(0)
    capacity = 256
    while True:
        buffer = ctypes.create_string_buffer(capacity)
        code = call(buffer, capacity, ctypes.byref(needed))
        if code != _ffi.SEAWALL_E_BUFFER_TOO_SMALL:
            check(code, error)
            return buffer.raw[: needed.value].decode("utf-8", "replace")
        capacity = needed.value + 1


def version() -> str:
    return lib.seawall_version().decode()
