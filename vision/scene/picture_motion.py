"""How the ground moved in the picture between two frames of one video.

Points are followed by optical flow from where the camera poses say that they go, and the plane
that most of them agree on is taken; vehicles and people are the ones that do not agree. Where
too few agree (still water, fog, night) the poses alone are believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray

MotionSource = Literal["features", "pose"]
"""What a motion was found from."""

_PARTS = (6, 4)
_POINTS_PER_PART = 12
_LEAST_AGREEING = 14
_LEAST_SHARE = 0.45
_LEAST_SPREAD = 0.08
_LEAST_TURNED, _LEAST_TURNED_SHARE = 40, 0.15
"""Four numbers need fewer points that agree than the eight of a plane."""
_TOLERANCE_PX = 1.5
_COARSE = 0.25
_SOUGHT_WHOLE_PX = 600
_SURE_SHIFT = 0.03
_MOST_UNLIKE = 0.7
_MOST_AREA_CHANGE = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class PictureMotion:
    """How the ground moved from the previous picture to this one.

    Attributes:
        homography: 3 x 3, for OpenCV's pixels (centres at whole numbers), as warpPerspective
            takes it to lay the previous picture over this one; None where it was not found.
        source: what it was found from; None where it was not found.
        reason: why it was not found, or why it is from poses only.
        agreeing: points that follow it.
    """

    homography: FloatArray | None
    source: MotionSource | None
    reason: str
    agreeing: int = 0

    def for_size(self, x: float, y: float) -> PictureMotion:
        """Return the same motion in pictures that are `x` times as wide and `y` times as high."""
        if self.homography is None:
            return self
        return replace(self, homography=resized(self.homography, x, y))


def resized(homography: FloatArray, x: float, y: float) -> FloatArray:
    """Return a homography for pictures `x` times as wide and `y` times as high."""
    return scaling(x, y) @ homography @ np.linalg.inv(scaling(x, y))


def scaling(x: float, y: float) -> FloatArray:
    """Return the matrix that takes pixels, centres at whole numbers, to those of another size."""
    return np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5], [0.0, 0.0, 1.0]])


def motion_between(
    before: NDArray[np.uint8], now: NDArray[np.uint8], by_pose: FloatArray | None
) -> PictureMotion:
    """Return how the ground moved between two grey pictures of one size.

    Args:
        before: the earlier one.
        now: the later one.
        by_pose: where the camera poses say that it went, for OpenCV's pixels; None where
            they are not known.
    """
    found, why = _by_flow(before, now, by_pose)
    if found is None and by_pose is None:
        found, why = _by_descriptors(before, now)
    if found is not None:
        return found
    if by_pose is not None and _sane(by_pose, now.shape):
        return PictureMotion(by_pose, "pose", why)
    return PictureMotion(None, None, why)


def turn_between(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> PictureMotion:
    """Return by how little one of two pictures of the same ground is to be turned and moved.

    For two that lie on each other already but for the errors of their poses. What was put
    together from several frames is a little bent, so that fewer points agree, and less closely,
    than between two frames; a plane through those would bend what comes next further, while a
    turn, a shift and a scale cannot.

    Args:
        before: grey, from above.
        now: the same size.
    """
    points = _points(before)
    a, b, possible = (
        _found_again(before, now, points, points)
        if len(points)
        else (points, points, 0)
    )  # fmt: skip
    if len(a) < _LEAST_TURNED:
        return PictureMotion(None, None, "too few points were found again")
    matrix, inside = cv2.estimateAffinePartial2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=2.0 * _TOLERANCE_PX, maxIters=2000,
        confidence=0.999,
    )  # fmt: skip
    if matrix is None or not np.isfinite(matrix).all():
        return PictureMotion(None, None, "no turn fits the points")
    agree = b[inside[:, 0].astype(bool)]
    if why := _too_weak(agree, max(_LEAST_TURNED, _LEAST_TURNED_SHARE * possible), possible, now):
        return PictureMotion(None, None, why)
    homography = np.vstack([matrix, [0.0, 0.0, 1.0]]).astype(np.float64)
    return PictureMotion(homography, "features", "", len(agree))


def _by_flow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], by_pose: FloatArray | None
) -> tuple[PictureMotion | None, str]:
    points = _points(before)
    if len(points) < _LEAST_AGREEING:
        return None, "too few points to follow"
    expected = _coarse_shift(before, now) if by_pose is None else by_pose
    guess = np.asarray(cv2.perspectiveTransform(points, expected), np.float32)
    if not np.isfinite(guess).all():
        return None, "the poses send points to infinity"
    return _plane(*_found_again(before, now, points, guess), now)


def _found_again(
    before: NDArray[np.uint8],
    now: NDArray[np.uint8],
    points: NDArray[np.float32],
    guess: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Return points that are found again, where, and how many could have been."""
    arrived, status, unlike = _followed(before, now, points, guess)
    back, _, _ = _followed(now, before, arrived, points)
    height, width = now.shape
    where = arrived[:, 0]
    kept = status[:, 0].astype(bool)
    kept &= unlike[:, 0] < _MOST_UNLIKE * _contrast(before, points)
    kept &= np.linalg.norm(back - points, axis=2)[:, 0] < _TOLERANCE_PX
    kept &= (where >= 0).all(axis=1) & (where[:, 0] < width) & (where[:, 1] < height)
    stayed = (guess[:, 0] >= 0).all(axis=1) & (guess[:, 0] < [width, height]).all(axis=1)
    return points[kept], arrived[kept], int(stayed.sum())


def _followed(
    before: NDArray[np.uint8],
    now: NDArray[np.uint8],
    points: NDArray[np.float32],
    guess: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    """Return where points arrive by optical flow, which do, and how unlike they look there."""
    arrived, status, unlike = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        points,
        guess.copy(),
        winSize=(15, 15),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.03),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    # Of points that are lost OpenCV leaves it undefined.
    kept = np.asarray(status) > 0
    known = np.asarray(np.where(kept, np.asarray(unlike, np.float32), np.inf), np.float32)
    return np.asarray(arrived, np.float32), np.asarray(status, np.uint8), known


def _coarse_shift(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> FloatArray:
    """Return the shift of the whole picture, by phase correlation of small copies."""
    height, width = now.shape
    size = (max(16, round(width * _COARSE)), max(16, round(height * _COARSE)))
    was, is_now = (
        cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for gray in (before, now)
    )
    (x, y), sure = cv2.phaseCorrelate(was, is_now, cv2.createHanningWindow(size, cv2.CV_32F))
    shift = np.eye(3)
    if sure > _SURE_SHIFT:
        shift[0, 2], shift[1, 2] = x * width / size[0], y * height / size[1]
    return shift


def _points(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return corners to follow, shape (N, 1, 2), of every part of the picture alike.

    Over the whole picture the strongest corners would all be on vehicles and markings. In large
    pictures they are sought at half the size, which takes a quarter of the time: to follow one,
    the pixel does not matter.
    """
    step = 2 if max(gray.shape) > _SOUGHT_WHOLE_PX else 1
    sought = gray
    if step > 1:
        sought = np.asarray(
            cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8
        )
    height, width = sought.shape
    found: list[NDArray[np.float32]] = [np.empty((0, 1, 2), np.float32)]
    for rows in np.array_split(np.arange(height), _PARTS[1]):
        for columns in np.array_split(np.arange(width), _PARTS[0]):
            part = sought[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            corners = cv2.goodFeaturesToTrack(part, _POINTS_PER_PART, 0.02, 4, blockSize=3)
            if corners is not None:
                start = np.array([columns[0], rows[0]], np.float32)
                found.append(np.asarray(corners, np.float32) + start)
    return (np.concatenate(found) * step + 0.5 * (step - 1)).astype(np.float32)


def _contrast(gray: NDArray[np.uint8], points: NDArray[np.float32]) -> FloatArray:
    """Return the standard deviation of grey around points, shape (N,).

    What arrives looks as unlike as that where there was noise and nothing to follow.
    """
    size, half = 15, 7
    framed = cv2.copyMakeBorder(gray, half, half, half, half, cv2.BORDER_REFLECT_101)
    sums, squares = cv2.integral2(framed)
    limits = (gray.shape[1] - 1, gray.shape[0] - 1)
    x, y = np.clip(np.round(points[:, 0]).astype(np.intp), 0, limits).T

    def mean(table: FloatArray) -> FloatArray:
        below, right = y + size, x + size
        whole = table[below, right] - table[y, right] - table[below, x] + table[y, x]
        return np.asarray(whole / size**2, np.float64)

    variance = mean(np.asarray(squares)) - mean(np.asarray(sums, np.float64)) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), np.float64)


def _by_descriptors(
    before: NDArray[np.uint8], now: NDArray[np.uint8]
) -> tuple[PictureMotion | None, str]:
    orb = cv2.ORB.create(nfeatures=700, fastThreshold=10)
    points_a, words_a = orb.detectAndCompute(before, None)
    points_b, words_b = orb.detectAndCompute(now, None)
    if words_a is None or words_b is None or min(len(words_a), len(words_b)) < _LEAST_AGREEING:
        return None, "too few points to match"
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(words_a, words_b)
    a = np.array([points_a[m.queryIdx].pt for m in pairs], np.float32).reshape(-1, 1, 2)
    b = np.array([points_b[m.trainIdx].pt for m in pairs], np.float32).reshape(-1, 1, 2)
    return _plane(a, b, len(pairs), now)


def _plane(
    a: NDArray[np.float32], b: NDArray[np.float32], possible: int, now: NDArray[np.uint8]
) -> tuple[PictureMotion | None, str]:
    """Return the plane that most pairs agree on, if they are many enough and far enough apart."""
    if len(a) < _LEAST_AGREEING:
        return None, "too few points were found again"
    matrix, inside = cv2.findHomography(
        a, b, cv2.USAC_ACCURATE, _TOLERANCE_PX, maxIters=500, confidence=0.995
    )
    if matrix is None or not np.isfinite(matrix).all():
        return None, "no plane fits the points"
    agree = b[inside[:, 0].astype(bool)]
    if why := _too_weak(agree, max(_LEAST_AGREEING, _LEAST_SHARE * possible), possible, now):
        return None, why
    homography = np.asarray(matrix, dtype=np.float64)
    if not _sane(homography, now.shape):
        return None, "the plane that fits would fold the picture"
    return PictureMotion(homography, "features", "", len(agree)), ""


def _too_weak(
    agree: NDArray[np.float32], least: float, possible: int, now: NDArray[np.uint8]
) -> str:
    """Return why points that agree are too few, or too near to each other; "" when they will do."""
    if len(agree) < least:
        return f"only {len(agree)} of {possible} points agree"
    if cv2.contourArea(cv2.convexHull(agree)) < _LEAST_SPREAD * now.shape[0] * now.shape[1]:
        return "the points that agree are all in one place"
    return ""


def _sane(homography: FloatArray, shape: tuple[int, ...]) -> bool:
    """Whether a homography keeps the picture's outline convex and about as large."""
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    whole = np.column_stack([corners, np.ones(4)]) @ homography.T
    if not (np.isfinite(whole).all() and (whole[:, 2] * homography[2, 2] > 0.0).all()):
        return False
    laid = (whole[:, :2] / whole[:, 2:]).astype(np.float32)
    if not cv2.isContourConvex(laid.reshape(-1, 1, 2)):
        return False
    signed = cv2.contourArea(laid, oriented=True)
    ratio = signed / cv2.contourArea(corners.astype(np.float32), oriented=True)
    return bool(1.0 / _MOST_AREA_CHANGE < ratio < _MOST_AREA_CHANGE)
