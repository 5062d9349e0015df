"""What rules need from the scope of their callers, and the graph that Pants makes when it knows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pants_scopes
import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference.rules import rules as inference_rules
from pants.backend.python.goals import package_pex_binary
from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet
from pants.backend.python.target_types import PexBinary
from pants.backend.python.util_rules import pex_from_targets
from pants.core.goals.package import BuiltPackage
from pants.engine.environment import EnvironmentName
from pants.engine.internals import native_engine, scheduler
from pants.engine.internals.scheduler import Scheduler
from pants.engine.internals.selectors import AwaitableConstraints
from pants.engine.rules import Get, QueryRule, RuleIndex, rule
from pants.engine.unions import UnionMembership, UnionRule, is_union, union
from pants.help import help_info_extracter
from pants.init.bootstrap_scheduler import BootstrapStatus
from pants.testutil.rule_runner import RuleRunner
from pants_scopes import Needs, declarable, installs_plugins, narrow_scopes


@dataclass(frozen=True)
class Word:
    text: str


@dataclass(frozen=True)
class Length:
    value: int


@dataclass(frozen=True)
class WordRequest:
    text: str


@dataclass(frozen=True)
class PlaceRequest:
    text: str


@dataclass(frozen=True)
class BothRequest:
    text: str


@dataclass(frozen=True)
class PairRequest:
    text: str


@union(in_scope_types=[EnvironmentName])
class AnyRequest:
    pass


@dataclass(frozen=True)
class MemberRequest(AnyRequest):
    text: str


@rule
async def word(request: WordRequest) -> Word:
    return Word(request.text)


@rule
async def word_of_place(request: PlaceRequest, environment: EnvironmentName) -> Word:
    return Word(f"{environment.val} {request.text}")


@rule
async def word_of_member(request: MemberRequest) -> Word:
    return Word(request.text)


@rule
async def length_of_place(request: PlaceRequest) -> Length:
    return Length(len(request.text))


@rule
async def length_of_pair(request: PairRequest, environment: EnvironmentName) -> Length:
    return Length(len(f"{environment.val}{request.text}"))


@rule
async def length(request: BothRequest) -> Length:
    """In a circle, of a union, and by two types."""
    if len(request.text) > 1:
        return await Get(Length, BothRequest(request.text[1:]))
    member = await Get(Word, AnyRequest, MemberRequest(request.text))
    plain = await Get(Word, WordRequest(member.text))
    placed = await Get(Word, PlaceRequest(plain.text))
    short = await Get(Length, PlaceRequest(placed.text))
    return await Get(
        Length,
        {PairRequest(str(short.value)): PairRequest, EnvironmentName(None): EnvironmentName},
    )


HELPING: Any = help_info_extracter
RULES: list[Any] = [word, word_of_place, word_of_member, length_of_place, length_of_pair, length]


@pytest.fixture
def needs() -> Needs:
    unions = UnionMembership.from_rules([UnionRule(AnyRequest, MemberRequest)])
    return Needs(RuleIndex.create(RULES), unions, (), frozenset([EnvironmentName]))


def test_what_a_call_needs_from_its_scope(needs: Needs) -> None:
    assert needs.calls == {
        (Word, (WordRequest,)): frozenset(),
        (Word, (PlaceRequest,)): {EnvironmentName},
        (Length, (PlaceRequest,)): frozenset(),
        # It gives both itself.
        (Length, (PairRequest, EnvironmentName)): frozenset(),
        # By what it asks for, and through its own circle.
        (Length, (BothRequest,)): {EnvironmentName},
        (Word, (MemberRequest,)): {EnvironmentName},
    }


def test_a_call_that_nothing_answers_needs_what_is_not_known(needs: Needs) -> None:
    unions = UnionMembership.from_rules([])
    needs = Needs(RuleIndex.create([RULES[-1]]), unions, (), frozenset([EnvironmentName]))
    assert needs.calls[Word, (WordRequest,)] is None
    assert needs.calls[Length, (BothRequest,)] is None
    assert declarable(needs, frozenset()) == {}


def test_types_that_declare_what_they_leave_in_scope(needs: Needs) -> None:
    # Not PlaceRequest, whose two answers need different things, nor what is given with another.
    assert declarable(needs, frozenset([MemberRequest])) == {
        WordRequest: frozenset(),
        BothRequest: {EnvironmentName},
    }


@rule
async def word_of_number(number: int) -> Word:
    return Word(str(number))


@rule
async def length_of_number(request: WordRequest) -> Length:
    return Length(len((await Get(Word, int, len(request.text))).text))


def test_a_type_that_takes_no_attributes_declares_nothing() -> None:
    rules: list[Any] = [word_of_number, length_of_number]
    unions = UnionMembership.from_rules([])
    needs = Needs(RuleIndex.create(rules), unions, (), frozenset([EnvironmentName]))
    assert needs.calls == {(Word, (int,)): frozenset()}
    assert declarable(needs, frozenset()) == {}


def test_rules_whose_needs_never_settle_are_refused() -> None:
    """Wrong ones, in a circle: Pants by itself says what is wrong with them."""
    of_name = AwaitableConstraints(Word, (EnvironmentName,), False)
    of_word = AwaitableConstraints(EnvironmentName, (Word,), False)
    circle: Any = [
        (EnvironmentName, (Word, EnvironmentName), ()),
        (EnvironmentName, (Word,), (of_name,)),
        (Word, (Word,), (of_word,)),
    ]
    rules = [
        SimpleNamespace(
            output_type=output, input_selectors=selectors, input_gets=gets, masked_types=()
        )
        for output, selectors, gets in circle
    ]
    index: Any = SimpleNamespace(rules=rules)
    with pytest.raises(ValueError, match="rounds"):
        Needs(index, UnionMembership.from_rules([]), (), frozenset([EnvironmentName]))


@pytest.fixture
def restored() -> Iterator[None]:
    """Pants as it was, afterwards."""
    create, registered, asked = Scheduler.__init__, scheduler.register_rules, HELPING.is_union
    yield
    pants_scopes._withdraw()
    Scheduler.__init__ = create  # type: ignore[method-assign]
    scheduler.register_rules, HELPING.is_union = registered, asked


def rules_of_graph(directory: Path) -> dict[str, set[frozenset[str]]]:
    """The sets of parameters that each rule is run for."""
    runner = RuleRunner(
        rules=[
            *package_pex_binary.rules(),
            *pex_from_targets.rules(),
            *target_types_rules.rules(),
            *inference_rules(),
            QueryRule(BuiltPackage, [PexBinaryFieldSet]),
        ],
        target_types=[PexBinary],
    )
    file = directory / "graph.dot"
    runner.scheduler.scheduler.visualize_rule_graph_to_file(str(file))
    found = defaultdict(set)
    for name, parameters in re.findall(
        r'"@rule\(([\w.]+:\d+:\w+)\([^"]*\)\nfor ([^"]*)"', file.read_text()
    ):
        found[name].add(frozenset(re.findall(r"\w+", parameters)))
    return found


def test_the_graph_answers_the_same(restored: None, tmp_path: Path) -> None:
    before = rules_of_graph(tmp_path)
    narrow_scopes()
    after = rules_of_graph(tmp_path)
    assert pants_scopes._declared
    # What a declared type asks for is in the graph whether or not something asks.
    assert set(before) <= set(after)
    # None is run for more than before; some are run for less: a parameter that was in scope by
    # chance made another run of the same.
    for name, sets in before.items():
        assert all(any(one <= other for one in after[name]) for other in sets), name
    assert len(before) > 50


def test_help_does_not_take_them_for_unions(restored: None, tmp_path: Path) -> None:
    narrow_scopes()
    rules_of_graph(tmp_path)
    declared = set(pants_scopes._declared)
    assert all(is_union(kind) for kind in declared)
    assert not any(HELPING.is_union(kind) for kind in declared)
    # Of another scheduler in this process they declare what is true of that one.
    RuleRunner()
    gone = declared - pants_scopes._declared
    assert gone
    assert not any(is_union(kind) for kind in gone)


def test_rules_that_make_no_graph_with_it_start_as_before(
    restored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    create: Any = native_engine.scheduler_create
    tries = []

    def create_as_before(*arguments: Any) -> Any:
        tries.append(bool(pants_scopes._declared))
        if pants_scopes._declared:
            raise ValueError("no source of dependency")
        return create(*arguments)

    narrow_scopes()
    monkeypatch.setattr(native_engine, "scheduler_create", create_as_before)
    RuleRunner(rules=RULES)
    assert tries == [True, False]


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError])
def test_what_fails_while_it_is_judged_is_left_to_pants(
    restored: None, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*arguments: Any) -> None:
        raise error("judged wrongly")

    narrow_scopes()
    monkeypatch.setattr(pants_scopes, "declarable", fail)
    RuleRunner(rules=RULES)
    assert not pants_scopes._declared


def status(in_progress: bool) -> RuleIndex:
    @rule(canonical_name=f"status_{in_progress}")
    def bootstrap_status() -> BootstrapStatus:
        return BootstrapStatus(in_progress)

    rules: list[Any] = [bootstrap_status]
    return RuleIndex.create(rules)


def test_where_plugins_are_installed_nothing_is_declared(
    restored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another graph of the process has rules of its own."""
    assert [installs_plugins(status(in_progress)) for in_progress in (True, False)] == [True, False]
    narrow_scopes()
    with monkeypatch.context() as patch:
        patch.setattr(pants_scopes, "installs_plugins", lambda index: True)
        RuleRunner(rules=RULES)
    RuleRunner(rules=RULES)
    assert not pants_scopes._declared
