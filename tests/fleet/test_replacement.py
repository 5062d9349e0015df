"""A service is replaced by a newer image while clients use it: no request fails."""

from __future__ import annotations

import pytest
from fleet.clients import clients
from fleet.stack import REPLICAS, Fleet

pytestmark = pytest.mark.timeout(600)

#: How many requests are answered before, and after.
SOME_REQUESTS = 50


def test_no_request_fails_while_the_shop_is_replaced(fleet: Fleet) -> None:
    views = fleet.root / "src" / "apps" / "shop" / "views.py"
    views.write_text(views.read_text(encoding="utf-8") + "# Of the newer one.\n", encoding="utf-8")
    before = {service: fleet.container(service) for service in REPLICAS}
    kept = {service: fleet.identity(service) for service in ("gateway", "database")}
    with clients(fleet.url, "GET", "GET", "POST", "POST") as asking:
        asking.wait_for_more(SOME_REQUESTS)
        fleet.follow("Replace a service")
        asking.wait_for_more(SOME_REQUESTS)
    assert asking.failures == []
    newer = fleet.engine.client.images.get(f"{fleet.shop}:2")
    for service in REPLICAS:
        container = fleet.container(service)
        assert container.id != before[service].id
        assert container.attrs["Image"] == newer.id
        assert before[service].attrs["Image"] != newer.id
    assert {service: fleet.identity(service) for service in kept} == kept
