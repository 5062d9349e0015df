"""docs/settings.md says what the code says."""

from __future__ import annotations

from docs.settings_reference import PAGE, PLANNED, SOURCE, page, planned_of, settings_of

from fastapp.conf import BaseSettings

EXAMPLE = """
class BaseSettings(Base):
    # First
    ONE: bool = False
    #: Two lines
    #: of text | with a bar.
    TWO: int = Field(default=5, ge=0, le=9)

    # Second
    THREE: StringList = Field(default_factory=lambda: [])
    FOUR: Literal["a", "b"] = "a"
    SIZE: int = 16 * 1024
"""


PLANNED_EXAMPLE = """
PLANNED: Final = {"THING": "things"}
"""


def test_the_page_is_current() -> None:
    made = page(SOURCE.read_text(encoding="utf-8"), PLANNED.read_text(encoding="utf-8"))
    assert made == PAGE.read_text(encoding="utf-8"), (
        "run: python3 build-support/docs/settings_reference.py"
    )


def test_every_setting_is_there() -> None:
    names = [setting.name for setting in settings_of(SOURCE.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(BaseSettings.field_names())


def test_fields_with_their_comments() -> None:
    one, two, three, four, size = settings_of(EXAMPLE)
    assert (one.section, one.kind, one.default, one.text) == ("First", "true or false", "false", "")
    assert (two.kind, two.default) == ("integer, at least 0, at most 9", "5")
    assert two.text == "Two lines of text | with a bar."
    assert (three.section, three.default) == ("Second", "")
    assert (four.kind, four.default) == ("`a` or `b`", "'a'")
    assert size.default == "16384"
    text = page(EXAMPLE, PLANNED_EXAMPLE)
    assert "## First" in text
    assert "with a bar" in text
    assert "text \\| with" in text
    assert planned_of(PLANNED_EXAMPLE) == {"THING": "things"}
    assert text.endswith("| `THING` | things |\n")
