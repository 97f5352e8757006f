"""Precision, recall and F1 of covered length, and how sure a mean over walks is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.spans import SpanSet

RESAMPLES = 10_000

Floats = NDArray[np.float64]


class Score(NamedTuple):
    """Shares of covered length, of one walk or as a mean over walks."""

    precision: float
    recall: float
    f1: float


def f1(truth: SpanSet, found: SpanSet) -> Score:
    """Return how much of what was found is true, how much of the truth was found, and their harmonic mean.

    A share of nothing is 1.

    >>> f1(SpanSet.of([0], [0], [100]), SpanSet.of([0, 1], [50, 0], [100, 50]))
    Score(precision=0.5, recall=0.5, f1=0.5)
    """
    common_m = float((truth & found).length.sum())
    found_m, true_m = float(found.length.sum()), float(truth.length.sum())
    both_m = found_m + true_m
    return Score(
        common_m / found_m if found_m else 1.0,
        common_m / true_m if true_m else 1.0,
        2 * common_m / both_m if both_m else 1.0,
    )


def of_walks(truths: Sequence[SpanSet], founds: Sequence[SpanSet]) -> Floats:
    """Return precision, recall and F1 of each walk, shape (walks, 3)."""
    return np.array([f1(truth, found) for truth, found in zip(truths, founds, strict=True)])


def mean(scores: Floats) -> Score:
    """Return the mean over walks."""
    return Score(*scores.mean(axis=0).tolist())


class Interval(NamedTuple):
    """A mean with its 95 % bounds."""

    mean: float
    low: float
    high: float


def bootstrap(values: Floats, *, seed: int = 0) -> Interval:
    """Return the mean of one number a walk, with bounds from resampled walks (percentiles).

    Of paired differences it tells whether one method is better than another on the same walks.

    >>> bootstrap(np.array([0.5, 0.5, 0.5]))
    Interval(mean=0.5, low=0.5, high=0.5)
    """
    drawn = np.random.default_rng(seed).integers(values.size, size=(RESAMPLES, values.size))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_ratio(above: Floats, below: Floats, *, seed: int = 0) -> Interval:
    """Return the ratio of two sums of paired numbers, with bounds from resampled pairs.

    >>> bootstrap_ratio(np.array([4.0, 8.0]), np.array([1.0, 2.0]))
    Interval(mean=4.0, low=4.0, high=4.0)
    """
    drawn = np.random.default_rng(seed).integers(above.size, size=(RESAMPLES, above.size))
    low, high = np.percentile(above[drawn].sum(axis=1) / below[drawn].sum(axis=1), [2.5, 97.5])
    return Interval(float(above.sum() / below.sum()), float(low), float(high))
