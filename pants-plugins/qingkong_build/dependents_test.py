"""Whatever a target of ours names, `dependents` finds the target by: `--changed-dependents` does.

The types and fields are those that the backends register. A new one that can name something has to
be entered below, or `test_each_field_is_known` fails.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pants.backend.project_info import dependents
from pants.backend.project_info.dependents import Dependents, DependentsRequest
from pants.backend.python import register as python
from pants.core import register as core
from pants.core.goals.package import OutputPathField
from pants.engine.addresses import Address
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.internals.parametrize import Parametrize
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    Dependencies,
    Field,
    IntField,
    SourcesField,
    SpecialCasedDependencies,
    StringField,
    Target,
    TriBoolField,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.testutil.rule_runner import QueryRule, RuleRunner

from qingkong_build.python_lock.lockfile_dependencies import ResolvesMixin

NAMESPACE = "qingkong_build"
PLUGINS = Path("pants-plugins")
PRELUDE = Path("build-support/prelude/service.py")

#: Fields whose strings are addresses, which no class of Pants says of them.
ADDRESSES = {
    "docker_image.image",
    "image_attestations.image",
    "image_attestations.wheels",
    "image_policy.image",
    "oci_image.base",
    "oci_image.layers",
    "oci_image.pex",
}
#: Fields that name neither a target nor a file nor a resolve of the repository.
OTHERS = {
    "files_layer": {"directory_mode", "exclude", "file_mode", "owner", "path"},
    "filesystem_layer": {"directories", "files", "symlinks"},
    "image_policy": {"waivers"},
    "native_wheel": {
        *("_provides", "exclude", "interpreter_constraints", "local_version", "manylinux"),
        *("compile_args", "define_macros", "env_vars", "link_args", "profile"),
        # Of which imports in which code are the wheel, which depends on none of that.
        *("modules", "output_path", "project", "resolves", "sha256", "version"),
    },
    "oci_image": {
        *("annotations", "cmd", "entrypoint", "env", "exposed_ports", "healthcheck", "labels"),
        *("pex_layers", "repo_tags", "repositories", "stop_signal", "user", "volumes", "workdir"),
    },
    "requirements_layer": {"distributions", "exclude", "forbid", "glibc", "path"},
    "sources_layer": {"exclude", "path"},
    "wheels_layer": {"exclude", "glibc", "path"},
}
#: What a target of each type has to have.
REQUIRED: dict[str, dict[str, Any]] = {
    "files_layer": {"dependencies": [], "path": "/app"},
    "image_attestations": {"image": "//:other"},
    "image_explanation": {"dependencies": []},
    "image_policy": {"image": "//:other"},
    "native_wheel": {"project": "x", "version": "1", "sha256": "0" * 64},
    "oci_image": {"base": "x:1"},
    "requirements_layer": {"resolve": "prod", "path": "/app"},
    "sources_layer": {"dependencies": [], "path": "/app"},
    "wheels_layer": {"dependencies": [], "path": "/app"},
}
#: `dev` is the resolve of the program that `fastapp_service` names.
LOCKFILES = {name: f"locks/{name}.lock" for name in ("prod", "sampled", "dev")}
#: The arguments of `fastapp_service` that name targets, and those that do not.
SERVICE_ADDRESSES = {"apps", "dependencies", "wheels"}
SERVICE_OTHERS = {
    *("name", "version", "description", "owner", "cmd", "env", "labels", "pex_layers"),
    *("repositories", "waivers", "prefixes", "port", "settings", "replicas", "cpu", "memory"),
}


def registers() -> list[Any]:
    """The backends of the repository."""
    paths = sorted((PLUGINS / NAMESPACE).rglob("register.py"))
    names = [".".join(path.relative_to(PLUGINS).with_suffix("").parts) for path in paths]
    return [importlib.import_module(name) for name in names]


REGISTERS = registers()
RULES = [
    *core.rules(),
    *python.rules(),
    *dependents.rules(),
    *(rule for each in REGISTERS for rule in each.rules()),
]
TARGET_TYPES: list[type[Target]] = list(
    dict.fromkeys(
        [
            *core.target_types(),
            *python.target_types(),
            *(kind for each in REGISTERS for kind in getattr(each, "target_types", tuple)()),
        ]
    )
)


@dataclass(frozen=True)
class FieldOfType:
    """A field that a type of targets has."""

    target_type: type[Target]
    field: type[Field]

    @property
    def name(self) -> str:
        return f"{self.target_type.alias}.{self.field.alias}"

    @property
    def directory(self) -> str:
        return f"samples/{self.name}"

    @property
    def address(self) -> Address:
        return Address(self.directory, target_name="sample")

    @property
    def file(self) -> str:
        """One that `SourcesField`s name."""
        assert issubclass(self.field, SourcesField)
        return f"named{next(iter(self.field.expected_file_extensions or ('.txt',)))}"

    def build_file(self) -> str:
        """A target whose field names something that nothing else names."""
        if issubclass(self.field, ResolvesMixin):
            value: Any = "sampled"
        else:
            value = self.file if issubclass(self.field, SourcesField) else ":named"
        if not issubclass(self.field, StringField):
            value = [value]
        fields = {
            **REQUIRED.get(self.target_type.alias, {}),
            "name": "sample",
            self.field.alias: value,
        }
        words = ", ".join(f"{key}={value!r}" for key, value in fields.items())
        return f'target(name="named")\n{self.target_type.alias}({words})\n'


def own_fields() -> Iterator[FieldOfType]:
    """Ours, and on our types those of Pants that name targets or files."""
    unions = UnionMembership.from_rules(rule for rule in RULES if isinstance(rule, UnionRule))
    for kind in TARGET_TYPES:
        for field in kind.class_field_types(unions):
            is_ours = field.__module__.startswith(f"{NAMESPACE}.")
            is_on_ours = kind.__module__.startswith(f"{NAMESPACE}.")
            if is_ours or (is_on_ours and issubclass(field, (Dependencies, SourcesField))):
                yield FieldOfType(kind, field)


def can_name(field: type[Field]) -> bool:
    """Whether its values are free text."""
    if issubclass(field, (BoolField, TriBoolField, IntField, OutputPathField)):
        return False
    return field not in COMMON_TARGET_FIELDS and not getattr(field, "valid_choices", None)


def is_named_by_class(field: type[Field]) -> bool:
    kinds = (Dependencies, ResolvesMixin, SourcesField, SpecialCasedDependencies)
    return issubclass(field, kinds)


FIELDS = [each for each in own_fields() if can_name(each.field)]
NAMING = [each for each in FIELDS if is_named_by_class(each.field) or each.name in ADDRESSES]


def test_each_field_is_known() -> None:
    """A field of free text is one of addresses, one of a class that says so, or entered."""
    text = {each.name for each in FIELDS if not is_named_by_class(each.field)}
    assert len(text) > len(ADDRESSES)
    known = ADDRESSES | {f"{kind}.{field}" for kind, fields in OTHERS.items() for field in fields}
    new, gone = sorted(text - known), sorted(known - text)
    assert not new, f"{new}: what they name is not known. Fix: enter them in ADDRESSES or OTHERS."
    assert not gone, f"{gone}: no target has these fields. Fix: remove them."


def test_each_type_that_names_nothing_is_known() -> None:
    ours = {kind.alias for kind in TARGET_TYPES if kind.__module__.startswith(f"{NAMESPACE}.")}
    assert ours - {each.target_type.alias for each in NAMING} == {"filesystem_layer"}


def called_name(node: ast.AST) -> str | None:
    """Of a function that is called; None for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return None


def test_no_other_string_is_read_as_an_address() -> None:
    """All go through `addresses_in`, which says whose field it is."""
    calls = {
        str(path.relative_to(PLUGINS / NAMESPACE))
        for path in (PLUGINS / NAMESPACE).rglob("*.py")
        if path.name != Path(__file__).name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if called_name(node) in {"UnparsedAddressInputs", "AddressInput"}
    }
    assert calls == {"oci/layout/rules.py"}


SHOP = {
    "prelude/service.py": PRELUDE.read_text(encoding="utf-8"),
    "deploy/BUILD": 'oci_image(name="oci", base="x:1")',
    "3rdparty/asyncmy/BUILD": 'target(name="wheel")',
    "src/BUILD": (
        'python_sources(name="manage", sources=["manage.py"], '
        'resolve=parametrize("prod", "sampled"))'
    ),
    "src/manage.py": "",
    "src/apps/shop/BUILD": 'python_sources(resolve=parametrize("prod", "sampled"))',
    "src/apps/shop/urls.py": "",
    "build-support/entries/BUILD": "target()",
    "named/BUILD": 'target(name="dependencies")\ntarget(name="wheels")\n',
    "team/BUILD": (
        'fastapp_service(name="shop", apps=["src/apps/shop"], '
        'dependencies=["named:dependencies"], wheels=["named:wheels"])'
    ),
}


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    """All samples, and a service."""
    runner = RuleRunner(
        rules=[
            *RULES,
            QueryRule(Dependents, [DependentsRequest]),
            QueryRule(Owners, [OwnersRequest]),
        ],
        target_types=TARGET_TYPES,
        objects={"parametrize": Parametrize},
        aliases=[python.build_file_aliases()],
    )
    sources = (each for each in NAMING if issubclass(each.field, SourcesField))
    runner.write_files(
        {
            "BUILD": 'target(name="other")',
            "defaults/BUILD": (
                'image_policy(name="policy", image="//:other")\n'
                'image_attestations(name="attestations", image="//:other")\n'
            ),
            **dict.fromkeys(LOCKFILES.values(), "{}"),
            **{f"{each.directory}/BUILD": each.build_file() for each in NAMING},
            **{f"{each.directory}/{each.file}": "" for each in sources},
            **SHOP,
        }
    )
    runner.set_options(
        [
            "--python-enable-resolves",
            f"--python-resolves={LOCKFILES}",
            "--python-default-resolve=prod",
            "--python-infer-use-rust-parser",
            "--production-closure-resolves=['prod']",
            "--production-closure-development-resolves=['sampled']",
            "--source-root-patterns=['/src']",
            "--build-file-prelude-globs=['prelude/*.py']",
        ]
    )
    return runner


def dependents_of(runner: RuleRunner, *addresses: Address, transitive: bool = False) -> Dependents:
    request = DependentsRequest(addresses, transitive=transitive, include_roots=False)
    return runner.request(Dependents, [request])


def lockfile(resolve: str) -> Address:
    name = f"_{resolve}_lockfile"
    return Address("locks", target_name=name, relative_file_path=f"{resolve}.lock")


@pytest.mark.parametrize("sample", NAMING, ids=lambda each: each.name)
def test_what_a_field_names_is_a_dependency(repository: RuleRunner, sample: FieldOfType) -> None:
    if issubclass(sample.field, SourcesField):
        request = OwnersRequest((f"{sample.directory}/{sample.file}",))
        found: Iterable[Address] = repository.request(Owners, [request])
    elif issubclass(sample.field, ResolvesMixin):
        found = dependents_of(repository, lockfile("sampled"))
    else:
        found = dependents_of(repository, Address(sample.directory, target_name="named"))
    assert sample.address in found


def test_the_resolves_that_are_meant_by_default(repository: RuleRunner) -> None:
    """Of `[production-closure]`, where a target does not name any."""
    policy = Address("defaults", target_name="policy")
    attestations = Address("defaults", target_name="attestations")
    assert {policy, attestations} <= set(dependents_of(repository, lockfile("prod")))
    tools = set(dependents_of(repository, lockfile("sampled")))
    assert (policy in tools, attestations in tools) == (True, False)


def service_arguments() -> set[str]:
    """Of the macro for teams. Other functions of the prelude write targets down for it."""
    names = {kind.alias for kind in TARGET_TYPES}
    tree = ast.parse(PRELUDE.read_text(encoding="utf-8"))
    macros = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(called_name(each) in names for each in ast.walk(node))
    ]
    (helper, service) = macros
    assert (helper.name, service.name) == ("fleet_entries", "fastapp_service")
    return {argument.arg for argument in service.args.args}


def test_each_argument_of_a_service_is_known() -> None:
    assert service_arguments() == SERVICE_ADDRESSES | SERVICE_OTHERS


#: The targets of a service that look at its image.
OF_IMAGE = {"oci", "image", "policy", "attestations", "explain"}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        # apps
        (
            Address(
                "src/apps/shop",
                relative_file_path="urls.py",
                parameters={"resolve": "prod"},
            ),
            OF_IMAGE | {"runtime"},
        ),
        (Address("named", target_name="dependencies"), OF_IMAGE | {"runtime"}),
        (Address("named", target_name="wheels"), OF_IMAGE | {"runtime"}),
        # What the macro itself names.
        (Address("deploy", target_name="oci"), OF_IMAGE),
        (Address("3rdparty/asyncmy", target_name="wheel"), {"attestations"}),
    ],
    ids=["apps", "dependencies", "wheels", "base", "driver"],
)
def test_what_a_service_names_is_a_dependency(
    repository: RuleRunner, named: Address, expected: set[str]
) -> None:
    found = dependents_of(repository, named, transitive=True)
    assert {each.target_name for each in found if each.spec_path == "team"} == expected
