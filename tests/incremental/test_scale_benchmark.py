"""The benchmark of many apps, with two of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from measuring.clone import clone
from scale.measure import ROWS
from scale.program import main


def test_every_row_is_measured(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = clone(Path.cwd(), tmp_path / "repository")
    # Without its history, as in a sandbox, it is without most of tests/ too.
    copy.replace("pants.toml", 'unowned_dependency_behavior = "error"', "")
    root = copy.root
    state = root / ".cache" / "base-image"
    state.parent.mkdir(exist_ok=True)
    state.write_text(f"{base}\n", encoding="utf-8")
    monkeypatch.chdir(root)
    out = tmp_path / "out"
    assert main(["--apps", "2", "--rounds", "1", "--out", str(out)]) == 0
    (size,) = json.loads((out / "scale.json").read_text(encoding="utf-8"))["sizes"]
    assert size["apps"] == 2
    assert list(size["seconds"]) == list(size["first"]) == list(ROWS)
    assert all(0 < seconds < size["first"]["list ::"] for seconds in size["seconds"].values())
    assert len(size["memory"]) == 2
    assert size["restarts"] == 0
    page = (out / "scale.md").read_text(encoding="utf-8")
    assert all(f"| {row} |" in page for row in ROWS)
    assert (out / "scale.svg").stat().st_size > 0


@pytest.mark.parametrize("words", [("--apps", "1"), ("--rounds", "0")])
def test_one_app_and_no_round_are_refused(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert words[0] in capsys.readouterr().err
