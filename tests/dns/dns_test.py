# SPDX-License-Identifier: MIT
"""dns_test.py DRIVER: seawall::dns against a DNS server (dnslib) on 127.0.0.1 that answers what each test wants."""

import json
import subprocess
import sys
import time
import unittest

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, SRV, A, DNSHeader, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

DRIVER = sys.argv.pop()


class Handler(DNSHandler):
    """Hands the whole packet to the zone, which answers bytes, or nothing at all."""

    def get_reply(self, data):
        return self.server.resolver.reply(DNSRecord.parse(data), self.protocol)

    def handle(self):
        try:
            super().handle()
        except TypeError:  # reply() gave None: stay silent
            pass


class Zone(BaseResolver):
    """{(name, type): what to answer}: records, a RCODE name, "drop", "garbage", "short"; a list of those is used up in turn.
    What is not there does not exist, unless the name has another type."""

    def __init__(self):
        self.answers = {}
        self.asked = []  # (name, type, protocol)
        self.truncate = False

    def reply(self, request, protocol):
        name, kind = str(request.q.qname).rstrip("."), QTYPE[request.q.qtype]
        self.asked.append((name, kind, protocol))
        answer = self.answers.get((name, kind))
        reply = request.reply()
        if answer is None:
            if not any(known == name for known, _ in self.answers):
                reply.header.rcode = RCODE.NXDOMAIN
            return reply.pack()
        if answer == "drop":
            return None
        if answer == "garbage":
            return reply.pack()[:2] + b"\x84\x00\x00\x01\x00\x05" + b"\xff" * 20
        if answer == "short":  # claims more answers than it holds
            reply.add_answer(RR(name, QTYPE.A, ttl=60, rdata=A("10.0.0.1")))
            return reply.pack()[:6] + b"\x00\x03" + reply.pack()[8:]
        if isinstance(answer, str):
            reply.header.rcode = getattr(RCODE, answer)
            return reply.pack()
        if self.truncate and protocol == "udp":
            return DNSRecord(DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, tc=1), q=request.q).pack()
        for record in answer:
            reply.add_answer(record)
        return reply.pack()


def a(name, ttl, *addresses):
    return [RR(name, QTYPE.A, ttl=ttl, rdata=A(address)) for address in addresses]


def aaaa(name, ttl, *addresses):
    return [RR(name, QTYPE.AAAA, ttl=ttl, rdata=AAAA(address)) for address in addresses]


def srv(name, ttl, *services):
    return [RR(name, QTYPE.SRV, ttl=ttl, rdata=SRV(*service)) for service in services]


class Dns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        quiet = DNSLogger("", logf=lambda _: None)
        for tries in range(20):  # a port that is free for TCP may be taken for UDP
            cls.tcp = DNSServer(Zone(), address="127.0.0.1", port=0, tcp=True, handler=Handler, logger=quiet)
            cls.port = cls.tcp.server.server_address[1]
            try:
                cls.udp = DNSServer(Zone(), address="127.0.0.1", port=cls.port, handler=Handler, logger=quiet)
                break
            except OSError:
                cls.tcp.server.server_close()
                if tries == 19:
                    raise
        cls.tcp.start_thread()
        cls.udp.start_thread()

    @classmethod
    def tearDownClass(cls):
        for server in (cls.udp, cls.tcp):
            server.stop()
            server.server.server_close()

    def setUp(self):
        self.zone = self.tcp.server.resolver = self.udp.server.resolver = Zone()
        self.driver = subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait_for_answers(10_000)  # however busy this machine is

    def tearDown(self):
        self.driver.stdin.close()
        self.assertEqual(self.driver.wait(60), 0)
        self.driver.stdout.close()

    def wait_for_answers(self, ms):
        self.assertEqual(self.say(f"names 127.0.0.1:{self.port} 0 2 {ms}"), "ok")

    def say(self, line):
        self.driver.stdin.write(line + "\n")
        self.driver.stdin.flush()
        return json.loads(self.driver.stdout.readline())

    def follow(self, records="addresses", name="s.test", port=80):
        self.assertEqual(self.say(f"follow s {name} {records} {port}"), "ok")

    def poll(self, ms):
        (answer,) = self.say(f"poll {ms}")
        return answer

    def ids(self, ms):
        answer = self.poll(ms)
        self.assertEqual(answer["status"], "list", answer)
        return {instance[0] for instance in answer["instances"]}

    def test_addresses_of_both_kinds(self):
        self.zone.answers = {
            ("s.test", "A"): a("s.test", 60, "10.0.0.1", "10.0.0.2"),
            ("s.test", "AAAA"): aaaa("s.test", 90, "2001:db8::1"),
        }
        self.follow()
        self.assertEqual(self.ids(0), {"s@10.0.0.1:80", "s@10.0.0.2:80", "s@2001:db8::1:80"})
        self.assertEqual(self.say("next 0"), 60_000)  # the shortest ttl

    def test_one_kind_only(self):
        self.zone.answers = {
            ("s.test", "A"): a("s.test", 60, "10.0.0.1"),
            ("s.test", "AAAA"): aaaa("s.test", 90, "2001:db8::1"),
        }
        self.follow("aaaa")
        self.assertEqual(self.ids(0), {"s@2001:db8::1:80"})
        self.assertEqual({kind for _, kind, _ in self.zone.asked}, {"AAAA"})

    def test_the_ttl_is_honoured_between_floor_and_ceiling(self):
        for ttl, pause in ((0, 5_000), (1, 5_000), (17, 17_000), (86_400, 300_000), (2**31 + 5, 5_000)):
            with self.subTest(ttl=ttl):
                self.tearDown()
                self.setUp()
                self.zone.answers = {("s.test", "A"): a("s.test", ttl, "10.0.0.1")}
                self.follow("a")
                self.ids(0)
                self.assertEqual(self.say(f"poll {pause - 1}"), [])
                self.zone.answers = {("s.test", "A"): a("s.test", ttl, "10.0.0.2")}
                self.assertEqual(self.ids(pause), {"s@10.0.0.2:80"})
                self.assertEqual(len(self.zone.asked), 2)

    def test_the_ttl_of_an_alias_counts_too(self):
        alias = RR("s.test", QTYPE.CNAME, ttl=7, rdata=CNAME("other.test"))
        self.zone.answers = {("s.test", "A"): [alias, *a("other.test", 60, "10.0.0.1")]}
        self.follow("a")
        self.assertEqual(self.ids(0), {"s@10.0.0.1:80"})
        self.assertEqual(self.say("next 0"), 7_000)

    def test_failures_have_a_pace_of_their_own_which_slows_down_and_heals(self):
        self.zone.answers = {("s.test", "A"): "SERVFAIL"}
        self.follow("a")
        now = 0
        for pause in (1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000):
            answer = self.poll(now)
            self.assertEqual(answer["status"], "failed")
            self.assertEqual(answer["reason"], "s.test: Could not contact DNS servers")  # c-ares' word for SERVFAIL
            self.assertEqual(self.say(f"poll {now + pause - 1}"), [])
            now += pause
        self.zone.answers = {("s.test", "A"): a("s.test", 60, "10.0.0.1")}
        self.assertEqual(self.ids(now), {"s@10.0.0.1:80"})
        self.zone.answers = {("s.test", "A"): "SERVFAIL"}
        self.assertEqual(self.poll(now + 60_000)["status"], "failed")
        self.assertEqual(self.say(f"next {now + 60_000}"), 1_000)

    def test_silence_is_a_failure(self):
        self.zone.answers = {("s.test", "A"): "drop"}
        self.wait_for_answers(100)
        self.follow("a")
        self.assertEqual(self.poll(0)["reason"], "s.test: Timeout while contacting DNS servers")
        give_up = time.monotonic() + 60
        while len(self.zone.asked) < 2 and time.monotonic() < give_up:  # the server is a thread here
            time.sleep(0.01)
        self.assertEqual(len(self.zone.asked), 2)  # tries

    def test_half_a_list_is_none(self):
        self.zone.answers = {("s.test", "A"): a("s.test", 60, "10.0.0.1"), ("s.test", "AAAA"): "SERVFAIL"}
        self.follow()
        self.assertEqual(self.poll(0)["status"], "failed")

    def test_a_name_that_does_not_exist_is_not_found_and_one_without_addresses_is_empty(self):
        self.follow()
        self.assertEqual(self.poll(0)["status"], "not_found")
        self.zone.answers = {("s.test", "TXT"): []}
        self.assertEqual(self.poll(1_000)["status"], "empty")
        self.assertEqual(self.say("next 1000"), 2_000)  # in the pace of failures

    def test_truncated_answers_come_over_tcp(self):
        addresses = [f"10.0.{i // 250}.{i % 250 + 1}" for i in range(300)]
        self.zone.answers = {("s.test", "A"): a("s.test", 60, *addresses)}
        self.zone.truncate = True
        self.follow("a")
        self.assertEqual(self.ids(0), {f"s@{address}:80" for address in addresses})
        self.assertEqual([protocol for _, _, protocol in self.zone.asked], ["udp", "tcp"])

    def test_services(self):
        self.zone.answers = {
            ("_s._tcp.test", "SRV"): srv(
                "_s._tcp.test", 30, (1, 60, 81, "a.test"), (1, 20, 82, "b.test"), (2, 5, 83, "c.test"), (1, 0, 84, "b.test")
            ),
            ("a.test", "A"): a("a.test", 60, "10.0.0.1", "10.0.0.2"),
            ("b.test", "A"): a("b.test", 20, "10.0.0.3"),
            ("c.test", "AAAA"): aaaa("c.test", 60, "2001:db8::1"),
        }
        self.follow("srv", "_s._tcp.test", 0)
        answer = self.poll(0)
        self.assertEqual(
            {instance[0]: instance[3] for instance in answer["instances"]},
            {
                "s@10.0.0.1:81": 1000,
                "s@10.0.0.2:81": 1000,
                "s@10.0.0.3:82": 333,
                "s@10.0.0.3:84": 1,
                "s@2001:db8::1:83": 0,
            },
        )
        self.assertEqual(self.say("next 0"), 20_000)

    def test_services_of_equal_weight_have_weight_1(self):
        self.zone.answers = {
            ("_s._tcp.test", "SRV"): srv("_s._tcp.test", 30, (0, 0, 81, "a.test"), (0, 0, 82, "b.test")),
            ("a.test", "A"): a("a.test", 60, "10.0.0.1"),
            ("b.test", "A"): a("b.test", 60, "10.0.0.2"),
        }
        self.follow("srv", "_s._tcp.test", 0)
        self.assertEqual([instance[3] for instance in self.poll(0)["instances"]], [1, 1])

    def test_a_target_that_does_not_exist_has_no_addresses_and_one_that_fails_fails_all(self):
        self.zone.answers = {
            ("_s._tcp.test", "SRV"): srv("_s._tcp.test", 30, (0, 0, 81, "a.test"), (0, 0, 82, "gone.test")),
            ("a.test", "A"): a("a.test", 60, "10.0.0.1"),
        }
        self.follow("srv", "_s._tcp.test", 0)
        self.assertEqual(self.ids(0), {"s@10.0.0.1:81"})
        self.zone.answers["gone.test", "A"] = "SERVFAIL"
        self.assertEqual(self.poll(30_000)["status"], "failed")

    def test_the_target_that_is_a_dot_means_decidedly_not(self):
        self.zone.answers = {("_s._tcp.test", "SRV"): srv("_s._tcp.test", 30, (0, 0, 0, "."))}
        self.follow("srv", "_s._tcp.test", 0)
        self.assertEqual(self.poll(0)["status"], "empty")

    def test_messages_that_are_none_are_failures(self):
        self.wait_for_answers(100)
        for answer in ("garbage", "short"):
            self.zone.answers = {("s.test", "A"): answer}
            if answer == "garbage":
                self.follow("a")
            self.assertEqual(self.poll(0 if answer == "garbage" else 600_000)["status"], "failed", answer)

    def test_a_name_is_asked_once_at_a_time(self):
        self.zone.answers = {("s.test", "A"): "drop"}
        self.wait_for_answers(100)
        self.follow("a")
        for now in range(0, 600_000, 60_000):
            self.assertEqual(self.say(f"start {now}"), [])
        self.assertEqual(self.say("stats")["queries"], 1)
        self.poll(600_000)

    def test_ending_with_queries_under_way(self):
        self.zone.answers = {("s.test", "A"): "drop"}
        self.wait_for_answers(100)
        self.follow()
        self.assertEqual(self.say("start 0"), [])

    def test_what_follow_and_make_refuse(self):
        self.follow("a")
        self.assertEqual(self.say("follow s other.test a 80"), "service s has a name already")
        self.assertEqual(self.say("follow t t.test a 0"), "port must be from 1 to 65535, not 0")
        self.assertIn("servers: ", self.say("names not-an-address 0 2 100"))
        self.assertEqual(self.say("names 127.0.0.1 0 11 100"), "tries must be from 1 to 10, not 11")
        self.assertIn("at most 8", self.say("names 1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1 0 2 9"))


if __name__ == "__main__":
    unittest.main()
