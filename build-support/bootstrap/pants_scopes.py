"""A start of Pants that computes its rule graph in a fraction of the time.

At each start Pants computes which rule answers which `Get`. A `Get` leaves all parameters of its
caller in scope, used or not, and Pants visits each rule once for every set of parameters that it
can be reached with: some 500 sets a rule with the backends of this repository, which takes most of
a start's processor time. Only a `Get` of a union declares what it leaves in scope.

Here the types that rules ask by declare it, too: the parameters that the answer needs, computed
from the rules themselves. Each rule is visited with what it needs, and the graph is the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pants.engine.rules import RuleIndex
    from pants.engine.unions import UnionMembership

#: An output, and the types it is asked by.
Call = tuple["type[Any]", tuple["type[Any]", ...]]
logger = logging.getLogger(__name__)
_NONE: frozenset[type] = frozenset()
#: The rules of this repository need four.
_ROUNDS = 50
#: Of a class that Python code made (`Py_TPFLAGS_HEAPTYPE`): others take no attributes.
_HEAP_TYPE = 1 << 9


class Needs:
    """What each `Get` needs from the scope of its caller, beside what it gives.

    Attributes:
        calls: for each `Get` of the rules. None where no rule answers it.
        of_unions: as declared by the union.
    """

    def __init__(
        self,
        index: RuleIndex,
        unions: UnionMembership,
        native: Iterable[tuple[type, tuple[type, ...]]],
        ambient: frozenset[type],
    ) -> None:
        self.of_unions: dict[Call, frozenset[type]] = {}
        self.calls: dict[Call, frozenset[type] | None] = {}
        self._ambient = ambient
        self._selectors: list[tuple[type, ...]] = []
        self._masked: list[frozenset[type]] = []
        self._calls_of: list[list[Call]] = []
        self._by_output: dict[type, list[int]] = defaultdict(list)
        for rule in index.rules:
            calls = [call for get in rule.input_gets for call in self._calls(get, unions)]
            self._add(rule.output_type, rule.input_selectors, rule.masked_types, calls)
        for output, inputs in native:
            self._add(output, inputs, (), [])
        self._solve()

    def _add(
        self, output: type, inputs: Iterable[type], masked: Iterable[type], calls: list[Call]
    ) -> None:
        self._by_output[output].append(len(self._selectors))
        self._selectors.append(tuple(inputs))
        self._masked.append(frozenset(masked))
        self._calls_of.append(calls)

    def _calls(self, get: Any, unions: UnionMembership) -> Iterable[Call]:
        from pants.engine.unions import is_union, union_in_scope_types

        base = next((kind for kind in get.input_types if is_union(kind)), None)
        if base is None:
            yield get.output_type, tuple(get.input_types)
            return
        for member in unions.get(base):
            given = tuple(member if kind == base else kind for kind in get.input_types)
            kept = frozenset(union_in_scope_types(base) or ()) - frozenset(given)
            self.of_unions[get.output_type, given] = kept
            yield get.output_type, given

    def _solve(self) -> None:
        open_calls = {call for calls in self._calls_of for call in calls} - set(self.of_unions)
        self.calls = {**dict.fromkeys(open_calls, _NONE), **self.of_unions}
        # Rules call each other in circles: from nothing needed, until nothing changes. Where one
        # of two rules answers or the other in turn, that never ends.
        for _ in range(_ROUNDS):
            self._known: dict[tuple[int, frozenset[type]], frozenset[type] | None] = {}
            answers = {call: self._of_call(*call) for call in open_calls}
            if all(self.calls[call] == needed for call, needed in answers.items()):
                return
            self.calls.update(answers)
        raise ValueError(f"what rules need of their scopes is not known after {_ROUNDS} rounds")

    def _of_call(self, output: type, given: tuple[type, ...]) -> frozenset[type] | None:
        have = frozenset(given)
        # One that leaves what it is given alone does not answer.
        needs = (self._of_rule(rule, have, ()) for rule in self._by_output.get(output, ()))
        answers = [needed - have for needed in needs if needed is not None and have <= needed]
        return min(answers, key=self._cost, default=None)

    def _cost(self, needed: frozenset[type]) -> tuple[int, int]:
        """As Pants chooses: the fewest; those first that every caller has."""
        return len(needed - self._ambient), len(needed)

    def _of_rule(
        self, rule: int, have: frozenset[type], callers: tuple[int, ...]
    ) -> frozenset[type] | None:
        """What it takes from its scope, `have` and more. None where it cannot run."""
        if rule in callers:
            return _NONE
        known = (rule, have)
        if known in self._known:
            return self._known[known]
        taken = have & frozenset(self._selectors[rule])
        needed = set(taken)
        # What a rule takes is not in the scope of those below it.
        rest = have - taken
        for kind in self._selectors[rule]:
            if kind in self._ambient:
                needed.add(kind)
            elif kind not in taken:
                rules = self._by_output.get(kind, ())
                answers = [
                    self._of_rule(other_rule, rest, (*callers, rule)) for other_rule in rules
                ]
                possible = [answer for answer in answers if answer is not None]
                # One that no rule makes has to be in scope.
                itself: frozenset[type] = frozenset([kind])
                best = min(possible, key=lambda answer: self._cost(answer - rest), default=itself)
                needed |= best
        calls = [self.calls[call] for call in self._calls_of[rule]]
        result = None
        if None not in calls:
            result = frozenset(needed).union(*filter(None, calls)) - self._masked[rule]
        if not callers:
            self._known[known] = result
        return result


def declarable(needs: Needs, members: frozenset[type]) -> dict[type, frozenset[type]]:
    """The types that can declare what they leave in scope, and what that is.

    A declaration is of a type, whatever it asks for: it has to be the same for all. Types that
    are given beside others, members of unions and those that are not made by Python code stay as
    they are.
    """
    needs_of: dict[type, set[frozenset[type] | None]] = defaultdict(set)
    left = set(members)
    for (output, given), needed in needs.calls.items():
        if len(given) == 1 and (output, given) not in needs.of_unions:
            needs_of[given[0]].add(needed)
        else:
            left.update(given)
    return {
        kind: needed
        for kind, answers in needs_of.items()
        if kind not in left and _takes_attributes(kind) and len(answers) == 1
        for needed in answers
        if needed is not None
    }


def _takes_attributes(kind: type) -> bool:
    return bool(kind.__flags__ & _HEAP_TYPE) and "native_engine" not in kind.__module__


_declared: set[type] = set()


def _withdraw() -> None:
    for kind in _declared:
        for name in ("_is_union_for", "_union_in_scope_types"):
            delattr(kind, name)
    _declared.clear()


def _declare(scopes: Mapping[type, frozenset[type]]) -> None:
    for kind, needed in scopes.items():
        union: Any = kind
        union._is_union_for = kind
        union._union_in_scope_types = tuple(sorted(needed, key=lambda each: each.__qualname__))
        _declared.add(kind)


def _native_rules() -> list[tuple[type, tuple[type, ...]]]:
    """The engine's own rules (`src/rust/engine/src/intrinsics.rs`), which the index lacks."""
    from pants.engine import fs, process
    from pants.engine.internals import docker, native_dep_inference, session

    digests = (
        *(fs.AddPrefix, fs.CreateDigest, fs.DigestSubset, fs.MergeDigests),
        *(fs.NativeDownloadFile, fs.PathGlobs, fs.RemovePrefix),
    )
    of_digest = (fs.DigestContents, fs.DigestEntries, fs.Snapshot)
    where = process.ProcessExecutionEnvironment
    return [
        *((fs.Digest, (kind,)) for kind in digests),
        *((kind, (fs.Digest,)) for kind in of_digest),
        (fs.Paths, (fs.PathGlobs,)),
        (native_dep_inference.NativeParsedPythonDependencies, (fs.Digest,)),
        (docker.DockerResolveImageResult, (docker.DockerResolveImageRequest,)),
        (process.FallibleProcessResult, (process.Process, where)),
        (process.InteractiveProcessResult, (process.InteractiveProcess, where)),
        (session.RunId, ()),
        (session.SessionValues, ()),
    ]


def installs_plugins(index: RuleIndex) -> bool:
    """Whether it is the graph by which Pants installs `[GLOBAL].plugins`."""
    from pants.init.bootstrap_scheduler import BootstrapStatus

    statuses = (rule.func() for rule in index.rules if rule.output_type is BootstrapStatus)
    return any(status.in_progress for status in statuses)


def narrow_scopes() -> None:
    """Have the types declare it; where that makes no graph, start as Pants does by itself.

    What a type declares is true of all graphs of the process. Where a second one installs plugins,
    with rules of its own, nothing is declared.
    """
    from pants.engine.environment import EnvironmentName
    from pants.engine.internals import native_engine, scheduler
    from pants.help import help_info_extracter

    # Names that these modules import.
    engine: Any = native_engine
    asking: Any = scheduler
    helping: Any = help_info_extracter
    register_rules = asking.register_rules
    create = asking.Scheduler.__init__
    is_union = asking.is_union
    has_installed_plugins = False

    # To the engine alone they are unions.
    def is_declared_by_pants(kind: type) -> bool:
        return kind not in _declared and bool(is_union(kind))

    def register_narrowed(index: RuleIndex, unions: UnionMembership) -> Any:
        nonlocal has_installed_plugins
        has_installed_plugins |= installs_plugins(index)
        if has_installed_plugins:
            return register_rules(index, unions)
        members = frozenset(member for base in unions.union_rules for member in unions[base])
        needs = Needs(index, unions, _native_rules(), frozenset([EnvironmentName]))
        scopes = declarable(needs, members)
        add_get = engine.tasks_add_get

        def add(tasks: Any, output: type, given: tuple[type, ...]) -> None:
            if len(given) == 1 and given[0] in scopes:
                kept = given[0]._union_in_scope_types  # type: ignore[attr-defined]
                engine.tasks_add_get_union(tasks, output, given, kept)
            else:
                add_get(tasks, output, given)

        _declare(scopes)
        engine.tasks_add_get = add
        asking.is_union = is_declared_by_pants
        try:
            return register_rules(index, unions)
        finally:
            asking.is_union = is_union
            engine.tasks_add_get = add_get

    def create_narrowed(self: Any, **arguments: Any) -> None:
        _withdraw()
        asking.register_rules = register_narrowed
        try:
            create(self, **arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, Pants starts without
            # What the rules need was judged wrongly, or they are wrong: then it fails again.
            why = str(error).partition("\n")[0]
            logger.info("The graph of rules takes longer, with all that callers have: %s", why)
            _withdraw()
            asking.register_rules = register_rules
            create(self, **arguments)

    asking.Scheduler.__init__ = create_narrowed
    helping.is_union = is_declared_by_pants
