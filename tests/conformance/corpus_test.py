# SPDX-License-Identifier: MIT
"""The corpus of good and bad texts before all judges: promtool, the OpenMetrics parser of Prometheus' Python client, a
real Prometheus server, and our own checker. corpus/verdicts.txt holds what each is expected to say, and why they differ."""

import dataclasses
import pathlib
import subprocess
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from support.prometheus import OPEN_METRICS, PROMETHEUS, Pages, Prometheus, job
from support.stack import wait_until

from seawall import SeawallError
from seawall.metrics import Format, validate_text

CORPUS = pathlib.Path(__file__).parent / "corpus"


@dataclasses.dataclass
class Row:
    file: str
    promtool: str
    parser: str
    server: str
    ours: str

    @property
    def text(self) -> bytes:
        return (CORPUS / self.file).read_bytes()

    @property
    def is_openmetrics(self) -> bool:
        return self.file.endswith(".om")


def table() -> list[Row]:
    lines = (CORPUS / "verdicts.txt").read_text().splitlines()
    return [Row(*line.split(maxsplit=4)) for line in lines if not line.startswith("#")]


def promtool(text: bytes) -> str:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    return {0: "ok", 3: "lint"}.get(done.returncode, "bad")


def parser(text: bytes) -> str:
    try:
        list(parse_openmetrics(text.decode("utf-8")))
        return "ok"
    except (ValueError, IndexError):  # UnicodeDecodeError is a ValueError
        return "bad"


def ours(row: Row) -> str:
    try:
        validate_text(row.text, Format.OPENMETRICS if row.is_openmetrics else Format.PROMETHEUS)
        return "ok"
    except SeawallError as error:
        return str(error)


class Corpus(unittest.TestCase):
    rows = table()

    def test_the_table_names_each_file_once(self):
        files = sorted(path.name for path in CORPUS.iterdir() if path.name != "verdicts.txt")
        self.assertEqual(sorted(row.file for row in self.rows), files)

    def test_our_checker_refuses_whatever_another_judge_refuses(self):
        for row in self.rows:
            if "bad" in (row.promtool, row.parser, row.server):
                self.assertNotEqual(row.ours, "ok", row.file)

    def test_our_checker(self):
        self.assertEqual({row.file: ours(row) for row in self.rows}, {row.file: row.ours for row in self.rows})

    def test_promtool(self):
        rows = [row for row in self.rows if not row.is_openmetrics]
        self.assertEqual({row.file: promtool(row.text) for row in rows}, {row.file: row.promtool for row in rows})

    def test_the_openmetrics_parser(self):
        rows = [row for row in self.rows if row.is_openmetrics]
        self.assertEqual({row.file: parser(row.text) for row in rows}, {row.file: row.parser for row in rows})

    def test_the_server(self):
        pages = {f"/{row.file}": (OPEN_METRICS if row.is_openmetrics else PROMETHEUS, row.text) for row in self.rows}
        with Pages(pages) as served:
            with Prometheus([job(row.file, served.port, f"/{row.file}") for row in self.rows]) as server:
                def all_scraped():
                    targets = server.targets()
                    late = "deadline exceeded"  # said of the machine, not of the text
                    known = len(targets) == len(self.rows) and all(
                        t["health"] != "unknown" and late not in t["lastError"] for t in targets.values())
                    return targets if known else None

                targets = wait_until("every text was scraped", all_scraped)
        said = {name: "ok" if target["health"] == "up" else "bad" for name, target in targets.items()}
        self.assertEqual(said, {row.file: row.server for row in self.rows})


if __name__ == "__main__":
    unittest.main()
