"""The page at /docs in a browser: of a service, and of all of them through the gateway."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from integration.browser import Page, browser
from integration.gateway.example import shop
from integration.gateway.processes import gateway
from integration.gateway.support import serving
from integration.swagger import assert_in_order, open_docs, try_it_out

#: What the shop serves, with its own health.
SHOP = {
    *("GET /shop/products", "POST /shop/products", "GET /shop/products/{id}"),
    *("GET /shop/orders", "POST /shop/orders", "GET /shop/orders/{id}"),
}


def crm() -> FastAPI:
    """A second service."""
    app = FastAPI(title="crm")

    @app.get("/crm/customers/{number}")
    def customer(number: int) -> dict[str, int]:
        return {"number": number}

    return app


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of the service and of the gateway."""
    with shop(tmp_path_factory.mktemp("shop")) as service, serving(crm()) as crm_port:
        upstreams = ["--upstream", f"shop={service}"]
        upstreams += ["--upstream", f"crm=http://127.0.0.1:{crm_port}"]
        with gateway(*upstreams) as (_process, url):
            yield {"service": service, "gateway": url}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser for the module."""
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("where", ["service", "gateway"])
def test_the_page_shows_the_operations_and_runs_one(
    page: Page, urls: dict[str, str], where: str
) -> None:
    url = urls[where]
    shown = open_docs(page, url, len(SHOP))
    assert shown >= SHOP
    if where == "gateway":
        assert shown == SHOP | {"GET /crm/customers/{number}"}
    # A product is made, and is really there.
    product = {"sku": f"from-{where}-{time.time_ns()}", "name": "Rocket", "price": "9.50"}
    answer = try_it_out(page, "POST", "/shop/products", product)
    assert answer.status == 201, answer.body
    assert httpx.get(f"{url}/shop/products/{answer.body['id']}").json() == answer.body
    assert answer.body["sku"] == product["sku"]
    assert_in_order(page, url)


@pytest.mark.parametrize("where", ["service", "gateway"])
def test_the_files_are_cached_and_small(urls: dict[str, str], where: str) -> None:
    with httpx.Client(base_url=urls[where]) as http:
        answer = http.get("/docs")
        assert answer.headers["cache-control"] == "no-cache"
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert "<script>" not in answer.text
        (script,) = (
            part.partition('"')[0]
            for part in answer.text.split('src="')[1:]
            if "swagger-ui-bundle.js" in part
        )
        packed = http.get(f"/{script}")
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = http.get(f"/{script}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == packed.content
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert "Accept-Encoding" in packed.headers["vary"]
        # Of a release before or after: not to be kept.
        version = script.split("/")[2]
        other = http.get(f"/{script.replace(version, 'another')}")
        assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
        for path in ("secrets.txt", "..%2fpage.py", "METADATA"):
            missing = http.get(f"/docs/swagger-ui/{version}/{path}")
            assert missing.status_code in (400, 404), path
            assert "error" in missing.json()
        redirect = http.get("/docs/oauth2-redirect")
        assert redirect.status_code == 200
        assert "default-src 'none'" in redirect.headers["content-security-policy"]


@pytest.mark.parametrize("where", ["service", "gateway"])
def test_there_is_no_page_with_scripts_from_elsewhere(urls: dict[str, str], where: str) -> None:
    with httpx.Client(base_url=urls[where]) as http:
        for path in ("/redoc", "/shop/redoc", "/redoc/"):
            assert http.get(path).status_code == 404, path
        for path in ("/docs", "/docs/oauth2-redirect"):
            answer = http.get(path)
            assert answer.status_code == 200
            assert "//" not in "".join(re.findall(r"""(?:src|href)=["'][^"']*""", answer.text))
