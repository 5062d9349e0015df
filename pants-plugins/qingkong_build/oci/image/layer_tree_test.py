"""What an image says again of the directories above its layers' files."""

from __future__ import annotations

import io
import tarfile

import pytest

from qingkong_build.oci.image.layer_tree import (
    DEFAULT,
    LayersDisagreeError,
    LayerTree,
    cover,
    directory_entries,
    read_base,
    read_layer,
    restated,
)

Node = tuple[str, str, str, str]


def archive(*nodes: Node) -> io.BytesIO:
    """Of (type, path, `UID:GID MODE`, content or target)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for kind, path, said, content in nodes:
            info = tarfile.TarInfo(path)
            owner, _, mode = said.partition(" ")
            info.uid, info.gid = map(int, owner.split(":"))
            info.mode = int(mode, 8)
            info.type = {"d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "f": tarfile.REGTYPE}[kind]
            if kind == "l":
                info.linkname = content
            elif kind == "f":
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    file.seek(0)
    return file


def directory(path: str, said: str = DEFAULT) -> Node:
    return ("d", path, said, "")


def file(path: str, content: str = "", said: str = "0:0 0644") -> Node:
    return ("f", path, said, content)


def link(path: str, target: str) -> Node:
    return ("l", path, "0:0 0777", target)


def layers(*each: tuple[Node, ...]) -> list[tuple[str, LayerTree]]:
    return [(f"{n}.tar", read_layer(archive(*nodes))) for n, nodes in enumerate(each)]


BASE = read_base(
    [
        archive(
            directory("./tmp/", "0:0 1777"),
            directory("etc"),
            directory("srv", "0:50 2775"),
            directory("gone", "1:1 0700"),
            link("bin", "usr/bin"),
        ),
        archive(directory("srv/a", "7:7 0711"), file(".wh.gone"), directory("opt", "0:0 0700")),
    ]
)


def test_what_is_known_of_a_base() -> None:
    assert BASE.directories == {
        "tmp": "0:0 1777",
        "srv": "0:50 2775",
        "srv/a": "7:7 0711",
        "opt": "0:0 0700",
    }
    assert BASE.links == {"bin": "usr/bin"}


def test_each_directory_keeps_what_the_layers_below_say() -> None:
    found = restated(
        "app:image",
        BASE,
        layers(
            (file("tmp/x"), directory("data", "10001:10001 0750"), link("etc/localtime", "/x")),
            (file("data/a/b/x"), file("srv/a/x"), file("new/x")),
            (directory("srv", "0:0 0755"), file("srv/y")),
            (file("srv/z"),),
        ),
    )
    assert found == [
        {"tmp": "0:0 1777", "etc": DEFAULT},
        {
            "data": "10001:10001 0750",
            "data/a": DEFAULT,
            "data/a/b": DEFAULT,
            "srv": "0:50 2775",
            "srv/a": "7:7 0711",
            "new": DEFAULT,
        },
        # What a layer declares is its own.
        {},
        {"srv": "0:0 0755"},
    ]


def test_entries_are_the_same_everywhere() -> None:
    content = directory_entries({"tmp": "0:0 1777", "a": "1:2 0700"})
    assert len(content) == 2 * 512
    whole = io.BytesIO(content + archive(file("a/x")).getvalue())
    with tarfile.open(fileobj=whole) as tar:
        assert [(x.name, x.mode, x.uid, x.gid, x.isdir()) for x in tar] == [
            ("a", 0o700, 1, 2, True),
            ("tmp", 0o1777, 0, 0, True),
            ("a/x", 0o644, 0, 0, False),
        ]


def error(*each: tuple[Node, ...]) -> str:
    with pytest.raises(LayersDisagreeError) as raised:
        restated("app:image", BASE, layers(*each))
    return str(raised.value)


def test_two_declarations_that_disagree() -> None:
    message = error((directory("data", "1:1 0700"),), (directory("data"),))
    for part in ("app:image", "'/data'", "0.tar", "'1:1 0700'", "1.tar", "'0:0 0755'", "Fix: "):
        assert part in message
    # Alike is agreement.
    restated("app:image", BASE, layers((directory("data"),), (directory("data"),)))


def test_a_path_through_a_link_of_the_base() -> None:
    message = error((file("bin/tool"),))
    for part in ("app:image", "'/bin/tool'", "0.tar", "Fix: use the path '/usr/bin/tool'"):
        assert part in message


def distribution(name: str, *paths: str) -> Node:
    return file(f"site/{name}-1.0.dist-info/RECORD", "".join(f"{path},,\n" for path in paths))


def test_two_distributions_that_differ_in_a_file() -> None:
    one = (distribution("one", "shared/x.py"), file("site/shared/x.py", "1"))
    other = (distribution("two", "shared/x.py"), file("site/shared/x.py", "2"))
    same = (distribution("two", "shared/x.py"), file("site/shared/x.py", "1"))
    message = error(one, (), other)
    for part in ("'/site/shared/x.py'", "0.tar", "one-1.0", "2.tar", "two-1.0", "Fix: "):
        assert part in message
    restated("app:image", BASE, layers(one, same))
    assert "no distribution" in error(one, (file("site/shared/x.py", "2"),))
    other_mode = (file("site/shared/x.py", "1", "0:0 0755"),)
    assert "'/site/shared/x.py'" in error(one, other_mode)
    # A file that no distribution owns may be put over another one.
    restated("app:image", BASE, layers((file("etc/x", "1"),), (file("etc/x", "2"),)))


def test_whiteouts() -> None:
    view = LayerTree({"a": "1:1 0700", "a/b": "1:1 0700", "c": "1:1 0700"}, {"a/l": "x"})
    # An opaque one hides what is below a directory, and not the directory.
    cover(view, LayerTree(removed=["a/"]))
    assert (view.directories, view.links) == ({"a": "1:1 0700", "c": "1:1 0700"}, {})
    cover(view, LayerTree(removed=["a"]))
    assert view.directories == {"c": "1:1 0700"}
