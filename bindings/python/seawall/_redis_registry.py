# SPDX-License-Identifier: MIT
"""A registry and announced trips that machines share through Redis; part of seawall.redis."""

import ctypes
import enum
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Optional

from . import _ffi, _redis_ffi
from ._library import NOW, check, instant, key_bytes, made, new_error, read_text
from ._redis_base import (
    Fault,
    Store,
    _ask,
    _from_json,
    _handle_type,
    _ns,
    _read_stats,
    lib,
    lib_waiting,
    new_word,
)
from .registry import NewInstance, SelfState, ServiceRegistry, _generation

_Registrar, _Keeper, _Source, _Board = (
    _handle_type(name) for name in ("registrar", "keeper", "source", "trip_board")
)


class Says(enum.IntEnum):
    """What Redis says about an instance."""

    OK = _redis_ffi.SEAWALL_REDIS_SAYS_OK
    UNKNOWN = _redis_ffi.SEAWALL_REDIS_SAYS_UNKNOWN  # it has lost the instance: register again, with its generation
    FENCED = _redis_ffi.SEAWALL_REDIS_SAYS_FENCED  # somebody else has the id: stop
    NOTHING = _redis_ffi.SEAWALL_REDIS_SAYS_NOTHING  # and `fault` says why


class Word(NamedTuple):
    """The answer of a verb of Registrar: true when it was done."""

    says: Says
    fault: Fault
    generation: int  # of the instance as Redis knows it; after a fault of register the one to repeat it with
    reason: str  # of a fault, where there is one

    def __bool__(self) -> bool:
        return self.says is Says.OK


def _word(raw: _redis_ffi.seawall_redis_word) -> Word:
    return Word(Says(raw.answer), Fault(raw.fault), raw.generation, raw.reason.decode("utf-8", "replace"))


def _state(state: Optional[SelfState]) -> int:
    return _ffi.SEAWALL_SELF_UNCHANGED if state is None else int(SelfState(state))


def _texts(*texts: str) -> list:
    """Pointer and length of each."""
    found = []
    for text in texts:
        data = key_bytes(text)
        found += [data, len(data)]
    return found


def _instance(one: NewInstance) -> tuple[_ffi.seawall_instance, list[bytes]]:
    raw = _ffi.seawall_instance()
    keep: list[bytes] = []
    ServiceRegistry._fill(raw, one, keep)
    return raw, keep


class Registrar:
    """Registers instances (seawall.registry.NewInstance) in a registry in Redis, under leases by the server's clock. Each verb asks
    Redis, and waits for it a second at most (register two); the _async ones in an event loop, which runs on meanwhile.
    generation 0: as a new process; of drain and deregister: whoever has the id. Times are seconds.

        registrar = Registrar(store)
        mine = registrar.register(NewInstance("trading", "trading-1", "10.0.0.1", 8001))
        registrar.renew("trading", "trading-1", mine.generation)        # every heartbeat_interval
        registrar.deregister("trading", "trading-1", mine.generation)
    """

    def __init__(
        self,
        store: Store,
        registry: str = "",  # its name: "main"
        *,
        heartbeat_interval: Optional[float] = None,  # 1
        lease: Optional[float] = None,  # 3; at least twice heartbeat_interval
    ):
        options = {
            "registry": registry,
            "heartbeat_interval_ns": _ns("heartbeat_interval", heartbeat_interval),
            "lease_ns": _ns("lease", lease),
        }
        new = lib.seawall_redis_store_new_registrar_from_json
        self._handle = _Registrar(made(new, store._handle, *_from_json(options)))

    def _wait(self, verb: str, *given: Any) -> Word:
        word = new_word()
        check(getattr(lib_waiting, f"seawall_redis_registrar_{verb}")(self._handle, *given, word))
        return _word(word)

    async def _later(self, verb: str, *given: Any) -> Word:
        begin = getattr(lib, f"seawall_redis_registrar_{verb}_async")
        return await _ask(lambda inbox, tag: begin(self._handle, *given, inbox, tag), _word)

    def register(self, instance: NewInstance, generation: int = 0) -> Word:
        """After a fault repeat it with the generation of the answer: that is safe, however late the first arrives."""
        raw, _keep = _instance(instance)
        return self._wait("register", raw, _generation(generation))

    async def register_async(self, instance: NewInstance, generation: int = 0) -> Word:
        raw, _keep = _instance(instance)
        return await self._later("register", raw, _generation(generation))

    def renew(self, service: str, id: str, generation: int, state: Optional[SelfState] = None) -> Word:
        """Renews the lease. `state`: the instance's own, which moves forward only."""
        return self._wait("renew", *_texts(service, id), _generation(generation), _state(state))

    async def renew_async(self, service: str, id: str, generation: int, state: Optional[SelfState] = None) -> Word:
        return await self._later("renew", *_texts(service, id), _generation(generation), _state(state))

    def drain(self, service: str, id: str, generation: int = 0) -> Word:
        """No new calls; the lease is not renewed."""
        return self._wait("drain", *_texts(service, id), _generation(generation))

    async def drain_async(self, service: str, id: str, generation: int = 0) -> Word:
        return await self._later("drain", *_texts(service, id), _generation(generation))

    def deregister(self, service: str, id: str, generation: int = 0) -> Word:
        """Its generation cannot come back: what it still says is fenced, for ten leases."""
        return self._wait("deregister", *_texts(service, id), _generation(generation))

    async def deregister_async(self, service: str, id: str, generation: int = 0) -> Word:
        return await self._later("deregister", *_texts(service, id), _generation(generation))

    def enter(self, service: str) -> Word:
        """Puts the service into the directory, from which readers learn that it exists; every ten heartbeats or so."""
        return self._wait("enter", *_texts(service))

    async def enter_async(self, service: str) -> Word:
        return await self._later("enter", *_texts(service))


class KeptState(enum.IntEnum):
    JOINING = _redis_ffi.SEAWALL_REDIS_JOINING  # not registered yet, or not again
    HELD = _redis_ffi.SEAWALL_REDIS_HELD  # as far as is known: `fault` and `unheard` say how far
    FENCED = _redis_ffi.SEAWALL_REDIS_WAS_FENCED  # another process has the id: stop
    LEAVING = _redis_ffi.SEAWALL_REDIS_LEAVING

    def __str__(self) -> str:
        return lib.seawall_redis_kept_name(self).decode()


class Kept(NamedTuple):
    state: KeptState
    generation: int  # 0: none was given yet
    fault: Fault  # of the last call
    reason: str
    unheard: float  # seconds since Redis last said ok, or since hold()


class KeeperStats(NamedTuple):
    instances: int  # now, fenced ones included
    registrations: int
    renewals: int
    removals: int
    reregistrations: int  # because Redis did not know the instance
    fenced: int
    faults: int


class InstanceKeeper:
    """Keeps instances registered, whatever happens to Redis. Its verbs wait for nothing; tick() sends what is due, several
    times in a heartbeat interval. Before the process ends: release() all, and tick until stats().instances is 0.

        keeper = InstanceKeeper(registrar)
        keeper.hold(NewInstance("trading", "trading-1", "10.0.0.1", 8001))
        keeper.tick()
    """

    def __init__(self, registrar: Registrar):
        self._handle = _Keeper(made(lib.seawall_redis_registrar_new_keeper, registrar._handle))

    def hold(self, instance: NewInstance, *, now_ns: int = NOW) -> None:
        """From now on, as a new process. Raises SeawallError that names the field."""
        (raw, _keep), error = _instance(instance), new_error()
        check(lib.seawall_redis_keeper_hold(self._handle, raw, instant(now_ns), error), error)

    def update(self, instance: NewInstance, *, now_ns: int = NOW) -> bool:
        """Another record of the same process. False: it is not held."""
        (raw, _keep), error = _instance(instance), new_error()
        return self._known(lib.seawall_redis_keeper_update(self._handle, raw, instant(now_ns), error), error)

    def release(self, service: str, id: str, *, now_ns: int = NOW) -> bool:
        """It deregisters, for one lease tries to. False: it is not held."""
        return self._known(lib.seawall_redis_keeper_release(self._handle, *_texts(service, id), instant(now_ns)))

    @staticmethod
    def _known(code: int, error: Optional[_ffi.seawall_error] = None) -> bool:
        return code != _ffi.SEAWALL_E_NOT_FOUND and check(code, error) == 0

    def tick(self, *, now_ns: int = NOW) -> int:
        """Sends what is due; how many calls."""
        return check(lib_waiting.seawall_redis_keeper_tick(self._handle, instant(now_ns)))

    def find(self, service: str, id: str, *, now_ns: int = NOW) -> Optional[Kept]:
        """How it stands with one instance; None when it is not held, or left."""
        raw = _redis_ffi.seawall_redis_kept(struct_size=ctypes.sizeof(_redis_ffi.seawall_redis_kept))
        if not self._known(lib.seawall_redis_keeper_find(self._handle, *_texts(service, id), instant(now_ns), raw)):
            return None
        reason = raw.reason.decode("utf-8", "replace")
        return Kept(KeptState(raw.state), raw.generation, Fault(raw.fault), reason, raw.unheard_ns / 1e9)

    def stats(self) -> KeeperStats:
        struct = _redis_ffi.seawall_redis_keeper_stats
        return _read_stats(lib.seawall_redis_keeper_get_stats, self._handle, struct, KeeperStats)


class StoreSourceStats(NamedTuple):
    services: int  # asked for
    polls: int  # answered
    lists: int  # of these, with a list; the others are "unchanged"
    faults: int
    hints: int
    foreign: int  # items of the last lists that are no instances: left out
    left_out: int  # services of the directory that are too many, or have a name that none has
    forgotten: int  # times that a service was


class StoreSource:
    """The services of a registry in Redis, for a seawall.follower.SourceFollower, which puts them into a registry of this process:
    picks read that one alone, and no request waits for Redis. While Redis is away the last good list stays. Belongs to the
    thread of its follower. Times are seconds.

        follower = SourceFollower(registry)
        follower.follow(StoreSource(store), "redis")
        follower.tick()                                # several times in a poll interval
    """

    def __init__(
        self,
        store: Store,
        registry: str = "",  # its name: "main"
        *,
        services: tuple[str, ...] = (),  # all in the registry's directory
        poll_interval: Optional[float] = None,  # 1
        expiry_ceiling: Optional[float] = None,  # 300
        forget_after: Optional[float] = None,  # 600: a service without anybody for so long is asked for no more
    ):
        options = {
            "registry": registry,
            "services": ",".join(services),
            "poll_interval_ns": _ns("poll_interval", poll_interval),
            "expiry_ceiling_ns": _ns("expiry_ceiling", expiry_ceiling),
            "forget_after_ns": _ns("forget_after", forget_after),
        }
        new = lib.seawall_redis_store_new_source_from_json
        self._handle = _Source(made(new, store._handle, *_from_json(options)))

    def answers(self, now_ns: int = NOW) -> Iterator[_ffi.seawall_source_answer]:
        """For SourceFollower.tick: what is new. Each is good until the next."""
        check(lib_waiting.seawall_redis_source_poll(self._handle, instant(now_ns)))
        answer = _ffi.seawall_source_answer(struct_size=ctypes.sizeof(_ffi.seawall_source_answer))
        while check(lib.seawall_redis_source_receive(self._handle, answer)) == 1:
            yield answer

    def stats(self) -> StoreSourceStats:
        struct = _redis_ffi.seawall_redis_source_stats
        return _read_stats(lib.seawall_redis_source_get_stats, self._handle, struct, StoreSourceStats)

    def last_fault(self) -> str:
        """Why the last poll that failed did; empty when none has."""
        return read_text(lambda *out: lib.seawall_redis_source_last_fault(self._handle, *out))


class Trip(NamedTuple):
    name: str
    times: int  # announced since the last poll(), by all others


class TripBoardStats(NamedTuple):
    announced: int  # by this board, as far as Redis took it
    faults: int  # announcements that it did not
    heard: int  # of others
    left_out: int  # beyond what waits to be polled, or none of ours


class TripBoard:
    """Which breakers of a fleet have tripped, told to the others as an event and nothing more: breakers stay local, and
    nothing here opens one. Who hears of a trip can look for himself, and gently: probe that instance now. All wait for
    nothing; announcements may be lost.

        board.announce("trading/trading-1")            # ours has opened
        for trip in board.poll():                      # others', now and then
            probe(trip.name)
    """

    def __init__(self, store: Store, board: str = "main"):
        new: Callable[..., int] = lib.seawall_redis_store_new_trip_board
        self._handle = _Board(made(new, store._handle, *_texts(board)))

    def announce(self, name: str) -> None:
        check(lib.seawall_redis_trip_board_announce(self._handle, *_texts(name)))

    def poll(self) -> list[Trip]:
        """What the others announced since the last call."""
        trips = []
        raw = _redis_ffi.seawall_redis_trip(struct_size=ctypes.sizeof(_redis_ffi.seawall_redis_trip))
        while check(lib.seawall_redis_trip_board_receive(self._handle, raw)) == 1:
            trips.append(Trip(raw.name.decode("utf-8", "replace"), raw.times))
        return trips

    def stats(self) -> TripBoardStats:
        struct = _redis_ffi.seawall_redis_trip_board_stats
        return _read_stats(lib.seawall_redis_trip_board_get_stats, self._handle, struct, TripBoardStats)
