from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import os
import zipfile
from pathlib import Path

import install_wheel
import pytest

DIST_INFO = "tiny-1.0.dist-info"
METADATA = {
    f"{DIST_INFO}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    f"{DIST_INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
FILES = {
    "tiny/__init__.py": "",
    "tiny/py.typed": "",
    "tiny/fast.pyi": "",
    "tiny/fast.pyx": "",
    "tiny/tests/__init__.py": "",
}


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def make_wheel(directory: Path, files: dict[str, str], *, executable: str = "") -> str:
    """Write a wheel of `files` and the metadata to `directory`, and return its path."""
    path = directory / "tiny-1.0-py3-none-any.whl"
    content = {**METADATA, **files}
    record = "".join(f"{x},sha256={digest(y.encode())},{len(y)}\n" for x, y in content.items())
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {
            **content,
            f"{DIST_INFO}/RECORD": f"{record}{DIST_INFO}/RECORD,,\n",
        }.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name == executable else 0o100644) << 16
            wheel.writestr(info, text)
    return str(path)


def listing(directory: Path) -> list[str]:
    return sorted(str(x.relative_to(directory)) for x in directory.rglob("*") if x.is_file())


def check_record(directory: Path) -> None:
    """RECORD names all that is there, and nothing else, with its hashes."""
    (distribution,) = importlib.metadata.distributions(path=[str(directory)])
    assert distribution.files is not None
    assert sorted(map(str, distribution.files)) == listing(directory)
    for file in distribution.files:
        content = Path(str(file.locate())).read_bytes()
        if not str(file).endswith("RECORD"):
            assert file.hash is not None
            assert (file.hash.value, file.size) == (digest(content), len(content))


def test_what_is_installed(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        {
            **FILES,
            "tiny/run.sh": "#!/bin/sh\n",
            "tiny-1.0.data/purelib/extra.py": "",
            "tiny-1.0.data/scripts/tool": "#!python\n",
            "tiny-1.0.data/headers/tiny.h": "",
            f"{DIST_INFO}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
        },
        executable="tiny/run.sh",
    )
    out = tmp_path / "tree"
    install_wheel.install_wheel(wheel, str(out), ["*.pyi", "*.pyx", "*/tests/*"])
    assert listing(out) == [
        "extra.py",
        f"{DIST_INFO}/INSTALLER",
        f"{DIST_INFO}/METADATA",
        f"{DIST_INFO}/RECORD",
        f"{DIST_INFO}/WHEEL",
        f"{DIST_INFO}/entry_points.txt",
        "tiny/__init__.py",
        "tiny/py.typed",
        "tiny/run.sh",
    ]
    assert os.stat(out / "tiny/run.sh").st_mode & 0o777 == 0o755
    assert os.stat(out / "tiny/__init__.py").st_mode & 0o777 == 0o644
    check_record(out)


def test_the_same_bytes_whatever_the_order_and_umask(tmp_path: Path) -> None:
    trees = []
    for number, umask in enumerate((0o022, 0o077)):
        directory = tmp_path / str(number)
        directory.mkdir()
        files = dict(sorted(FILES.items(), reverse=bool(number)))
        previous = os.umask(umask)
        try:
            install_wheel.install_wheel(make_wheel(directory, files), str(directory / "tree"))
        finally:
            os.umask(previous)
        tree = directory / "tree"
        trees.append(
            {x: ((tree / x).read_bytes(), os.stat(tree / x).st_mode) for x in listing(tree)}
        )
    assert trees[0] == trees[1]


def test_a_stripped_library_has_its_own_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_wheel, "strip", lambda data: data.replace(b"debug", b""))
    wheel = make_wheel(tmp_path, {"tiny/fast.so": "code debug"})
    install_wheel.install_wheel(wheel, str(tmp_path / "plain"))
    install_wheel.install_wheel(wheel, str(tmp_path / "tree"), strip_libraries=True)
    assert (tmp_path / "plain/tiny/fast.so").read_text() == "code debug"
    assert (tmp_path / "tree/tiny/fast.so").read_text() == "code "
    check_record(tmp_path / "tree")


def test_bytecode_is_not_installed(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"tiny/__pycache__/x.cpython-312.pyc": ""})
    install_wheel.install_wheel(wheel, str(tmp_path / "tree"))
    assert not (tmp_path / "tree/tiny").exists()
    check_record(tmp_path / "tree")


def test_files_for_the_prefix(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {**FILES, "tiny-1.0.data/data/share/man/tiny.1": ""})
    with pytest.raises(install_wheel.InstallError) as error:
        install_wheel.install_wheel(wheel, str(tmp_path / "tree"))
    message = str(error.value)
    assert "tiny-1.0-py3-none-any.whl cannot be installed" in message
    assert "'share/man/tiny.1' for the interpreter's prefix" in message
    fix = "*.data/data/share/man/tiny.1"
    assert f"Add '{fix}' to the 'exclude' field" in message

    install_wheel.install_wheel(wheel, str(tmp_path / "fixed"), [fix])
    check_record(tmp_path / "fixed")


def test_a_file_outside_of_the_directory(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"../../escaped.py": ""})
    with pytest.raises(install_wheel.InstallError, match=r"escaped\.py"):
        install_wheel.install_wheel(wheel, str(tmp_path / "a/b/tree"))
    assert not list(tmp_path.rglob("escaped.py"))


def test_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "tiny-1.0-py3-none-any.whl").write_bytes(b"not a zip file")
    with pytest.raises(install_wheel.InstallError, match="no valid wheel"):
        install_wheel.install_wheel(str(tmp_path / "tiny-1.0-py3-none-any.whl"), "tree")


def test_a_wheel_of_the_future(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {f"{DIST_INFO}/WHEEL": "Wheel-Version: 2.0\n"})
    with pytest.raises(install_wheel.InstallError, match=r"Wheel-Version 2\.0"):
        install_wheel.install_wheel(wheel, str(tmp_path / "tree"))


def test_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = make_wheel(tmp_path, FILES)
    out = tmp_path / "tree"
    arguments = [f"--wheel={wheel}", f"--out={out}", "--exclude=*.pyi", "--strip"]
    assert install_wheel.main(arguments) == 0
    check_record(out)
    assert "tiny/fast.pyi" not in listing(out)

    Path(wheel).write_bytes(b"")
    assert install_wheel.main(arguments) == 1
    assert capsys.readouterr().err.startswith(
        "qingkong_build.oci.layers: tiny-1.0-py3-none-any.whl cannot"
    )


def test_record_is_sorted(tmp_path: Path) -> None:
    install_wheel.install_wheel(make_wheel(tmp_path, FILES), str(tmp_path / "tree"))
    rows = list(csv.reader((tmp_path / "tree" / DIST_INFO / "RECORD").read_text().splitlines()))
    paths = [row[0] for row in rows[:-1]]
    assert paths == sorted(paths)
    assert rows[-1] == [f"{DIST_INFO}/RECORD", "", ""]


def test_given_modes_take_the_place_of_those_of_the_archive(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {**FILES, "tiny/run.sh": "#!"}, executable="tiny/py.typed")
    modes = tmp_path / "modes"
    modes.write_text("tiny/run.sh\n")
    for name, given in (("archive", []), ("given", [f"--modes={modes}"])):
        argv = [f"--wheel={wheel}", f"--out={tmp_path / name}", *given]
        assert install_wheel.main(argv) == 0
    assert executables(tmp_path / "archive") == ["tiny/py.typed"]
    assert executables(tmp_path / "given") == ["tiny/run.sh"]
    modes.write_text("")
    argv = [f"--wheel={wheel}", f"--out={tmp_path / 'none'}", f"--modes={modes}"]
    assert install_wheel.main(argv) == 0
    assert executables(tmp_path / "none") == []


def executables(directory: Path) -> list[str]:
    return [name for name in listing(directory) if (directory / name).stat().st_mode & 0o111]
