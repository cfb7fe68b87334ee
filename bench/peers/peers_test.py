# SPDX-License-Identifier: MIT
import json
import pathlib
import socket
import tempfile
import unittest

import peers

LINE = '{"peer": "governor 0.10.4", "id": "bucket.deny", "what": "check", "threads": 1, "ns": [9.0, 5.0, 6.0], "bytes": 34}'
BASE = {"fetch_add": 2.0, "clock": 20.0}


def row(peer, ns, identifier="bucket.deny", threads=1, **more):
    return {"peer": peer, "id": identifier, "what": "w", "threads": threads, "ns": ns} | more


class Peers(unittest.TestCase):
    def test_the_median_of_a_peers_repetitions_and_its_ratios_to_our_baselines(self):
        [found] = peers.compare(peers.parse(f"warming up\n{LINE}\n"), BASE)
        self.assertEqual((found["ns"], found["fetch_add_ratio"], found["clock_ratio"]), (6.0, 3.0, 0.3))
        self.assertEqual((found["bytes"], found["spread"]), (34, 4 / 6))

    def test_a_loss_is_told_and_a_win_is_not(self):
        rows = peers.compare([row("Seawall", 10.0), row("fast", 8.0), row("slow", 30.0)], BASE)
        self.assertEqual(peers.losses(rows), ["bucket.deny, 1 threads: fast 4.00 FA, ours 5.00"])
        self.assertEqual(peers.losses(peers.compare([row("Seawall", 7.0), row("fast", 8.0)], BASE)), [])

    def test_a_loss_in_bytes_is_told(self):
        rows = peers.compare([row("Seawall", 1.0, bytes=40.0), row("small", 8.0, bytes=30.0)], BASE)
        self.assertEqual(peers.losses(rows), ["bucket.deny, 1 threads: small 30.00 bytes, ours 40.00"])

    def test_what_could_not_be_installed_is_in_the_report(self):
        text = peers.report(peers.compare([row("Seawall", 1.0)], BASE), {"governor": "not installed: cargo not found"}, BASE)
        self.assertIn("- governor: not installed: cargo not found", text)

    def test_a_target_that_is_missed_is_said_beside_our_row(self):
        met, missed = ("| w; must reach 0.6 FA: yes |", "| w; must reach 0.6 FA: **no** |")
        self.assertIn(met, peers.render(peers.compare([row("Seawall", 1.0)], BASE)))
        self.assertIn(missed, peers.render(peers.compare([row("Seawall", 2.0)], BASE)))

    def test_the_part_that_a_call_from_python_may_cost(self):
        def said(ours):
            rows = [row("Seawall", ours, "python.keyed"), row("Seawall, bare ctypes", 9000.0, "python.keyed")]
            return peers.shares(rows + [row("limits 5.8.0", 4000.0, "python.keyed")])

        self.assertEqual(said(1000.0), ["python.keyed: 1,000 ns, 1/4.0 of limits; at most 1/4: yes"])
        self.assertEqual(said(1600.0), ["python.keyed: 1,600 ns, 1/2.5 of limits; at most 1/4: **no**"])

    def test_a_missing_program_is_a_reason(self):
        kit = peers.Kit("none", ("no-such-program-here",), (), {"peer": ("true",)})
        self.assertEqual(peers.install(kit), "no-such-program-here not found")

    def test_an_install_that_fails_says_its_last_line(self):
        kit = peers.Kit("none", (), (("sh", "-c", "echo first >&2; echo last >&2; exit 3"),), {})
        self.assertTrue(peers.install(kit).endswith("last"))

    def test_what_is_only_installed_is_not_measured_and_says_what_is_missing(self):
        good = peers.Kit("good", (), (("true",),), {"one": ("false",)})
        bad = peers.Kit("bad", (), (("sh", "-c", "echo why >&2; exit 1"),), {"two": ("false",)})
        failed = peers.install_all([good, bad])
        self.assertEqual(list(failed), ["two"])
        self.assertTrue(failed["two"].endswith("why"))

    def test_the_peers_are_told_where_their_redis_is_and_it_ends_with_them(self):
        tell = peers.Kit("tell", (), (), {"redis": ("sh", "-c", """printf '{"peer": "%s", "id": "a.b", "ns": [1]}' "$PEER_REDIS_PORT\"""")})
        with peers.Redis() as environment:
            if not environment:
                self.skipTest("no redis-server")
            [row], failed = peers.measure_peers([tell], environment)
            port = int(environment["PEER_REDIS_PORT"])
        self.assertEqual((row["peer"], failed), (str(port), {}))
        with socket.socket() as probe:
            self.assertNotEqual(probe.connect_ex(("127.0.0.1", port)), 0)

    def test_peers_are_merged_under_ids_of_their_own_and_replace_older_ones(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "results.json")
            path.write_text(json.dumps([{"id": "pick.name", "threads": 1}, {"id": "bucket.deny@old", "threads": 1}]))
            ours = row("Seawall", 1.0, fetch_add_ratio=0.5, clock_ratio=0.1)
            del ours["peer"]
            peers.merge(path, [ours], peers.compare([row("governor", 6.0)], BASE))
            ids = [(r["id"], r.get("peer")) for r in json.loads(path.read_text())]
        self.assertEqual(ids, [("pick.name", None), ("bucket.deny", None), ("bucket.deny@governor", "governor")])

    def test_quoted_rows_have_no_nanoseconds(self):
        for quoted in peers.quoted():
            self.assertNotIn("ns", quoted)
            self.assertIn("(quoted)", quoted["peer"])


if __name__ == "__main__":
    unittest.main()
