from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import ClassVar

import native_wheel_backend as backend
import native_wheel_hook
import pytest
from native_wheel_errors import NativeWheelError
from native_wheel_repack import provenance
from spec_for_tests import refusal, spec

COMPILE = ["-fPIC", "-Os", "-c", "x.c", "-o", "x.o", "-flto"]
LINK = ["-shared", "x.o", "-o", "x.so", "-s"]


@pytest.mark.parametrize(
    ("cc", "cxx"),
    [
        ("/usr/bin/gcc", "/usr/bin/g++"),
        ("/usr/bin/cc", "/usr/bin/c++"),
        ("/opt/bin/clang", "/opt/bin/clang++"),
        ("/opt/bin/icx", "/opt/bin/icx"),
    ],
)
def test_cxx_beside_cc(cc: str, cxx: str) -> None:
    assert backend._cxx_of(cc) == cxx


def test_flags_that_arrived() -> None:
    backend.verify_flags(spec(), [["--version"], COMPILE, LINK])


@pytest.mark.parametrize("commands", [[], [["--version"]], [COMPILE], [LINK]])
def test_nothing_compiled(commands: list[list[str]]) -> None:
    with pytest.raises(NativeWheelError) as error:
        backend.verify_flags(spec(), commands)
    message = refusal(error)
    assert "'project' 'tiny' 1.0 compiled no extension module" in message
    assert "python_requirement" in message


def test_dropped_compile_flag() -> None:
    with pytest.raises(NativeWheelError) as error:
        backend.verify_flags(spec(), [COMPILE, ["-O2", "-flto", "-c", "y.c"], LINK])
    message = refusal(error)
    assert "'compile_args' has '-Os', which did not reach 1 of 2" in message
    assert "`cc -O2 -flto -c y.c`" in message
    assert "take the flag out" in message


def test_dropped_link_flag() -> None:
    with pytest.raises(NativeWheelError) as error:
        backend.verify_flags(spec(), [COMPILE, ["-shared", "x.o"]])
    assert "'link_args' has '-s', which did not reach 1 of 1" in refusal(error)


def sdist(path: Path, members: dict[str, str]) -> str:
    """Write a source distribution; return its sha256."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sha256 = sdist(Path("tiny-1.0.tar.gz"), {"tiny-1.0/setup.py": "", "tiny-1.0/x.c": "int x;"})
    source = backend.unpack(spec(sdist_sha256=sha256), tmp_path / "work")
    assert sorted(path.name for path in source.iterdir()) == ["setup.py", "x.c"]


def test_unpack_nothing_before_the_hash_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sha256 = sdist(Path("tiny-1.0.tar.gz"), {"tiny-1.0/setup.py": ""})
    with pytest.raises(NativeWheelError) as error:
        backend.unpack(spec(), tmp_path / "work")
    message = refusal(error)
    assert f"'sha256' is {'0' * 64}" in message
    assert sha256 in message
    assert not (tmp_path / "work").exists()


def test_unpack_stays_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sha256 = sdist(Path("tiny-1.0.tar.gz"), {"../outside": "x"})
    with pytest.raises(tarfile.OutsideDestinationError):
        backend.unpack(spec(sdist_sha256=sha256), tmp_path / "work")
    assert not (tmp_path / "work/outside").exists()


def test_unpack_wheels(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    names = [
        *("tiny/__init__.py", "tiny-1.0.dist-info/METADATA", "tiny-1.0.data/scripts/tiny"),
        *("tiny-1.0.data/purelib/pure.py", "tiny-1.0.data/platlib/tiny/fast.so", "../outside.py"),
    ]
    with zipfile.ZipFile(wheels / "tiny-1.0-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, name)
    tree = tmp_path / "inner" / "tree"
    backend.unpack_wheels(wheels, tree)
    found = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    assert found == {
        *("tiny/__init__.py", "tiny-1.0.dist-info/METADATA", "pure.py", "tiny/fast.so"),
        "outside.py",
    }
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


ENTER = """
import sys
sys.path.insert(0, sys.argv[1])
import native_wheel_backend as backend

backend.enter_virtual_environment()
import importlib.util
print(sys.prefix, importlib.util.find_spec("pip"), sys.argv[2:])
"""


def test_what_is_installed_for_the_interpreter_takes_no_part(tmp_path: Path) -> None:
    """A build is of the interpreter and the lockfile; this machine's own packages are neither."""
    program = tmp_path / "enter.py"
    program.write_text(ENTER)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    interpreter = Path(sys.base_prefix, "bin", version)
    here = Path(backend.__file__).parent
    result = subprocess.run(
        [interpreter, "-E", "-s", "-S", "-B", program, here, "--out=x"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout == f"{tmp_path / backend.WORK} None ['--out=x']\n"


def test_unknown_back_end(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[build-system]\nbuild-backend = "absent.api"\n')
    with pytest.raises(NativeWheelError) as error:
        backend._backend_of(spec(), tmp_path)
    message = refusal(error)
    assert "build back end 'absent.api' cannot be imported" in message
    assert "'build_resolve'" in message
    assert "pants generate-lockfiles" in message


def test_back_end_of_the_package_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nbuild-backend = "own_backend:Api.inner"\nbackend-path = ["tools"]\n'
    )
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/own_backend.py").write_text("class Api:\n    inner = 'found'\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert backend._backend_of(spec(), tmp_path) == "found"


def test_macros() -> None:
    macros = {"NUMBER": "1", "BARE": "", "TEXT": "a b"}
    assert backend.macro_args(spec(define_macros=macros)) == ["-DBARE", "-DNUMBER=1", "-DTEXT=a b"]
    with pytest.raises(NativeWheelError) as error:
        backend.verify_flags(spec(define_macros=macros), [[*COMPILE, "-DBARE"], LINK])
    assert "'define_macros' has '-DNUMBER=1', which did not reach 1 of 1" in refusal(error)


PATCH = b"--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-int x;\n+int y;\n"


def patched(source: Path) -> list[dict[str, str]]:
    """Apply one patch of a target to `source`, in the working directory of a build."""
    Path(backend.PATCHES).mkdir()
    Path(backend.PATCHES, "0").write_bytes(PATCH)
    return backend.apply_patches(spec(patches=["fix.patch"]), source)


def test_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.c").write_text("int x;\n")
    sha256 = hashlib.sha256(PATCH).hexdigest()
    assert patched(tmp_path) == [{"name": "fix.patch", "sha256": sha256}]
    assert (tmp_path / "x.c").read_text() == "int y;\n"


def test_a_patch_for_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.c").write_text("int z;\n")
    with pytest.raises(NativeWheelError) as error:
        patched(tmp_path)
    message = refusal(error)
    assert "'patches' has 'fix.patch', which does not apply to tiny-1.0.tar.gz: hunk 1" in message
    assert "line 1 should be 'int x;', but 'int z;' is there" in message
    assert "Make the patch again" in message


REACHES_OUT = """
import json, os, socket, sys
import native_wheel_backend as backend, native_wheel_hook

os.environ[native_wheel_hook.ENV_VAR] = json.dumps(
    {"build_requirements": sys.argv[1], "jobs": 1, "network_log": sys.argv[2]}
)
isolated = backend.isolate_network()
native_wheel_hook.install()
native_wheel_hook.install()
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=5).close()
except OSError as error:
    print(isolated, error.errno)
else:
    print(isolated, 0)
socket.socketpair()[0].close()
print(os.getuid())
"""


def test_the_network_of_a_build(tmp_path: Path) -> None:
    log = tmp_path / "network.log"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-c", REACHES_OUT, tmp_path, log, str(port)],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    state, uid = result.stdout.splitlines()
    # Where the kernel does not isolate, the attempt is seen all the same.
    assert state in {f"True {errno.ENETUNREACH}", "False 0"}
    assert uid == str(os.getuid())
    with pytest.raises(NativeWheelError) as error:
        backend.refuse_network(spec(), log)
    message = refusal(error)
    assert "'project' 'tiny' 1.0 tried to reach the network" in message
    # Once, though the hook was installed twice.
    assert f"(socket.getaddrinfo 127.0.0.1:{port}; socket.connect 127.0.0.1:{port})" in message
    assert "'env_vars'" in message
    assert "'build_resolve'" in message


def test_a_build_without_network(tmp_path: Path) -> None:
    backend.refuse_network(spec(), tmp_path / "network.log")


def test_a_kernel_without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(flags: int) -> None:
        asked.append(flags)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "unshare", refuse)
    assert not backend.isolate_network()
    assert asked == [os.CLONE_NEWNET, os.CLONE_NEWUSER | os.CLONE_NEWNET]
    record = provenance(spec(), patches=[], isolated=False)
    assert record["network"] == "not isolated"


def test_a_system_without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "unshare")
    assert not backend.isolate_network()


def test_the_hook_does_nothing_outside_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native_wheel_hook.ENV_VAR, raising=False)
    path = list(sys.path)
    native_wheel_hook.install()
    assert sys.path == path


def test_the_hook_reads_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native_wheel_hook.ENV_VAR, json.dumps({"cc": "/bin/cc"}))
    assert native_wheel_hook.settings() == {"cc": "/bin/cc"}


class Extension:
    extra_compile_args = ("-O1",)
    extra_link_args: list[str] | None = None


class Compiler:
    """As much of a distutils compiler as the hook touches."""

    executables: ClassVar[dict[str, list[str]]] = {"compiler_so": [], "linker_so": []}
    library_dirs = ("/home/me/lib",)
    runtime_library_dirs = ("/home/me/lib",)

    def set_executables(self, **executables: list[str]) -> None:
        self.set = executables


def test_the_hook_appends_flags_and_forgets_the_interpreter() -> None:
    class BuildExt:
        compiler = Compiler()

        def build_extensions(self) -> str:
            return "built all"

        def build_extension(self, ext: Extension) -> str:
            return f"built with {ext.extra_compile_args} {ext.extra_link_args}"

    config = {
        "cc": "/w/cc",
        "cxx": "/w/cxx",
        "compile_args": ["-Os"],
        "link_args": ["-s"],
        "jobs": 1,
        "work": "/w",
    }
    # Twice, as in a process that is patched by sitecustomize and by the back end.
    native_wheel_hook._patch(BuildExt, config)
    native_wheel_hook._patch(BuildExt, config)
    command = BuildExt()
    assert command.build_extensions() == "built all"
    # Those of the package first, ours last: the last one wins.
    assert command.build_extension(Extension()) == "built with ['-O1', '-Os'] ['-s']"
    assert command.compiler.set == {
        "compiler_so": [
            "/w/cc",
            *native_wheel_hook.BASE_COMPILE_ARGS,
            "-ffile-prefix-map=/w=/build",
            f"-ffile-prefix-map={sysconfig.get_path('include')}=/python/include",
        ],
        "linker_so": ["/w/cc", "-shared"],
    }
    assert list(command.compiler.library_dirs) == []
    assert list(command.compiler.runtime_library_dirs) == []


def test_the_environment_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "work/source"
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text('[build-system]\nbuild-backend = "json"\n')
    environment = dict(os.environ)
    umask = os.umask(0o077)
    monkeypatch.setattr(native_wheel_hook, "install", lambda: None)
    monkeypatch.setenv("CFLAGS", "-march=native")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    try:
        found = backend.prepare_process(
            spec(
                compiler_path="/usr/bin/gcc",
                search_path=["/usr/bin", "/bin"],
                env_vars={"TINY_DEBUG": "1"},
                define_macros={"TINY": "2"},
            ),
            source,
            tmp_path / "work",
            tmp_path / "work/log",
        )
        build = dict(os.environ)
        assert os.umask(umask) == 0o022
    finally:
        os.umask(umask)
        os.environ.clear()
        os.environ.update(environment)
    assert found is json
    assert "CFLAGS" not in build
    assert build["PYTHONPATH"] == str(Path(backend.__file__).parent)
    assert build["PATH"] == f"{tmp_path / 'work/bin'}:/usr/bin:/bin"
    assert build["CC"] == str(tmp_path / "work/bin/cc")
    assert build["SOURCE_DATE_EPOCH"] == "315532800"
    settings = json.loads(build[native_wheel_hook.ENV_VAR])
    assert settings["compile_args"] == ["-DTINY=2", "-Os", "-flto"]
    assert build["TINY_DEBUG"] == "1"
    assert settings["build_requirements"] == str(tmp_path / backend.BUILD_TREE)
