"""How views follow each other, and how the ground moves from one to the next."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from park.geodesy import FloatArray
from park.records import PosedView
from tests.vision.scene.drawn_ground import SITE, DrawnGround, posed, sight_of
from tests.vision.scene.test_view import site_places
from vision.locate import Locator
from vision.scene.picture_motion import motion_between, turn_between
from vision.scene.view import SceneView
from vision.scene.views import SceneViews
from vision.scene.zones import GroundProjector


@pytest.fixture(scope="module")
def ground() -> DrawnGround:
    return DrawnGround.rough(320.0, gsd_m=0.2)


def truly_moved(before: PosedView, now: PosedView, view: SceneView, xy: FloatArray) -> FloatArray:
    """Return where OpenCV's working pixels of the picture before are in the one now."""
    places = site_places(Locator(before), view.to_full_px(xy + 0.5))
    now_px = GroundProjector(Locator(now), SITE).pixels(places)
    return np.asarray(now_px * np.array(view.scale_xy) - 0.5, np.float64)


def wrong_by(seen: PosedView, **off: float) -> PosedView:
    pose = seen.pose
    east, north = SITE.to_en_m(pose.lat_deg, pose.lon_deg)
    return posed(
        east_m=east + off.get("east", 0.0),
        north_m=north + off.get("north", 0.0),
        alt_m=pose.alt_home_m + off.get("alt", 0.0),
        yaw_deg=pose.yaw_deg + off.get("yaw", 0.0),
        pitch_deg=pose.pitch_deg + off.get("pitch", 0.0),
        roll_deg=pose.roll_deg,
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (posed(), posed(north_m=4.0, yaw_deg=1.0)),
        (posed(pitch_deg=-45.0), posed(pitch_deg=-44.0, east_m=3.0, north_m=6.0, yaw_deg=-3.0)),
        (posed(yaw_deg=80.0), posed(yaw_deg=95.0, east_m=8.0, alt_m=58.0)),
    ],
)
@pytest.mark.parametrize("poses", ["known", "unknown"])
def test_the_motion_of_the_ground_is_found_though_vehicles_drive_over_it(
    ground: DrawnGround, before: PosedView, now: PosedView, poses: str
) -> None:
    pictures = [ground.seen(before), ground.seen(now)]
    rng = np.random.default_rng(8)
    for k in range(6):
        x, y = int(rng.integers(40, 1100)), int(rng.integers(40, 600))
        colour = rng.integers(0, 255, 3).tolist()
        for i, shift in enumerate((0, 34)):
            corner = (x + shift, y + k)
            cv2.rectangle(pictures[i], corner, (corner[0] + 60, corner[1] + 28), colour, -1)
            cv2.rectangle(
                pictures[i],
                (corner[0] + 12, y + k + 6),
                (corner[0] + 30, y + k + 20),
                (20, 20, 20),
                -1,
            )
    stated = (wrong_by(before, yaw=0.4, pitch=-0.3), wrong_by(now, yaw=-0.4, north=0.8))
    views = SceneViews(SITE)
    first = views.add(sight_of(pictures[0], stated[0] if poses == "known" else None))
    view = views.add(sight_of(pictures[1], stated[1] if poses == "known" else None, time_s=0.5))
    assert view.previous is first
    assert view.picture_motion.source == "features", view.picture_motion.reason
    assert view.motion is not None
    xs, ys = np.meshgrid(np.linspace(60, 900, 6), np.linspace(60, 480, 5))
    xy = np.column_stack([xs.ravel(), ys.ravel()])
    truth = truly_moved(before, now, view, xy)
    laid = cv2.perspectiveTransform(xy.reshape(-1, 1, 2), view.motion)[:, 0]
    inside = (truth > 0).all(axis=1) & (truth < [959, 539]).all(axis=1)
    assert inside.sum() > 10
    assert np.linalg.norm(laid - truth, axis=1)[inside].max() < 1.2


def test_where_there_is_nothing_to_follow_the_poses_are_believed() -> None:
    rng = np.random.default_rng(2)
    still = np.clip(rng.normal(110, 3, (720, 1280, 3)), 0, 255).astype(np.uint8)
    other = np.clip(rng.normal(110, 3, (720, 1280, 3)), 0, 255).astype(np.uint8)
    before, now = posed(), posed(north_m=3.0)
    views = SceneViews(SITE)
    views.add(sight_of(still, before))
    view = views.add(sight_of(other, now, time_s=0.5))
    assert view.picture_motion.source == "pose"
    assert "points" in view.picture_motion.reason
    assert view.motion is not None
    xy = np.array([[480.0, 300.0], [100.0, 400.0]])
    laid = cv2.perspectiveTransform(xy.reshape(-1, 1, 2), view.motion)[:, 0]
    assert laid == pytest.approx(truly_moved(before, now, view, xy), abs=0.05)


def test_without_points_and_poses_no_motion_is_made_up() -> None:
    rng = np.random.default_rng(2)
    noise = [rng.integers(100, 112, (540, 960), np.uint8) for _ in range(2)]
    motion = motion_between(noise[0], noise[1], None)
    assert motion.homography is None
    assert motion.reason


def test_two_different_places_have_no_motion() -> None:
    a, b = DrawnGround.rough(120.0, seed=1), DrawnGround.rough(120.0, seed=2)
    views = SceneViews(SITE)
    views.add(sight_of(a.texture_bgr, None))
    view = views.add(sight_of(b.texture_bgr, None, time_s=0.5))
    assert view.motion is None
    assert view.picture_motion.reason


def test_photos_other_videos_and_long_gaps_have_no_picture_before(ground: DrawnGround) -> None:
    image = ground.seen(posed())
    views = SceneViews(SITE)
    first = views.add(sight_of(image, posed(), time_s=1.0))
    assert first.previous is None
    assert "no picture before" in first.picture_motion.reason
    second = views.add(sight_of(image, posed(), time_s=1.5))
    assert second.previous is first
    third = views.add(sight_of(image, posed(), time_s=2.0))
    assert third.previous is second
    assert second.previous is None, "an older view must not be kept alive"
    assert views.add(sight_of(image, posed(), time_s=9.0)).previous is None
    assert views.add(sight_of(image, posed(), time_s=9.5, uri="other.mp4")).previous is None
    assert views.add(sight_of(image, posed(), time_s=9.0, uri="other.mp4")).previous is None


def grainy(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(size=(600, 800)).astype(np.float32), (0, 0), 2.0)
    return np.asarray(255.0 * (fine - fine.min()) / np.ptp(fine), np.uint8)


def test_ground_that_was_put_together_a_little_bent_is_turned_to_and_not_bent_further() -> None:
    ground = grainy(1)
    turn = np.vstack([cv2.getRotationMatrix2D((400.0, 300.0), 0.6, 1.0), [0.0, 0.0, 1.0]])
    turn[:2, 2] += (5.0, -3.0)
    rows, columns = np.indices(ground.shape)
    across = np.asarray(columns + 6.0 * np.sin(rows / 60.0), np.float32)
    bent = cv2.remap(ground, across, np.asarray(rows, np.float32), cv2.INTER_LINEAR)
    now = np.asarray(cv2.warpPerspective(bent, turn, (800, 600)), np.uint8)
    assert motion_between(ground, now, None).homography is None
    found = turn_between(ground, now)
    assert found.source == "features"
    assert found.homography is not None
    corners = np.array([[[60.0, 60.0]], [[740.0, 60.0]], [[740.0, 540.0]], [[60.0, 540.0]]])
    laid, true = (cv2.perspectiveTransform(corners, one) for one in (found.homography, turn))
    assert np.linalg.norm(laid - true, axis=2).max() < 6.0
    assert found.homography[2].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("now", [grainy(2), np.full((600, 800), 90, np.uint8)])
def test_grounds_that_have_nothing_in_common_are_not_turned_to_each_other(
    now: NDArray[np.uint8],
) -> None:
    found = turn_between(grainy(1), now)
    assert found.homography is None
    assert "points" in found.reason
