# SPDX-License-Identifier: MIT
"""Which instances of which services exist, and which of them gets the next call.

    registry = ServiceRegistry()
    mine = registry.register("trading", "trading-1", "127.0.0.1", 8001)
    registry.heartbeat(mine.name, mine.generation)    # every mine.heartbeat_interval seconds
    registry.tick()                                   # every second

    trading = registry.service("trading")             # once
    with trading.call() as pick:                      # at each request; pick is None when nobody is healthy
        connect(pick.host, pick.port)

A service of another namespace than the default one is "namespace/service". An instance's name is its id with its service
in front, "trading/trading-1"; an id alone will do in the default namespace when no other service has an instance of it.

Everything may be used from any thread. `now_ns` is an instant of CLOCK_MONOTONIC in nanoseconds, for tests and replays;
without it the clock is read.
"""

import contextlib
import ctypes
import dataclasses
import enum
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Union

from . import _ffi
from ._library import NOW, Handle, SeawallError, check, lib, lib_waiting, new_error, read_text
from .circuit_breaker import Outcome

__all__ = ["AdminState", "Answer", "Health", "News", "Outcome", "Pick", "Registration", "SelfState", "Service", "ServiceRegistry", "Watch", "WatchedInstance", "instance_id"]


_DURATIONS = frozenset(
    ("ejection_duration", "max_ejection_duration", "ejection_decay", "probe_lease", "ewma_half_life", "failure_latency", "slow_start")
)


class SelfState(enum.IntEnum):
    """An instance's own word. It moves forward only."""

    STARTING = _ffi.SEAWALL_SELF_STARTING
    SERVING = _ffi.SEAWALL_SELF_SERVING
    DRAINING = _ffi.SEAWALL_SELF_DRAINING


class AdminState(enum.IntEnum):
    """The operator's word. DRAINING ends with the process, DISABLED stays with the id."""

    ENABLED = _ffi.SEAWALL_ADMIN_ENABLED
    DRAINING = _ffi.SEAWALL_ADMIN_DRAINING
    DISABLED = _ffi.SEAWALL_ADMIN_DISABLED


class Health(enum.IntEnum):
    """The prober's word."""

    PASSING = _ffi.SEAWALL_HEALTH_PASSING
    FAILING = _ffi.SEAWALL_HEALTH_FAILING
    WARNING = _ffi.SEAWALL_HEALTH_WARNING  # behind the others
    UNKNOWN = _ffi.SEAWALL_HEALTH_UNKNOWN  # before the first probe; in nobody's way


class Answer(enum.IntEnum):
    """What a verb that addresses an instance answers. True only for OK."""

    OK = _ffi.SEAWALL_OK
    UNKNOWN = _ffi.SEAWALL_E_NOT_FOUND  # register again, with the whole record
    FENCED = _ffi.SEAWALL_E_FENCED  # a newer generation took over: stop
    AMBIGUOUS = _ffi.SEAWALL_E_INVALID_ARGUMENT  # an id alone that several services have: write the service in front

    def __bool__(self) -> bool:
        return self is Answer.OK


@dataclasses.dataclass(frozen=True)
class Registration:
    """What a registered instance needs to know; times in seconds."""

    id: str
    name: str
    generation: int
    slot: int
    heartbeat_interval: float
    first_heartbeat: float
    lease: float


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


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


def _generation(number: int) -> int:
    return number if 0 <= number < 2**64 else 2**64 - 1  # never given; ctypes would cut it to one that was


def _int32(name: str, number: int) -> int:
    if not -(2**31) <= number < 2**31:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} is out of range: {number}")
    return number


def _pairs(metadata: Mapping[str, str]) -> Any:
    pairs = [(_bytes(name), _bytes(value)) for name, value in metadata.items()]
    return (_ffi.seawall_metadata * len(pairs))(*((n, len(n), v, len(v)) for n, v in pairs))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is for the library to refuse


def instance_id(host: Optional[str] = None, pid: Optional[int] = None) -> str:
    """An id that no other process start has: "host-pid-random". The defaults are this machine's and this process's."""
    text, out = _bytes(socket.gethostname() if host is None else host), ctypes.create_string_buffer(64)
    check(lib.seawall_instance_id(text, len(text), os.getpid() if pid is None else pid, out, len(out), None))
    return out.value.decode()


class _RegistryHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_registry_free


class _ServiceHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_service_free


class Service:
    """The handle of one service, from ServiceRegistry.service()."""

    def __init__(self, registry: "ServiceRegistry", name: str):
        out, error, text = ctypes.c_void_p(), new_error(), _bytes(name)
        check(lib.seawall_registry_service(registry._handle, text, len(text), ctypes.byref(out), error), error)
        self._handle = _ServiceHandle(out.value)
        self._registry = registry  # a service must not outlive its registry
        self.name = name

    def pick(self, exclude: Sequence[int] = (), *, key: Union[str, bytes, None] = None, now_ns: int = NOW) -> Optional[Pick]:
        """The instance that the balancer chooses and whose slot is not in `exclude`, or None; `key` is for balancers that
        choose by key. Give it back with done(), once."""
        exclude = [slot for slot in exclude if 0 <= slot < 2**32]  # others are nobody's, and ctypes would cut them
        slots = (ctypes.c_uint32 * len(exclude))(*exclude)
        out = _ffi.seawall_pick()
        if key is None:
            found = check(lib.seawall_service_pick(self._handle, slots, len(exclude), now_ns, out))
        else:
            text = _bytes(key) if isinstance(key, str) else key
            found = check(lib.seawall_service_pick_for(self._handle, text, len(text), slots, len(exclude), now_ns, out))
        if not found:
            return None
        return Pick(out.id.decode(), out.host.decode(), out.port, out.slot, out.generation, out.ticket, out.flags)

    def done(self, pick: Pick, outcome: Outcome = Outcome.SUCCESS, took: Optional[float] = None, *, now_ns: int = NOW) -> bool:
        """Ends a pick; `took` is how long the call took, in seconds. False: it was over before, nothing is changed."""
        ns = _ffi.SEAWALL_UNKNOWN_DURATION if took is None else max(0, _ns(took))
        return check(lib.seawall_service_done(self._handle, pick.ticket, Outcome(outcome), ns, now_ns)) == _ffi.SEAWALL_REPORT_RECORDED

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


class _WatchHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_watch_free


class Watch:
    """What changes of one service, from ServiceRegistry.watch(). One thread at a time."""

    def __init__(self, registry: "ServiceRegistry", name: str):
        out, error, text = ctypes.c_void_p(), new_error(), _bytes(name)
        check(lib.seawall_registry_watch(registry._handle, text, len(text), ctypes.byref(out), error), error)
        self._handle = _WatchHandle(out.value)
        self._registry = registry  # a watch must not outlive its registry
        self.name = name

    def poll(self, *, now_ns: int = NOW) -> Optional[News]:
        """What is new since the last poll, or None. It waits for nothing."""
        if not check(lib.seawall_watch_poll(self._handle, now_ns)):
            return None
        told = json.loads(read_text(lambda *to: lib.seawall_watch_to_json(self._handle, *to)))
        lists = {
            name: tuple(WatchedInstance(**instance) for instance in told[name])
            for name in ("instances", "added", "removed", "changed")
        }
        return News(told["epoch"], told["version"], told["age_ms"] / 1000, told["reset"], **lists)


class ServiceRegistry:
    """A registry. Times are seconds; None means the default of capi/seawall_c.h."""

    def __init__(
        self,
        *,
        heartbeat_interval: Optional[float] = None,
        lease: Optional[float] = None,
        expired_retention: Optional[float] = None,
        tick_tolerance: Optional[float] = None,
        suspect_after: Optional[float] = None,
        heartbeat_jitter_percent: Optional[int] = None,
        one_per_endpoint: bool = False,
        max_expired_percent: Optional[int] = None,
        guard_from: Optional[int] = None,
        expiry_ceiling: Optional[float] = None,
        max_services: Optional[int] = None,
        max_instances: Optional[int] = None,
        max_instances_per_service: Optional[int] = None,
        max_metadata_bytes: Optional[int] = None,
        max_in_flight: Optional[int] = None,
        max_hashed_services: Optional[int] = None,
        hash_table_size: Optional[int] = None,
        ticket_deadline: Optional[float] = None,
        first_generation: Optional[int] = None,
        now_ns: int = NOW,
    ):
        durations = {
            "heartbeat_interval_ns": heartbeat_interval,
            "lease_ns": lease,
            "expired_retention_ns": expired_retention,
            "tick_tolerance_ns": tick_tolerance,
            "ticket_deadline_ns": ticket_deadline,
            "suspect_after_ns": suspect_after,
            "expiry_ceiling_ns": expiry_ceiling,
        }
        options = {name: _ns(seconds) for name, seconds in durations.items() if seconds is not None}
        counts = {
            "max_services": max_services,
            "max_instances": max_instances,
            "max_instances_per_service": max_instances_per_service,
            "max_metadata_bytes": max_metadata_bytes,
            "max_in_flight": max_in_flight,
            "max_hashed_services": max_hashed_services,
            "hash_table_size": hash_table_size,
            "first_generation": first_generation,
            "heartbeat_jitter_percent": heartbeat_jitter_percent,
            "one_per_endpoint": int(one_per_endpoint),
            "max_expired_percent": max_expired_percent,
            "guard_from": guard_from,
        }
        options.update((name, count) for name, count in counts.items() if count is not None)
        out, error, text = ctypes.c_void_p(), new_error(), json.dumps(options).encode()
        check(lib.seawall_registry_new_from_json(text, len(text), now_ns, ctypes.byref(out), error), error)
        self._handle = _RegistryHandle(out.value)

    def register(
        self,
        service: str,
        id: str,
        host: str,
        port: int,
        *,
        weight: int = 1,
        zone: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        state: SelfState = SelfState.SERVING,
        now_ns: int = NOW,
    ) -> Registration:
        """Adds an instance or replaces the one with this id. Raises SeawallError that names the field or the bound."""
        given, keep = _ffi.seawall_instance(), []
        lib.seawall_instance_init(given)
        for name, text in (("service", service), ("id", id), ("host", host), ("zone", zone)):
            data = _bytes(text)
            setattr(given, name, data)
            setattr(given, name + "_size", len(data))
            keep.append(data)
        given.metadata, given.metadata_count = _pairs(metadata or {}), len(metadata or {})
        given.port, given.weight = _int32("port", port), _int32("weight", weight)
        given.state = SelfState(state)
        out, error = _ffi.seawall_registration(), new_error()
        check(lib.seawall_registry_register(self._handle, given, now_ns, out, error), error)
        times = (out.heartbeat_interval_ns / 1e9, out.first_heartbeat_ns / 1e9, out.lease_ns / 1e9)
        return Registration(id, f"{service}/{id}", out.generation, out.slot, *times)

    def heartbeat(self, id: str, generation: int, state: Optional[SelfState] = None, *, now_ns: int = NOW) -> Answer:
        """Renews the lease and nothing else, except the instance's own state when it is given."""
        text, said = _bytes(id), _ffi.SEAWALL_SELF_UNCHANGED if state is None else SelfState(state)
        return self._answer(lib.seawall_registry_heartbeat(self._handle, text, len(text), _generation(generation), said, now_ns))

    def set_admin(self, id: str, state: AdminState, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """The operator's word. Generation 0: whoever has the id now."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_set_admin(self._handle, text, len(text), _generation(generation), AdminState(state), now_ns))

    def drain(
        self, id: str, generation: int = 0, *, within: Optional[float] = None, now_ns: int = NOW
    ) -> Answer:
        """No new picks; calls in flight go on.

        With `within`, tick takes the instance out when no call is in flight, or after so many seconds: it is expired
        then and its process fenced. drained() tells how far it is.
        """
        if within is None:
            return self.set_admin(id, AdminState.DRAINING, generation, now_ns=now_ns)
        text, now = _bytes(id), time.monotonic_ns() if now_ns == NOW else now_ns
        deadline = min(max(now + _ns(within), NOW + 1), 2**63 - 1)
        return self._answer(lib.seawall_registry_drain_until(self._handle, text, len(text), _generation(generation), deadline, now))

    def drained(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> bool:
        """Whether it drains and no call is in flight, or its drain is over, or it is gone. Never waits."""
        text = _bytes(id)
        code = lib.seawall_registry_drained(self._handle, text, len(text), _generation(generation), now_ns, None)
        return code == _ffi.SEAWALL_E_NOT_FOUND or check(code) == 1

    def set_health(self, id: str, health: Health, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """The prober's word."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_set_health(self._handle, text, len(text), _generation(generation), Health(health), now_ns))

    def restore(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """Closes the instance's breaker: who was ejected for its failures is picked again."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_restore(self._handle, text, len(text), _generation(generation), now_ns))

    def update(
        self,
        id: str,
        generation: int = 0,
        *,
        weight: Optional[int] = None,
        zone: Optional[str] = None,
        metadata: Optional[Mapping[str, str]] = None,
        now_ns: int = NOW,
    ) -> Answer:
        """Changes what is given of a live instance; its generation, calls in flight and counts stay."""
        given, text = _ffi.seawall_instance_update(), _bytes(id)
        lib.seawall_instance_update_init(given)
        if weight is not None:
            if weight < 0:
                raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"weight is out of range: {weight}")
            given.weight = _int32("weight", weight)
        data = None if zone is None else _bytes(zone)
        given.zone, given.zone_size = data, len(data or b"")
        if metadata is not None:
            given.metadata, given.metadata_count = _pairs(metadata), len(metadata)
        error = new_error()
        code = lib.seawall_registry_update(self._handle, text, len(text), _generation(generation), given, now_ns, error)
        if error.code != 0:
            check(code, error)
        return self._answer(code)

    def deregister(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """Removes the instance at once."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_deregister(self._handle, text, len(text), _generation(generation), now_ns))

    def tick(self, *, now_ns: int = NOW) -> int:
        """Ends leases, removes what has long expired; call it every second. How many leases ended."""
        return check(lib_waiting.seawall_registry_tick(self._handle, now_ns))

    def service(self, name: str) -> Service:
        """The handle of a service, which may have no instance yet."""
        return Service(self, name)

    def watch(self, name: str) -> Watch:
        """News of one service, which need not be known yet."""
        return Watch(self, name)

    @property
    def version(self) -> int:
        """Grows with every change that a pick can see."""
        out = ctypes.c_uint64()
        check(lib.seawall_registry_version(self._handle, ctypes.byref(out)))
        return out.value

    def configure(self, service: Optional[str] = None, **options: Any) -> None:
        """How calls to a service are spread and who is ejected, from now on; None: of all that are not configured by
        name. The options are those of seawall_service_options in capi/seawall_c.h, durations in seconds and without
        their _ns: configure("trading", balancer="peak_ewma", zone="west", panic_threshold=30, ejection_duration=10).
        What is left out has its default. Raises SeawallError that names the option."""
        given = {name + "_ns" if name in _DURATIONS else name: _ns(value) if name in _DURATIONS else value for name, value in options.items()}
        name, text, error = _bytes(service or ""), json.dumps(given).encode(), new_error()
        check(lib_waiting.seawall_registry_configure_from_json(self._handle, name, len(name), text, len(text), error), error)

    def explain(self, service: str, *, now_ns: int = NOW) -> Optional[dict[str, Any]]:
        """Why its picks go where they go: {service, balancer, panic, eligible, known, ejected, instances: [{id, verdict,
        reasons, ...}]}; None for a service that is not known."""
        text = self._explained(service, 1, now_ns)
        return None if text is None else json.loads(text)

    def explain_text(self, service: str, *, now_ns: int = NOW) -> Optional[str]:
        """The same in lines for people."""
        return self._explained(service, 0, now_ns)

    def _explained(self, service: str, as_json: int, now_ns: int) -> Optional[str]:
        name = _bytes(service)
        try:
            return read_text(lambda *to: lib_waiting.seawall_registry_explain_text(self._handle, name, len(name), as_json, now_ns, *to))
        except SeawallError as error:
            if error.code == _ffi.SEAWALL_E_NOT_FOUND:
                return None
            raise

    def services(self, *, now_ns: int = NOW) -> dict[str, Any]:
        """{name: {host, port, healthy, protected, instances: [{id, host, port, healthy, state, weight, ...}]}}"""
        return json.loads(read_text(lambda *to: lib_waiting.seawall_registry_to_json(self._handle, now_ns, *to)))

    def find(self, id: str, *, now_ns: int = NOW) -> Optional[dict[str, Any]]:
        """The listing's entry of one instance."""
        service, _, alone = id.rpartition("/")
        services = self.services(now_ns=now_ns)
        among = [services.get(service)] if service else [s for name, s in services.items() if "/" not in name]
        found = [i for s in among if s for i in s["instances"] if i["id"] == alone]
        return found[0] if len(found) == 1 else None

    @staticmethod
    def _answer(code: int) -> Answer:
        return Answer(code) if code in tuple(Answer) else Answer(check(code))
