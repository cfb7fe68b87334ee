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

Processes share a registry in memory that all of them map (an mmap, a multiprocessing.shared_memory buffer):

    shared = multiprocessing.shared_memory.SharedMemory(create=True, size=ServiceRegistry.memory_for())
    registry = ServiceRegistry(memory=shared.buf)                   # one writes it
    trading = ServiceReader(shared.buf).service("trading")          # others pick, whether it lives or not
    registry = ServiceRegistry.take_over(shared.buf)                # and one goes on when the writer is gone
    del registry, trading                                           # each process, when it is done: first these,
    shared.close()                                                  # then its mapping

Memory cannot be unmapped below a registry or reader, nor below a service or watch of one: a shared memory that is closed
while one of them lives, or is left to the end of the process, raises BufferError.

Everything may be used from any thread. `now_ns` is an instant of CLOCK_MONOTONIC in nanoseconds, for tests and replays;
without it the clock is read.
"""

import ctypes
import dataclasses
import enum
import json
import os
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from . import _ffi
from ._library import (
    NOW,
    Handle,
    SeawallError,
    check,
    fill,
    instant,
    lib,
    lib_waiting,
    made,
    nanoseconds,
    new_error,
    read_text,
)
from .circuit_breaker import Outcome
from .service import News, Pick, Service, ServiceReader, ViewState, Watch, WatchedInstance, _bytes, _placed

__all__ = ["AdminState", "Answer", "Health", "News", "Outcome", "NewInstance", "Pick", "Registration", "SelfState", "Service", "ServiceReader", "ServiceRegistry", "ViewState", "Watch", "WatchedInstance", "instance_id"]


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
class NewInstance:
    """What ServiceRegistry.register takes, for register_all."""

    service: str
    id: str
    host: str
    port: int
    weight: int = 1
    zone: str = ""
    metadata: Optional[Mapping[str, str]] = None
    state: SelfState = SelfState.SERVING


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


def _generation(number: int) -> int:
    return number if 0 <= number < 2**64 else 2**64 - 1  # never given; ctypes would cut it to one that was


def _int32(name: str, number: int) -> int:
    if not -(2**31) <= number < 2**31:
        raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} is out of range: {number}")
    return number


def _pairs(metadata: Mapping[str, str]) -> Any:
    pairs = [(_bytes(name), _bytes(value)) for name, value in metadata.items()]
    return (_ffi.seawall_metadata * len(pairs))(*(_ffi.seawall_metadata(n, len(n), v, len(v)) for n, v in pairs))


def instance_id(host: Optional[str] = None, pid: Optional[int] = None) -> str:
    """An id that no other process start has: "host-pid-random". The defaults are this machine's and this process's."""
    text, out = _bytes(socket.gethostname() if host is None else host), ctypes.create_string_buffer(64)
    check(lib.seawall_instance_id(text, len(text), os.getpid() if pid is None else pid, out, len(out), None))
    return out.value.decode()


class _RegistryHandle(Handle):
    __slots__ = ()
    _free = lib.seawall_registry_free


_SECONDS = frozenset(
    ("heartbeat_interval", "lease", "expired_retention", "tick_tolerance", "ticket_deadline", "suspect_after", "expiry_ceiling")
)


def _config(options: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in options.items() if value is not None}
    return json.dumps({name + "_ns" if name in _SECONDS else name: nanoseconds(name, value) if name in _SECONDS else int(value) for name, value in given.items()}).encode()


class ServiceRegistry:
    """A registry. Times are seconds; None means the default of capi/seawall_c.h.

    It is in memory of this process, or in `memory`: a buffer that can be written, aligned to 64 bytes (mapped memory is)
    and at least memory_for() long. This process then is its writer, by a lease of `writer_lease` (3 seconds) that each
    call renews.
    """

    _resolve, _follow = lib.seawall_registry_service, lib.seawall_registry_watch

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
        memory: Any = None,
        writer_lease: Optional[float] = None,
        now_ns: int = NOW,
    ):
        text = _config({
            "heartbeat_interval": heartbeat_interval,
            "lease": lease,
            "expired_retention": expired_retention,
            "tick_tolerance": tick_tolerance,
            "suspect_after": suspect_after,
            "heartbeat_jitter_percent": heartbeat_jitter_percent,
            "one_per_endpoint": one_per_endpoint,
            "max_expired_percent": max_expired_percent,
            "guard_from": guard_from,
            "expiry_ceiling": expiry_ceiling,
            "max_services": max_services,
            "max_instances": max_instances,
            "max_instances_per_service": max_instances_per_service,
            "max_metadata_bytes": max_metadata_bytes,
            "max_in_flight": max_in_flight,
            "max_hashed_services": max_hashed_services,
            "hash_table_size": hash_table_size,
            "ticket_deadline": ticket_deadline,
            "first_generation": first_generation,
        })
        if memory is not None:
            self._handle = self._make_in(lib.seawall_registry_new_in, text, memory, writer_lease, now_ns)
            return
        if writer_lease is not None:
            raise ValueError("writer_lease is for a registry in memory of yours")
        self._handle = _RegistryHandle(made(lib.seawall_registry_new_from_json, text, len(text), instant(now_ns)))

    @staticmethod
    def memory_for(**options: Any) -> int:
        """The bytes that a registry of these options needs."""
        text, size, error = _config(options), ctypes.c_size_t(), new_error()
        check(lib.seawall_registry_memory_for(text, len(text), ctypes.byref(size), error), error)
        return size.value

    @classmethod
    def take_over(
        cls, memory: Any, *, at_once: bool = False, writer_lease: Optional[float] = None, now_ns: int = NOW, **options: Any
    ) -> "ServiceRegistry":
        """Goes on with the registry in this memory after its writer: with its instances, views, versions and
        generations; services have to be configured anew. The options are those it was made with. Raises SeawallError
        (SEAWALL_E_FENCED) while the writer's lease runs; at_once is for who knows that it is dead."""
        self, text = cls.__new__(cls), _config(options)
        make = lambda text, size, place, bytes, *rest: lib.seawall_registry_take_over(text, size, place, bytes, int(at_once), *rest)
        self._handle = cls._make_in(make, text, memory, writer_lease, now_ns)
        return self

    @staticmethod
    def _make_in(make: Any, text: bytes, memory: Any, writer_lease: Optional[float], now_ns: int) -> Handle:
        if writer_lease is not None and not 1e-9 <= writer_lease < 2**33:  # not cut, and 0 would be the default
            raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"writer_lease is out of range: {writer_lease}")
        lease_ns = 0 if writer_lease is None else nanoseconds("writer_lease", writer_lease)
        return _placed(lib.seawall_registry_free, memory, lambda at, size, *out: make(text, len(text), at, size, lease_ns, instant(now_ns), *out))

    @property
    def writes(self) -> bool:
        """Whether this still is the writer of its memory. One that is not changes nothing and answers UNKNOWN."""
        return bool(check(lib.seawall_registry_writes(self._handle)))

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
        one = NewInstance(service, id, host, port, weight, zone, metadata, state)
        given = _ffi.seawall_instance()
        keep: list[bytes] = []
        self._fill(given, one, keep)
        out, error = _ffi.seawall_registration(), new_error()
        check(lib.seawall_registry_register(self._handle, given, instant(now_ns), out, error), error)
        return self._registration(one, out)

    def register_all(self, instances: Iterable[NewInstance], *, now_ns: int = NOW) -> list[Union[Registration, SeawallError]]:
        """Many at once, for each its registration or why it was refused (the first one in words). The list of each
        service is written once, where one by one they cost the square of their number."""
        all_of_them = list(instances)
        keep: list[bytes] = []
        given = (_ffi.seawall_instance * len(all_of_them))()
        for raw, one in zip(given, all_of_them):
            self._fill(raw, one, keep)
        out, codes = (_ffi.seawall_registration * len(given))(), (ctypes.c_int32 * len(given))()
        error = new_error()
        check(lib_waiting.seawall_registry_register_many(self._handle, given, len(given), instant(now_ns), out, codes, error), error)
        texts = iter([error.message.decode("utf-8", "replace")])
        return [
            self._registration(one, raw) if code == 0 else SeawallError(code, next(texts, lib.seawall_code_name(code).decode()))
            for one, raw, code in zip(all_of_them, out, codes)
        ]

    @staticmethod
    def _fill(given: _ffi.seawall_instance, one: NewInstance, keep: list[bytes]) -> None:
        lib.seawall_instance_init(given)
        for name in ("service", "id", "host", "zone"):
            data = _bytes(getattr(one, name))
            setattr(given, name, data)
            setattr(given, name + "_size", len(data))
            keep.append(data)
        given.metadata, given.metadata_count = _pairs(one.metadata or {}), len(one.metadata or {})
        given.port, given.weight = _int32("port", one.port), _int32("weight", one.weight)
        given.state = SelfState(one.state)

    @staticmethod
    def _registration(one: NewInstance, out: _ffi.seawall_registration) -> Registration:
        times = (out.heartbeat_interval_ns / 1e9, out.first_heartbeat_ns / 1e9, out.lease_ns / 1e9)
        return Registration(one.id, f"{one.service}/{one.id}", out.generation, out.slot, *times)

    def heartbeat(self, id: str, generation: int, state: Optional[SelfState] = None, *, now_ns: int = NOW) -> Answer:
        """Renews the lease and nothing else, except the instance's own state when it is given."""
        text, said = _bytes(id), _ffi.SEAWALL_SELF_UNCHANGED if state is None else SelfState(state)
        return self._answer(lib.seawall_registry_heartbeat(self._handle, text, len(text), _generation(generation), said, instant(now_ns)))

    def set_admin(self, id: str, state: AdminState, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """The operator's word. Generation 0: whoever has the id now."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_set_admin(self._handle, text, len(text), _generation(generation), AdminState(state), instant(now_ns)))

    def drain(
        self, id: str, generation: int = 0, *, within: Optional[float] = None, now_ns: int = NOW
    ) -> Answer:
        """No new picks; calls in flight go on.

        With `within`, tick takes the instance out when no call is in flight, or after so many seconds: it is expired
        then and its process fenced. drained() tells how far it is.
        """
        if within is None:
            return self.set_admin(id, AdminState.DRAINING, generation, now_ns=now_ns)
        text, now = _bytes(id), time.monotonic_ns() if now_ns == NOW else instant(now_ns)
        deadline = min(max(now + nanoseconds("within", within), NOW + 1), 2**63 - 1)
        return self._answer(lib.seawall_registry_drain_until(self._handle, text, len(text), _generation(generation), deadline, now))

    def drained(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> bool:
        """Whether it drains and no call is in flight, or its drain is over, or it is gone. Never waits."""
        text = _bytes(id)
        code = lib.seawall_registry_drained(self._handle, text, len(text), _generation(generation), instant(now_ns), None)
        return code == _ffi.SEAWALL_E_NOT_FOUND or check(code) == 1

    def set_health(self, id: str, health: Health, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """The prober's word."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_set_health(self._handle, text, len(text), _generation(generation), Health(health), instant(now_ns)))

    def restore(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """Closes the instance's breaker: who was ejected for its failures is picked again."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_restore(self._handle, text, len(text), _generation(generation), instant(now_ns)))

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
        code = lib.seawall_registry_update(self._handle, text, len(text), _generation(generation), given, instant(now_ns), error)
        if error.code != 0:
            check(code, error)
        return self._answer(code)

    def deregister(self, id: str, generation: int = 0, *, now_ns: int = NOW) -> Answer:
        """Removes the instance at once."""
        text = _bytes(id)
        return self._answer(lib.seawall_registry_deregister(self._handle, text, len(text), _generation(generation), instant(now_ns)))

    def tick(self, *, now_ns: int = NOW) -> int:
        """Ends leases, removes what has long expired; call it every second. How many leases ended."""
        return check(lib_waiting.seawall_registry_tick(self._handle, instant(now_ns)))

    def service(self, name: str) -> Service:
        """The handle of a service, which may have no instance yet."""
        return Service(self, name)

    def view(
        self, name: str, service: str, selector: str = "", *, subset: int = 0, subset_seed: int = 0, fallback_to_all: bool = False
    ) -> Service:
        """A part of a service under a name of its own, which is picked from, watched, configured and explained as a
        service is. `selector`: terms joined by commas, tier=gold, tier!=gold, tier in (a, b), tier notin (a, b), gpu or
        !gpu; "zone" is the instance's zone, other names are of its metadata. `subset`: so many that may get traffic, by
        rendezvous with the client's own `subset_seed`. Where the selector matches nobody who could get traffic, nobody is
        picked, or with `fallback_to_all` the whole service; Service.view_state and Pick.unfiltered tell."""
        texts = _bytes(service), _bytes(selector)
        given = _ffi.seawall_view_options()
        lib.seawall_view_options_init(given)
        given.service, given.service_size = texts[0], len(texts[0])
        given.selector, given.selector_size = texts[1], len(texts[1])
        fill(given, {"subset": subset, "subset_seed": subset_seed, "fallback": int(fallback_to_all)})
        return Service(self, name, given)

    def watch(self, name: str) -> Watch:
        """News of one service, which need not be known yet."""
        return Watch(self, name)

    @property
    def version(self) -> int:
        """Grows with every change that a pick can see."""
        out = ctypes.c_uint64()
        check(lib.seawall_registry_version(self._handle, ctypes.byref(out)))
        return out.value

    def stats(self) -> dict[str, int]:
        """What seawall_registry_stats holds."""
        out = _ffi.seawall_registry_stats()
        out.struct_size = ctypes.sizeof(out)
        check(lib.seawall_registry_get_stats(self._handle, out))
        return {name: getattr(out, name) for name, *_ in out._fields_ if name not in ("struct_size", "reserved")}

    def configure(self, service: Optional[str] = None, **options: Any) -> None:
        """How calls to a service are spread and who is ejected, from now on; None: of all that are not configured by
        name. The options are those of seawall_service_options in capi/seawall_c.h, durations in seconds and without
        their _ns: configure("trading", balancer="peak_ewma", zone="west", panic_threshold=30, ejection_duration=10).
        What is left out has its default. Raises SeawallError that names the option."""
        given = {name + "_ns" if name in _DURATIONS else name: nanoseconds(name, value) if name in _DURATIONS else value for name, value in options.items()}
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
            return read_text(lambda *to: lib_waiting.seawall_registry_explain_text(self._handle, name, len(name), as_json, instant(now_ns), *to))
        except SeawallError as error:
            if error.code == _ffi.SEAWALL_E_NOT_FOUND:
                return None
            raise

    def services(self, selector: Optional[str] = None, *, now_ns: int = NOW) -> dict[str, Any]:
        """{name: {host, port, healthy, protected, instances: [{id, host, port, healthy, state, weight, ...}]}}; with a
        selector as in view() the instances that it matches, and for each service how many more are `hidden`."""
        if selector is not None:
            text, error = _bytes(selector), new_error()
            call = lib_waiting.seawall_registry_to_json_selected
            return json.loads(read_text(lambda *to: call(self._handle, text, len(text), instant(now_ns), *to, error), error))
        return json.loads(read_text(lambda *to: lib_waiting.seawall_registry_to_json(self._handle, instant(now_ns), *to)))

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
