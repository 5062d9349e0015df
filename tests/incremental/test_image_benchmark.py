"""The benchmark of the image's builds, in its short form, against a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from image.program import main
from measuring.clone import clone


def test_the_short_form_measures_every_row_of_the_archive(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = clone(Path.cwd(), tmp_path / "repository").root
    state = root / ".cache" / "base-image"
    state.parent.mkdir(exist_ok=True)
    state.write_text(f"{base}\n", encoding="utf-8")
    monkeypatch.chdir(root)
    out = tmp_path / "out"
    assert main(["--quick", "--out", str(out)]) == 0
    results = json.loads((out / "image-results.json").read_text(encoding="utf-8"))
    warm, sizes = results["warm"]["deploy:oci"], results["sizes"]["deploy:oci"]
    assert len(warm["edit"]) == len(results["requirement"]["deploy:oci"]["requirement"]) == 1
    assert len(results["watched"]["deploy:oci"]["watched"]) == 1
    assert warm["nothing processes"] == [0.0]
    assert warm["edit processes"][0] > 0
    (profile,) = results["profiles"]["deploy:oci"]
    assert len(profile) == 3 + warm["edit processes"][0]
    assert sum(profile.values()) == pytest.approx(warm["edit"][0], abs=0.05)
    # The layer of the sources, and nothing that was there before.
    assert sizes["pushed layers"] == 1
    assert 0 < sizes["pushed"] < sizes["packed"]
    page = (out / "image.md").read_text(encoding="utf-8")
    assert "| one-line change, s |" in page
    assert "| one-line change while watching, s |" in page
    assert "**Where the time of a one-line change goes: deploy:oci**" in page
    assert (out / "image-results.svg").stat().st_size > 0


def test_short_figures_are_not_for_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--quick"])
    assert "--quick needs --out DIRECTORY" in capsys.readouterr().err
