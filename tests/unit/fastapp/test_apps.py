"""The app registry: entries, collisions, and missing against broken modules."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.fastapp.support import MakeApp

from fastapp.apps import AppConfig, apps
from fastapp.apps.ports import FIRST_PORT, PORT_COUNT, check_ports, stable_port
from fastapp.exceptions import AppLoadError, AppRegistryNotReady, ImproperlyConfigured


def test_a_plain_package_gets_defaults(make_app: MakeApp) -> None:
    apps.populate([make_app("teams.shop")])
    config = apps.get_app_config("shop")
    assert (config.name, config.prefix, config.port) == ("teams.shop", "shop", None)
    assert config.default_connection == "default"
    assert config.path.name == "shop"


def test_the_config_of_an_app(make_app: MakeApp) -> None:
    make_app(
        "shop",
        apps="""
        from fastapp.apps import AppConfig
        class ShopConfig(AppConfig):
            name = "shop"
            label = "store"
            prefix = "/market/"
            port = 9001
            default_connection = "other"
        """,
    )
    apps.populate(["shop"])
    config = apps.get_app_config("store")
    assert type(config).__name__ == "ShopConfig"
    assert (config.prefix, config.service_port) == ("market", 9001)


def test_a_dotted_path_chooses_among_several(make_app: MakeApp) -> None:
    make_app(
        "shop",
        apps="""
        from fastapp.apps import AppConfig
        class One(AppConfig): label = "one"
        class Two(AppConfig): label = "two"
        """,
    )
    apps.populate(["shop.apps.Two"])
    assert [config.label for config in apps] == ["two"]
    apps.clear()
    with pytest.raises(
        ImproperlyConfigured, match=r"several AppConfigs \(One, Two\). Fix: set def"
    ):
        apps.populate(["shop"])


def test_order_ready_and_idempotence(make_app: MakeApp) -> None:
    make_app(
        "one",
        apps="""
        from fastapp.apps import AppConfig
        calls = []
        class OneConfig(AppConfig):
            def ready(self): calls.append(self.label)
        """,
    )
    make_app("two")
    apps.populate(["two", "one"])
    apps.populate(["one"])
    assert [config.label for config in apps] == ["two", "one"]
    import one.apps  # type: ignore[import-not-found]  # pants: no-infer-dep

    assert one.apps.calls == ["one"]


def test_use_before_populate() -> None:
    with pytest.raises(AppRegistryNotReady):
        apps.get_app_configs()


def test_unknown_label(make_app: MakeApp) -> None:
    apps.populate([make_app("shop")])
    with pytest.raises(LookupError, match=r"'shp' \(known: shop\)"):
        apps.get_app_config("shp")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("nowhere", "INSTALLED_APPS: 'nowhere' cannot be found; .*Fix: .*QK_INSTALLED_APPS"),
        ("shop.Missing", "INSTALLED_APPS: 'shop.Missing' cannot be found.*Fix: "),
        ("shop.apps.Missing", r"has no AppConfig named 'Missing' \(it has: ShopConfig\). Fix: "),
        ("shop.nothing.At", "INSTALLED_APPS: 'shop.nothing.At' cannot be found"),
        ("shop.urls", "is a module; expected a package.*Fix: name its package, such as 'shop'"),
    ],
)
def test_entries_that_are_wrong(make_app: MakeApp, entry: str, expected: str) -> None:
    config = "from fastapp.apps import AppConfig\nclass ShopConfig(AppConfig): pass\n"
    make_app("shop", apps=config, urls="urlpatterns = []")
    with pytest.raises(ImproperlyConfigured, match=expected):
        apps.populate([entry])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "prefix = 'healthz'",
            "prefix: 'healthz' is used by the framework. Fix: set another 'prefix'",
        ),
        ("prefix = 'a b'", "app 'shop': prefix='a b': expected URL.*Fix: set 'prefix'"),
        ("prefix = '{x}'", "app 'shop': prefix='{x}': expected URL.*Fix: set 'prefix'"),
        ("label = 'Shop-1'", "app 'shop': label='Shop-1': expected lower-case.*Fix: set 'label'"),
        ("port = 70000", "app 'shop': port=70000: expected a number from 1.*Fix: set 'port'"),
        ("port = '8000'", "app 'shop': port='8000': expected a number from 1.*Fix: set 'port'"),
        ("name = 'other'", r"ShopConfig.name='other': expected 'shop'. Fix: .*shop.apps"),
    ],
)
def test_configs_that_are_wrong(make_app: MakeApp, body: str, expected: str) -> None:
    make_app(
        "shop",
        apps=f"from fastapp.apps import AppConfig\nclass ShopConfig(AppConfig):\n    {body}\n",
    )
    with pytest.raises(ImproperlyConfigured, match=expected):
        apps.populate(["shop"])


def test_collisions_are_reported_by_name(make_app: MakeApp) -> None:
    config = "from fastapp.apps import AppConfig\nclass C(AppConfig):\n    {}\n"
    make_app("one", apps=config.format("label = 'x'"))
    make_app("two", apps=config.format("label = 'x'"))
    make_app("three", apps=config.format("prefix = 'x'"))
    with pytest.raises(
        ImproperlyConfigured, match="'one' and 'two' have the same label 'x'. Fix: set 'label'"
    ):
        apps.populate(["one", "two"])
    with pytest.raises(ImproperlyConfigured, match="'one' and 'three' have the same prefix 'x'"):
        apps.populate(["one", "three"])
    with pytest.raises(ImproperlyConfigured, match="'one' is listed twice. Fix: remove"):
        apps.populate(["one", "one"])


def test_a_missing_module_is_fine(make_app: MakeApp) -> None:
    apps.populate([make_app("shop")])
    assert apps.get_app_config("shop").import_module("urls") is None
    assert apps.get_app_config("shop").import_module("sub.urls") is None


@pytest.mark.parametrize(
    ("text", "cause", "fix"),
    [
        (
            "import no_such_package_at_all\n",
            "ModuleNotFoundError: No module named 'no_such_pack",
            "install",
        ),
        ("from shop import missing_name\n", "ImportError: cannot import name 'missing_name'", ""),
        ("import shop.urls.deeper\n", "ModuleNotFoundError", "'shop.urls.deeper'"),
        ("def broken(:\n", "SyntaxError", "remove the app"),
        ("1 / 0\n", "ZeroDivisionError", "remove the app"),
    ],
)
def test_a_broken_module_is_never_missing(
    make_app: MakeApp, project: Path, text: str, cause: str, fix: str
) -> None:
    apps.populate([make_app("shop", urls=f"\n\n{text}")])
    with pytest.raises(AppLoadError) as caught:
        apps.get_app_config("shop").import_module("urls")
    error, file = caught.value, str(project / "shop" / "urls.py")
    assert (error.app, error.module, error.file) == ("shop", "shop.urls", file)
    assert cause in str(error)
    assert f"line 3 of {file}" in str(error)
    assert fix in str(error).partition(" Fix: ")[2]
    assert str(error).count("Fix: ") == 1
    assert error.__cause__ is not None


@pytest.mark.parametrize("file", ["__init__", "apps"])
def test_a_broken_package_fails_the_start(make_app: MakeApp, file: str) -> None:
    make_app("shop", **{file: "import no_such_package_at_all\n"})
    with pytest.raises(AppLoadError, match=r"app 'shop': cannot import 'shop.*no_such_package"):
        apps.populate(["shop"])


def test_ports_are_stable_and_in_their_range() -> None:
    assert stable_port("shop") == stable_port("shop") == 27586
    assert all(
        FIRST_PORT <= stable_port(f"app{number}") < FIRST_PORT + PORT_COUNT for number in range(100)
    )


def test_port_collisions_are_reported_by_name(make_app: MakeApp) -> None:
    config = "from fastapp.apps import AppConfig\nclass C(AppConfig):\n    port = 9000\n"
    make_app("one", apps=config)
    make_app("two", apps=config)
    apps.populate(["one", "two"])
    with pytest.raises(
        ImproperlyConfigured, match="apps 'one' and 'two' both get port 9000. Fix: "
    ):
        check_ports(apps)


def test_config_is_importable_without_the_web_framework() -> None:
    assert AppConfig.default_connection == "default"
