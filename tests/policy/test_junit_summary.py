"""The closing line of CI."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy import junit_summary

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"/>{}
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("case", "line", "status"),
    [
        ("", "2 passed, 0 failed", 0),
        ("<testcase><failure/></testcase>", "2 passed, 1 failed", 1),
        ("<testcase><error/></testcase>", "2 passed, 1 failed", 1),
    ],
)
def test_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, line: str, status: int
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "report.xml").write_text(REPORT.format(case))
    assert junit_summary.main([str(tmp_path)]) == status
    assert capsys.readouterr().out == f"{line}\n"


def test_a_skipped_test_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = '<testcase classname="tests.disk" name="full"><skipped message="takes root"/></testcase>'
    (tmp_path / "report.xml").write_text(REPORT.format(case))
    assert junit_summary.main([str(tmp_path)]) == 1
    skipped, line = capsys.readouterr().out.splitlines()
    for part in ("tests.disk.full", "takes root"):
        assert part in skipped
    assert line == "2 passed, 1 failed"


def test_no_test_at_all_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert junit_summary.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == "0 passed, 0 failed\n"
