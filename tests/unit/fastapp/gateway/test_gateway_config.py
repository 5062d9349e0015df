"""Where the configuration comes from, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from unit.fastapp.support import MakeApp

from fastapp.apps import apps
from fastapp.conf import override_settings
from fastapp.exceptions import ImproperlyConfigured
from fastapp.gateway import Gateway, GatewayConfig, create_gateway
from fastapp.gateway.config import check_url, gateway_config, parse_upstream


def config_of(**changes: Any) -> GatewayConfig:
    with override_settings(**changes) as settings:
        apps.clear()
        apps.populate(settings.INSTALLED_APPS)
        return gateway_config(settings, apps)


def test_installed_apps_are_on_this_host_unless_said_otherwise(make_app: MakeApp) -> None:
    named = {
        name: make_app(f"apps.{name}", urls="urlpatterns = []") for name in ("one", "two", "three")
    }
    make_app(
        "apps.two",
        apps="""
        from fastapp.apps import AppConfig
        class Two(AppConfig):
            prefix = "second"
            port = 12345
        """,
    )
    config = config_of(
        INSTALLED_APPS=list(named.values()),
        NO_EXPORT_APPS=["three"],
        UPSTREAMS={"one": ["http://a:1", "http://b:2/"]},
        EXTRA_PROXY={"wiki": "https://wiki.example/base/"},
    )
    assert config.upstreams == {
        "one": ["http://a:1", "http://b:2"],
        "second": ["http://127.0.0.1:12345"],
        "wiki": ["https://wiki.example/base"],
    }
    assert config.hidden_prefixes == {"three"}


def test_the_command_line_wins() -> None:
    with override_settings(UPSTREAMS={"shop": "http://a:1"}) as settings:
        apps.populate([])
        pairs = [parse_upstream(text) for text in ("shop=http://b:2", "/shop/=http://c:3/")]
        config = gateway_config(settings, apps, upstreams=pairs)
    assert config.upstreams == {"shop": ["http://b:2", "http://c:3"]}


@pytest.mark.parametrize(
    "url",
    [
        *("", "a:1", "ftp://a", "http://", "http://a:0", "http://a:x", "http://a:99999"),
        *("http://u@a", "http://a?x", "http://a/#x", "http://a b", "http://a/;{}", "http://a\n"),
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as failure:
        check_url(url, "X")
    for part in (
        f"X: {url.replace('u@', '***@')!r} ",
        "Fix: write it like 'http://127.0.0.1:20001'",
    ):
        assert part in str(failure.value)


@pytest.mark.parametrize("rest", ["a", "a:x", "", "/a"])
def test_passwords_are_not_printed(rest: str) -> None:
    with pytest.raises(ImproperlyConfigured) as failure:
        check_url(f"http://u:secret@{rest}", "X")
    assert f"X: 'http://***@{rest}' " in str(failure.value)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "value", "fix"),
    [
        ("shop", "'shop'", "Fix: write it like 'shop=http://127.0.0.1:20001'"),
        ("=http://a", "prefix ''", "Fix: write it like 'shop'"),
        ("../x=http://a", "prefix '../x'", "Fix: write it like 'shop'"),
        ("docs=http://a", "prefix 'docs'", "Fix: choose another prefix"),
        ("a b=http://a", "prefix 'a b'", "Fix: write it like 'shop'"),
        ("shop=a", "'a'", "Fix: write it like 'http://127.0.0.1:20001'"),
    ],
)
def test_upstreams_that_are_none(text: str, value: str, fix: str) -> None:
    with pytest.raises(ImproperlyConfigured) as failure:
        parse_upstream(text)
    for part in (f"--upstream: {value} ", fix):
        assert part in str(failure.value)


def test_mistakes_name_the_setting() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"UPSTREAMS\['shop'\]: '10.0.0.1:80' .*Fix: "):
        config_of(UPSTREAMS={"shop": "10.0.0.1:80"})
    with pytest.raises(
        ImproperlyConfigured, match="GATEWAY_STRIP_PREFIXES: 'shop' .*Fix: remove it"
    ):
        config_of(GATEWAY_STRIP_PREFIXES=["shop"])
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES: .*'proxy'.*Fix: "):
        Gateway(GatewayConfig(trusted_proxies=["proxy"]))


def test_made_without_an_event_loop_and_without_a_secret() -> None:
    with override_settings(SECRET_KEY="", UPSTREAMS={"shop": "http://a:1"}):
        gateway = create_gateway()
    assert list(gateway.directory.pools) == ["shop"]
