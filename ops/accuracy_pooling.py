"""Counts of several runs put together, and how sure shares of few things are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

_Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """A share of counted things.

    Attributes:
        hits: how many.
        of: of how many.
    """

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson interval of 95 %; None of nothing.

        Wilson, 1927, *Probable inference, the law of succession, and statistical inference*. It
        takes the things for independent, which those of one picture or patrol are not wholly.
        """
        if not self.of:
            return None
        n, share, z = self.of, self.hits / self.of, _Z_95
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        # Rounding must not leave the possible, nor the share itself outside.
        return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


@dataclass(frozen=True, slots=True)
class IncidentFigures:
    """How well incidents of a type, or of all together, were reported in some runs.

    Attributes:
        type: of the taxonomy; "all" for the sum.
        staged: how many there were.
        in_view: how many of them any picture shows.
        right: how many of them were reported.
        reported: how many incidents of the type were reported.
        place_median_m: median distance of right ones from the middle of the thing; None of none.
        dwell_error_median_s: median of time seen less time there; None of none.
    """

    type: str
    staged: int
    in_view: int
    right: int
    reported: int
    place_median_m: float | None
    dwell_error_median_s: float | None

    @property
    def missed(self) -> int:
        """How many were in view and not reported."""
        return self.in_view - self.right

    @property
    def false(self) -> int:
        """How many were reported and not so."""
        return self.reported - self.right

    @property
    def precision(self) -> Share:
        """Share of what was reported that is so."""
        return Share(self.right, self.reported)

    @property
    def recall(self) -> Share:
        """Share of what was in view that was reported."""
        return Share(self.right, self.in_view)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Some runs together.

    Attributes:
        runs: how many.
        types: by type that was staged or reported, in order of name.
        total: all types.
        look_alikes: kind to how many were staged and how many were reported.
        causes: why there were false alarms, and how often.
        detections: distances of located detections from what is there, metres.
        detections_within: how many of them are no further off than they say.
    """

    runs: int
    types: tuple[IncidentFigures, ...]
    total: IncidentFigures
    look_alikes: Mapping[str, Share]
    causes: Mapping[str, int]
    detections: tuple[float, ...]
    detections_within: int


def pool(scores: Sequence[Mapping[str, Any]]) -> Pooled:
    """Put the scores of runs together.

    Args:
        scores: JSON of `sim_data.score.Score`, each with `detection_errors`, pairs of the
            distance and of the error that was stated.
    """
    counts: dict[str, Counter[str]] = {}
    look_alikes: dict[str, Counter[str]] = {}
    for score in scores:
        for one in score["types"]:
            into = counts.setdefault(one["type"], Counter())
            for name in ("staged", "in_view", "matched", "reported"):
                into[name] += one[name] or 0
        for one in score["look_alikes"]:
            into = look_alikes.setdefault(one["look_alike"], Counter())
            into["staged"] += one["staged"]
            into["reported"] += one["reported"]
    matches = [match for score in scores for match in score["matches"]]
    total: Counter[str] = Counter()
    for counted in counts.values():
        total.update(counted)
    errors = [pair for score in scores for pair in score["detection_errors"]]
    return Pooled(
        runs=len(scores),
        types=tuple(
            _figures(name, counts[name], [one for one in matches if one["type"] == name])
            for name in sorted(counts)
        ),
        total=_figures("all", total, matches),
        look_alikes={
            name: Share(one["reported"], one["staged"]) for name, one in sorted(look_alikes.items())
        },
        causes=Counter(alarm["cause"] for score in scores for alarm in score["false_alarms"]),
        detections=tuple(far for far, _ in errors),
        detections_within=sum(far <= stated for far, stated in errors),
    )


def _figures(
    name: str, counts: Mapping[str, int], matches: Iterable[Mapping[str, Any]]
) -> IncidentFigures:
    listed = list(matches)
    return IncidentFigures(
        name,
        counts.get("staged", 0),
        counts.get("in_view", 0),
        counts.get("matched", 0),
        counts.get("reported", 0),
        median(one["distance_m"] for one in listed) if listed else None,
        median(one["dwell_error_s"] for one in listed) if listed else None,
    )
