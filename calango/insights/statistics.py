"""Is a difference more than noise? Pure; normal approximations, exact where samples are small."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist

NOTABLE = 0.01  # p below which a change is called more than noise: many figures are looked at at once
_NORMAL = NormalDist()
_SMALL = 40


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95 % confidence interval; all None when there is no sample."""

    share: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Mean and standard deviation of `count` values."""

    count: int
    mean: float | None
    deviation: float | None


def wilson(successes: int, count: int) -> Interval:
    """Wilson's score interval (Wilson 1927); keeps within 0 and 1 and is right for few votes."""
    if count == 0:
        return Interval(None, None, None, 0)
    z = _NORMAL.inv_cdf(0.975)
    share = successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), count)


def counts_differ(now: int, before: int) -> float:
    """p of two counts over periods of equal length, as Poisson counts: given their sum, each is binomial."""
    total = now + before
    if total == 0:
        return 1.0
    if total <= _SMALL:
        low = min(now, before)
        return min(1.0, 2 * sum(comb(total, k) for k in range(low + 1)) / 2**total)
    return _two_sided((now - before) / sqrt(total))


def shares_differ(successes: int, count: int, successes_before: int, count_before: int) -> float:
    """p of two shares: Fisher's exact test for small samples, else the pooled z test."""
    if count == 0 or count_before == 0:
        return 1.0
    total, all_ = successes + successes_before, count + count_before
    if all_ <= _SMALL:
        return _fisher(successes, count, total, all_)
    pooled = total / all_
    error = sqrt(pooled * (1 - pooled) * (1 / count + 1 / count_before))
    return 1.0 if error == 0 else _two_sided((successes / count - successes_before / count_before) / error)


def means_differ(now: Sample, before: Sample) -> float:
    """p of two means (Welch), with the normal in the place of t: below 10 values nothing is said (1)."""
    if now.count < 10 or before.count < 10 or now.mean is None or before.mean is None:
        return 1.0
    error = sqrt((now.deviation or 0) ** 2 / now.count + (before.deviation or 0) ** 2 / before.count)
    if error == 0:
        return 1.0 if now.mean == before.mean else 0.0
    return _two_sided((now.mean - before.mean) / error)


def _two_sided(z: float) -> float:
    return 2 * (1 - _NORMAL.cdf(abs(z)))


def _fisher(successes: int, count: int, total: int, all_: int) -> float:
    def chance(k: int) -> float:
        return comb(count, k) * comb(all_ - count, total - k) / comb(all_, total)

    seen = chance(successes)
    possible = range(max(0, total - (all_ - count)), min(count, total) + 1)
    return min(1.0, sum(p for k in possible if (p := chance(k)) <= seen * (1 + 1e-9)))
