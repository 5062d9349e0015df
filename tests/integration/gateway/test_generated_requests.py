"""Requests made from the merged OpenAPI document, valid ones and others, through the gateway.

Whatever is asked, the answer is not an error of ours, and it says the same as the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from integration.gateway.example import shop
from integration.gateway.processes import gateway
from integration.gateway.support import SECONDS
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

EXAMPLES = 40
OPERATIONS = [
    *("GET /shop/products", "POST /shop/products", "GET /shop/products/{id}"),
    *("GET /shop/orders", "POST /shop/orders", "GET /shop/orders/{id}"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """URL of the gateway, and the operations of its document by label."""
    with shop(tmp_path_factory.mktemp("shop")) as service:
        with gateway("--upstream", f"shop={service}") as (_process, url):
            document = httpx.get(f"{url}/openapi.json").json()
            schema = schemathesis.openapi.from_dict(document)
            operations = {}
            for found in schema.get_all_operations():
                assert isinstance(found, Ok), found
                operations[found.ok().label] = found.ok()
            yield url, operations


def test_these_are_all_operations(api: tuple[str, dict[str, Any]]) -> None:
    assert set(api[1]) == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_is_an_internal_error(
    api: tuple[str, dict[str, Any]], label: str, mode: GenerationMode
) -> None:
    url, operations = api
    sent = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        # The same each time: a test that others wait for is no place to search.
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operations[label].as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        nonlocal sent
        answer = case.call(base_url=url, timeout=SECONDS)
        sent += 1
        case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error", "message", "detail", "request_id"}

    ask()
    assert sent >= 1
    assert httpx.get(f"{url}/shop/products").status_code == 200
