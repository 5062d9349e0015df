"""Rounds in which every variant has its turn, so that what the machine does meets all alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# One turn of one variant: the name of each thing that was measured, and its value.
Turn = Callable[[], Mapping[str, float]]


@dataclass
class Measurements:
    """What was measured: by variant, then by metric, one value for each round in order.

    Values have the unit that their metric's turn gave them; position N of every list was
    measured in round N.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """The variants, in the order they were given in."""
        return list(self.values)

    @property
    def rounds(self) -> int:
        """How many rounds every variant has had."""
        columns = [column for metrics in self.values.values() for column in metrics.values()]
        return min(map(len, columns), default=0)

    def column(self, variant: str, metric: str) -> list[float]:
        """The values of one metric of one variant, one for each round.

        Raises:
            KeyError: it was not measured; the text says what was.
        """
        try:
            return self.values[variant][metric]
        except KeyError:
            known = {name: sorted(metrics) for name, metrics in self.values.items()}
            raise KeyError(f"{metric!r} of {variant!r} was not measured; known: {known}") from None

    def add(self, variant: str, turn: Mapping[str, float]) -> None:
        """Append what one turn of `variant` gave.

        Raises:
            ValueError: it has other metrics than the turns before it.
        """
        metrics = self.values.setdefault(variant, {name: [] for name in turn})
        if metrics.keys() != turn.keys():
            raise ValueError(
                f"a turn of {variant!r} measured {sorted(turn)}, the ones before it "
                f"{sorted(metrics)}: every turn must measure the same"
            )
        for name, value in turn.items():
            metrics[name].append(float(value))

    def save(self, path: Path) -> None:
        """Write all values to a JSON file, from which reports can be made again."""
        path.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Measurements:
        """What `save` wrote."""
        return cls(json.loads(path.read_text(encoding="utf-8")))


def interleaved(
    variants: Mapping[str, Turn],
    rounds: int,
    *,
    warmups: int = 1,
    progress: Callable[[int, str], None] = lambda number, variant: None,
) -> Measurements:
    """Give every variant a turn in each round, in reversed order in every second one.

    Args:
        variants: what to measure; the order is the one of the first round.
        rounds: how many rounds count; at least 1.
        warmups: how many rounds go before them and are forgotten.
        progress: told the round (negative ones are warm-ups) and the variant before each turn.

    Raises:
        ValueError: there is nothing to measure, or no round to measure it in.
    """
    if not variants or rounds < 1:
        raise ValueError(
            f"there is nothing to measure: {len(variants)} variants, {rounds} rounds; "
            "give at least one of each"
        )
    results = Measurements()
    order = list(variants)
    for number in range(-warmups, rounds):
        for name in order if number % 2 == 0 else reversed(order):
            progress(number, name)
            turn = variants[name]()
            if number >= 0:
                results.add(name, turn)
    # As they were given, whichever of them had the first turn.
    results.values = {name: results.values[name] for name in order}
    return results
