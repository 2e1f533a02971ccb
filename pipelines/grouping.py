"""What belongs together: things near each other, and sightings enough to believe in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation
from park.site_rules import RuleBase
from park.taxonomy import EvidenceKind, IncidentType
from vision.footage.sniff import Content, claims_to_be

_OVER_TIME = 5
_IN_A_PICTURE = 3

T = TypeVar("T")


def near_each_other(
    items: Sequence[T], places: Sequence[GroundPoint], within_m: float, frame: LocalFrame
) -> list[list[T]]:
    """Return items in groups, each member of which has another of its group `within_m` away.

    Args:
        items: what to group.
        places: where each is.
        within_m: largest distance to the nearest other member.
        frame: metres to measure in.

    Returns:
        Groups in the order of their first members, members in the order given.
    """
    if not items:
        return []
    east_m, north_m = frame.to_en_m(
        np.array([place.lat_deg for place in places]), np.array([place.lon_deg for place in places])
    )
    pairs = cKDTree(np.column_stack((east_m, north_m))).query_pairs(within_m, output_type="ndarray")
    count = len(items)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    groups: dict[int, list[T]] = {}
    for item, label in zip(items, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(item)
    return list(groups.values())


def seen_enough(rule: RuleBase, kind: IncidentType, sightings: Iterable[Observation]) -> bool:
    """Return whether there are sightings enough for a rule to count.

    In a video a thing has to be seen in `min_sightings` frames: five where the incident's
    evidence is a sequence, else three, unless the rule says. Photos count from the first,
    because a photo is evidence that anybody can judge.
    """
    usual = _OVER_TIME if kind.evidence is EvidenceKind.SEQUENCE else _IN_A_PICTURE
    return in_pictures(sightings, rule.min_sightings or usual)


def in_pictures(sightings: Iterable[Observation], at_least: int) -> bool:
    """Return whether a thing was seen in a photo, or in so many frames of a video."""
    frames = set()
    for seen in sightings:
        if _in_a_photo(seen):
            return True
        frames.add((seen.source_uri, seen.source_time_s))
    return len(frames) >= at_least


def _in_a_photo(seen: Observation) -> bool:
    """Return whether a photo shows it; the first frame of a video is at 0 s of its file too."""
    is_first = seen.track_id is None and seen.source_time_s == 0.0
    return is_first and claims_to_be(Path(seen.source_uri)) is not Content.VIDEO
