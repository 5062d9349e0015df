from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import native_wheel_parallel as parallel
import pytest
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

GCC = "gcc (Debian 12.2.0-14) 12.2.0"


def command(*extensions: Extension, kind: type[build_ext] = build_ext) -> build_ext:
    built = kind(Distribution({"ext_modules": list(extensions)}))
    built.finalize_options()
    return built


def sources(tmp_path: Path, **sizes: int) -> list[Extension]:
    for name, size in sizes.items():
        (tmp_path / f"{name}.c").write_text("x" * size)
    return [Extension(name, [str(tmp_path / f"{name}.c")]) for name in sizes]


def test_the_largest_first(tmp_path: Path) -> None:
    built = command(*sources(tmp_path, small=1, large=9, middle=5))
    parallel.set_up_build_ext(built, 2)
    assert built.parallel == 2
    assert [each.name for each in built.extensions] == ["large", "middle", "small"]


def test_one_processor(tmp_path: Path) -> None:
    built = command(*sources(tmp_path, small=1, large=9))
    parallel.set_up_build_ext(built, 1)
    assert not built.parallel
    assert [each.name for each in built.extensions] == ["small", "large"]


def test_a_package_that_says_how_many(tmp_path: Path) -> None:
    built = command(*sources(tmp_path, one=1, two=2))
    built.parallel = 3
    parallel.set_up_build_ext(built, 2)
    assert built.parallel == 3


def test_two_that_share_a_source() -> None:
    """Both write `shared.o`, and one could read what the other has half written."""
    one, two = Extension("one", ["one.c", "shared.c"]), Extension("two", ["two.c", "shared.pyx"])
    assert not parallel.is_safe(command(one, two))
    assert parallel.is_safe(command(one, Extension("two", ["two.c"])))


def test_a_package_with_a_way_of_its_own_to_build() -> None:
    class Own(build_ext):
        def build_extension(self, ext: Any) -> None:
            super().build_extension(ext)

    class Options(build_ext):
        def build_extensions(self) -> None:
            super().build_extensions()

    assert not parallel.is_safe(command(Extension("one", ["one.c"]), kind=Own))
    assert parallel.is_safe(command(Extension("one", ["one.c"]), kind=Options))


def test_libraries_for_other_extensions() -> None:
    built = command(Extension("one", ["one.c"]))
    built.shlibs = [Extension("library", ["library.c"])]
    assert not parallel.is_safe(built)


def link(jobs: int, args: tuple[str, ...] = ("-flto", "-s"), compiler: str = GCC) -> list[str]:
    return parallel.link_args(jobs, list(args), compiler, ["/bin", "/usr/bin"])


def test_parts_of_a_library() -> None:
    assert link(9) == ["-flto=4"]
    assert link(2) == []
    assert link(9, args=("-s",)) == []
    assert link(9, compiler="Debian clang version 14.0.6") == []


def test_parts_of_a_library_without_make(tmp_path: Path) -> None:
    assert parallel.link_args(9, ["-flto"], GCC, [str(tmp_path)]) == []


class Cython:
    """As much of it as is replaced: it notes how it was called, and how many were in it."""

    calls: ClassVar[list[tuple[Any, ...]]]
    inside: ClassVar[int]
    most: ClassVar[int]


@pytest.fixture
def cython(monkeypatch: pytest.MonkeyPatch) -> Any:
    module, package = ModuleType("Cython.Build.Dependencies"), ModuleType("Cython.Build")
    Cython.calls, Cython.inside, Cython.most = [], 0, 0
    barrier = threading.Event()

    def cythonize(module_list: Any, exclude: Any = None, nthreads: int = 0, **kwargs: Any) -> str:
        Cython.inside += 1
        Cython.most = max(Cython.most, Cython.inside)
        # Long enough for another thread to come in, if it could.
        barrier.wait(0.05)
        Cython.calls.append((module_list, nthreads, kwargs))
        Cython.inside -= 1
        return "made"

    module.cythonize = package.cythonize = cythonize  # type: ignore[attr-defined]
    for name, value in (("Cython.Build.Dependencies", module), ("Cython.Build", package)):
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setitem(sys.modules, "Cython", ModuleType("Cython"))
    return package


def test_cython_by_processes(cython: Any) -> None:
    parallel.set_up_cython(3)
    parallel.set_up_cython(3)
    assert cython.cythonize(["*.pyx"], language_level=3) == "made"
    assert cython.cythonize(["*.pyx"], nthreads=7) == "made"
    assert Cython.calls == [(["*.pyx"], 3, {"language_level": 3}), (["*.pyx"], 7, {})]


def test_cython_takes_turns_in_threads(cython: Any) -> None:
    parallel.set_up_cython(2)
    threads = [threading.Thread(target=cython.cythonize, args=([n],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Cython.most == 1
    # It forks nothing there.
    assert [nthreads for _, nthreads, _ in Cython.calls] == [0, 0, 0, 0]


def test_a_build_without_cython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "Cython", raising=False)
    parallel.set_up_cython(2)
    assert "Cython" not in sys.modules
