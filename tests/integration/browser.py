"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from integration.programs import START_SECONDS, ended
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
WAIT_SECONDS = 30.0
#: Nothing is fetched from elsewhere: names do not resolve, and the browser asks for nothing itself.
_OPTIONS = (
    "--headless",
    # The sandbox needs another user than root, or a kernel that lets anybody make namespaces.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "--window-size=1280,1800",
)


class Page:
    """A tab.

    Attributes:
        requested: URLs that it asked for.
        complaints: what its console says of errors, exceptions, and refused contents.
        failed: URLs that could not be had, or were answered with an error.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.failed: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv(timeout=WAIT_SECONDS))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif event == "Network.responseReceived" and told["response"]["status"] >= 400:
            self.failed.append(told["response"]["url"])
        elif event == "Network.loadingFailed":
            self.failed.append(told["errorText"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(json.dumps(told["entry"]))
        elif event == "Audits.issueAdded" and told["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append(json.dumps(told["issue"]))

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, of JSON types; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression once it is something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            assert time.monotonic() < deadline, f"{expression}: {self.evaluate(_TEXT)}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click an element, once it exists."""
        found = json.dumps(selector)
        self.wait_for(f"document.querySelector({found}) !== null")
        self.evaluate(f"document.querySelector({found}).click()")


_TEXT = "document.body.innerText.slice(0, 2000)"


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A page of a browser whose files are in ``folder``."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None and _is_ubuntu():
        pytest.skip("Ubuntu has Chromium as a snap only; install one of " + ", ".join(NAMES))
    assert program is not None, "no Chromium: apt-get install chromium-headless-shell"
    process = subprocess.Popen(
        [program, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"],
        # What it caches elsewhere and its locks belong here as well.
        env={**os.environ, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The program may be a script that starts the browser, which starts more.
        start_new_session=True,
    )
    with ended(process) as log, contextlib.ExitStack() as stack:
        stack.callback(os.killpg, process.pid, signal.SIGKILL)
        address = _address(process, folder / "DevToolsActivePort", log)
        (page,) = (
            item
            for item in httpx.get(f"http://{address}/json/list").json()
            if item["type"] == "page"
        )
        with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
            yield Page(connection)


def _is_ubuntu() -> bool:
    return "\nID=ubuntu\n" in "\n" + Path("/etc/os-release").read_text(encoding="utf-8")


def _address(process: subprocess.Popen[str], told: Path, log: list[str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = told.read_text(encoding="ascii").splitlines() if told.exists() else []
        if len(lines) == 2:
            return f"127.0.0.1:{lines[0]}"
        time.sleep(0.05)
    raise AssertionError("".join(log))
