from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from park.errors import RecordError, SettingsError
from park.geodesy import FloatArray, LocalFrame
from park.records import CornersView, PosedView, View
from park.terrain import FlatTerrain, Terrain
from tests.vision.scene.drawn_ground import SITE, DrawnGround, posed, rectangle, sight_of
from vision.locate import Locator
from vision.scene.detector import WatchedZone
from vision.scene.regions import patches, regions
from vision.scene.view import SceneView
from vision.scene.working import rectangle_around
from vision.scene.zones import GroundProjector

GREY = np.full((720, 1280, 3), 120, np.uint8)
BARREL = (-0.12, 0.02, 0.0005, -0.0005, 0.0)

NADIR = posed()
OBLIQUE = posed(pitch_deg=-35.0, yaw_deg=40.0, roll_deg=6.0, east_m=20.0, north_m=-30.0)
BENT = posed(pitch_deg=-50.0, yaw_deg=200.0, distortion=BARREL)
LOW = posed(pitch_deg=-12.0, yaw_deg=120.0, alt_m=40.0)


def corners_of(seen: PosedView) -> CornersView:
    locator = Locator(seen)
    lens = seen.intrinsics
    w, h = float(lens.width_px), float(lens.height_px)
    en_m = locator.ground_many_m(np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]))
    lat, lon = locator.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
    a, b, c, d = zip(lat.tolist(), lon.tolist(), strict=True)
    return CornersView(lens.width_px, lens.height_px, (a, b, c, d), 0.5)


CORNERS = corners_of(posed(pitch_deg=-60.0, yaw_deg=30.0))
VIEWS: dict[str, View] = {
    "nadir": NADIR,
    "oblique": OBLIQUE,
    "bent": BENT,
    "low": LOW,
    "corners": CORNERS,
}


class Slope:
    """Ground that rises to the east, with a bump in it."""

    sigma_m = 0.1
    resolution_m = 1.0

    def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        east, north = SITE.to_en_m(np.asarray(lat_deg), np.asarray(lon_deg))
        return np.asarray(0.1 * east + 2.0 * np.sin(north / 25.0), np.float64)


def view_of(seen: View | None, image: FloatArray | None = None, **more: object) -> SceneView:
    picture = GREY if image is None else np.asarray(image, np.uint8)
    return SceneView(sight_of(picture, seen, **more), SITE)  # type: ignore[arg-type]


def site_places(locator: Locator, xy_px: FloatArray) -> FloatArray:
    en_m = locator.ground_many_m(xy_px)
    lat, lon = locator.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
    return np.column_stack(SITE.to_en_m(lat, lon))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("terrain", [None, Slope()], ids=["level", "slope"])
def test_a_place_on_the_ground_appears_where_the_locator_saw_it(
    name: str, terrain: Terrain | None
) -> None:
    if name == "corners" and terrain is not None:
        terrain = FlatTerrain()
    locator = Locator(VIEWS[name], terrain)
    xs, ys = np.meshgrid(np.linspace(1, 1279, 9), np.linspace(300 if name == "low" else 1, 719, 9))
    xy = np.column_stack([xs.ravel(), ys.ravel()])
    places = site_places(locator, xy)
    met = np.isfinite(places).all(axis=1)
    assert met.sum() > 60
    back = GroundProjector(locator, SITE).pixels(places[met])
    assert np.nanmax(np.abs(back - xy[met])) < 0.05


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("terrain", [None, Slope()], ids=["level", "slope"])
def test_a_zone_covers_the_pixels_whose_ground_is_in_it(name: str, terrain: Terrain | None) -> None:
    if name == "corners" and terrain is not None:
        terrain = FlatTerrain()
    seen = VIEWS[name]
    view = view_of(seen, terrain=terrain)
    locator = view.sight.locator
    assert locator is not None
    middle = site_places(locator, np.array([[640.0, 450.0]]))[0]
    area = rectangle(float(middle[0]), float(middle[1]), 24.0, 15.0).buffer(4.0)
    mask = view.mask(area)
    assert (mask > 0).sum() > 500
    step = 3 if terrain is None else 12
    ys, xs = np.mgrid[0 : view.shape[0] : step, 0 : view.shape[1] : step]
    xy = view.to_full_px(np.column_stack([xs.ravel() + 0.5, ys.ravel() + 0.5]))
    places = site_places(locator, xy)
    met = np.asarray(np.isfinite(places).all(axis=1))
    said = mask[ys.ravel(), xs.ravel()] > 0
    truth = np.array([bool(met[i]) and area.contains(Point(places[i])) for i in range(len(met))])
    # Within a working pixel of the edge either answer is right.
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    sure = rim[ys.ravel(), xs.ravel()] == 0
    assert (said == truth)[sure].all()


@pytest.mark.parametrize("name", VIEWS)
def test_pixel_areas_over_a_zone_add_up_to_its_area(name: str) -> None:
    view = view_of(VIEWS[name])
    locator = view.sight.locator
    assert locator is not None
    middle = site_places(locator, np.array([[640.0, 420.0]]))[0]
    area = rectangle(float(middle[0]), float(middle[1]), 22.0, 18.0)
    assert view.area_m2(view.mask(area)) == pytest.approx(area.area, rel=0.01)


def test_pixel_areas_over_rolling_ground_add_up_too() -> None:
    view = view_of(OBLIQUE, terrain=Slope())
    locator = view.sight.locator
    assert locator is not None
    middle = site_places(locator, np.array([[640.0, 420.0]]))[0]
    area = rectangle(float(middle[0]), float(middle[1]), 40.0, 40.0)
    assert view.area_m2(view.mask(area)) == pytest.approx(area.area, rel=0.03)


@settings(max_examples=12)
@given(
    pitch=st.floats(-90.0, -8.0),
    yaw=st.floats(-180.0, 180.0),
    roll=st.floats(-25.0, 25.0),
    alt=st.floats(10.0, 200.0),
    size=st.floats(2.0, 4000.0),
)
def test_a_zone_of_any_size_seen_from_anywhere_holds_what_is_in_the_picture(
    pitch: float, yaw: float, roll: float, alt: float, size: float
) -> None:
    seen = posed(pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll, alt_m=alt, distortion=BARREL)
    view = view_of(seen)
    area = rectangle(0.0, 0.0, size, size)
    mask = view.mask(area)
    locator = view.sight.locator
    assert locator is not None
    ys, xs = np.mgrid[4 : view.shape[0] : 60, 4 : view.shape[1] : 60]
    xy = view.to_full_px(np.column_stack([xs.ravel() + 0.5, ys.ravel() + 0.5]))
    places = site_places(locator, xy)
    with np.errstate(invalid="ignore"):
        truth = (np.abs(places) < size / 2.0).all(axis=1)
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    sure = rim[ys.ravel(), xs.ravel()] == 0
    assert ((mask[ys.ravel(), xs.ravel()] > 0) == truth)[sure].all()


def test_a_hole_in_a_zone_and_a_second_part_are_kept() -> None:
    view = view_of(NADIR)
    ring = Polygon(rectangle(0, 0, 30, 30).exterior, [rectangle(0, 0, 10, 10).exterior])
    area = MultiPolygon([ring, rectangle(28, 0, 8, 8)])
    mask = view.mask(area)
    assert mask[view.shape[0] // 2, view.shape[1] // 2] == 0
    assert view.area_m2(mask) == pytest.approx(30 * 30 - 10 * 10 + 64, rel=0.01)


def test_a_zone_behind_the_camera_is_not_seen() -> None:
    view = view_of(posed(pitch_deg=-20.0, yaw_deg=0.0))
    assert not view.mask(rectangle(0.0, -200.0, 100.0, 100.0)).any()


@pytest.mark.parametrize("name", VIEWS)
def test_half_the_picture_s_size_shows_the_same_areas(name: str) -> None:
    view = view_of(VIEWS[name])
    for area_m in (rectangle(-20.0, -15.0, 25.0, 18.0), rectangle(4e3, 4e3, 5e3, 5e3)):
        whole = view.mask(area_m) > 0
        half = view.halved.mask(area_m) > 0
        assert view.shows(area_m) == whole.any()
        assert half.mean() == pytest.approx(whole.mean(), abs=0.01)


def test_what_is_not_shown_cannot_be_painted_over() -> None:
    nothing = view_of(NADIR).mask(rectangle(4e3, 4e3, 5e3, 5e3))
    with pytest.raises(ValueError, match="read-only"):
        nothing[:] = 255


def test_the_sky_has_no_scale() -> None:
    view = view_of(posed(pitch_deg=-5.0))
    assert view.gsd_m is not None
    assert view.pixel_area_m2 is not None
    assert np.isnan(view.gsd_m[:100]).all()
    assert np.isnan(view.pixel_area_m2[:100]).all()
    assert np.isfinite(view.gsd_m[-100:]).all()


def test_metres_per_working_pixel_are_those_of_the_locator() -> None:
    view = view_of(OBLIQUE)
    locator = view.sight.locator
    assert locator is not None
    assert view.gsd_m is not None
    full = view.to_full_px(np.array([[300.5, 400.5]]))[0]
    assert view.gsd_m[400, 300] == pytest.approx(locator.gsd_m(*full) / view.scale, rel=1e-3)


@pytest.mark.parametrize("name", VIEWS)
def test_the_stated_error_of_an_area_is_what_wrong_poses_make_of_it(name: str) -> None:
    seen = VIEWS[name]
    if isinstance(seen, CornersView):
        assert 0.02 < view_of(seen).area_share_error(480.0, 270.0) < 0.05
        return
    rng = np.random.default_rng(3)
    right = view_of(seen)
    middle = right.to_full_px(np.array([[480.5, 340.5]]))
    areas = []
    for _ in range(30):
        pose, s = seen.pose, seen.sigma
        off = rng.normal(size=5)
        lens = seen.intrinsics
        wrong = posed(
            alt_m=pose.alt_home_m + off[0] * s.vertical_m,
            pitch_deg=pose.pitch_deg + off[1] * s.pitch_deg,
            yaw_deg=pose.yaw_deg,
            roll_deg=pose.roll_deg,
            distortion=lens.distortion,
        )
        other = view_of(wrong)
        assert other.pixel_area_m2 is not None
        areas.append(float(other.pixel_area_m2[340, 480]) * (1.0 + 2.0 * off[2] * 0.01))
    spread = float(np.std(areas) / np.mean(areas))
    assert len(middle) == 1
    assert right.area_share_error(480.5, 340.5) == pytest.approx(spread, rel=0.6, abs=0.01)


def test_without_a_view_there_are_no_zones_and_no_areas() -> None:
    view = view_of(None)
    assert view.ground is None
    assert not view.mask(rectangle(0, 0, 50, 50)).any()
    assert view.area_m2(np.full(view.shape, 255, np.uint8)) == 0.0


def test_boxes_places_and_outlines_come_back_in_full_pixels() -> None:
    big = np.full((1500, 2000, 3), 90, np.uint8)
    view = SceneView(sight_of(big, posed(size=(2000, 1500))), SITE)
    assert view.shape == (720, 960)
    mask = np.zeros(view.shape, np.uint8)
    mask[100:200, 300:420] = 255
    scale = 2000 / 960
    assert view.box_full_px(mask) == pytest.approx(
        [300 * scale, 100 * scale, 420 * scale, 200 * scale]
    )
    assert view.place_full_px(mask) == pytest.approx((360 * scale, 150 * scale), abs=scale)
    (outline,) = view.outline_to_full_px(mask)
    assert outline.min(axis=0) == pytest.approx([300.5 * scale, 100.5 * scale])


def test_the_place_of_a_ring_is_on_the_ring() -> None:
    view = view_of(NADIR)
    mask = np.zeros(view.shape, np.uint8)
    cv2.circle(mask, (480, 270), 100, 255, 8)
    x, y = view.place_full_px(mask)
    assert mask[int(y * view.scale), int(x * view.scale)] == 255


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((400, 400, 3), 90, np.uint8), "one colour"),
        (np.random.default_rng(1).integers(0, 12, (400, 400, 3), np.uint8), "black"),
        (np.random.default_rng(1).integers(0, 255, (60, 200, 3), np.uint8), "too small"),
        (np.random.default_rng(1).integers(0, 255, (30, 3000, 3), np.uint8), "too small"),
    ],
)
def test_where_nothing_can_be_seen_the_view_says_why(image: FloatArray, reason: str) -> None:
    assert reason in SceneView(sight_of(np.asarray(image, np.uint8), None), SITE).blind


def test_an_ordinary_picture_is_not_blind() -> None:
    ground = DrawnGround.rough(60.0)
    assert SceneView(sight_of(ground.texture_bgr, None), SITE).blind == ""


def test_pictures_of_four_channels_are_refused() -> None:
    class Wrong:
        width_px, height_px = 300, 200
        image_bgr = np.zeros((200, 300, 4), np.uint8)

        def shrunk_bgr(self, width_px: int, height_px: int) -> FloatArray:
            raise AssertionError(f"{width_px} x {height_px} is not smaller")

    sight = sight_of(np.zeros((200, 300, 3), np.uint8), None)
    object.__setattr__(sight.frame, "picture", Wrong())
    with pytest.raises(RecordError, match=r"needs uint8 pixels.*\(200, 300, 4\)"):
        SceneView(sight, SITE)


def test_a_zone_setting_that_is_no_number_is_told() -> None:
    zone = WatchedZone("lake", rectangle(0, 0, 1, 1), {"min_area_m2": "a lot", "limit": 3})
    assert zone.number("limit", 1.0) == 3.0
    assert zone.number("other", 1.0) == 1.0
    with pytest.raises(SettingsError, match="zone lake: min_area_m2 is 'a lot', not a number"):
        zone.number("min_area_m2", 1.0)


def test_a_site_far_from_the_camera_sees_the_same_zone() -> None:
    elsewhere = LocalFrame(31.205, 121.49)
    view = SceneView(sight_of(GREY, NADIR), elsewhere)
    there = np.asarray(rectangle(3.0, -2.0, 20.0, 12.0).exterior.coords)
    lat, lon = SITE.to_lat_lon(there[:, 0].copy(), there[:, 1].copy())
    moved = Polygon(np.column_stack(elsewhere.to_en_m(lat, lon)))
    assert np.mean(view.mask(moved) != view_of(NADIR).mask(rectangle(3, -2, 20, 12))) < 1e-3


@pytest.mark.parametrize("name", ["nadir", "oblique", "corners"])
def test_a_part_of_a_view_says_of_its_pixels_what_the_whole_says(name: str) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    whole = view_of(VIEWS[name], np.asarray(noise, np.float64))
    height, width = whole.shape
    mask = np.zeros((height, width), np.uint8)
    mask[height - 120 : height - 70, 300:420] = 255
    around = rectangle_around(mask, 20)
    assert around == (slice(height - 140, height - 50), slice(280, 440))
    part, inside = whole.part(around), mask[around]
    assert part.blind == whole.blind
    assert np.array_equal(part.gray, whole.gray[around])
    assert part.lab == pytest.approx(whole.lab[around], abs=1e-3)
    assert part.area_m2(inside) == pytest.approx(whole.area_m2(mask))
    assert part.box_full_px(inside) == pytest.approx(whole.box_full_px(mask))
    assert part.place_full_px(inside) == pytest.approx(whole.place_full_px(mask))
    assert part.area_share_error(80.0, 45.0) == whole.area_share_error(360.0, height - 95.0)


def test_what_is_near_an_area_reaches_so_many_metres_out_of_it() -> None:
    view = view_of(NADIR)
    area_m = rectangle(0.0, 0.0, 20.0, 10.0)
    assert view.area_m2(view.near(area_m, 0.0)) == pytest.approx(200.0, rel=0.03)
    wider_m2 = 200.0 + 2.0 * 30.0 * 4.0 + np.pi * 16.0
    assert view.area_m2(view.near(area_m, 4.0)) == pytest.approx(wider_m2, rel=0.05)
    assert not view.near(rectangle(900.0, 900.0, 10.0, 10.0), 4.0).any()


def test_colours_asked_for_by_parts_are_those_of_the_whole() -> None:
    noise = np.random.default_rng(4).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    view, other = (view_of(NADIR, np.asarray(noise, np.float64)) for _ in range(2))
    whole = other.lab
    height, width = view.shape
    for rows, columns in [(100, 400), (300, 700), (90, 20), (0, 0)]:
        rectangle_px = slice(rows, rows + 130), slice(columns, columns + 110)
        assert view.part(rectangle_px).lab == pytest.approx(whole[rectangle_px], abs=1e-3)
    nested = view.part((slice(50, height), slice(60, width))).part((slice(5, 90), slice(7, 80)))
    assert nested.lab == pytest.approx(whole[55:140, 67:140], abs=1e-3)
    assert view.lab == pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize("cut", [None, (slice(100, 300), slice(50, 400))], ids=["whole", "part"])
def test_a_view_with_other_pixels_sees_them_where_the_old_ones_were(
    cut: tuple[slice, slice] | None,
) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    view = view_of(NADIR, np.asarray(noise, np.float64))
    view = view if cut is None else view.part(cut)
    before = view.lab.copy(), view.gray.copy()
    darker = np.asarray(view.image_bgr // 2, np.uint8)
    lit = view.with_pixels(darker)
    assert np.array_equal(lit.gray, cv2.cvtColor(darker, cv2.COLOR_BGR2GRAY))
    assert lit.lab[..., 0].mean() < 0.7 * before[0][..., 0].mean()
    area_m = rectangle(0.0, 0.0, 20.0, 10.0)
    assert np.array_equal(lit.mask(area_m), view.mask(area_m))
    assert np.array_equal(lit.near(area_m, 3.0), view.near(area_m, 3.0))
    assert np.array_equal(view.lab, before[0]), "the view itself is as it was"
    assert np.array_equal(view.gray, before[1])


def test_an_area_is_drawn_once_however_its_corners_are_told() -> None:
    view = view_of(NADIR)
    there = rectangle(3.0, -2.0, 20.0, 12.0)
    corners = list(there.exterior.coords)[:-1]
    turned = Polygon([*corners[2:], *corners[:2]])
    assert there.wkb != turned.wkb
    assert view.mask(turned) is view.mask(there)


def test_regions_in_their_own_rectangles_are_those_of_the_whole_picture() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[0:10, 70:80], mask[30:50, 20:31], mask[5, 5] = 255, 255, 255
    mask[40, 25] = 0
    found = patches(mask, 5, margin_px=3)
    assert [one.rectangle for one in found] == [
        (slice(27, 53), slice(17, 34)),
        (slice(0, 13), slice(67, 80)),
    ]
    for patch, whole in zip(found, regions(mask, 5), strict=True):
        assert np.array_equal(patch.mask, whole[patch.rectangle])
        assert np.count_nonzero(patch.mask) == np.count_nonzero(whole)
    assert patches(np.zeros((60, 80), np.uint8), 5) == ()


def test_what_lies_too_flat_for_a_scale_is_seen_without_a_margin() -> None:
    # From 15 m up, ground 900 m ahead is in the picture, and no pixel of it has a scale.
    flat = posed(alt_m=15.0, pitch_deg=-3.0, size=(960, 540))
    view = SceneView(sight_of(np.zeros((540, 960, 3), np.uint8), flat), SITE)
    far = rectangle(0, 900, 100, 100)
    assert view.gsd_m is not None
    assert view.mask(far).any()
    assert not np.isfinite(view.gsd_m[view.mask(far) > 0]).any()
    assert np.array_equal(view.near(far, 5.0), view.mask(far))
