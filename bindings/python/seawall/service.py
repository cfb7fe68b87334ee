# SPDX-License-Identifier: MIT
"""What a process needs that only picks: services, watches, and readers of a registry that another process writes."""

import contextlib
import ctypes
import dataclasses
import enum
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

from . import _ffi
from ._library import NOW, Handle, check, instant, lib, made, nanoseconds, place, read_text
from .circuit_breaker import Outcome

__all__ = ["News", "Pick", "Service", "ServiceReader", "ViewState", "Watch", "WatchedInstance"]


class ViewState(enum.IntEnum):
    """Who is in the list of a service or a view."""

    MATCHED = _ffi.SEAWALL_VIEW_STATE_MATCHED  # those asked for; of a service that is no view, all
    UNFILTERED = _ffi.SEAWALL_VIEW_STATE_UNFILTERED  # the selector matches nobody, so it is the whole service
    NOBODY = _ffi.SEAWALL_VIEW_STATE_NOBODY  # nobody who could get traffic, even in panic

    def __str__(self) -> str:
        return lib.seawall_view_state_name(self).decode()


@dataclasses.dataclass(frozen=True)
class Pick:
    """The instance that gets a call. `slot` is an index into arrays of your own; `ticket` is for Service.done."""

    id: str
    host: str
    port: int
    slot: int
    generation: int
    ticket: int
    flags: int = 0

    @property
    def panic(self) -> bool:
        """Too few are eligible: all that are known get their share, this one may not be well."""
        return bool(self.flags & _ffi.SEAWALL_PICK_PANIC)

    @property
    def probe(self) -> bool:
        """It was ejected, and this call decides whether it comes back."""
        return bool(self.flags & _ffi.SEAWALL_PICK_PROBE)

    @property
    def spilled(self) -> bool:
        """It is in another zone than the caller."""
        return bool(self.flags & _ffi.SEAWALL_PICK_SPILLED)

    @property
    def unfiltered(self) -> bool:
        """The view's selector matches nobody: it is any of the service."""
        return bool(self.flags & _ffi.SEAWALL_PICK_UNFILTERED)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is for the library to refuse


class _PlacedHandle(Handle):
    """Of what lies in memory that others own, which stays mapped until this is freed."""

    def __new__(cls, address: int, free: Any, memory: Any) -> "_PlacedHandle":
        self = super().__new__(cls, address)

        def free_and_let_go(handle: int, memory: Any = memory) -> None:
            free(handle)

        self._free = free_and_let_go
        return self


def _placed(free: Any, memory: Any, make: Any) -> _PlacedHandle:
    bytes_there = place(memory)
    return _PlacedHandle(made(make, ctypes.addressof(bytes_there), len(bytes_there)), free, bytes_there)


class _ServiceHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_service_free


class Service:
    """The handle of one service or view, from service() of a registry or reader, or view()."""

    def __init__(self, registry: Any, name: str, view: Optional[_ffi.seawall_view_options] = None):
        text = _bytes(name)
        if view is None:
            address = made(registry._resolve, registry._handle, text, len(text))
        else:
            address = made(lib.seawall_registry_view, registry._handle, text, len(text), view)
        self._handle = _ServiceHandle(address)
        self._registry = registry  # a service must not outlive its registry
        self.name = name

    @property
    def view_state(self) -> ViewState:
        """Whether a view's selector matches anybody."""
        return ViewState(check(lib.seawall_service_view_state(self._handle)))

    @property
    def size(self) -> int:
        """How many instances the current list holds: those healthy when it was made."""
        return check(lib.seawall_service_size(self._handle))

    def pick(self, exclude: Sequence[int] = (), *, key: Union[str, bytes, None] = None, now_ns: int = NOW) -> Optional[Pick]:
        """The instance that the balancer chooses and whose slot is not in `exclude`, or None; `key` is for balancers that
        choose by key. Give it back with done(), once."""
        exclude = [slot for slot in exclude if 0 <= slot < 2**32]  # others are nobody's, and ctypes would cut them
        slots = (ctypes.c_uint32 * len(exclude))(*exclude)
        out = _ffi.seawall_pick()
        if key is None:
            found = check(lib.seawall_service_pick(self._handle, slots, len(exclude), now_ns if now_ns == NOW else instant(now_ns), out))
        else:
            text = _bytes(key) if isinstance(key, str) else key
            found = check(lib.seawall_service_pick_for(self._handle, text, len(text), slots, len(exclude), now_ns if now_ns == NOW else instant(now_ns), out))
        if not found:
            return None
        return Pick(out.id.decode(), out.host.decode(), out.port, out.slot, out.generation, out.ticket, out.flags)

    def done(self, pick: Pick, outcome: Outcome = Outcome.SUCCESS, took: Optional[float] = None, *, now_ns: int = NOW) -> bool:
        """Ends a pick; `took` is how long the call took, in seconds. False: it was over before, nothing is changed."""
        ns = _ffi.SEAWALL_UNKNOWN_DURATION if took is None else max(0, nanoseconds("took", took))
        return check(lib.seawall_service_done(self._handle, pick.ticket, Outcome(outcome), ns, now_ns if now_ns == NOW else instant(now_ns))) == _ffi.SEAWALL_REPORT_RECORDED

    @contextlib.contextmanager
    def call(self, exclude: Sequence[int] = ()) -> Iterator[Optional[Pick]]:
        """A pick for the length of a block; the call failed if the block raises an Exception."""
        pick = self.pick(exclude)
        begun = time.monotonic()
        outcome = Outcome.IGNORED  # cancelled, unless one of the two below
        try:
            yield pick
            outcome = Outcome.SUCCESS
        except Exception:
            outcome = Outcome.FAILURE
            raise
        finally:
            if pick is not None:
                self.done(pick, outcome, time.monotonic() - begun)


@dataclasses.dataclass(frozen=True)
class WatchedInstance:
    """An instance that may get traffic."""

    id: str
    host: str
    port: int
    weight: int
    zone: str
    slot: int
    generation: int


@dataclasses.dataclass(frozen=True)
class News:
    """A service at a version, and what is different from the poll before. `age` is seconds since the registry's last
    tick. `reset`: the registry is another one or its version went back; all that stayed is then in `changed`."""

    epoch: str
    version: int
    age: float
    reset: bool
    instances: tuple[WatchedInstance, ...]
    added: tuple[WatchedInstance, ...]
    removed: tuple[WatchedInstance, ...]
    changed: tuple[WatchedInstance, ...]
    view: ViewState = ViewState.MATCHED


class _WatchHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_watch_free


class Watch:
    """What changes of one service or view, from watch() of a registry or reader. One thread at a time."""

    def __init__(self, registry: Any, name: str):
        text = _bytes(name)
        self._handle = _WatchHandle(made(registry._follow, registry._handle, text, len(text)))
        self._registry = registry  # a watch must not outlive its registry
        self.name = name

    def poll(self, *, now_ns: int = NOW) -> Optional[News]:
        """What is new since the last poll, or None. It waits for nothing."""
        if not check(lib.seawall_watch_poll(self._handle, instant(now_ns))):
            return None
        told = json.loads(read_text(lambda *to: lib.seawall_watch_to_json(self._handle, *to)))
        lists = {
            name: tuple(WatchedInstance(**instance) for instance in told[name])
            for name in ("instances", "added", "removed", "changed")
        }
        return News(told["epoch"], told["version"], told["age_ms"] / 1000, told["reset"], view=ViewState[told["view"].upper()], **lists)


class ServiceReader:
    """Picks from the registry that a process made, or makes, in this memory; `memory` is a buffer that can be written."""

    _resolve, _follow = lib.seawall_reader_service, lib.seawall_reader_watch

    def __init__(self, memory: Any):
        self._handle = _placed(lib.seawall_reader_free, memory, lib.seawall_reader_attach)

    def service(self, name: str) -> Service:
        """The handle of a service or view that the registry knows; raises SeawallError (SEAWALL_E_NOT_FOUND) else."""
        return Service(self, name)

    def watch(self, name: str) -> Watch:
        """News of one service or view, which need not be known yet."""
        return Watch(self, name)

    @property
    def version(self) -> int:
        """Grows with every change that a pick can see."""
        out = ctypes.c_uint64()
        check(lib.seawall_reader_version(self._handle, ctypes.byref(out)))
        return out.value
