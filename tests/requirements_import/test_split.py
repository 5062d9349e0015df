"""Splitting files of the old kind: what is kept as it is, and what is refused, with its fix."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from requirements.split import ImportFailed, split

OLD = """\
# Web.
fastapi>=0.100,<1
uvicorn[standard]==0.30.1 ; python_version >= "3.8"  # the server

# Database.
Tortoise_ORM~=0.20

# Dev
pytest>=8 # tests
ruff
"""


def test_the_old_format() -> None:
    made = split(OLD, "requirements.txt")
    assert made.production.text == OLD.partition("\n\n# Dev\n")[0] + "\n"
    assert made.development.text == "pytest>=8  # tests\nruff\n"
    assert made.production.projects == {"fastapi": 2, "uvicorn": 3, "tortoise-orm": 6}
    assert made.development.projects == {"pytest": 9, "ruff": 10}
    assert (made.marker_line, made.hashes) == (8, 0)


@pytest.mark.parametrize(
    "marker", ["# Dev", "# Development requirements", "# Dev: tools", "# Devs"]
)
def test_whatever_the_old_script_took_for_the_marker(marker: str) -> None:
    text = f"web\n{marker}\ntool\n"
    old = subprocess.run(
        ["awk", "/^# Dev/ {exit} {print}"], input=text, capture_output=True, text=True, check=True
    ).stdout
    assert split(text, "x").production.text == old == "web\n"


def test_windows_and_continued_lines() -> None:
    made = split("\ufeffweb>=1, \\\r\n  <2\r\n# Dev\r\ntool\r\n", "x")
    assert made.production.text == "web>=1, <2\n"
    assert made.development.projects == {"tool": 4}


def test_a_marker_after_a_continued_line_is_one() -> None:
    made = split("web \\\n# Dev\ntool\n", "x")
    assert (made.production.text, made.development.text) == ("web\n", "tool\n")


def test_hashes_are_left_to_the_lockfile() -> None:
    made = split(
        "--require-hashes\nweb==1.0 \\\n  --hash=sha256:aa \\\n  --hash sha256:bb # why\n# Dev\n",
        "x",
    )
    assert made.production.text == "web==1.0  # why\n"
    assert made.hashes == 2
    assert made.development.text == ""


def test_the_same_project_for_two_machines() -> None:
    text = "loop; sys_platform == 'linux'\nloop<2; sys_platform == 'win32'\n"
    assert split(f"{text}# Dev\n", "x").production.text == text


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("-r base.txt", "put the lines of that file"),
        ("-rbase.txt", "put the lines of that file"),
        ("--requirement=base.txt", "put the lines of that file"),
        ("-c limits.txt", "[python.resolves_to_constraints_file]"),
        ("-e .", "a lockfile has releases of the index only"),
        ("--editable=git+ssh://host/x", "a lockfile has releases of the index only"),
        ("-i https://user:secret@host/simple", "settings of pip"),
        ("--extra-index-url https://host", "settings of pip"),
        ("-f wheels/", "settings of pip"),
        ("--trusted-host host", "settings of pip"),
        ("--no-binary :all:", "[python.resolves_to_only_binary]"),
        ("--pre", "name a pre-release"),
        ("--use-feature=fast-deps", "not known here"),
        ("-z", "not known here"),
        ("web --config-settings=a=b", "options of one requirement are not kept"),
        ("https://host/web-1.0.tar.gz", "a lockfile has releases of the index only"),
        ("git+https://host/web.git@main#egg=web", "a lockfile has releases of the index only"),
        ("web @ https://host/web-1.0.whl", "a lockfile has releases of the index only"),
        ("./vendor/web", "a lockfile has releases of the index only"),
        ("wheels/web-1.0-py3-none-any.whl", "a lockfile has releases of the index only"),
        ("web=1", "this is no requirement"),
        ("web>=${VERSION}", "this is no requirement"),
        ("asyncmy==0.2.9", "built here, by 3rdparty/asyncmy"),
        ("tortoise-orm[asyncmy]", "remove the extra"),
    ],
)
@pytest.mark.parametrize("place", ["production", "development"])
def test_what_a_lockfile_cannot_carry(line: str, fix: str, place: str) -> None:
    before, after = (f"{line}\n", "") if place == "production" else ("", f"{line}\n")
    with pytest.raises(ImportFailed) as error:
        split(f"web2\n{before}# Dev\n{after}", "old.txt")
    message = str(error.value)
    assert message.startswith(f"old.txt:{2 if place == 'production' else 3}: {line!r}: ")
    assert fix in message
    assert "\n" not in message


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ImportFailed) as error:
        split("-e .\nweb=1\n# Dev\n--pre\n", "x")
    assert [line.split(": ")[0] for line in str(error.value).splitlines()] == ["x:1", "x:2", "x:4"]


@pytest.mark.parametrize(
    "line", ["#Dev", "# dev", " # Dev", "## DEVELOPMENT", "# dev dependencies:"]
)
def test_what_only_looks_like_the_marker(line: str) -> None:
    with pytest.raises(ImportFailed, match=f"x:2: {re.escape(repr(line))} looks like the marker"):
        split(f"web\n{line}\ntool\n", "x")
    # After the marker it is a comment.
    assert line.strip() in split(f"web\n# Dev\nweb2\n{line}\ntool\n", "x").development.text


def test_a_comment_that_is_none() -> None:
    assert split("# development server\nweb\n# Dev\n", "x").production.projects == {"web": 2}


def test_no_marker() -> None:
    with pytest.raises(ImportFailed, match="^x: no line begins with '# Dev'.*Add that line"):
        split("web\npytest\n", "x")


def test_one_project_in_both_parts() -> None:
    with pytest.raises(ImportFailed, match="^x:3: my-web is already in line 1, before the marker"):
        split("my_web\n# Dev\nMy.Web>=1\n", "x")


def test_one_project_twice() -> None:
    with pytest.raises(ImportFailed, match="^x:2: 'Web>=1': web is already in line 1"):
        split("web\nWeb>=1\n# Dev\n", "x")


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,4})?", fullmatch=True).filter(
    lambda name: not name.startswith("asyncmy")
)
REQUIREMENTS = st.builds(
    lambda name, extras, version, marker, comment: f"{name}{extras}{version}{marker}{comment}",
    NAMES,
    st.sampled_from(["", "[fast]", "[a,b_c]"]),
    st.sampled_from(["", ">=1", "==1.2.3", ">=1,<2", "~=3.4", " != 5.0.*"]),
    st.sampled_from(
        ["", ' ; python_version >= "3.12"', "; sys_platform == 'linux' and extra == 'a'"]
    ),
    st.sampled_from(["", "  # why", " # -- a line\twith 'quotes'"]),
)
LINES = st.lists(
    st.one_of(REQUIREMENTS, st.just(""), st.sampled_from(["# A comment.", "#", "# --option"])),
    max_size=8,
)


def project(line: str) -> str:
    return re.split(r"[^a-z0-9-]", line)[0]


def requirements(text: str) -> list[str]:
    """The requirements of a file, as Pants reads it."""
    lines = (re.split(r"\s#|^#", line)[0].strip() for line in text.splitlines())
    return [str(Requirement(line)) for line in lines if line]


@given(production=LINES, development=LINES)
def test_nothing_is_lost_added_or_moved(production: list[str], development: list[str]) -> None:
    names = [project(line) for line in (*production, *development) if project(line)]
    assume(len(names) == len(set(names)))
    made = split("\n".join([*production, "# Dev", *development]) + "\n", "x")
    for part, lines in ((made.production, production), (made.development, development)):
        assert requirements(part.text) == requirements("\n".join(lines))
        assert [line for line in part.text.split("\n") if line.startswith("#")] == [
            line for line in lines if line.startswith("#")
        ]
    # What was made is what is made of it again.
    again = split(f"{made.production.text}# Dev\n{made.development.text}", "x")
    assert (again.production.text, again.development.text) == (
        made.production.text,
        made.development.text,
    )


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="#- Devwb=<>[];'\"\\\n\r\t\x0b\u2028@:/.1"),
        st.binary().map(lambda data: data.decode("latin-1")),
    )
)
def test_any_text_is_split_or_refused(text: str) -> None:
    for whole in (text, f"web\n# Dev\n{text}", f"{text}\n# Dev\ntool\n"):
        try:
            made = split(whole, "x")
        except ImportFailed as error:
            for line in str(error).splitlines():
                assert re.match(r"x(:\d+)?: .", line), line
        else:
            for part in (made.production, made.development):
                assert len(requirements(part.text)) >= len(part.projects)
