# SPDX-License-Identifier: MIT
"""How the peers are installed, from the registries, below build/peers, and how each is run. One kit for each ecosystem,
with its versions pinned in a lock file; one command for each peer."""

import dataclasses
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "peers"


@dataclasses.dataclass(frozen=True)
class Kit:
    name: str
    needs: tuple[str, ...]  # programs that must be there
    install: tuple[tuple[str, ...], ...]
    peers: dict[str, tuple[str, ...]]  # {peer: its command}
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def missing(self) -> list[str]:
        return [program for program in self.needs if shutil.which(program) is None]


def rust() -> Kit:
    target = BUILD / "rust"
    build = ("cargo", "build", "--release", "--locked", "--quiet", f"--manifest-path={HERE}/rust/Cargo.toml",
             f"--target-dir={target}")
    peers = {name: (f"{target}/release/{name}",) for name in ("governor", "prometheus", "metrics")}
    return Kit("rust", ("cargo",), (build,), peers)


def go() -> Kit:
    target = BUILD / "go"
    build = ("go", "-C", f"{HERE}/go", "build", "-o", f"{target}/", "./...")
    names = {"x/time/rate": "xtime", "gobreaker": "gobreaker", "client_golang": "client_golang", "OpenTelemetry Go": "otel",
             "redis_rate": "redis_rate"}
    return Kit("go", ("go",), (("mkdir", "-p", f"{target}"), build), {k: (f"{target}/{v}",) for k, v in names.items()})


def python() -> Kit:
    venv = BUILD / "python"
    install = (("/usr/bin/python3", "-m", "venv", f"{venv}"),
               (f"{venv}/bin/pip", "install", "--quiet", "--no-deps", "-r", f"{HERE}/python/requirements.txt"))
    names = ("pybreaker", "limits", "prometheus_client", "opentelemetry", "limits_redis")
    peers = {name: (f"{venv}/bin/python", "-B", f"{HERE}/python/{name}_peer.py") for name in names}
    return Kit("python", ("/usr/bin/python3",), install, peers)


def node() -> Kit:
    target = BUILD / "node"
    install = (("mkdir", "-p", f"{target}"),
               ("cp", f"{HERE}/node/package.json", f"{HERE}/node/package-lock.json", f"{target}"),
               ("npm", "ci", "--silent", "--ignore-scripts", f"--prefix={target}"))
    names = {"opossum": "opossum", "rate-limiter-flexible": "rate_limiter_flexible", "prom-client": "prom_client",
             "rate-limiter-flexible, Redis": "rate_limiter_flexible_redis"}
    peers = {name: ("node", f"{HERE}/node/{file}.js") for name, file in names.items()}
    return Kit("node", ("node", "npm"), install, peers, {"NODE_PATH": f"{target}/node_modules"})


def java() -> Kit:
    target = BUILD / "java"
    build = ("mvn", "-q", "-B", "-f", f"{HERE}/java/pom.xml", f"-Dpeers.build={target}", "compile",
             "dependency:build-classpath", f"-Dmdep.outputFile={target}/classpath")
    run = f"exec java -cp '{target}/classes:'$(cat '{target}/classpath') peers."
    peers = {name.lower(): ("sh", "-c", run + name) for name in ("Resilience4j", "Bucket4j")}
    return Kit("java", ("mvn", "java"), (build,), peers)


def cpp() -> Kit:
    target = BUILD / "cpp"
    install = (("cmake", "-S", f"{HERE}/cpp", "-B", f"{target}", "-G", "Ninja"), ("cmake", "--build", f"{target}"))
    return Kit("cpp", ("cmake", "ninja", "g++"), install, {"prometheus-cpp": (f"{target}/prometheus_cpp",)})


KITS = [cpp(), rust(), go(), java(), node(), python()]
