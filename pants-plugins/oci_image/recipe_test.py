"""What Dockerfiles that only assemble say, and those that an engine has to build."""

from __future__ import annotations

from typing import Any

import pytest

from oci_image.recipe import (
    Instruction,
    NotAssemblable,
    configured,
    nanoseconds,
    read_recipe,
)


def instruction(name: str, *values: str, **more: Any) -> Instruction:
    return Instruction(name, values, line=7, text=f"{name} {' '.join(values)}", **more)


BASE = instruction("FROM", "python:3.12")


def config_of(*instructions: Instruction, **base: Any) -> dict[str, Any]:
    return configured(base, read_recipe((BASE, *instructions), {}), {})


def test_the_base_comes_from_an_argument() -> None:
    argument = instruction("ARG", "BASE=python:3.12")
    start = instruction("FROM", "${BASE}")
    assert read_recipe((argument, start), {}).base == "python:3.12"
    assert read_recipe((argument, start), {"BASE": "other:1"}).base == "other:1"


def test_layers_are_in_the_order_of_the_file() -> None:
    recipe = read_recipe(
        (
            BASE,
            instruction("ADD", "./deploy/b.tar", "/"),
            instruction("USER", "1"),
            instruction("ADD", "deploy/a.tar.gz", "/"),
        ),
        {},
    )
    assert recipe.layers == ("deploy/b.tar", "deploy/a.tar.gz")
    assert [step.layer for step in recipe.steps] == ["deploy/b.tar", None, "deploy/a.tar.gz"]
    assert recipe.steps[1].text == "USER 1"


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        ((), "no FROM"),
        ((BASE, instruction("RUN", "true")), "line 7: RUN needs a container engine"),
        ((BASE, BASE), "line 7: it has more than one stage"),
        ((instruction("FROM", "scratch"),), "line 7: FROM has no base image"),
        ((instruction("FROM", "$NONE"),), "line 7: FROM has no base image"),
        ((instruction("FROM", "a", flags=("--platform=x",)),), "FROM with --platform=x"),
        ((BASE, instruction("ADD", "a.tar", "/app")), "line 7: ADD is not that of one layer"),
        ((BASE, instruction("ADD", "a.tar", "b.tar", "/")), "line 7: ADD is not"),
        ((BASE, instruction("ADD", "a.txt", "/")), "line 7: ADD is not"),
        ((BASE, instruction("COPY", "a.tar", "/")), "line 7: COPY is not"),
        ((BASE, instruction("ADD", "a.tar", "/", flags=("--chown=1",))), "ADD with --chown=1"),
        ((BASE, instruction("ADD", "${A:-a}.tar", "/")), "is not supported; use ${NAME}"),
    ],
)
def test_what_takes_an_engine_is_said(instructions: tuple[Instruction, ...], message: str) -> None:
    with pytest.raises(NotAssemblable) as error:
        read_recipe(instructions, {})
    assert message in str(error.value)


def test_environment_is_added_to_that_of_the_base() -> None:
    config = config_of(
        instruction("ENV", "A", "1", "B", '"$A and $PATH"'),
        instruction("ENV", "C", "'$A'", "D", r"x\ y"),
        instruction("ENV", "A", "2"),
        Env=["PATH=/bin"],
    )
    # A variable in an instruction has the value from before it, as in the builder.
    assert config["Env"] == ["PATH=/bin", "A=2", "B= and /bin", "C=$A", "D=x y"]


def test_each_setting_is_where_the_image_format_has_it() -> None:
    config = config_of(
        instruction("LABEL", "a", '"b c"'),
        instruction("WORKDIR", "/app"),
        instruction("WORKDIR", "sub"),
        instruction("USER", "10001:10001"),
        instruction("EXPOSE", "80", "53/udp"),
        instruction("VOLUME", "/data"),
        instruction("STOPSIGNAL", "SIGTERM"),
        instruction("CMD", "python", "x", exec_form=True),
        instruction(
            "HEALTHCHECK", "CMD", "true", exec_form=True, flags=("--interval=1m30s", "--retries=2")
        ),
    )
    assert config == {
        "Labels": {"a": "b c"},
        "WorkingDir": "/app/sub",
        "User": "10001:10001",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGTERM",
        "Cmd": ["python", "x"],
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 90 * 10**9, "Retries": 2},
    }


def test_commands_in_shell_form_use_the_shell() -> None:
    assert config_of(instruction("CMD", "a | b"))["Cmd"] == ["/bin/sh", "-c", "a | b"]
    shell = instruction("SHELL", "/bin/bash", "-ec", exec_form=True)
    assert config_of(shell, instruction("CMD", "a"))["Cmd"] == ["/bin/bash", "-ec", "a"]
    check = config_of(instruction("HEALTHCHECK", "CMD", "curl x"))["Healthcheck"]
    assert check == {"Test": ["CMD-SHELL", "curl x"]}
    assert config_of(instruction("HEALTHCHECK", "NONE"))["Healthcheck"] == {"Test": ["NONE"]}


def test_an_entry_point_takes_the_command_of_the_base_away() -> None:
    config = config_of(instruction("ENTRYPOINT", "a", exec_form=True), Cmd=["python3"])
    assert config == {"Entrypoint": ["a"]}


def test_what_only_engines_say_of_the_base_is_left_out() -> None:
    config = config_of(Env=["A=1"], Hostname="", Image="sha256:1", AttachStdin=False, OnBuild=None)
    assert config == {"Env": ["A=1"]}


def test_the_base_stays_as_it_was() -> None:
    base = {"Labels": {"a": "1"}, "Env": ["A=1"]}
    recipe = read_recipe((BASE, instruction("LABEL", "b", "2"), instruction("ENV", "B", "2")), {})
    assert configured(base, recipe, {"c": "3"})["Labels"] == {"a": "1", "b": "2", "c": "3"}
    assert base == {"Labels": {"a": "1"}, "Env": ["A=1"]}


@pytest.mark.parametrize(
    "wrong",
    [
        instruction("EXPOSE", "http"),
        instruction("HEALTHCHECK", "CMD", "x", flags=("--interval=soon",)),
        instruction("HEALTHCHECK", "CMD", "x", flags=("--often=1s",)),
    ],
)
def test_a_wrong_value_is_named_with_its_line(wrong: Instruction) -> None:
    with pytest.raises(NotAssemblable, match="line 7: .*(http|soon|--often)"):
        config_of(wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30 * 10**9), ("1m30s", 90 * 10**9), ("1.5h", 5400 * 10**9), ("10ms", 10**7)],
)
def test_durations(text: str, expected: int) -> None:
    assert nanoseconds(text, 1) == expected
