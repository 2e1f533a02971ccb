"""Which models the zones in a frame ask for: the others need not look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from park.site import Site
from park.taxonomy import class_matches
from pipelines.footprints import outline_of
from vision.models.registry import ModelCard
from vision.observe import Sight

MARGIN_M = 20.0
"""Round a zone: poses are off, and what stands in a zone may lean out of it in a picture."""


class WhereWanted:
    """Tells for each frame which models are to look, and keeps count.

    A model is wanted where a zone is in view whose rules ask for something that the model knows.
    Where it is not known what ground a frame sees, all are: more is looked at then, and nothing is
    left out. So is a model that no zone asks for, which was chosen for another reason.

    Args:
        site: with zones and rules.
        cards: of the models, in order.
    """

    def __init__(self, site: Site, cards: Sequence[ModelCard]) -> None:
        self._frame = site.frame
        self._cards = tuple(cards)
        self._areas = [self._asking(site, card) for card in cards]
        self._ran: Counter[int] = Counter()
        self._suited: Counter[int] = Counter()

    def _asking(self, site: Site, card: ModelCard) -> BaseGeometry | None:
        zones = [
            site.frame.project_geometry(zone.geometry).buffer(MARGIN_M)
            for zone in site.zones
            if any(
                class_matches(known, rule.classes) for rule in zone.rules for known in card.classes
            )
        ]
        if not zones:
            return None
        area = shapely.union_all(zones)
        shapely.prepare(area)
        return area

    def numbers(self, sight: Sight, suited: Sequence[int]) -> tuple[int, ...]:
        """Return the numbers of the models that are to look at a frame.

        Args:
            sight: of the frame.
            suited: numbers of the models that know this kind of picture.
        """
        self._suited.update(suited)
        outline = outline_of(sight)
        wanted = tuple(suited)
        if outline is not None:
            corners = np.array([self._frame.to_en_m(lat, lon) for lat, lon in outline])
            ground = shapely.MultiPoint(corners).convex_hull
            wanted = tuple(
                n for n in suited if (area := self._areas[n]) is None or area.intersects(ground)
            )
        self._ran.update(wanted)
        return wanted

    def told(self) -> Iterator[str]:
        """Say of each model that did not look at all frames that suit it at how many it did."""
        for number, card in enumerate(self._cards):
            ran, suited = self._ran[number], self._suited[number]
            if ran < suited:
                yield (
                    f"model {card.name} looked at {ran} of {suited} frames: "
                    "those with a zone in view that asks for it"
                )
