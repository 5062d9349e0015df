"""What is asked of Pants' graph at once."""

from __future__ import annotations

from typing import Any

from pants.engine.internals.selectors import Get
from pants_graph import PART, in_parts


def test_all_are_asked_for_part_by_part_and_in_their_order() -> None:
    numbers = list(range(2 * PART + 1))
    asking = in_parts(Get(int, str, str(number)) for number in numbers)
    parts: list[int] = []
    answer: Any = None
    while True:
        try:
            asked = asking.send(answer)
        except StopIteration as end:
            result = end.value
            break
        parts.append(len(asked))
        answer = tuple(int(get.inputs[0]) for get in asked)
    assert (parts, result) == ([PART, PART, 1], tuple(numbers))
