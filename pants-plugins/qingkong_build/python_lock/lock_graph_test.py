"""Which requirement brings which project, on small lockfiles."""

from __future__ import annotations

import json

import pytest

from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import (
    Artifact,
    Asked,
    LockGraph,
    Step,
    anywhere,
    parse,
    read_lock,
)


def lock(roots: list[str], projects: dict[str, list[str]]) -> LockGraph:
    """As `pants generate-lockfiles` writes it; each project has version 1.0."""
    return read_lock(
        "prod.lock",
        "// A header: {\n"
        + json.dumps(
            {
                "requirements": roots,
                "locked_resolves": [
                    {
                        "locked_requirements": [
                            {
                                "project_name": name,
                                "version": "1.0",
                                "requires_dists": requires,
                                "artifacts": [],
                            }
                            for name, requires in projects.items()
                        ]
                    }
                ],
            }
        ),
    )


@pytest.mark.parametrize(
    ("requirement", "asked"),
    [
        ("web", Asked("web", (), "web", "")),
        ("Zope.Interface>=1,<2", Asked("zope-interface", (), "Zope.Interface>=1,<2", "")),
        ("web[Fast, s_l]~=1.0", Asked("web", ("fast", "s-l"), "web[Fast, s_l]~=1.0", "")),
        ("web (>=1) ; extra == 'x'", Asked("web", (), "web (>=1)", "extra == 'x'")),
        ("web @ file:///a.whl", Asked("web", (), "web @ file:///a.whl", "")),
    ],
)
def test_parse(requirement: str, asked: Asked) -> None:
    assert parse(requirement) == asked


def test_what_is_no_requirement() -> None:
    with pytest.raises(ValueError, match="'>=1' is no requirement"):
        parse(">=1")


def test_the_shortest_chain() -> None:
    graph = lock(
        ["web>=1", "orm"],
        {"web": ["http"], "http": ["Py_Test>=8"], "orm": ["py.test"], "py-test": [], "left": []},
    )
    assert graph.reached()["py-test"] == (Step("orm", "orm"), Step("py-test", "py.test"))
    assert [[step.text for step in chain] for chain in graph.chains_to("py-test")] == [
        ["orm", "py.test"],
        ["web>=1", "http", "Py_Test>=8"],
    ]
    assert "left" not in graph.reached()


def test_an_extra_has_to_be_asked_for() -> None:
    projects = {"web": ["pytest; extra == 'test'", "http"], "http": [], "pytest": []}
    assert set(lock(["web"], projects).reached()) == {"web", "http"}
    assert set(lock(["web[test]"], projects).reached()) == {"web", "http", "pytest"}


def test_an_extra_of_itself() -> None:
    projects = {"web": ["web[fast]; extra == 'all'", "loop; extra == 'fast'"], "loop": []}
    assert set(lock(["web[all]"], projects).reached()) == {"web", "loop"}


def test_a_circle_ends() -> None:
    assert set(lock(["a"], {"a": ["b"], "b": ["a"]}).reached()) == {"a", "b"}


def test_markers_of_other_machines_count_unless_evaluated() -> None:
    graph = lock(["web"], {"web": ["winloop; sys_platform == 'win32'"], "winloop": []})
    assert set(graph.reached()) == {"web", "winloop"}
    assert set(graph.reached(lambda marker, extra: False)) == {"web"}


def test_anywhere() -> None:
    assert anywhere("python_version < '3'", "")
    assert not anywhere("python_version < '3'", "fast")
    assert anywhere("sys_platform == 'linux' and extra == 'Fast'", "fast")
    assert not anywhere("extra == 'fast'", "")


def test_what_is_not_locked() -> None:
    graph = lock(["web", "orm; never"], {"web": ["http", "winloop; windows"], "http": ["h2"]})
    assert graph.lacking(lambda marker, extra: not marker) == {
        "h2": (
            Step("web", "web"),
            Step("http", "http"),
            Step("h2", "h2"),
        )
    }
    assert set(graph.reached(lambda marker, extra: not marker)) == {"web", "http"}


def with_file(algorithm: str, url: str) -> LockGraph:
    """A lockfile of `tiny`, which has one file."""
    artifact = {"algorithm": algorithm, "hash": "0" * 64, "url": url}
    tiny = {
        "project_name": "tiny",
        "version": "1.0",
        "requires_dists": [],
        "artifacts": [artifact],
    }
    document = {"requirements": ["tiny"], "locked_resolves": [{"locked_requirements": [tiny]}]}
    return read_lock("prod.lock", json.dumps(document))


def test_names_in_an_address() -> None:
    url = "https:${FILES}/a/tiny-1.0%2Blocal-py3-none-any.whl#x=1"
    (artifact,) = with_file("sha256", url).artifacts["tiny"]
    assert artifact == Artifact(url, "0" * 64)
    assert artifact.filename == "tiny-1.0+local-py3-none-any.whl"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'locked_resolves'"),
        ('{"locked_resolves": [], "requirements": ["web"]}', "holds 0 resolves instead of one"),
        ('{"locked_resolves": [{}, {}]}', "holds 2 resolves instead of one"),
        ('{"locked_resolves": [{}]}', "KeyError: 'locked_requirements'"),
    ],
)
def test_no_lockfile_of_pex(content: str, found: str) -> None:
    with pytest.raises(LockfileError) as error:
        read_lock("prod.lock", content)
    assert found in str(error.value)
    assert "generate it again" in str(error.value)


def test_another_hash() -> None:
    with pytest.raises(LockfileError) as error:
        with_file("md5", "https:${FILES}/tiny-1.0.tar.gz")
    assert "prod.lock has a hash of the algorithm 'md5'" in str(error.value)
    assert "Only sha256 is accepted" in str(error.value)


@pytest.mark.parametrize("resolves", [[], [{"locked_requirements": []}]])
def test_a_resolve_without_requirements(resolves: list[object]) -> None:
    document = json.dumps({"requirements": [], "locked_resolves": resolves})
    found = read_lock("empty.lock", document)
    assert not found.versions
    assert found.reached() == {}
