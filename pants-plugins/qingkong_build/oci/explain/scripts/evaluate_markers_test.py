from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from evaluate_markers import evaluate, main


@pytest.mark.parametrize(
    ("marker", "truth"),
    [
        ("python_version >= '3.12'", {"": True}),
        ("python_version < '3.12'", {"": False}),
        (f"sys_platform == '{sys.platform}'", {"": True}),
        ("extra == 'Fast_Lane'", {"": False, "fast-lane": True}),
        (
            "python_version < '3' and extra == 'a' or extra == 'b'",
            {"": False, "a": False, "b": True},
        ),
    ],
)
def test_markers(marker: str, truth: dict[str, bool]) -> None:
    assert evaluate(marker) == truth


def test_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    markers = tmp_path / "markers.json"
    markers.write_text(json.dumps(["os_name == 'posix'", "os_name == 'nt'"]))
    assert main([str(markers)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "os_name == 'posix'": {"": True},
        "os_name == 'nt'": {"": False},
    }
