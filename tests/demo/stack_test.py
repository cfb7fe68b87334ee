# SPDX-License-Identifier: MIT
"""examples/demo.sh with the real gateway and services: the validator passes every check."""

import os
import subprocess
import unittest

from demo_test import SCRIPT, free_ports


class Stack(unittest.TestCase):
    def test_the_validator_passes_and_everything_stops(self):
        # A locale that every machine has: of another one bash says so, and nothing may be said.
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "SEAWALL_DEMO_PORT": str(free_ports()), "CI": "true"}
        ran = subprocess.run(
            [SCRIPT, os.environ["SEAWALL_BUILD"]], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("22 of 22 passed (100 %)", ran.stdout)
        self.assertEqual(ran.stderr, "")


if __name__ == "__main__":
    unittest.main()
