"""The benchmark of the servers: that it runs, with little of all, and what its page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from measuring.rounds import Measurements
from server import report
from server.main import main
from server.processes import MeasurementError, find_program, free_port, serving

PRODUCT = Path("benchmarks.server/product.pex")
PAGE = """
<!-- reach: written by a test -->
<!-- reach: end -->
<!-- figures: written by a test -->
<!-- figures: end -->
"""


def test_everything_is_measured_once(tmp_path: Path) -> None:
    page, record = tmp_path / "server.md", tmp_path / "record"
    page.write_text(PAGE, encoding="utf-8")
    arguments = ["--quick", "--page", str(page), "--record", str(record)]
    assert main(["--product", str(PRODUCT), *arguments]) == 0
    text = page.read_text(encoding="utf-8")
    for row in (
        "| `manage.py --help` |",
        "| gateway, requests/s against Debian's nginx as proxy |",
        "| memory of the gateway during the upload |",
        "| start with 3 apps |",
        "| runserver-aio, metrics |",
    ):
        assert row in text
    assert "<svg" in page.with_name(report.PLOT).read_text(encoding="utf-8")
    proxies = Measurements.load(record / "proxies.json")
    assert proxies.variants == ["direct", "gateway", "nginx"]
    for name in proxies.variants:
        assert min(proxies.column(name, "rate")) > 0
        assert min(proxies.column(name, "cpu")) > 0


def test_slopes_tell_linear_from_quadratic() -> None:
    def starts(cost: float, power: int) -> Measurements:
        counts = (1, 10, 20, 30, 40, 50)
        return Measurements({str(n): {"cpu": [0.5 + cost * n**power] * 3} for n in counts})

    assert report.slopes(starts(0.01, 1)).value == pytest.approx(1)
    assert report.slopes(starts(0.001, 2)).value > 2


def test_what_is_not_installed_is_told() -> None:
    with pytest.raises(MeasurementError, match="no-such-program is not installed"):
        find_program("no-such-program")


def test_a_server_that_does_not_serve_shows_its_log(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo the cause; exit 3"]
    with pytest.raises(MeasurementError, match="(?s)does not serve.*the cause"):
        with serving(command, free_port(), folder=tmp_path, environment={}):
            pass
