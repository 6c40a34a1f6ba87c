"""`taper serve` and a browser for the tests of its page.

Environment: TAPER, the program; BUNDLE, a bundle of the sample model with a calibrated and a learned schedule; CHROMIUM, the browser.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from playwright.sync_api import Error, sync_playwright

TAPER = os.environ["TAPER"]
BUNDLE = os.environ["BUNDLE"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
START_SECONDS = 60
# Of one step of a test, on a machine that does other things too.
STEP_MILLISECONDS = 30_000


class Server:
    """A server of its own on a free port of this machine."""

    def __init__(self, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [TAPER, "serve", BUNDLE, "--port", str(self.port), *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(self.address + "/health", timeout=2).read()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    raise RuntimeError("taper serve does not start: " + self.process.stderr.read().decode()) from None
                time.sleep(0.05)

    def post(self, path, body):
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=60) as response:
            return json.load(response)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stderr.close()


class PageTest(unittest.TestCase):
    """A page in a browser. A test fails where the browser reports an error, or asks anybody but the server for anything."""

    options = ()
    viewport = {"width": 1280, "height": 800}
    colours = "light"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)
        cls.addClassCleanup(cls.server.close)
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        # The sandbox needs rights that a container's root does not have; all that is opened is our own.
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.expected = []
        self.context, self.page = self.open()

    def open(self, viewport=None, colours=None, **more):
        """A browser without memory, with an empty tab."""
        context = self.browser.new_context(
            viewport=viewport or self.viewport, color_scheme=colours or self.colours, **more)
        context.set_default_timeout(STEP_MILLISECONDS)
        self.addCleanup(context.close)
        page = context.new_page()
        self.faults = faults = []
        page.on("console", lambda message: faults.append(f"{message.text} {message.location.get('url')}")
                if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: self.check_address(request.url, faults))
        self.addCleanup(self.check_faults, faults)
        return context, page

    def check_address(self, address, faults):
        if not address.startswith(self.server.address + "/"):
            faults.append("a request to " + address)

    def check_faults(self, faults):
        self.assertEqual([fault for fault in faults if not any(words in fault for words in self.expected)], [])

    def visit(self, view=""):
        self.page.goto(self.server.address + "/" + view)
        self.wait("document.querySelector('#schedule').options.length > 0")

    def wait(self, expression, page=None):
        """Until it is true in the page. Playwright's own way needs `eval` in the page, which the page's policy forbids."""
        deadline = time.monotonic() + STEP_MILLISECONDS / 1000
        while not (page or self.page).evaluate(expression):
            self.assertLess(time.monotonic(), deadline, expression)
            time.sleep(0.02)

    def wait_for_focus(self, name):
        """Until the element of this id has the focus: what follows a key may come after the browser's next turn."""
        self.wait(f"document.activeElement.id === '{name}'")

    def set(self, **fields):
        """Sets fields of the settings, by their ids; `_` stands for `-`."""
        for name, value in fields.items():
            field = self.page.locator("#" + name.replace("_", "-"))
            if field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(str(value))
            else:
                field.fill(str(value))

    def ask(self, prompt):
        """Sends a prompt and waits for the end of its answer; returns the turn."""
        before = self.page.locator(".turn").count()
        self.page.fill("#prompt", prompt)
        self.page.press("#prompt", "Enter")
        turn = self.page.locator(".turn").nth(before)
        turn.locator(".turn-figures, .failure").first.wait_for()
        return turn

    def answer_never(self):
        """Every chat waits for an answer that does not come."""
        waiting = []
        self.page.route("**/v1/chat/completions", lambda route: waiting.append(route))

        def release():
            for route in waiting:
                # The page has given most of them up.
                with contextlib.suppress(Error):
                    route.abort()
        self.addCleanup(release)

    def answer_with(self, *chunks, status=200, headers=None, end=True):
        """Instead of the model, every chat gets these chunks, or this error."""
        if status == 200:
            lines = [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks]
            body, kind = "".join(lines) + ("data: [DONE]\n\n" if end else ""), "text/event-stream"
        else:
            body, kind = json.dumps(chunks[0]), "application/json"
        self.page.route("**/v1/chat/completions", lambda route: route.fulfill(
            status=status, body=body, content_type=kind, headers={"Content-Type": kind, **(headers or {})}))


def piece(text, bits=6, token=1):
    """A chunk with a token."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None,
                         "taper": {"bits": bits, "average_bits": bits, "token": token}}]}


def last(reason="stop"):
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def error(message, parameter=None):
    return {"error": {"message": message, "type": "server_error", "param": parameter, "code": None}}
