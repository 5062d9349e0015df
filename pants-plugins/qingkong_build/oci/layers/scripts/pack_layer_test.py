from __future__ import annotations

import json
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pack_layer
import pytest


def spec(**fields: Any) -> dict[str, Any]:
    """A specification as the plugin writes it, with `fields` in it."""
    return {
        "target": "deploy:layer",
        "tree": "",
        "path": "",
        "executables": [],
        "exclude": [],
        "forbid": [],
        "owner": "0:0",
        "file_mode": "",
        "directory_mode": "",
        "directories": {},
        "symlinks": {},
        "files": {},
        **fields,
    }


def members(layer: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer) as tar:
        return {member.name: member for member in tar}


def write(tree: Path, *names: str) -> None:
    for name in names:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree, in the working directory as in a sandbox."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "tree"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_same_bytes_whatever_the_machine(
    tree: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    layers = []
    for number, (order, umask, zone, clock) in enumerate(
        [
            (["a/x.py", "a/y.py", "b.py"], 0o022, "UTC", 1_000_000_000),
            (["b.py", "a/y.py", "a/x.py"], 0o077, "Asia/Shanghai", 1_700_000_000),
        ]
    ):
        name = f"tree{number}"
        previous = os.umask(umask)
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            for file in order:
                write(Path(name), file)
                os.utime(Path(name, file), (clock, clock))
            pack_layer.write_layer(spec(tree=name, path="app"), f"{name}.{ending}")
        finally:
            os.umask(previous)
            monkeypatch.delenv("TZ")
            time.tzset()
        layers.append(Path(f"{name}.{ending}").read_bytes())
    assert layers[0] == layers[1]
    assert layers[0].startswith(b"\x1f\x8b") == (ending == "tar.gz")


def test_members(tree: Path) -> None:
    write(tree, "pkg/run.sh", "pkg/mod.py")
    (tree / "pkg/link.py").symlink_to("mod.py")
    pack_layer.write_layer(
        spec(
            tree="tree",
            path="app",
            executables=["pkg/run.sh"],
            directories={"/data": "10001:10001 0750"},
            symlinks={"/etc/localtime": "/usr/share/zoneinfo/Asia/Shanghai"},
            files={"/etc/timezone": "Asia/Shanghai\n"},
        ),
        "out/layer.tar",
    )
    found = members(Path("out/layer.tar"))
    assert list(found) == sorted(found)
    assert {name: (oct(info.mode), info.uid, info.gid) for name, info in found.items()} == {
        "app/pkg/link.py": ("0o777", 0, 0),
        "app/pkg/mod.py": ("0o644", 0, 0),
        "app/pkg/run.sh": ("0o755", 0, 0),
        "data": ("0o750", 10001, 10001),
        "etc/localtime": ("0o777", 0, 0),
        "etc/timezone": ("0o644", 0, 0),
    }
    assert {info.mtime for info in found.values()} == {pack_layer.EPOCH}
    assert found["app/pkg/link.py"].linkname == "mod.py"
    assert found["etc/localtime"].linkname == "/usr/share/zoneinfo/Asia/Shanghai"
    with tarfile.open("out/layer.tar") as tar:
        timezone = tar.extractfile("etc/timezone")
        assert timezone is not None
        assert timezone.read() == b"Asia/Shanghai\n"


def test_no_mode_of_the_sandbox_is_in_the_layer(tree: Path) -> None:
    """A large input is a link into Pants' store, where it is 0555 whatever it was."""
    layers = []
    for number, mode in enumerate((0o644, 0o555, 0o600)):
        write(tree, "pkg/run.sh", "pkg/large.js")
        for name in ("run.sh", "large.js"):
            (tree / "pkg" / name).chmod(mode)
        pack_layer.write_layer(
            spec(tree="tree", path="app", executables=["pkg/run.sh"]), f"{number}.tar"
        )
        layers.append(Path(f"{number}.tar").read_bytes())
        (tree / "pkg" / "run.sh").unlink()
        (tree / "pkg" / "large.js").unlink()
    found = members(Path("0.tar"))
    assert (found["app/pkg/run.sh"].mode, found["app/pkg/large.js"].mode) == (0o755, 0o644)
    assert layers == [layers[0]] * 3


def test_links_to_directories_are_packed(tree: Path) -> None:
    write(tree, "v1/data", "skipped/data")
    (tree / "current").symlink_to("v1")
    (tree / "skipped" / "link").symlink_to("../v1")
    (tree / "dangling").symlink_to("elsewhere")
    pack_layer.write_layer(spec(tree="tree", path="app", exclude=["skipped"]), "layer.tar")
    found = members(Path("layer.tar"))
    assert list(found) == ["app/current", "app/dangling", "app/v1/data"]
    assert (found["app/current"].issym(), found["app/current"].linkname) == (True, "v1")


def test_directories_of_other_layers_are_not_touched(tree: Path) -> None:
    """An entry for `tmp` would put its mode and owner over the base image's."""
    write(tree, "click/__init__.py")
    pack_layer.write_layer(
        spec(tree="tree", path="usr/lib", files={"/tmp/x": ""}, symlinks={"/srv/a/b": "c"}),
        "layer.tar",
    )
    assert list(members(Path("layer.tar"))) == ["srv/a/b", "tmp/x", "usr/lib/click/__init__.py"]


def test_a_tree_of_data_has_the_owner_and_the_modes_that_are_declared(tree: Path) -> None:
    write(tree, "a/x", "y")
    (tree / "link").symlink_to("y")
    fields = {"owner": "10001:7", "file_mode": "0640", "directory_mode": "2750"}
    pack_layer.write_layer(spec(tree="tree", path="srv/data", **fields), "layer.tar")
    found = members(Path("layer.tar"))
    assert {name: (oct(info.mode), info.uid, info.gid) for name, info in found.items()} == {
        "srv/data": ("0o2750", 10001, 7),
        "srv/data/a": ("0o2750", 10001, 7),
        "srv/data/a/x": ("0o640", 10001, 7),
        "srv/data/link": ("0o777", 10001, 7),
        "srv/data/y": ("0o640", 10001, 7),
    }


def test_a_declared_directory_keeps_its_owner(tree: Path) -> None:
    """It is not written again as the parent of what is declared below it."""
    pack_layer.write_layer(
        spec(directories={"/data": "10001:10001 0750"}, files={"/data/x": "", "/y": ""}),
        "layer.tar",
    )
    with tarfile.open("layer.tar") as tar:
        assert [(info.name, info.uid) for info in tar] == [("data", 10001), ("data/x", 0), ("y", 0)]


def test_exclude(tree: Path) -> None:
    write(
        tree,
        "a/__pycache__/x.cpython-312.pyc",
        "__pycache__/y.pyc",
        "a/x.py",
        "a/tests/test_x.py",
        "bin/tool",
    )
    pack_layer.write_layer(
        spec(
            tree="tree",
            path="app",
            exclude=["__pycache__", "*/__pycache__", "*.pyc", "*/tests", "bin", "bin/*"],
        ),
        "layer.tar",
    )
    assert list(members(Path("layer.tar"))) == ["app/a/x.py"]


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("asyncmy-0.2.18.dist-info", "asyncmy"),
        ("Ruamel.YAML_clib-1.0.dist-info", "ruamel-yaml-clib"),
        ("asyncmy", None),
        ("asyncmy.libs", None),
    ],
)
def test_distribution_name(directory: str, name: str | None) -> None:
    assert pack_layer.distribution_name(directory) == name


def test_forbidden_distribution(tree: Path) -> None:
    write(tree, "Async_My-0.2.18.dist-info/METADATA", "click-8.dist-info/METADATA")
    with pytest.raises(pack_layer.LayerError) as error:
        pack_layer.write_layer(spec(tree="tree", path="x", forbid=["async.my"]), "layer.tar")
    message = str(error.value)
    assert "'forbid' field in target deploy:layer has 'async-my'" in message
    assert "Async_My-0.2.18.dist-info" in message
    assert "pants generate-lockfiles" in message
    assert not Path("layer.tar").exists()


def test_what_is_forbidden_and_absent_is_no_error(tree: Path) -> None:
    write(tree, "click-8.dist-info/METADATA")
    pack_layer.write_layer(spec(tree="tree", path="x", forbid=["asyncmy"]), "layer.tar")
    assert "x/click-8.dist-info/METADATA" in members(Path("layer.tar"))


def test_link_to_the_build_machine(tree: Path) -> None:
    (tree / "python").symlink_to(tree / "elsewhere")
    with pytest.raises(pack_layer.LayerError) as error:
        pack_layer.write_layer(spec(tree="tree", path="x"), "layer.tar")
    message = str(error.value)
    assert message.startswith("python in the layer of target deploy:layer is a link to ")
    assert "'exclude' field" in message


@pytest.mark.parametrize("value", ["0755", "root:root 0755", "0:0 rwx", "0:0 0955", "0:0  0755"])
def test_bad_directory(tree: Path, value: str) -> None:
    with pytest.raises(pack_layer.LayerError) as error:
        pack_layer.write_layer(spec(directories={"/data": value}), "layer.tar")
    message = str(error.value)
    assert f"'directories' field in target deploy:layer has {value!r} for '/data'" in message
    assert "'0:0 0755'" in message


def test_nothing_to_pack(tree: Path) -> None:
    with pytest.raises(pack_layer.LayerError, match="deploy:layer has nothing to put"):
        pack_layer.write_layer(spec(tree="absent", path="x"), "layer.tar")


def test_program(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("spec.json").write_text(json.dumps(spec(files={"/etc/x": "y"})))
    assert pack_layer.main(["spec.json", "out/layer.tar"]) == 0
    assert list(members(Path("out/layer.tar"))) == ["etc/x"]

    Path("spec.json").write_text(json.dumps(spec(directories={"/x": "?"})))
    assert pack_layer.main(["spec.json", "out/other.tar"]) == 1
    assert capsys.readouterr().err.startswith("qingkong_build.oci.layers: the 'directories' field")
    assert os.listdir("out") == ["layer.tar"]
