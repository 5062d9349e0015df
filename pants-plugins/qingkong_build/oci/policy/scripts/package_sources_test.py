"""Settings of pip and apt, and what of them is looked for in images."""

from __future__ import annotations

from pathlib import Path

from package_sources import needles, of_apt, of_pip, pip_files


def test_every_file_of_pip_counts(tmp_path: Path) -> None:
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    one.write_text("[global]\nindex-url = https://a.test/simple\n[install]\nproxy = p.test:80\n")
    two.write_text("[global]\nextra-index-url =\n  https://b.test/x\n  https://c.test/y\n")
    broken.write_text("no section\n")
    environment = {"PIP_INDEX_URL": "https://d.test/z", "HTTPS_PROXY": "http://q.test"}
    assert set(of_pip([one, broken, tmp_path / "missing", two], environment)) == {
        "https://a.test/simple",
        "p.test:80",
        "https://b.test/x",
        "https://c.test/y",
        "https://d.test/z",
        "http://q.test",
    }


def test_where_pip_looks(tmp_path: Path) -> None:
    files = list(pip_files(tmp_path, {"PIP_CONFIG_FILE": "/x/pip.conf", "XDG_CONFIG_DIRS": "/y"}))
    assert tmp_path / ".config/pip/pip.conf" in files
    assert {Path("/x/pip.conf"), Path("/y/pip/pip.conf"), Path("/etc/pip.conf")} <= set(files)


def test_apt(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("# deb http://old.test/\ndeb http://a.test/debian x\n")
    (tmp_path / "sources.list.d/b.sources").write_text("Types: deb\nURIs: https://b.test/debian\n")
    assert set(of_apt(tmp_path)) == {"http://a.test/debian", "https://b.test/debian"}


def test_needles() -> None:
    found = needles(
        [
            "https://robot:hunter%2F2@Mirror.test:8080/simple/",
            "//files.test/packages",
            "plain.test",
            "http://127.0.0.1:3141/root",
            "http://localhost/",
            "file:///srv/wheels",
            "https://u:pw@short.test/",
        ]
    )
    assert found == {
        "exact": ["Mirror.test:8080/simple", "files.test/packages", "hunter%2F2", "hunter/2"],
        "hosts": ["files.test", "mirror.test", "plain.test", "short.test"],
    }
