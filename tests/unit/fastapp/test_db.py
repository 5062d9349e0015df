"""The data layer on SQLite: round trips, transactions, managers, life cycle."""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from integration import roundtrip
from integration.kinds.models import Kinds
from tortoise.exceptions import DBConnectionError, DoesNotExist, OperationalError
from unit.fastapp.support import MakeApp

from fastapp.apps import apps
from fastapp.conf import override_settings
from fastapp.db.config import app_models, tortoise_config
from fastapp.db.errors import is_connection_lost
from fastapp.db.fields import dump_json
from fastapp.db.lifecycle import connection, databases
from fastapp.db.transaction import atomic
from fastapp.exceptions import AppLoadError, FastAppError, ImproperlyConfigured, UnstorableValue

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def kinds() -> AsyncIterator[None]:
    with override_settings(INSTALLED_APPS=["integration.kinds"]):
        async with databases() as context:
            await context.generate_schemas()
            yield


async def test_round_trip_of_all_kinds(kinds: None) -> None:
    await roundtrip.check_all_kinds()


async def test_round_trip_of_null(kinds: None) -> None:
    await roundtrip.check_null()


async def test_moments(kinds: None) -> None:
    await roundtrip.check_moments()


async def test_numbers_are_finite(kinds: None) -> None:
    await roundtrip.check_numbers_are_finite()


async def test_json_takes_no_nan() -> None:
    assert dump_json({"a": "🚀"}) == '{"a":"🚀"}'
    with pytest.raises(ValueError, match="JSON"):
        dump_json(float("nan"))


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, ["\ud83d"], {"\ud83d": 1}])
async def test_json_that_no_database_takes_names_its_field(kinds: None, value: Any) -> None:
    with pytest.raises(UnstorableValue, match="data: expected JSON without NaN"):
        await Kinds.objects.create(text="a", price=1, data=value)
    assert await Kinds.objects.all().count() == 0


async def test_a_moment_beyond_the_calendar_names_its_field(kinds: None) -> None:
    last = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    with pytest.raises(UnstorableValue, match="between the years 1 and 9999"):
        await Kinds.objects.create(text="a", price=1, moment=last)


async def test_objects_is_a_manager(kinds: None) -> None:
    made = await Kinds.objects.create(text="a", price=1)
    assert await Kinds.objects.get(id=made.id) == made
    assert await Kinds.objects.get_or_none(id=0) is None
    assert await Kinds.objects.filter(text="a").count() == 1
    assert await Kinds.objects.exclude(text="a").count() == 0
    assert await Kinds.objects.get_or_create(text="a", defaults={"price": 2}) == (made, False)
    _, created = await Kinds.objects.update_or_create(text="b", defaults={"price": 2})
    assert created
    await Kinds.objects.bulk_create([Kinds(text="c", price=1), Kinds(text="d", price=1)])
    assert await Kinds.objects.all().count() == 4
    # What the manager does not define comes from the queryset.
    assert await Kinds.objects.order_by("-text").first() is not None
    with pytest.raises(DoesNotExist):
        await Kinds.objects.get(id=0)
    with pytest.raises(AttributeError, match="use Kinds.objects"):
        _ = made.objects


async def test_the_primary_key_is_a_bigint(kinds: None) -> None:
    field = Kinds._meta.pk
    assert type(field).__name__ == "BigIntField"
    assert (await Kinds.objects.create(id=2**62, text="big", price=1)).id == 2**62


async def test_docstrings_stay_out_of_the_schema() -> None:
    assert Kinds.__doc__
    assert Kinds._meta.table_description == ""
    assert Kinds._meta.fields_map["text"].description is None


async def test_atomic_commits_rolls_back_and_nests(kinds: None) -> None:
    with pytest.raises(RuntimeError):
        async with atomic():
            await Kinds.objects.create(text="lost", price=1)
            raise RuntimeError
    async with atomic():
        await Kinds.objects.create(text="kept", price=1)
        with pytest.raises(RuntimeError):
            async with atomic():
                await Kinds.objects.create(text="lost too", price=1)
                raise RuntimeError
    assert [row.text for row in await Kinds.objects.all()] == ["kept"]


async def test_atomic_as_a_decorator(kinds: None) -> None:
    @atomic()
    async def work(fail: bool) -> str:
        await Kinds.objects.create(text="x", price=1)
        if fail:
            raise RuntimeError
        return "done"

    assert await work(False) == "done"
    with pytest.raises(RuntimeError):
        await work(True)
    assert await Kinds.objects.all().count() == 1


async def test_blocks_share_one_opening() -> None:
    async with databases() as outer:
        async with databases() as inner:
            assert inner is outer
        await connection().execute_query("SELECT 1")
    with pytest.raises(FastAppError, match="not open"):
        connection()


async def test_blocks_that_begin_at_once_share_one_opening() -> None:
    async def use() -> int:
        async with databases() as context:
            await asyncio.sleep(0)
            return id(context)

    assert len(set(await asyncio.gather(*(use() for _ in range(5))))) == 1


async def test_nothing_is_written_before_the_first_query(project: Path) -> None:
    async with databases():
        assert not (project / "db.sqlite3").exists()
        await connection().execute_query("SELECT 1")
    assert (project / "db.sqlite3").exists()


async def test_data_dir_is_made_at_the_first_query(tmp_path: Path) -> None:
    with override_settings(DATA_DIR=tmp_path / "deep" / "data"):
        async with databases():
            await connection().execute_query("SELECT 1")
    assert (tmp_path / "deep" / "data" / "db.sqlite3").exists()


async def test_a_folder_that_can_not_be_written_names_the_setting() -> None:
    with override_settings(DATA_DIR=Path("/dev/null/data")):
        async with databases():
            with pytest.raises(DBConnectionError, match="DATA_DIR"):
                await connection().execute_query("SELECT 1")


async def test_a_broken_models_module_fails_the_start(make_app: MakeApp) -> None:
    make_app("shop", models="import no_such_package_at_all")
    with (
        override_settings(INSTALLED_APPS=["shop"]),
        pytest.raises(AppLoadError, match="app 'shop': cannot import 'shop.models'"),
    ):
        tortoise_config()


async def test_an_app_with_an_unknown_connection(make_app: MakeApp) -> None:
    make_app(
        "shop",
        apps="from fastapp.apps import AppConfig\n"
        "class C(AppConfig):\n    default_connection = 'else'\n",
    )
    with (
        override_settings(INSTALLED_APPS=["shop"]),
        pytest.raises(ImproperlyConfigured, match="'shop': default_connection: .*'else'. Fix: "),
    ):
        tortoise_config()


async def test_a_model_belongs_to_the_app_that_declares_it(make_app: MakeApp) -> None:
    model = "from fastapp.db import models\nclass {}(models.Model):\n    pass\n"
    make_app("zoo", models=model.format("Animal"))
    make_app("art", models="from zoo.models import Animal\n" + model.format("Picture"))
    with override_settings(INSTALLED_APPS=["art", "zoo"]):
        async with databases() as context:
            assert context.apps is not None
            assert sorted(context.apps["art"]) == ["Picture"]
            assert sorted(context.apps["zoo"]) == ["Animal"]
        assert [found.__name__ for found in app_models(apps.get_app_config("art"))] == ["Picture"]


async def test_losing_a_connection_is_no_mistake_of_a_statement() -> None:
    assert is_connection_lost(DBConnectionError("x"))
    assert is_connection_lost(OperationalError(Exception(2013, "Lost connection")))
    assert not is_connection_lost(OperationalError(Exception(1064, "syntax")))
    assert not is_connection_lost(OperationalError("no such table"))


async def test_the_time_zone_is_that_of_the_settings(kinds: None) -> None:
    rows: Any = await connection().execute_query_dict("SELECT 1 AS one")
    assert rows == [{"one": 1}]
    assert os.environ["TIMEZONE"] == "Asia/Shanghai"
