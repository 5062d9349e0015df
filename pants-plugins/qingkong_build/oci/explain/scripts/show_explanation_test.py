from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from show_explanation import main, size


def entry(name: str, **fields: Any) -> dict[str, Any]:
    """One distribution as the plugin describes it."""
    return {
        "name": name,
        "version": "1.0",
        "license": "MIT",
        "files": 3,
        "bytes": 1500,
        "layer": "deploy:requirements",
        "declared_by": None,
        "built_by": [],
        "chains": [],
        "imported_by": [],
        **fields,
    }


ENTRIES = [
    entry("driver", layer="deploy:driver", built_by=["3rdparty/driver:wheel"], bytes=2_000_000),
    entry("http", chains=[["web>=1", "http<2"], ["orm", "driver", "http"]]),
    entry("left"),
    entry(
        "web-server",
        declared_by="3rdparty#web-server",
        chains=[["web-server>=1"]],
        imported_by=["src/app.py"],
    ),
]


@pytest.fixture
def explanation(tmp_path: Path) -> str:
    path = tmp_path / "explanation.json"
    path.write_text(json.dumps(ENTRIES))
    return str(path)


def test_table(explanation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([explanation]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "distribution  version    size  license  why",
        "driver        1.0      2.0 MB  MIT      built by 3rdparty/driver:wheel",
        "http          1.0      1.5 kB  MIT      web>=1 -> http<2 (and 1 more)",
        "left          1.0      1.5 kB  MIT      no requirement asks for it",
        "web-server    1.0      1.5 kB  MIT      3rdparty#web-server",
        "",
        "4 distributions, 2.0 MB unpacked, in deploy:driver, deploy:requirements",
    ]


@pytest.mark.parametrize("name", ["web-server", "Web_Server"])
def test_one(explanation: str, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([explanation, name]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "web-server 1.0",
        "  1.5 kB in 3 files, in deploy:requirements",
        "  license: MIT",
        "  declared by 3rdparty#web-server",
        "  used by src/app.py",
        "  asked for: web-server>=1",
    ]


def test_all_chains_of_one(explanation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([explanation, "http"]) == 0
    out = capsys.readouterr().out
    assert "  asked for: web>=1 -> http<2\n  asked for: orm -> driver -> http\n" in out


def test_json(explanation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([explanation, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ENTRIES
    assert main([explanation, "--json", "left"]) == 0
    assert json.loads(capsys.readouterr().out) == [ENTRIES[2]]


def test_page(explanation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, output = tmp_path / "image.html", tmp_path / "folder/written.html"
    page.write_bytes(b"<!doctype html>\xe2\x80\xa6")
    assert main([explanation, f"--page={page}", "--html", str(output)]) == 0
    assert output.read_bytes() == page.read_bytes()
    assert capsys.readouterr().out == f"Wrote {output}\n"


def test_a_page_that_cannot_be_written(
    explanation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, output = tmp_path / "image.html", tmp_path / "image.html/written.html"
    page.touch()
    assert main([explanation, f"--page={page}", f"--html={output}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    for part in (f"--html='{output}': ", "Fix: "):
        assert part in line


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--html=x", "left"], "argument --html: it is of the whole image. Fix: leave out NAME."),
        (["--html=x", "--json"], "not allowed with argument"),
        # The plugin looks for the whole word.
        (["--htm=x"], "unrecognized arguments: --htm=x"),
    ],
)
def test_options_that_do_not_go_together(
    explanation: str, capsys: pytest.CaptureFixture[str], options: list[str], part: str
) -> None:
    with pytest.raises(SystemExit):
        main([explanation, *options])
    assert part in capsys.readouterr().err


def test_an_unknown_name(explanation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([explanation, "htp"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "explain: no distribution 'htp' is in the image. Did you mean http? "
        "Without a name, all are listed.\n"
    )


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")]
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text
