"""A good image keeps every rule, and one image breaks each."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from typing import Any

import pytest
from image_view import read_image
from layout_builder import Node, Tree, directory, symlink, write_layout
from oci_layout import Layout
from policy_judge import OWN_RULES, judge
from policy_rule import Machine, Subject

SITE = "usr/lib/python3.12/site-packages"
CHECK = "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/')"
SETTINGS: dict[str, Any] = {
    "User": "10001:10001",
    "Env": ["PATH=/usr/bin", "TZ=Asia/Shanghai"],
    "WorkingDir": "/app",
    "Cmd": ["python", "main.py"],
    "ExposedPorts": {"8000/tcp": {}},
    "Volumes": {"/data": {}},
    "StopSignal": "SIGTERM",
    "Labels": {
        f"org.opencontainers.image.{key}": value
        for key, value in (
            ("title", "Shop"),
            ("description", "A shop"),
            ("version", "1.4.0"),
            ("licenses", "MIT OR Apache-2.0"),
        )
    },
    "Healthcheck": {
        "Test": ["CMD", "python", "-c", CHECK],
        "Interval": 30_000_000_000,
        "Timeout": 5_000_000_000,
    },
}
BASE: Tree = {
    "etc": directory(),
    "tmp": directory(0o1777),
    "usr/bin/passwd": Node("of the base", mode=0o4755),
    "usr/share/zoneinfo/Asia/Shanghai": "TZif",
}
OURS: Tree = {
    "etc": directory(),
    "etc/localtime": symlink("/usr/share/zoneinfo/Asia/Shanghai"),
    "app": directory(),
    "app/main.py": "print('hello')\n",
    "data": directory(0o750, 10001, 10001),
    f"{SITE}/shop-1.0.dist-info/METADATA": "Name: shop\nSee mirror.example.test for more.\n",
    f"{SITE}/shop/__init__.py": "",
}
MACHINE = Machine(("mirror.example.test/simple", "hunter2hunter2"), ("mirror.example.test",))
# Put together here, so that no scanner takes this file for one that has secrets.
TOKEN = "ghp_" + "a1B2" * 9
ADDRESS = "mysql://shop:" + "s3cr3t" + "@db/shop"


RECORD = f"{SITE}/shop-1.0.dist-info/RECORD"


def record(tree: Mapping[str, Any], changes: Mapping[str, str | None]) -> str:
    """A RECORD of all files in `SITE`."""
    hashes: dict[str, str | None] = {"shop-1.0.dist-info/RECORD": ""}
    for path, node in tree.items():
        if path.startswith(f"{SITE}/"):
            content = node.content if isinstance(node, Node) else node
            content = content.encode() if isinstance(content, str) else content
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
            hashes[path[len(SITE) + 1 :]] = f"sha256={digest.rstrip('=')}"
    rows = {**hashes, **changes}.items()
    return "".join(f"{path},{digest},\n" for path, digest in rows if digest is not None)


def pyc(source: str, *, checked: bool = False) -> Node:
    """A hash-based file of bytecode; the rules do not look at the code itself."""
    flags = (0b11 if checked else 0b01).to_bytes(4, "little")
    content = source_hash(source.encode())
    return Node(MAGIC_NUMBER + flags + content)


@dataclass(frozen=True)
class Case:
    """An image that breaks `rule`, and what it then says.

    Attributes:
        settings: changes of the configuration; None takes a key away.
        ours: more of our layer; None takes a path away.
        base: more of the base.
        config: changes beside `config`.
        record: the hash in RECORD of more files of `SITE`; None leaves the file out.
    """

    rule: str
    says: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    ours: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, str | None] = field(default_factory=dict)

    def subject(self, place: Path) -> Subject:
        def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
            return {key: value for key, value in {**old, **new}.items() if value is not None}

        ours = changed(OURS, self.ours)
        trees = [changed(BASE, self.base), {RECORD: record(ours, self.record), **ours}]
        settings = changed(SETTINGS, self.settings)
        layout = Layout(write_layout(place, trees, settings, config=self.config))
        (manifest,) = layout.images()
        image = read_image(layout, manifest, None)
        return Subject(image, MACHINE, frozenset({"pytest", "ruff"}))


def labels(**changes: str | None) -> dict[str, Any]:
    new = {f"org.opencontainers.image.{key}": value for key, value in changes.items()}
    every = {**SETTINGS["Labels"], **new}
    return {"Labels": {key: value for key, value in every.items() if value is not None}}


def check(*test: str, **more: Any) -> dict[str, Any]:
    return {"Healthcheck": {"Test": list(test), **more}}


CASES = [
    Case("QK-IMG-001", "'User' is ''", {"User": None}),
    Case("QK-IMG-001", "'User' is 'app'", {"User": "app"}),
    Case("QK-IMG-001", "'User' is '10001:0'", {"User": "10001:0"}),
    Case("QK-IMG-001", "'User' is '10001'", {"User": "10001"}),
    Case("QK-IMG-002", "/app/x: belongs to 10001:0", ours={"app/x": Node(uid=10001)}),
    Case("QK-IMG-002", "/app/x: belongs to 7:0", ours={"app/x": Node(uid=7)}),
    Case("QK-IMG-002", "/app/x: its group may write it", ours={"app/x": Node(mode=0o664)}),
    *(
        Case("QK-IMG-002", f"/app/x: the container's user cannot read it (mode {mode:04o}", ours=x)
        for mode, x in (
            (0o640, {"app/x": Node(mode=0o640)}),
            (0o640, {"app/x": Node(mode=0o640, gid=7)}),
            (0o404, {"app/x": Node(mode=0o404, gid=10001)}),
            (0o044, {"app/x": Node(mode=0o044, uid=10001, gid=10001)}),
            (0o750, {"app/x": directory(0o750)}),
            (0o744, {"app/x": directory(0o744)}),
        )
    ),
    Case("QK-IMG-003", "/app/x: has setuid (mode 4755)", ours={"app/x": Node(mode=0o4755)}),
    Case("QK-IMG-003", "/app/x: has setgid", ours={"app/x": Node(mode=0o2755)}),
    Case(
        "QK-IMG-003",
        "has file capabilities",
        ours={"app/x": Node(mode=0o755, xattrs={"security.capability": "x"})},
    ),
    Case("QK-IMG-004", "everybody may write this file", base={"etc/x": Node(mode=0o666)}),
    Case("QK-IMG-004", "or set the sticky bit", base={"srv": directory(0o777)}),
    Case("QK-IMG-005", "is a package list of apt", base={"var/lib/apt/lists/x_Packages": ""}),
    Case("QK-IMG-005", "is a cache of apt", base={"var/cache/apt/archives/x_1_all.deb": ""}),
    Case("QK-IMG-005", "is a cache of an installer", base={"root/.cache/pip/http/1": ""}),
    Case("QK-IMG-005", "is a log of an installation", base={"var/log/dpkg.log": ""}),
    Case("QK-IMG-005", "/app/.git/config: is of a working copy", ours={"app/.git/config": ""}),
    Case(
        "QK-IMG-006",
        "/app/x: names 'mirror.example.test'",
        ours={"app/x": "http://mirror.example.test/"},
    ),
    Case(
        "QK-IMG-006",
        "names 'mirror.example.test/simple'",
        ours={f"{SITE}/shop/x": "http://mirror.example.test/simple/shop/"},
    ),
    Case(
        "QK-IMG-006",
        "RECORD: names 'mirror.example.test'",
        ours={f"{SITE}/mirror.example.test": ""},
    ),
    Case(
        "QK-IMG-006",
        "the configuration names 'hunter2hunter2'",
        config={"history": [{"created_by": "base"}, {"created_by": "RUN x hunter2hunter2"}]},
    ),
    Case("QK-IMG-007", "/app/x: line 2 has a GitHub Token", ours={"app/x": f"\nkey = '{TOKEN}'"}),
    Case("QK-IMG-007", "has a Basic Auth Credentials", ours={"app/x": ADDRESS}),
    Case("QK-IMG-007", "is a file that holds credentials", ours={"app/.env": "A=1"}),
    Case("QK-IMG-007", "is a file that holds credentials", ours={"app/tls/server.key": "x"}),
    Case("QK-IMG-007", "'Env' sets QK_SECRET_KEY", {"Env": [*SETTINGS["Env"], "QK_SECRET_KEY=x"]}),
    Case("QK-IMG-007", "the configuration has a GitHub", {"Cmd": ["python", f"--key={TOKEN}"]}),
    Case("QK-IMG-008", "there is no label 'org.opencontainers.image.title'", labels(title=None)),
    Case("QK-IMG-008", "is 'newest', no version", labels(version="newest")),
    Case("QK-IMG-008", "is 'see LICENSE', no SPDX", labels(licenses="see LICENSE")),
    Case("QK-IMG-008", "label 'Team Name'", {"Labels": {**SETTINGS["Labels"], "Team Name": "x"}}),
    Case("QK-IMG-009", 'in exec form; or say `profile="worker"`', {"Healthcheck": None}),
    Case("QK-IMG-009", "there is no health check", check("NONE")),
    Case("QK-IMG-009", "write it in exec form", check("CMD-SHELL", "python x.py")),
    Case("QK-IMG-009", "starts 'curl'", check("CMD", "curl", "http://127.0.0.1/")),
    Case("QK-IMG-009", "needs 'httpx'", check("CMD", "python", "-c", "import httpx")),
    Case("QK-IMG-009", "needs 'shop'", check("CMD", "python", "-m", "shop.check")),
    Case("QK-IMG-009", "needs 'check.py'", check("CMD", "python", "check.py")),
    Case("QK-IMG-009", "needs 'import '", check("CMD", "python", "-c", "import ")),
    Case(
        "QK-IMG-009",
        "may take 60 s but starts every 30 s",
        check("CMD", "python", "-m", "http.client", Timeout=60_000_000_000),
    ),
    Case("QK-IMG-010", "'StopSignal' is None", {"StopSignal": None}),
    Case("QK-IMG-010", "'StopSignal' is 'SIGKILL'", {"StopSignal": "SIGKILL"}),
    Case("QK-IMG-011", "starts a shell", {"Cmd": ["/bin/sh", "-c", "python main.py"]}),
    Case("QK-IMG-011", "starts a shell", {"Entrypoint": ["bash", "-lx", "-c"]}),
    Case("QK-IMG-011", "there is neither", {"Cmd": None}),
    Case("QK-IMG-011", "'Cmd' is 'python main.py'", {"Cmd": "python main.py"}),
    Case("QK-IMG-012", 'listens on; or say `profile="worker"`', {"ExposedPorts": None}),
    Case("QK-IMG-012", "port '22/tcp' is not from 1024", {"ExposedPorts": {"22/tcp": {}}}),
    Case("QK-IMG-012", "port '80000/tcp' is not from", {"ExposedPorts": {"80000/tcp": {}}}),
    Case("QK-IMG-012", "port 'http' is not written", {"ExposedPorts": {"http": {}}}),
    Case("QK-IMG-013", "is bytecode", ours={"app/__pycache__/main.cpython-312.pyc": ""}),
    Case("QK-IMG-013", "is for bytecode", ours={"app/__pycache__": directory()}),
    Case("QK-IMG-013", "is bytecode", ours={"app/main.pyc": ""}),
    Case(
        "QK-IMG-013",
        "is the bytecode of another /app/main.py",
        ours={"app/__pycache__/main.cpython-312.pyc": pyc("print('bye')\n")},
    ),
    Case(
        "QK-IMG-013",
        "no unchecked-hash file of a source",
        ours={"app/__pycache__/gone.cpython-312.pyc": pyc("print('hello')\n")},
    ),
    Case(
        "QK-IMG-013",
        "no unchecked-hash file of a source",
        ours={"app/__pycache__/main.cpython-312.pyc": pyc("print('hello')\n", checked=True)},
    ),
    Case("QK-IMG-014", "pytest is locked", ours={f"{SITE}/PyTest-8.dist-info/METADATA": ""}),
    Case("QK-IMG-015", "is a compiler", base={"usr/bin/x86_64-linux-gnu-gcc-12": ""}),
    Case("QK-IMG-015", "is a compiler", base={"usr/lib/gcc/x86_64-linux-gnu/12/cc1": ""}),
    Case("QK-IMG-016", "is left by a container engine", base={".dockerenv": ""}),
    Case("QK-IMG-016", "engines mount their own", ours={"etc/resolv.conf": "nameserver ::1"}),
    Case("QK-IMG-016", "'Hostname' = 'a1b2'", {"Hostname": "a1b2"}),
    Case("QK-IMG-016", "has 'docker_version'", config={"docker_version": "20.10"}),
    Case("QK-IMG-017", "does not set TZ", {"Env": ["PATH=/usr/bin"]}),
    Case("QK-IMG-017", "no /usr/share/zoneinfo/Mars/Utopia", {"Env": ["TZ=Mars/Utopia"]}),
    Case("QK-IMG-017", "links to what is not there", ours={"etc/localtime": symlink("/none")}),
    Case(
        "QK-IMG-017",
        "but TZ is 'Asia/Shanghai'",
        ours={"etc/localtime": symlink("/usr/share/zoneinfo/UTC")},
        base={"usr/share/zoneinfo/UTC": "TZif"},
    ),
    Case("QK-IMG-018", "is a volume, but no directory", {"Volumes": {"/none": {}}}),
    Case("QK-IMG-018", "is a volume of 0:0, but the user", ours={"data": directory()}),
    Case("QK-IMG-019", "'WorkingDir' is ''", {"WorkingDir": None}),
    Case("QK-IMG-019", "is 'WorkingDir', but no directory", {"WorkingDir": "/none"}),
    *(
        Case(
            "QK-IMG-020",
            f"/{SITE}/{name}: is in the RECORD of no distribution",
            ours={f"{SITE}/{name}": "import os\n"},
            record={name: None},
        )
        for name in ("x.pth", "sitecustomize.py", "shop/more.py", "shop-1.0.dist-info/METADATA")
    ),
    Case(
        "QK-IMG-020",
        "is not what its hash says in the RECORD of shop-1.0",
        record={"shop/__init__.py": f"sha256={'A' * 43}"},
    ),
    Case("QK-IMG-020", "has no hash in the RECORD of shop-1.0", record={"shop/__init__.py": ""}),
    Case("QK-IMG-020", "has a hash of 'md5'", record={"shop/__init__.py": "md5=AA"}),
    Case("QK-IMG-020", "shop/gone.py: is missing", record={"shop/gone.py": "sha256=AA"}),
    Case(
        "QK-IMG-020",
        "shop/__init__.py: is a file of ",
        ours={f"{SITE}/fork-1.0.dist-info/RECORD": "shop/__init__.py,,\n"},
    ),
]

# What is no longer the user's or no longer a volume breaks another rule besides.
ALSO = {"QK-IMG-001": "QK-IMG-018", "QK-IMG-018": "QK-IMG-002"}


def test_a_good_image(tmp_path: Path) -> None:
    subject = Case("", "").subject(tmp_path)
    findings = [str(x) for verdict in judge(subject, OWN_RULES, ()) for x in verdict.findings]
    assert findings == []


@pytest.mark.parametrize(
    ("profile", "broken"),
    [
        ("service", {"QK-IMG-009", "QK-IMG-010", "QK-IMG-012"}),
        ("worker", {"QK-IMG-010"}),
        ("command", set()),
    ],
)
def test_what_a_profile_need_not_have(tmp_path: Path, profile: str, broken: set[str]) -> None:
    settings = {"ExposedPorts": None, "Healthcheck": None, "StopSignal": None}
    subject = replace(Case("", "", settings).subject(tmp_path), profile=profile)
    verdicts = judge(subject, OWN_RULES, ())
    assert {verdict.rule.id for verdict in verdicts if verdict.findings} == broken


def test_what_a_command_has_is_judged(tmp_path: Path) -> None:
    settings = {
        "ExposedPorts": {"22/tcp": {}},
        "StopSignal": "SIGKILL",
        **check("CMD-SHELL", "true"),
    }
    subject = replace(Case("", "", settings).subject(tmp_path), profile="command")
    verdicts = judge(subject, OWN_RULES, ())
    assert {verdict.rule.id for verdict in verdicts if verdict.findings} == {
        "QK-IMG-009",
        "QK-IMG-010",
        "QK-IMG-012",
    }


def test_bytecode_that_was_chosen(tmp_path: Path) -> None:
    """Unchecked, and of the source beside it."""
    cached: Tree = {
        "app/__pycache__": directory(),
        "app/__pycache__/main.cpython-312.pyc": pyc("print('hello')\n"),
    }
    verdicts = judge(Case("", "", ours=cached).subject(tmp_path), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == []


@pytest.mark.parametrize(
    "node",
    [
        Node(mode=0o640, gid=10001),
        Node(mode=0o604, gid=7),
        directory(0o750, 0, 10001),
    ],
)
def test_what_the_user_can_read(tmp_path: Path, node: Node) -> None:
    verdicts = judge(Case("", "", ours={"app/x": node}).subject(tmp_path), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == []


def test_a_directory_that_the_user_owns_can_be_read(tmp_path: Path) -> None:
    """It is no volume, which is wrong, and all that is wrong."""
    ours = {"app/x": directory(0o750, 10001, 10001)}
    verdicts = judge(Case("", "", ours=ours).subject(tmp_path), OWN_RULES, ())
    messages = [str(finding) for verdict in verdicts for finding in verdict.findings]
    (message,) = messages
    assert message.startswith("/app/x: belongs to 10001:10001")


def test_bytecode_of_what_a_distribution_owns_is_owned(tmp_path: Path) -> None:
    cached = f"{SITE}/shop/__pycache__"
    ours = {cached: directory(), f"{cached}/__init__.cpython-312.pyc": pyc("")}
    left_out = {"shop/__pycache__": None, "shop/__pycache__/__init__.cpython-312.pyc": None}
    verdicts = judge(Case("", "", ours=ours, record=left_out).subject(tmp_path), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule} {case.says}")
def test_a_broken_rule(tmp_path: Path, case: Case) -> None:
    """Nothing but that rule is broken, so that a reader is told the one thing that is wrong."""
    verdicts = judge(case.subject(tmp_path), OWN_RULES, ())
    broken = {verdict.rule.id: verdict.findings for verdict in verdicts if verdict.findings}
    assert case.rule in broken
    assert set(broken) <= {case.rule, ALSO.get(case.rule)}
    assert case.says in "\n".join(str(finding) for finding in broken[case.rule])


def test_every_rule_has_an_image_that_breaks_it() -> None:
    assert {rule.id for rule in OWN_RULES} == {case.rule for case in CASES}
    assert len({rule.id for rule in OWN_RULES}) == len(OWN_RULES)


def test_what_the_base_has_of_its_own(tmp_path: Path) -> None:
    """Setuid programs, bytecode and build steps of the base's makers are not ours."""
    steps = [{"created_by": "RUN from mirror.example.test"}, {"created_by": "ADD app.tar"}]
    case = Case(
        "",
        "",
        base={"usr/lib/python3.12/__pycache__/os.pyc": "", "etc/x": "mirror.example.test"},
        config={"history": steps},
    )
    verdicts = judge(case.subject(tmp_path), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == []


def test_documents_of_packages_may_name_hosts_and_examples(tmp_path: Path) -> None:
    case = Case("", "", ours={f"{SITE}/shop/x.py": f"# mirror.example.test {ADDRESS}\n"})
    verdicts = judge(case.subject(tmp_path), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == []


def test_a_later_layer_does_not_hide_a_secret(tmp_path: Path) -> None:
    ours = {RECORD: record(OURS, {}), **OURS, "app/.wh.x": ""}
    trees = [BASE, {"app/x": TOKEN}, ours]
    layout = Layout(write_layout(tmp_path, trees, SETTINGS))
    (manifest,) = layout.images()
    image = read_image(layout, manifest, None)
    assert "app/x" not in image.files
    verdicts = judge(replace(Case("", "").subject(tmp_path / "other"), image=image), OWN_RULES, ())
    assert [verdict.rule.id for verdict in verdicts if verdict.findings] == ["QK-IMG-007"]
