# SPDX-License-Identifier: MIT
"""Asks the instances of a ServiceRegistry whether they are well, and is the writer of their health.

    prober = Prober(registry, ProberOptions(interval=5))
    for probe in prober.due():                        # every 100 ms or so
        with contextlib.closing(http.client.HTTPConnection(probe.host, probe.port, timeout=probe.timeout)) as c:
            ...
        prober.finish(probe, response.status)

It does no I/O of its own. A probe without an answer fails at its timeout, whether or not it is finished. Everything may
be used from any thread.
"""

import ctypes
import dataclasses
import enum
import json
from collections.abc import Iterator
from typing import Optional

from . import _ffi
from ._library import NOW, Handle, check, instant, lib, made, nanoseconds, new_error
from .registry import ServiceRegistry

__all__ = ["NOTHING_LEARNT", "Probe", "ProbeKind", "Prober", "ProberOptions"]

NOTHING_LEARNT = _ffi.SEAWALL_PROBE_NOTHING_LEARNT


class ProbeKind(enum.IntEnum):
    HTTP = _ffi.SEAWALL_PROBE_HTTP  # GET path: 2xx is well, 429 a warning, all else a failure
    TCP = _ffi.SEAWALL_PROBE_TCP  # whoever accepts a connection is well


@dataclasses.dataclass(frozen=True)
class Probe:
    """Where to ask; timeout in seconds."""

    id: int
    kind: ProbeKind
    service: str
    instance: str
    host: str
    port: int
    path: str
    timeout: float


class _ProberHandle(Handle):
    registry: Handle  # which a prober must not outlive
    _free = lib.seawall_prober_free


@dataclasses.dataclass(frozen=True)
class ProberOptions:
    """How a prober asks. Times are seconds; None means what stands beside it."""

    kind: ProbeKind = ProbeKind.HTTP
    path: Optional[str] = None  # "/health"
    interval: Optional[float] = None  # 5; 0: nobody is asked
    edge_interval: Optional[float] = None  # 1: of who was never asked, or whose last answers speak against its health
    timeout: Optional[float] = None  # 1
    jitter_percent: Optional[int] = None  # 20: of either interval, up or down; at most 50
    rise: Optional[int] = None  # 2: successes in a row that bring an instance back
    fall: Optional[int] = None  # 3: failures in a row that take it out
    max_in_flight: Optional[int] = None  # 64: probes that are out
    require_identity: bool = False  # an answer that does not name its service and instance is a failure

    def _json(self) -> bytes:
        given = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        for name in ("interval", "edge_interval", "timeout"):
            if name in given:
                given[name + "_ns"] = nanoseconds(name, given.pop(name))
        return json.dumps(given).encode()


_DEFAULTS = ProberOptions()


class Prober:
    """A prober of one registry."""

    def __init__(self, registry: ServiceRegistry, options: ProberOptions = _DEFAULTS):
        text = options._json()
        self._handle = _ProberHandle(made(lib.seawall_registry_prober, registry._handle, text, len(text)))
        self._handle.registry = registry._handle

    def due(self, *, now_ns: int = NOW) -> Iterator[Probe]:
        """The probes to send now."""
        out = _ffi.seawall_probe()
        while check(lib.seawall_prober_next(self._handle, instant(now_ns), out)):
            names = (out.service.decode(), out.instance.decode(), out.host.decode())
            yield Probe(out.id, ProbeKind(out.kind), *names, out.port, out.path.decode(), out.timeout_ns / 1e9)

    def finish(self, probe: Probe, status: int, service: str = "", instance: str = "", *, now_ns: int = NOW) -> None:
        """What came back: the HTTP status (of TCP 1 for a connection), 0 for no answer, or NOTHING_LEARNT.

        `service` and `instance` are what the answer says it is.
        """
        said, who = service.encode("utf-8", "replace"), instance.encode("utf-8", "replace")
        status = min(max(int(status), NOTHING_LEARNT), 2**31 - 1)
        check(lib.seawall_prober_finish(self._handle, probe.id, status, said, len(said), who, len(who), instant(now_ns)))

    def configure(self, options: ProberOptions, *, now_ns: int = NOW) -> None:
        """From now on so. What is known of each instance stays, and probes that are out are given up and sent anew."""
        text, error = options._json(), new_error()
        check(lib.seawall_prober_configure(self._handle, text, len(text), instant(now_ns), error), error)

    def hurry(self, service: str, *, now_ns: int = NOW) -> int:
        """Somebody else doubts a service (seawall.redis.TripBoard): its instances are asked soon, but none again before
        edge_interval has passed. How many probes it brought forward."""
        name = service.encode("utf-8", "replace")
        return check(lib.seawall_prober_hurry(self._handle, name, len(name), instant(now_ns)))

    def stats(self) -> dict[str, int]:
        """What seawall_prober_stats holds."""
        out = _ffi.seawall_prober_stats()
        out.struct_size = ctypes.sizeof(out)
        check(lib.seawall_prober_get_stats(self._handle, out))
        return {name: getattr(out, name) for name, *_ in out._fields_ if name not in ("struct_size", "reserved")}
