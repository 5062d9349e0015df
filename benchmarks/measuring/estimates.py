"""Medians and ratios with 95% intervals, by the bootstrap: no shape is assumed of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 10_000
_PERCENTILES = (2.5, 97.5)
# Fixed, so that one recording gives one report.
_SEED = 20_240_229


class Estimate(NamedTuple):
    """A median and its 95% interval, in the unit of the values."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return not self.low <= value <= self.high

    def text(self, digits: int = 3) -> str:
        """For tables: `0.912 [0.899, 0.931]`, with `digits` after the point."""
        return f"{self.value:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


def median(values: Sequence[float]) -> Estimate:
    """The median of `values` with its interval.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("there are no values to take the median of; measure at least one round")
    sample: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(_SEED).integers(0, len(sample), (_RESAMPLES, len(sample)))
    low, high = np.percentile(np.median(sample[drawn], axis=1), _PERCENTILES)
    return Estimate(float(np.median(sample)), float(low), float(high))


def ratio(values: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """The median of the rounds' ratios `values[n] / baseline[n]` with its interval.

    Both were measured in the same rounds: what slowed down a whole round is in neither.

    Raises:
        ValueError: the two have different numbers of rounds, or a baseline is not positive.
    """
    if len(values) != len(baseline):
        raise ValueError(
            f"{len(values)} values and {len(baseline)} of the baseline: "
            "both must come from the same rounds"
        )
    if not all(value > 0 for value in baseline):
        raise ValueError(
            f"a baseline of {min(baseline)} has no ratio; measure something that takes longer"
        )
    return median([value / base for value, base in zip(values, baseline, strict=True)])
