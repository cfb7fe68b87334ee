# SPDX-License-Identifier: MIT
"""examples/demo.sh: its verdict, its messages, and that nothing it started outlives it, however it ends."""

import os
import pathlib
import pty
import random
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.stack import wait_until  # noqa: E402 (needs the path)

SCRIPT = ROOT / "examples" / "demo.sh"

# A program that notes its pid, then does what the test wants of it.
PROGRAM = f"""#!{sys.executable}
import os, pathlib, signal, sys, time
sys.path.insert(0, {str(ROOT / "bindings" / "python" / "tests")!r})
option = dict(zip(sys.argv[1::2], sys.argv[2::2]))
name = option.get("--service", "gateway")
folder = pathlib.Path(__file__).resolve().parent.parent
(folder / (name + ".pid")).write_text(str(os.getpid()))
wish = os.environ.get("WISH_" + name, "")
if wish == "refuses":
    sys.exit(name + " will not start")
if name == "gateway":
    import fake_gateway
    gateway = fake_gateway.FakeGateway(wish or None)
    if wish == "hangs":
        gateway.health = lambda: time.sleep(60)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with fake_gateway.running(gateway, int(option["--port"])) as url:
        print("listening on", url, flush=True)
        signal.pause()
print("listening on http://127.0.0.1:" + option["--port"], flush=True)
signal.pause()
"""


def free_ports():
    """The first of five ports in a row that are free."""
    while True:
        base = random.randrange(20000, 30000)
        try:
            for port in range(base, base + 5):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            pass


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        self.port = free_ports()
        for sub in ("bin", "lib"):
            (self.build / sub).mkdir()
        (self.build / "lib" / "libseawall.so").symlink_to(os.environ["SEAWALL_LIBRARY"])
        for program in ("seawall-gateway", "seawall-service"):
            (self.build / "bin" / program).write_text(PROGRAM)
            (self.build / "bin" / program).chmod(0o755)
        # Run under pyenv and the like, python3 must be the interpreter of this test.
        path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "SEAWALL_DEMO_PORT": str(self.port), "CI": "true"}
        self.environment.pop("SEAWALL_ADMIN_TOKEN", None)

    def tearDown(self):
        left = self.left()
        for pid in left.values():
            os.kill(int(pid), signal.SIGKILL)
        self.assertEqual(left, {})

    def demo(self, **wishes):
        return subprocess.Popen(
            [SCRIPT, self.build],
            env={**self.environment, **{f"WISH_{name}": wish for name, wish in wishes.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def outcome(self, **wishes):
        process = self.demo(**wishes)
        text, _ = process.communicate(timeout=120)
        return process.returncode, text

    def left(self):
        """The programs that still run, by name."""
        return {path.stem: path.read_text() for path in self.build.glob("*.pid") if alive(path.read_text())}

    def started(self):
        return sorted(path.stem for path in self.build.glob("*.pid"))

    def test_the_verdict_is_the_validators(self):
        code, text = self.outcome()
        self.assertRegex(text, r"trade execution +ok", text)
        self.assertEqual(code, 0, text)
        self.assertEqual(self.started(), ["gamification", "gateway", "social", "trading", "user"])
        self.assertTrue((self.build / "deployment_validation_report.json").exists())

    def test_a_failed_check_fails_the_demo_and_names_the_logs(self):
        code, text = self.outcome(gateway="wrong_fee")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"trade execution +FAILED")
        self.assertIn(f"{self.build}/{{gateway,", text)

    def test_a_taken_port_is_named_with_its_holder_and_nothing_starts(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.port + 2))
            holder.listen()
            code, text = self.outcome()
        self.assertEqual(code, 1, text)
        self.assertRegex(text, rf"port {self.port + 2} is taken by .+, pid {os.getpid()}\n")
        self.assertEqual(self.started(), [])

    def test_a_port_that_is_none_is_refused(self):
        for port in ("x", "0", "65532"):
            with self.subTest(port):
                self.environment["SEAWALL_DEMO_PORT"] = port
                code, text = self.outcome()
                self.assertEqual((code, self.started()), (1, []))
                self.assertIn("SEAWALL_DEMO_PORT", text)

    def test_a_program_that_does_not_start_is_named_with_its_last_words(self):
        code, text = self.outcome(social="refuses")
        self.assertEqual(code, 1, text)
        self.assertIn("social will not start", text)
        self.assertIn(f"see {self.build}/social.log", text)
        self.assertEqual(self.started(), ["gamification", "gateway", "social", "trading"])

    def test_programs_that_are_not_built_are_named(self):
        (self.build / "bin" / "seawall-service").unlink()
        code, text = self.outcome()
        self.assertEqual(code, 1)
        self.assertIn("seawall-service is not built", text)

    def test_a_signal_in_the_middle_stops_everything(self):
        for sent, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(sent):
                process = self.demo(gateway="hangs")
                ready = self.build / "user.log"
                while not (ready.exists() and "listening on" in ready.read_text()):
                    self.assertIsNone(process.poll())
                process.send_signal(sent)
                text, _ = process.communicate(timeout=120)
                self.assertEqual(process.returncode, code, text)
                self.tearDown()
                ready.unlink()

    def test_killed_it_leaves_nothing_behind(self):
        process = self.demo(gateway="hangs")
        ready = self.build / "user.log"
        while not (ready.exists() and "listening on" in ready.read_text()):
            self.assertIsNone(process.poll())
        process.kill()
        process.communicate(timeout=120)
        self.assertEqual(len(self.started()), 5)
        # The kernel sends each its signal at once; when it acts on it is for the scheduler to say.
        wait_until("all programs have ended", lambda: not self.left())

    def test_at_a_terminal_it_runs_until_control_c(self):
        code, text = self.at_terminal(lambda terminal: os.write(terminal, b"\x03"))
        self.assertEqual(code, 0, text)
        self.assertIn(f"http://127.0.0.1:{self.port}/dashboard", text)
        self.assertIn(f"http://127.0.0.1:{self.port}/metrics", text)
        self.assertIn(f"ports {self.port + 1} to {self.port + 4}\r\n", text)

    def test_a_program_that_ends_while_watched_is_named(self):
        kill = lambda _: os.kill(int((self.build / "social.pid").read_text()), signal.SIGKILL)
        code, text = self.at_terminal(kill)
        self.assertEqual(code, 1, text)
        self.assertIn("social ended by itself", text)

    def at_terminal(self, act):
        """Exit code and text of the script at a terminal of its own; `act` once it is running."""
        del self.environment["CI"]
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(SCRIPT, [SCRIPT, self.build], self.environment)
        text, acted = "", False
        while True:
            try:
                text += os.read(terminal, 4096).decode()
            except OSError:  # the terminal closed with its last process
                break
            if not acted and "until Ctrl-C" in text:
                acted = True
                act(terminal)
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


if __name__ == "__main__":
    unittest.main()
