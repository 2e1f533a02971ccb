"""Which models a route, or the zones in a frame, ask for: the others need not look at it."""

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

    A model is wanted where a zone is in view whose rules ask for something that the model knows,
    and on all of a patrol whose route names it. Where it is not known what ground a frame sees, all
    that zones ask for are: more is looked at then, and nothing is left out. So is a model that
    neither a zone nor a route asks for, which was chosen for another reason.

    Args:
        site: with zones, rules and routes.
        cards: of the models, in order.
        route: id of the route that was flown; None where it is not known.
    """

    def __init__(self, site: Site, cards: Sequence[ModelCard], route: str | None = None) -> None:
        self._frame = site.frame
        self._cards = tuple(cards)
        self._areas = [self._asking(site, card) for card in cards]
        named = {name for one in site.routes for name in one.models}
        here = {name for one in site.routes if one.id == route for name in one.models}
        self._always = {
            n
            for n, card in enumerate(cards)
            if card.name in here or (self._areas[n] is None and card.name not in named)
        }
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
        ground: BaseGeometry | None = None
        if outline is not None:
            corners = np.array([self._frame.to_en_m(lat, lon) for lat, lon in outline])
            ground = shapely.MultiPoint(corners).convex_hull
        wanted = tuple(n for n in suited if n in self._always or self._zone_asks(n, ground))
        self._ran.update(wanted)
        return wanted

    def _zone_asks(self, number: int, ground: BaseGeometry | None) -> bool:
        area = self._areas[number]
        return area is not None and (ground is None or bool(area.intersects(ground)))

    def told(self) -> Iterator[str]:
        """Say of each model that did not look at all frames that suit it at how many it did."""
        for number, card in enumerate(self._cards):
            ran, suited = self._ran[number], self._suited[number]
            if ran < suited:
                yield (
                    f"model {card.name} looked at {ran} of {suited} frames: "
                    "those with a zone in view, or along a route, that asks for it"
                )
