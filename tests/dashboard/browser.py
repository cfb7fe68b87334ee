# SPDX-License-Identifier: MIT
"""Loads a page in headless Chromium and gives what became of it."""

import html.parser
import shutil
import subprocess
import tempfile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-extensions "
    "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps --hide-scrollbars"
).split()
VOID = {"meta", "link", "br", "img", "input", "hr", "path"}


class Page(html.parser.HTMLParser):
    """The elements as (tag, attributes, text below), and the text a person can read."""

    def __init__(self, source):
        super().__init__()
        self.elements, self._open, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        element = [tag, dict(attributes), ""]
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any(tag in ("script", "style", "noscript") for tag, _, _ in self._open):
            return
        self.text += data + " "
        for element in self._open:
            element[2] += data

    def where(self, **attributes):
        """The elements with these attributes; `data_x` stands for `data-x`."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [one for one in self.elements if all(one[1].get(name) == value for name, value in wanted.items())]

    def one(self, **attributes):
        (found,) = self.where(**attributes)
        return found


def load(url, width=1280, height=1000, milliseconds=1500):
    """The page after so much virtual time."""
    assert CHROMIUM, "the browser is in the package chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        size = [f"--window-size={width},{height}", f"--virtual-time-budget={milliseconds}"]
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *size, "--dump-dom", url]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if "</html>" not in ran.stdout:
        raise RuntimeError(f"Chromium gave no page: {ran.stderr[-2000:]}")
    return Page(ran.stdout)
