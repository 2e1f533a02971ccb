from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ncx2

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame, distance_m
from park.records import CameraPose, CornersView, Intrinsics, PosedView, PoseSigma
from park.terrain import FlatTerrain
from vision.camera import project_points
from vision.locate import Locator
from vision.uncertainty import WITHIN, radius_68_m

HOME = LocalFrame(31.2, 121.5)
LENS = Intrinsics.from_fov(4000, 3000, 75.0)
SURE = PoseSigma(0.0, 0.0, 0.0, 0.0, 0.0)


def view(
    pitch_deg: float = -90.0,
    *,
    alt_m: float = 60.0,
    yaw_deg: float = 0.0,
    roll_deg: float = 0.0,
    sigma: PoseSigma = SURE,
    lens: Intrinsics = LENS,
) -> PosedView:
    pose = CameraPose(31.2, 121.5, alt_m, None, yaw_deg, pitch_deg, roll_deg)
    return PosedView(lens, pose, sigma)


def pixel_of(posed: PosedView, east_m: float, north_m: float, up_m: float = 0.0) -> FloatArray:
    pose = posed.pose
    east_0, north_0 = HOME.to_en_m(pose.lat_deg, pose.lon_deg)
    offset = np.array([[east_m - east_0, north_m - north_0, up_m - pose.alt_home_m]])
    xy_px, _ = project_points(posed.intrinsics, pose, offset)
    return np.asarray(xy_px[0])


@settings(deadline=None)
@given(
    pitch=st.floats(-90.0, -20.0),
    yaw=st.floats(-180.0, 180.0),
    roll=st.floats(-20.0, 20.0),
    alt=st.floats(5.0, 400.0),
    x=st.floats(0.0, 4000.0),
    y=st.floats(1500.0, 3000.0),
)
def test_a_placed_pixel_appears_where_it_was_seen(
    pitch: float, yaw: float, roll: float, alt: float, x: float, y: float
) -> None:
    posed = view(pitch, alt_m=alt, yaw_deg=yaw, roll_deg=roll)
    placed = Locator(posed, max_error_m=1e9).place_many(np.array([[x, y]]))
    if placed.refused[0]:
        assert "horizon" in str(placed.reasons[0]) or "no ground" in str(placed.reasons[0])
        return
    point = placed.point(0)
    assert pixel_of(posed, *HOME.to_en_m(point.lat_deg, point.lon_deg)) == pytest.approx(
        [x, y], abs=0.01
    )


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (2000.0, 100.0, "at or above the horizon"),
        (2000.0, -50.0, "outside the picture"),
        (5000.0, 2000.0, "outside the picture"),
        (math.nan, 2000.0, "outside the picture"),
    ],
)
def test_what_cannot_be_placed_says_why(x: float, y: float, reason: str) -> None:
    with pytest.raises(LocateError, match=reason):
        Locator(view(-10.0)).place(x, y)


def test_a_ray_that_the_stated_errors_take_over_the_horizon_is_refused() -> None:
    unsure = replace(SURE, pitch_deg=2.0)
    horizon_px = float(pixel_of(view(-10.0), 0.0, 1e7)[1])
    with pytest.raises(LocateError, match="too close to the horizon"):
        Locator(view(-10.0, sigma=unsure)).place(2000.0, horizon_px + 60.0)


def test_what_is_less_certain_than_allowed_is_refused() -> None:
    posed = view(-30.0, sigma=replace(SURE, yaw_deg=20.0))
    with pytest.raises(LocateError, match=r"its error would be \d+ m, more than the 10 m"):
        Locator(posed, max_error_m=10.0).place(2000.0, 1500.0)


def test_a_camera_that_is_not_above_ground_is_refused() -> None:
    with pytest.raises(LocateError, match=r"-3.0 m above the ground under it: check"):
        Locator(view(alt_m=-3.0))


@pytest.mark.parametrize("name", ["pixel_sigma_px", "max_error_m", "height_to_length"])
def test_impossible_options_are_refused(name: str) -> None:
    with pytest.raises(LocateError, match=name):
        Locator(view(), **{name: -1.0})  # type: ignore[arg-type]


def test_many_refuses_one_by_one_and_keeps_the_rest() -> None:
    placed = Locator(view(-10.0)).place_many(np.array([[2000.0, 10.0], [2000.0, 2900.0]]))
    assert placed.refused.tolist() == [True, False]
    assert math.isnan(placed.lat_deg[0])
    assert placed.point(1).error_m > 0.0
    with pytest.raises(LocateError, match="horizon"):
        placed.point(0)


def test_nothing_to_place_is_no_error() -> None:
    assert len(Locator(view()).place_many(np.zeros((0, 2)))) == 0
    assert len(Locator(view()).place_boxes(np.zeros((0, 4)))) == 0


class TestErrorRadius:
    def test_a_round_error_and_one_along_a_line_have_their_known_radii(self) -> None:
        assert radius_68_m(np.eye(2)) == pytest.approx(math.sqrt(-2 * math.log(1 - WITHIN)))
        assert radius_68_m(np.diag([9.0, 0.0])) == pytest.approx(3.0, rel=1e-3)
        assert radius_68_m(np.zeros((2, 2))) == 0.0

    @settings(deadline=None)
    @given(ratio=st.floats(0.02, 1.0), turn=st.floats(0.0, math.pi), size=st.floats(0.01, 1e3))
    def test_any_ellipse_holds_its_share_within_the_radius(
        self, ratio: float, turn: float, size: float
    ) -> None:
        axes = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        covariance = axes @ np.diag([1.0, ratio**2]) @ axes.T * size**2
        radius = float(radius_68_m(covariance)) / size
        # Independent check: P(x^2 + q^2 y^2 < r^2) by the chi-square density of y.
        y = np.linspace(0.0, 1.0, 4001)[1:-1] * min(radius / ratio, 8.0)
        inner = np.clip(radius**2 - (ratio * y) ** 2, 0.0, None)
        density = 2.0 * np.exp(-(y**2) / 2.0) / math.sqrt(2.0 * math.pi)
        share = float(np.trapezoid(density * ncx2.cdf(inner, 1, 1e-12), y))
        assert share == pytest.approx(WITHIN, abs=2e-3)


def draw_error_m(rng: np.random.Generator, sigma: PoseSigma, pitch_deg: float) -> float | None:
    """Return distance error over stated error for one camera with wrong telemetry."""
    alt_m = float(rng.uniform(30.0, 120.0))
    yaw_deg = float(rng.uniform(-180.0, 180.0))
    focal = 1.0 + rng.normal() * 0.01
    seen_by = view(
        pitch_deg + rng.normal() * sigma.pitch_deg,
        alt_m=alt_m + rng.normal() * sigma.vertical_m,
        yaw_deg=yaw_deg + rng.normal() * sigma.yaw_deg,
        roll_deg=rng.normal() * sigma.roll_deg,
        lens=replace(LENS, fx_px=LENS.fx_px * focal, fy_px=LENS.fy_px * focal),
    )
    lat, lon = HOME.to_lat_lon(*(rng.normal(size=2) * sigma.horizontal_m).tolist())
    seen_by = replace(seen_by, pose=replace(seen_by.pose, lat_deg=lat, lon_deg=lon))
    aim = np.array([[rng.uniform(200.0, 3800.0), rng.uniform(200.0, 2800.0)]])
    truth = Locator(seen_by, max_error_m=1e9).place_many(aim)
    if truth.refused[0]:
        return None
    told = view(pitch_deg, alt_m=alt_m, yaw_deg=yaw_deg, sigma=sigma)
    x_px, y_px = (aim[0] + rng.normal(size=2) * 5.0).tolist()
    placed = Locator(told, pixel_sigma_px=5.0, max_error_m=1e9).place_many(np.array([[x_px, y_px]]))
    if placed.refused[0]:
        return None
    off_m = distance_m(truth.lat_deg[0], truth.lon_deg[0], placed.lat_deg[0], placed.lon_deg[0])
    return off_m / float(placed.error_m[0])


@pytest.mark.parametrize(
    ("sigma", "pitch_deg"),
    [
        (PoseSigma(1.5, 1.0, 2.0, 1.0, 1.0), -90.0),
        (PoseSigma(3.0, 3.0, 5.0, 1.0, 1.0), -60.0),
        (PoseSigma(1.0, 1.0, 2.0, 1.0, 1.0), -35.0),
        (PoseSigma(0.02, 0.05, 0.3, 0.1, 0.1), -45.0),
        (PoseSigma(2.0, 2.0, 40.0, 2.0, 2.0), -75.0),
        (PoseSigma(2.0, 2.0, 180.0, 2.0, 2.0), -90.0),
    ],
    ids=["nadir", "oblique", "flat", "rtk", "compass off", "heading unknown"],
)
def test_the_stated_error_holds_68_percent_of_errors(sigma: PoseSigma, pitch_deg: float) -> None:
    rng = np.random.default_rng(7)
    drawn = (draw_error_m(rng, sigma, pitch_deg) for _ in range(600))
    shares = np.array([value for value in drawn if value is not None])
    assert len(shares) > 400
    assert 0.60 <= float(np.mean(shares <= 1.0)) <= 0.76


def test_an_unknown_heading_gives_a_ring_no_wider_than_the_picture_allows() -> None:
    posed = view(sigma=replace(SURE, yaw_deg=180.0))
    locator = Locator(posed)
    point = locator.place(0.0, 0.0)
    reach_m = distance_m(31.2, 121.5, point.lat_deg, point.lon_deg)
    assert reach_m < point.error_m < 2.0 * reach_m
    assert locator.place(2000.0, 1500.0).error_m < 1.0


def test_the_error_ellipse_lies_across_the_line_of_sight_when_only_the_heading_is_unsure() -> None:
    posed = view(-45.0, yaw_deg=30.0, sigma=replace(SURE, yaw_deg=3.0))
    placed = Locator(posed, pixel_sigma_px=0.1).place_many(np.array([[2000.0, 1500.0]]))
    ellipse = placed.ellipse(0)
    assert ellipse.bearing_deg == pytest.approx(120.0, abs=3.0)
    assert ellipse.semi_major_m == pytest.approx(60.0 * math.radians(3.0), rel=0.05)


class TestFootPoint:
    def test_from_straight_above_it_is_the_centre_of_the_box(self) -> None:
        assert Locator(view()).foot_point((1950, 1450, 2050, 1550)) == pytest.approx((2000, 1500))

    def test_from_the_side_it_is_the_middle_of_the_lower_edge(self) -> None:
        locator = Locator(view(-2.0, lens=Intrinsics.from_fov(4000, 3000, 30.0)))
        x_px, y_px = locator.foot_point((1950, 1500, 2050, 1600))
        assert x_px == pytest.approx(2000.0, abs=0.1)
        assert 1595 < y_px <= 1600

    @pytest.mark.parametrize("pitch_deg", [-85.0, -60.0, -45.0, -30.0, -15.0])
    def test_between_them_it_is_the_middle_of_a_cars_footprint(self, pitch_deg: float) -> None:
        posed = view(pitch_deg, alt_m=50.0)
        away_m = 50.0 / math.tan(math.radians(-pitch_deg))
        # A block 1.8 m wide, 4 m along the line of sight and 1.6 m high.
        block = [
            pixel_of(posed, e, away_m + n, u)
            for e in (-0.9, 0.9)
            for n in (-2.0, 2.0)
            for u in (0.0, 1.6)
        ]
        x0, y0 = np.min(block, axis=0)
        x1, y1 = np.max(block, axis=0)
        locator = Locator(posed)
        point = locator.place_box((x0, y0, x1, y1))
        east_m, north_m = HOME.to_en_m(point.lat_deg, point.lon_deg)
        assert east_m == pytest.approx(0.0, abs=0.1)
        assert north_m == pytest.approx(away_m, abs=0.5)
        longer, shorter = locator.ground_size_m((x0, y0, x1, y1))
        assert longer == pytest.approx(4.0, rel=0.15)
        assert shorter == pytest.approx(1.8, rel=0.15)

    def test_a_rolled_camera_finds_the_foot_towards_the_ground(self) -> None:
        x_px, y_px = Locator(view(-20.0, roll_deg=90.0)).foot_point((1950, 1450, 2050, 1550))
        assert x_px > 2010
        assert y_px == pytest.approx(1500.0, abs=1.0)

    def test_boxes_and_single_box_agree(self) -> None:
        locator = Locator(view(-50.0, sigma=PoseSigma(1, 1, 1, 1, 1)))
        box = (1000.0, 1400.0, 1100.0, 1480.0)
        many = locator.place_boxes(np.array([box, box]))
        assert many.point(1) == locator.place_box(box)
        x_px, y_px = locator.foot_point(box)
        assert locator.place(x_px, y_px).lat_deg == pytest.approx(many.point(0).lat_deg)


class TestCutByTheEdge:
    EXACT = PoseSigma(0.05, 0.05, 0.05, 0.05, 0.05)

    @given(st.integers(0, 2**31 - 1))
    @settings(max_examples=20, deadline=None)
    def test_the_stated_error_allows_for_the_rest_that_is_not_seen(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        locator = Locator(replace(view(-90.0), sigma=self.EXACT))
        width, height = LENS.width_px, LENS.height_px
        side_px = rng.uniform(60.0, 400.0, (200, 2))
        seen = rng.uniform(0.3, 1.0, 200)
        left = np.column_stack([-(1.0 - seen) * side_px[:, 0], rng.uniform(400, height - 900, 200)])
        whole = np.column_stack([left, left + side_px])
        shown = np.clip(whole, 0.0, [width, height, width, height])
        true = locator.place_many((whole[:, :2] + whole[:, 2:]) / 2.0)
        said = locator.place_boxes(shown)
        known = [i for i in range(200) if true.reasons[i] is None]
        within = [
            distance_m(true.lat_deg[i], true.lon_deg[i], said.lat_deg[i], said.lon_deg[i])
            < said.error_m[i]
            for i in known
        ]
        assert np.mean(within) > 0.6

    @pytest.mark.parametrize(
        ("box", "cut"),
        [
            ((0.0, 900.0, 80.0, 960.0), "east-west"),
            ((3920.0, 900.0, 4000.0, 960.0), "east-west"),
            ((900.0, 0.0, 980.0, 60.0), "north-south"),
            ((900.0, 2940.0, 980.0, 3000.0), "north-south"),
        ],
    )
    def test_it_is_unsure_across_that_edge_alone(
        self, box: tuple[float, float, float, float], cut: str
    ) -> None:
        locator = Locator(replace(view(-90.0), sigma=self.EXACT))
        east, north = np.sqrt(np.diag(locator.place_boxes(np.array([box])).covariance_m2[0]))
        across, along = (east, north) if cut == "east-west" else (north, east)
        assert across > 2.0 * along
        assert locator.place_boxes(np.array([[900.0, 900.0, 980.0, 960.0]])).error_m[0] < across


def test_ground_sampling_distance_above_the_horizon_is_refused() -> None:
    with pytest.raises(LocateError, match="meets no known ground"):
        Locator(view(0.0)).gsd_m(2000.0, 100.0)
    with pytest.raises(LocateError, match="cannot be measured"):
        Locator(view(0.0)).ground_size_m((2000.0, 100.0, 2100.0, 200.0))


CORNERS_M = np.array([[-60.0, 50.0], [60.0, 45.0], [45.0, -30.0], [-40.0, -35.0]])


def corners_view(ground_m: FloatArray, sigma_m: float) -> CornersView:
    a, b, c, d = (HOME.to_lat_lon(float(e), float(n)) for e, n in ground_m)
    return CornersView(1920, 1080, (a, b, c, d), sigma_m)


class TestKnownCorners:
    def test_corners_are_placed_where_they_were_said_to_be(self) -> None:
        point = Locator(corners_view(CORNERS_M, 2.0)).place(1920.0, 0.0)
        assert HOME.to_en_m(point.lat_deg, point.lon_deg) == pytest.approx((60.0, 45.0), abs=0.01)

    def test_a_corner_is_as_uncertain_as_it_was_said_to_be(self) -> None:
        point = Locator(corners_view(CORNERS_M, 2.0), pixel_sigma_px=0.0).place(0.0, 0.0)
        assert point.error_m == pytest.approx(2.0 * 1.5152, rel=0.01)

    def test_the_stated_error_holds_68_percent_of_errors(self) -> None:
        rng = np.random.default_rng(3)
        inside = []
        for _ in range(300):
            told = corners_view(CORNERS_M + rng.normal(0.0, 2.0, (4, 2)), 2.0)
            xy = rng.uniform([0.0, 0.0], [1920.0, 1080.0])
            truth = Locator(corners_view(CORNERS_M, 2.0)).place(*xy)
            placed = Locator(told, pixel_sigma_px=0.0).place(*xy)
            off_m = distance_m(truth.lat_deg, truth.lon_deg, placed.lat_deg, placed.lon_deg)
            inside.append(off_m <= placed.error_m)
        assert 0.60 <= float(np.mean(inside)) <= 0.76

    def test_outside_the_picture_is_refused(self) -> None:
        with pytest.raises(LocateError, match="outside the picture of 1920 x 1080"):
            Locator(corners_view(CORNERS_M, 2.0)).place(2000.0, 500.0)

    def test_a_terrain_is_refused(self) -> None:
        class Hills:
            sigma_m = 1.0
            resolution_m = 1.0

            def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
                return np.zeros_like(lat_deg)

        with pytest.raises(LocateError, match="leave the terrain out"):
            Locator(corners_view(CORNERS_M, 2.0), Hills())
        Locator(corners_view(CORNERS_M, 2.0), FlatTerrain())
