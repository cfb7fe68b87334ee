# SPDX-License-Identifier: MIT
"""Instances that do not register themselves: from files, or from whatever else can make a dict.

    registry = ServiceRegistry()
    follower = SourceFollower(registry)
    file = follower.add_file("services.json")
    while serving:                            # every second
        file.poll()                           # reads the file when it has changed
        follower.tick()

    {"trading": [{"host": "10.0.0.1", "port": 8001},
                 {"id": "trading-2", "host": "10.0.0.2", "port": 8001, "weight": 2, "zone": "b",
                  "state": "draining", "metadata": {"version": "3"}}]}

What is new is registered at once; what is listed no more goes after removal_grace, or after removal_ceiling when its list
has become empty or absurdly short. A source that fails takes nothing: its last good list stays and is shown as stale.
tick() and a FileSource's poll() are of one thread at a time; all else, a MetricsPublisher too, may be used from any.
"""

import enum
import json
import os
from typing import Any, Optional, Union

from . import _ffi
from ._library import NOW, Handle, SeawallError, check, instant, lib, lib_waiting, made, nanoseconds, new_error, read_text
from .registry import ServiceRegistry

__all__ = ["FileSource", "Source", "SourceFollower", "SourcePriority", "to_source"]


class SourcePriority(enum.IntEnum):
    """Of records with the same id that of the highest priority counts."""

    STATIC = _ffi.SEAWALL_SOURCE_STATIC
    DISK = _ffi.SEAWALL_SOURCE_DISK
    DNS = _ffi.SEAWALL_SOURCE_DNS
    REGISTRY = _ffi.SEAWALL_SOURCE_REGISTRY


class _FollowerHandle(Handle):
    registry: Handle  # which a follower must not outlive
    _free = lib.seawall_follower_free


class Source:
    """A source of a follower, from SourceFollower.add()."""

    def __init__(self, follower: "SourceFollower", number: int):
        self._follower = follower
        self._number = number

    def load(self, services: Union[str, bytes, dict[str, Any]], age: float = 0.0) -> None:
        """All of what it lists, as JSON text or a dict; `age`: how old that is, in seconds. Takes effect with the next
        tick. Raises SeawallError that names path and value; then the last good list counts, as stale."""
        text = json.dumps(services) if isinstance(services, dict) else services
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        age_ns = nanoseconds("age", age)
        if not 0 <= age_ns < 2**63:
            raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"age is out of range: {age}")
        error = new_error()
        check(lib_waiting.seawall_follower_load(self._follower._handle, self._number, data, len(data), age_ns, error), error)

    def fail(self, why: str) -> None:
        """It could not be read."""
        data = why.encode("utf-8", "replace")
        check(lib.seawall_follower_fail(self._follower._handle, self._number, data, len(data)))


class FileSource(Source):
    """A source that is a file. Whoever writes it should write another one and rename it, so that nobody reads a half."""

    def __init__(self, follower: "SourceFollower", number: int, path: Union[str, "os.PathLike[str]"]):
        super().__init__(follower, number)
        self.path = path
        self.error = ""  # of the last poll that found a change; empty when it was good
        self._seen: Optional[tuple[int, ...]] = None

    def poll(self) -> bool:
        """Loads the file when it is another than before, and says whether it was. What is wrong with it is in `error`."""
        try:
            with open(self.path, "rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                if seen == self._seen:
                    return False
                text = file.read()
        except OSError as error:
            if self.error == str(error):
                return False
            self._seen, self.error = None, str(error)
            self.fail(self.error)
            return True
        self._seen, self.error = seen, ""
        try:
            self.load(text)
        except SeawallError as error:
            self.error = str(error)
        return True


class SourceFollower:
    """Keeps in a registry what sources list. Times are seconds; None means the default of capi/seawall_c.h."""

    def __init__(
        self,
        registry: ServiceRegistry,
        *,
        removal_grace: Optional[float] = None,
        removal_ceiling: Optional[float] = None,
        max_shrink_percent: Optional[int] = None,
        min_protected: Optional[int] = None,
        not_found_repeats: Optional[int] = None,
        max_instances: Optional[int] = None,
        max_services: Optional[int] = None,
    ):
        options = _ffi.seawall_follower_options()
        lib.seawall_follower_options_init(options)
        for name, seconds in (("removal_grace_ns", removal_grace), ("removal_ceiling_ns", removal_ceiling)):
            # 0 is "the default" to the library, and a nanosecond as good as none.
            setattr(options, name, 0 if seconds is None else max(nanoseconds(name[:-3], seconds), 1))
        counts = {
            "max_shrink_percent": max_shrink_percent,
            "min_protected": min_protected,
            "not_found_repeats": not_found_repeats,
            "max_instances": max_instances,
            "max_services": max_services,
        }
        for name, count in counts.items():
            if count is not None and not 0 < count < 2**31:
                raise SeawallError(_ffi.SEAWALL_E_INVALID_ARGUMENT, f"{name} is out of range: {count}")
            setattr(options, name, count or 0)
        self._handle = _FollowerHandle(made(lib.seawall_registry_follower, registry._handle, options))
        self._followed: list[tuple[int, Any]] = []  # number, and who is asked
        self._handle.registry = registry._handle

    def _add(self, name: str, priority: SourcePriority, fallback: bool) -> int:
        data, error = name.encode("utf-8", "replace"), new_error()
        return check(
            lib.seawall_follower_add_source(self._handle, data, len(data), SourcePriority(priority), bool(fallback), error), error
        )

    def add(self, name: str, priority: SourcePriority = SourcePriority.STATIC, *, fallback: bool = False) -> Source:
        """A source without a list yet. A fallback counts only for services of which no other source has anybody. Of
        sources with one name metrics show, for each service, only the best."""
        return Source(self, self._add(name, priority, fallback))

    def add_file(
        self,
        path: Union[str, "os.PathLike[str]"],
        priority: SourcePriority = SourcePriority.STATIC,
        *,
        fallback: bool = False,
    ) -> FileSource:
        """A source that is a file; call its poll() before tick()."""
        return FileSource(self, self._add(os.fspath(path), priority, fallback), path)

    def follow(
        self, source: Any, name: str, priority: SourcePriority = SourcePriority.REGISTRY, *, fallback: bool = False
    ) -> None:
        """A source that tick() asks itself, such as seawall.redis.StoreSource."""
        self._followed.append((self._add(name, priority, fallback), source))

    def tick(self, *, now_ns: int = NOW) -> int:
        """Asks who is followed, applies what is new and what is due, and sends heartbeats; call it each heartbeat interval
        of the registry. How many instances it registered, changed or removed."""
        for number, source in self._followed:
            for answer in source.answers(now_ns):
                error = new_error()
                check(lib.seawall_follower_say(self._handle, number, answer, error), error)
        return check(lib_waiting.seawall_follower_tick(self._handle, instant(now_ns)))

    def state(self, *, now_ns: int = NOW) -> dict[str, Any]:
        """{"stats": {...}, "sources": [{"source", "service", "stale", "doubted", "age_ms", "reason", ...}]}"""
        return json.loads(read_text(lambda *to: lib_waiting.seawall_follower_to_json(self._handle, instant(now_ns), *to)))


def to_source(registry: ServiceRegistry, *, now_ns: int = NOW) -> str:
    """What a registry holds, as text for Source.load: on disk, a source for a start without network."""
    return read_text(lambda *to: lib_waiting.seawall_registry_to_source(registry._handle, instant(now_ns), *to))
