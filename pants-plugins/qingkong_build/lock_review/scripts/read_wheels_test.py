from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from read_wheels import main


def wheel(folder: Path, files: dict[str, str]) -> str:
    path = folder / "web-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return str(path)


def test_sizes_and_license(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = "Name: web\nLicense-Expression: MIT\n"
    vendored = "web/_vendor/lib-1.dist-info/METADATA"
    path = wheel(
        tmp_path,
        {"web.py": "#" * 5000, vendored: "", "web-1.0.dist-info/METADATA": metadata},
    )
    assert main([path]) == 0
    (found,) = json.loads(capsys.readouterr().out).items()
    size = Path(path).stat().st_size
    assert found == (
        "web-1.0-py3-none-any.whl",
        {"wheel_bytes": size, "unpacked_bytes": 5000 + len(metadata), "license": "MIT"},
    )


def test_a_wheel_without_metadata(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"web-1.0-py3-none-any.whl: METADATA=\[\].*Fix: "):
        main([wheel(tmp_path, {"web.py": ""})])
