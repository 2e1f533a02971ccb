"""Zones and routes say which models look at a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from park.records import CameraPose, Intrinsics, PosedView, PoseSigma, View
from park.site import Site
from park.site_model import Route
from pipelines.where_wanted import WhereWanted
from tests.pipelines.test_rules import FRAME, site_with
from tests.vision.scene.drawn_ground import sight_of
from vision.models.registry import ModelCard
from vision.observe import Sight

PARKING = {"type": "no_parking"}
SIZE = (64, 36)
LENS = Intrinsics.from_fov(*SIZE, 70.0)
CARS = ModelCard(name="cars", classes=("car", "truck"))
HEADS = ModelCard(name="heads", classes=("hard_hat", "no_hard_hat"))
ANYWHERE = ModelCard(name="birds", classes=("bird",))


def looking_at(east_m: float, *, alt_m: float = 30.0, pitch_deg: float = -90.0) -> Sight:
    """Return a tiny picture; from 30 m, of ground 42 m wide."""
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, 0.0)
    pose = CameraPose(lat_deg, lon_deg, alt_m, None, 90.0, pitch_deg, 0.0)
    return seen(PosedView(LENS, pose, PoseSigma(1.0, 0.5, 1.0, 0.5, 0.5)))


def seen(view: View | None) -> Sight:
    return sight_of(np.zeros((*SIZE[::-1], 3), np.uint8), view)


def wanted(sight: Sight, *rules: dict[str, Any]) -> list[str]:
    cards = (CARS, HEADS, ANYWHERE)
    numbers = WhereWanted(site_with(*rules), cards).numbers(sight, (0, 1, 2))
    return [cards[number].name for number in numbers]


def test_a_model_looks_where_a_zone_in_view_asks_for_what_it_knows() -> None:
    hats = {"type": "watch", "incident": "no_hard_hat"}
    assert wanted(looking_at(0.0), PARKING, hats) == ["cars", "heads", "birds"]
    assert wanted(looking_at(150.0), PARKING, hats) == ["birds"]
    assert "cars" not in wanted(looking_at(150.0), {"type": "no_parking"})


def test_a_zone_that_is_seen_from_the_side_asks_as_well() -> None:
    from_the_west = looking_at(-150.0, pitch_deg=-20.0)
    assert "cars" in wanted(from_the_west, PARKING)
    beyond = looking_at(150.0, pitch_deg=-20.0)
    assert "cars" not in wanted(beyond, PARKING)


def test_a_model_that_no_zone_asks_for_was_chosen_for_all() -> None:
    assert wanted(looking_at(150.0)) == ["cars", "heads", "birds"]


def with_routes(*rules: dict[str, Any]) -> Site:
    """Return the site with a low and a high route; the low one names heads."""
    bare = site_with(*rules)
    low = Route(id="low", purpose="area", models=("heads",))
    return replace(bare, routes=(low, Route(id="high", purpose="area")))


def test_a_model_that_a_route_names_looks_at_all_of_its_patrols_and_at_no_others() -> None:
    def wanted_on(route: str | None) -> tuple[int, ...]:
        zones = WhereWanted(with_routes(PARKING), (CARS, HEADS), route)
        return zones.numbers(looking_at(150.0), (0, 1))

    assert wanted_on("low") == (1,)
    assert wanted_on("high") == wanted_on(None) == ()


def test_a_zone_asks_for_a_model_wherever_it_is_flown_over() -> None:
    hats = {"type": "watch", "incident": "no_hard_hat"}
    zones = WhereWanted(with_routes(hats), (HEADS,), "high")
    assert zones.numbers(looking_at(0.0), (0,)) == (0,)
    assert zones.numbers(looking_at(150.0), (0,)) == ()
    assert zones.numbers(seen(None), (0,)) == (0,)


@pytest.mark.parametrize("view", [None, looking_at(0.0, pitch_deg=60.0).frame.view])
def test_a_frame_of_unknown_ground_is_looked_at_by_all(view: View | None) -> None:
    assert wanted(seen(view), PARKING) == ["cars", "heads", "birds"]


def test_only_models_that_suit_the_picture_are_asked() -> None:
    zones = WhereWanted(site_with(PARKING), (CARS, HEADS, ANYWHERE))
    assert zones.numbers(looking_at(0.0), (2,)) == (2,)


def test_at_how_many_frames_a_model_looked_is_told() -> None:
    zones = WhereWanted(site_with(PARKING), (CARS, ANYWHERE))
    for east_m in (0.0, 150.0, 300.0):
        zones.numbers(looking_at(east_m), (0, 1))
    zones.numbers(looking_at(0.0), (1,))
    (told,) = zones.told()
    assert told.startswith("model cars looked at 1 of 3 frames: those with a zone in view")
