"""A first project's apps, as a person meets them in a browser behind the gateway."""

from __future__ import annotations

from pathlib import Path

import httpx
from integration.browser import browser
from integration.swagger import assert_in_order, open_docs, try_it_out

#: What ``startapp`` makes, one after the other.
APPS = ("shop", "crm", "blog")


def missing_apps(client: httpx.Client) -> list[str]:
    """The apps that are not served yet."""
    return [app for app in APPS if client.get(f"/{app}/items").status_code != 200]


def try_every_app(client: httpx.Client, folder: Path) -> None:
    """/docs shows the operations of all apps, and one of each is run there.

    Args:
        client: of the gateway, on a database with nothing in it.
        folder: for the files of the browser.
    """
    url = str(client.base_url).rstrip("/")
    with browser(folder) as page:
        expected = {
            operation.format(app)
            for app in APPS
            for operation in ("GET /{}/items", "POST /{}/items", "GET /{}/items/{{id}}")
        }
        assert open_docs(page, url, len(expected)) == expected
        for app in APPS:
            name = f"from a browser, for {app} 🚀"
            answer = try_it_out(page, "POST", f"/{app}/items", {"name": name})
            assert (answer.status, answer.body["name"]) == (201, name)
            # It is really there.
            assert client.get(f"/{app}/items").json()["results"] == [answer.body]
            assert client.get(f"/{app}/items/{answer.body['id']}").json() == answer.body
        assert_in_order(page, url)
