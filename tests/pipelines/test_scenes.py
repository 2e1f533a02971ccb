from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import pytest
import shapely

from park.measure import Measure
from park.picture import Pixels, ThermalPixels
from park.records import BoxXyxyPx, CameraPose, Detection, Frame, Intrinsics, PosedView, PoseSigma
from park.site import Site
from park.site_model import Asset, Building, Pipeline, Road, Zone
from park.spectrum import Spectrum
from park.taxonomy import MeasureUnit
from pipelines.scenes import SceneLook, every_detector, stacks_of, watched_scenes
from tests.pipelines.test_rules import FRAME, site_with
from vision.observe import Sight, observe_scene
from vision.scene.change import ChangeDetector
from vision.scene.detector import WatchedZone, model_id
from vision.scene.view import SceneView

SIGMA = PoseSigma(1.0, 1.0, 1.0, 0.5, 0.5)


class Soil:
    """Says that all that it sees of a zone is soil, and how many frames it saw before."""

    name = "scene-soil"
    version = 3
    incident_classes: tuple[str, ...] = ("bare_soil",)
    every_s = 0.0

    def __init__(self) -> None:
        self.seen = 0

    def fresh(self) -> Self:
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        found = []
        for zone in zones:
            mask = view.mask(zone.area_m)
            if mask.any():
                size = Measure(view.area_m2(mask), 1.0, MeasureUnit.SQUARE_METRES)
                box, at_px = view.box_full_px(mask), view.place_full_px(mask)
                found.append(Detection("bare_soil", 0.9, box, model_id(self), size, at_px))
        self.seen += 1
        return tuple(found)


def sight(second: float = 0.0, *, known: bool = True) -> Sight:
    lens = Intrinsics.from_fov(1280, 720, 70.0)
    pose = CameraPose(FRAME.lat_deg, FRAME.lon_deg, 80.0, None, 0.0, -90.0, 0.0)
    image = np.random.default_rng(1).integers(60, 200, (720, 1280, 3), dtype=np.uint8)
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    view = PosedView(lens, pose, SIGMA) if known else None
    return Sight.of(Frame(Pixels(image), moment, view, "a.mp4", second, "p"), None)


def watch(incident: str, **more: Any) -> dict[str, Any]:
    return {"type": "watch", "incident": incident, **more}


def test_a_detector_watches_the_zones_whose_rules_ask_for_what_it_finds() -> None:
    (scene,) = watched_scenes(site_with(watch("bare_soil"), watch("smoke")), [Soil()])
    assert [zone.zone_id for zone in scene.zones] == ["z"]
    assert watched_scenes(site_with(watch("smoke"), {"type": "no_parking"}), [Soil()]) == ()


def test_limits_of_a_rule_reach_the_detector() -> None:
    rule = watch("overheating_equipment", limit_c=80.0, above_ambient_c=30.0)
    site = site_with(rule)
    (scene,) = watched_scenes(site, every_detector(site))
    assert scene.zones[0].settings == {
        "incident": "overheating_equipment",
        "limit_c": 80.0,
        "above_ambient_c": 30.0,
    }


@pytest.mark.parametrize(
    ("incident", "names"),
    [
        # By heat, and by colour: each says nothing about the other's pictures.
        ("open_flame", ("scene-hotspot", "scene-flame")),
        ("smoke", ("scene-smoke",)),
        ("smoke_plume", ("scene-smoke",)),
        ("overheating_equipment", ("scene-hotspot",)),
        ("discoloured_water", ("scene-water",)),
        ("bare_soil", ("scene-soil", "scene-heap")),
    ],
)
def test_each_incident_has_the_detectors_that_find_it(
    incident: str, names: tuple[str, ...]
) -> None:
    site = site_with(watch(incident))
    found = watched_scenes(site, every_detector(site))
    assert tuple(scene.detector.name for scene in found) == names


def test_what_is_seen_of_a_zone_is_placed_at_its_middle_with_its_measure() -> None:
    site = site_with(watch("bare_soil"))
    look = SceneLook(site, watched_scenes(site, [Soil()]))
    here = sight()
    seen = observe_scene(look.look(here), here, lambda *parts: "d1")
    (soil,) = seen.kept
    assert soil.place is not None
    east_m, north_m = FRAME.to_en_m(soil.place.lat_deg, soil.place.lon_deg)
    assert abs(east_m) < 0.2
    assert abs(north_m) < 0.2
    assert soil.measure is not None
    assert soil.measure.value == pytest.approx(1600.0, rel=0.01)
    assert soil.model_id == "scene-soil@3"


def test_what_two_zones_show_of_the_same_pixels_is_one_detection() -> None:
    here = shapely.box(-20.0, -20.0, 20.0, 20.0)
    site = with_second_zone(site_with(watch("bare_soil")), here, watch("bare_soil"))
    look = SceneLook(site, watched_scenes(site, [Soil()]))
    assert len(look.look(sight())) == 1


def test_where_nothing_is_known_about_the_view_nothing_is_looked_for() -> None:
    site = site_with(watch("bare_soil"))
    look = SceneLook(site, watched_scenes(site, [Soil()]))
    assert look.look(sight(known=False)) == ()


def test_zones_out_of_sight_are_not_looked_at() -> None:
    site = site_with(watch("bare_soil"))
    (scene,) = watched_scenes(site, [Soil()])
    far = replace(scene.zones[0], area_m=shapely.box(1500.0, 0.0, 1600.0, 100.0))
    seen: list[int] = []

    class Counting(Soil):
        def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
            seen.append(len(zones))
            return super().look(view, zones)

    look = SceneLook(site, [replace(scene, detector=Counting(), zones=(*scene.zones, far))])
    look.look(sight())
    assert seen == [1]


def test_every_source_gets_detectors_without_memory() -> None:
    site = site_with(watch("bare_soil"))
    shared = Soil()
    SceneLook(site, watched_scenes(site, [shared])).look(sight())
    assert shared.seen == 0


def test_roofs_are_no_soil_and_an_outfall_tells_where_water_is_clean() -> None:
    site = site_with(watch("bare_soil"), watch("discoloured_water"))
    hall = Building(
        height_m=8.0, geometry=FRAME.unproject_geometry(shapely.box(-5.0, -5.0, 5.0, 5.0))
    )
    pipe = Asset(
        asset_class="outfall", criticality=1,
        geometry=FRAME.unproject_geometry(shapely.Point(30.0, 0.0)),
    )  # fmt: skip
    park = replace(site, buildings=(hall,), assets=(pipe,))
    water, soil, heap = watched_scenes(park, every_detector(park))
    for ground in (soil, heap):
        assert ground.zones[0].area_m.area == pytest.approx(1600.0 - 143.1, abs=1.0)
    assert water.zones[0].number("outfall_east_m", 0.0) == pytest.approx(30.0, abs=0.01)
    assert water.zones[0].number("outfall_north_m", 9.0) == pytest.approx(0.0, abs=0.01)


def test_a_stack_has_its_own_height_or_that_of_the_building_that_it_is_drawn_as() -> None:
    places = [shapely.Point(10.0 * number, 0.0) for number in range(4)]
    one, own, none, tank = (
        Asset(asset_class=name, criticality=2, geometry=FRAME.unproject_geometry(at), height_m=high)
        for name, high, at in zip(
            ("stack", "Chimney", "stack", "tank"), (None, 25.0, None, 9.0), places, strict=True
        )
    )
    shaft = Building(height_m=40.0, geometry=FRAME.unproject_geometry(places[0].buffer(1.5)))
    site = replace(
        site_with(watch("smoke_plume")), buildings=(shaft,), assets=(one, own, none, tank)
    )
    assert [(round(s.east_m), s.height_m) for s in stacks_of(site)] == [(0, 40.0), (10, 25.0)]


def test_a_pipe_on_trestles_over_water_is_no_water() -> None:
    site = site_with(watch("discoloured_water"))
    pipe = Pipeline(geometry=FRAME.unproject_geometry(shapely.LineString([(-50, 0), (50, 0)])))
    park = replace(site, pipelines=(pipe,))
    (water,) = watched_scenes(park, every_detector(park))
    assert water.zones[0].area_m.area == pytest.approx(1600.0 - 40.0 * 24.0, abs=1.0)


def test_a_pipe_whose_height_is_known_is_kept_as_far_from_as_it_leans() -> None:
    site = site_with(watch("discoloured_water"))
    line = FRAME.unproject_geometry(shapely.LineString([(-60, 0), (60, 0)]))
    park = replace(site, pipelines=(Pipeline(geometry=line, height_m=7.0),))
    (water,) = watched_scenes(park, every_detector(park))
    assert water.zones[0].area_m.area == pytest.approx(1600.0 - 40.0 * 35.0, abs=1.0)


def with_second_zone(site: Site, area: shapely.Polygon, *rules: dict[str, Any]) -> Site:
    other = Zone.model_validate(
        {"id": "w", "rules": rules, "geometry": FRAME.unproject_geometry(area)}
    )
    return replace(site, zones=(*site.zones, other))


class Anything(ChangeDetector):
    """A change detector without a baseline, to ask what it watches."""

    def __init__(self) -> None:
        self.seen: list[int] = []


@pytest.mark.parametrize(
    ("rules", "left_m2"),
    [
        (["discoloured_water"], 1200.0),
        # A zone that watches all sorts of things is not just water.
        (["discoloured_water", "new_structure"], 1600.0),
    ],
)
def test_nothing_new_is_looked_for_on_water(rules: list[str], left_m2: float) -> None:
    pond = shapely.box(-20.0, -20.0, 20.0, -10.0)
    site = with_second_zone(site_with(watch("new_structure")), pond, *map(watch, rules))
    (scene,) = watched_scenes(site, [Anything()])
    areas = {zone.zone_id: zone.area_m.area for zone in scene.zones}
    assert areas["z"] == pytest.approx(left_m2, abs=1.0)


def test_a_road_over_water_takes_its_verges_with_it() -> None:
    site = site_with(watch("discoloured_water"))
    line = FRAME.unproject_geometry(shapely.LineString([(-50, 0), (50, 0)]))
    park = replace(site, roads=(Road(geometry=line, width_m=6.0),))
    (water,) = watched_scenes(park, every_detector(park))
    assert water.zones[0].area_m.area == pytest.approx(1600.0 - 40.0 * 22.0, abs=1.0)


def test_what_has_a_name_already_is_not_told_again_as_something_new() -> None:
    class New(ChangeDetector):
        """Takes down what it is told to leave out."""

        left_out: Sequence[BoxXyxyPx] = ()

        def __init__(self) -> None:
            """Has no baseline."""

        def fresh(self) -> Self:
            return self

        def look(
            self,
            view: SceneView,
            zones: Sequence[WatchedZone],
            ignore: Sequence[BoxXyxyPx] = (),
        ) -> tuple[Detection, ...]:
            self.left_out = ignore
            return ()

    new, car = New(), (1.0, 2.0, 30.0, 40.0)
    site = site_with(watch("bare_soil"), watch("new_structure"))
    (soil,) = SceneLook(site, watched_scenes(site, [Soil(), new])).look(sight(), [car])
    assert new.left_out == (car, soil.box_xyxy_px)


@pytest.mark.parametrize(
    ("spectrum", "found"), [("visible", 1), (None, 1), ("thermal", 0), ("near_infrared", 0)]
)
def test_what_is_told_by_its_colour_is_looked_for_in_pictures_of_light_only(
    spectrum: Spectrum | None, found: int
) -> None:
    site = site_with(watch("bare_soil"))
    one = sight()
    seen = replace(one, frame=replace(one.frame, spectrum=spectrum))
    assert len(SceneLook(site, watched_scenes(site, [Soil()])).look(seen)) == found


def test_heat_is_looked_for_in_thermal_pictures() -> None:
    site = site_with(watch("overheating_equipment"))
    celsius = np.full((720, 1280), 20.0, np.float32)
    celsius[350:370, 630:650] = 160.0
    one = sight()
    warm = replace(one.frame, picture=ThermalPixels(celsius), spectrum="thermal")
    look = SceneLook(site, watched_scenes(site, every_detector(site)))
    (hot,) = look.look(replace(one, frame=warm))
    assert hot.class_name == "hotspot"


class SoilNowAndThen(Soil):
    every_s = 1.0


def test_what_lies_still_is_looked_at_once_a_second_of_a_video() -> None:
    site = site_with(watch("bare_soil"))
    look = SceneLook(site, watched_scenes(site, [SoilNowAndThen()]))
    times_s = [0.0, 0.48, 1.02, 1.5, 1.96, 2.5, 7.0, 0.5]
    seen = [time_s for time_s in times_s if look.look(sight(time_s))]
    assert seen == [0.0, 1.02, 1.96, 7.0, 0.5]
    another = replace(sight(0.75).frame, source_uri="b.mp4")
    assert look.look(Sight.of(another, None)), "another video has nothing to do with the last one"
