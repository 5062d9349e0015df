"""What a person does on the page at /docs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from integration.browser import Page

_OPERATIONS = """[...document.querySelectorAll(".opblock")].map(block =>
  block.querySelector(".opblock-summary-method").innerText + " " +
  block.querySelector(".opblock-summary-path").innerText.replace(/\\u200b/g, ""))"""


@dataclass(frozen=True)
class Shown:
    """An answer as the page shows it.

    Attributes:
        status: its status.
        body: its JSON.
    """

    status: int
    body: Any


def open_docs(page: Page, url: str, count: int) -> set[str]:
    """Open the page; its operations, such as "GET /shop/products", once there are ``count``."""
    page.requested.clear()
    page.open(f"{url}/docs")
    return set(page.wait_for(f"{_OPERATIONS}.length >= {count} && {_OPERATIONS}"))


def try_it_out(page: Page, method: str, path: str, body: Any) -> Shown:
    """Unfold an operation, click "Try it out", type a body, click "Execute"."""
    block = f".opblock-{method.lower()}:has([data-path='{path}'])"
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    page.wait_for(f"document.querySelector({json.dumps(f'{block} textarea')}) !== null")
    page.evaluate(
        f"""(() => {{
          const area = document.querySelector({json.dumps(f"{block} textarea")});
          const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
          set.call(area, {json.dumps(json.dumps(body))});
          area.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()"""
    )
    page.click(f"{block} .execute")
    row = f"{block} .live-responses-table tbody"
    status = page.wait_for(_text(f"{row} .response-col_status"))
    # Beside it is a button to download it.
    shown = page.evaluate(_text(f"{row} .highlight-code pre"))
    return Shown(int(status.split()[0]), json.loads(shown))


def assert_in_order(page: Page, url: str) -> None:
    """All that the page had came from one server, and nothing was refused or went wrong."""
    allowed = (f"{url}/", "data:", "blob:")
    assert [request for request in page.requested if not request.startswith(allowed)] == []
    assert page.failed == []
    assert page.complaints == []


def _text(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})?.innerText"
