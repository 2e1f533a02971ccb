"""Labelled pictures of the simulated park, to train and to judge detectors with.

Boxes come from the geometry of what is drawn, so they are right to the pixel. A thing is labelled
when enough of it can be seen: what trees, roofs and others hide, and what lies beyond the edge,
counts against it, and the box is cut at the edge. Look-alikes are drawn and not labelled.
"""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from park.errors import SimulationError
from park.picture import ThermalPixels
from park.records import BoxXyxyPx, CameraPose, Intrinsics
from sim_data.camera import Renderer, VisibleThing
from sim_data.scenario import Scenario
from sim_data.scenario.records import StagedThing
from sim_data.world.generate import generate_park
from sim_data.world.life import Life
from sim_data.world.records import Rgb, Weather, World
from sim_data.world.scene import PersonActor, Scene

Task = Literal["rgb", "thermal", "site"]

CLASSES: dict[Task, tuple[str, ...]] = {
    "rgb": ("car", "van", "truck", "bus", "person", "flame", "smoke", "rubbish", "obstacle"),
    "thermal": ("car", "van", "truck", "bus", "person", "flame", "hotspot"),
    "site": ("person", "hard hat", "no hard hat", "vest", "no vest"),
}
"""Classes by their number in the labels."""

LEAST_SHARE = 0.4
"""Of a thing, both hidden parts and parts beyond the edge taken off, that must be seen."""
LEAST_SIDE_PX = 4.0
"""Shortest longer side of a box that is labelled."""

_A_SCENE = 16
_VALIDATION = 6
_SCENARIOS: dict[Task, tuple[str, ...]] = {
    "rgb": ("clear-day", "hazy", "look-alikes"),
    "thermal": ("night-thermal", "clear-day"),
    "site": ("people-and-rubbish",),
}
_HEIGHTS_M: dict[Task, tuple[float, float]] = {
    "rgb": (25.0, 120.0),
    "thermal": (25.0, 120.0),
    "site": (6.0, 20.0),
}
_HOURS: dict[Task, tuple[float, float]] = {
    "rgb": (7.0, 17.5),
    "thermal": (0.0, 23.9),
    "site": (7.0, 17.5),
}
_LENSES: dict[Task, Intrinsics] = {
    "rgb": Intrinsics.from_fov(1280, 720, 70.0),
    "thermal": Intrinsics.from_fov(640, 512, 50.0),
    # A part of what a wide lens sees, so that there is somebody in most pictures.
    "site": Intrinsics.from_fov(416, 416, 32.0),
}
_HATS: tuple[Rgb, ...] = ((240, 200, 30), (234, 234, 232), (204, 48, 40), (38, 88, 176),
                          (232, 112, 26), (40, 130, 70))  # fmt: skip
_HAIR: tuple[Rgb, ...] = ((28, 26, 26), (54, 42, 34), (92, 72, 50), (120, 116, 112), (20, 20, 24))
_VESTS: tuple[Rgb, ...] = ((238, 104, 24), (208, 232, 40))
_CLOTHES: tuple[Rgb, ...] = ((52, 62, 92), (40, 42, 46), (150, 152, 156), (204, 204, 200),
                             (176, 70, 60), (90, 110, 80), (214, 196, 150))  # fmt: skip
_TRIES = 20
_LOWEST_M, _HIGHEST_M = 5.0, 500.0


@dataclass(frozen=True, slots=True)
class Variety:
    """What pictures of a dataset differ in.

    Attributes:
        scenarios: names of shipped ones, or files, staged in turn; None for those of the task.
        heights_m: lowest and highest camera, above the middle of the park; None for those of the
            task.

    Raises:
        SimulationError: a height from which nothing is drawn, or the highest below the lowest.
    """

    scenarios: tuple[str, ...] | None = None
    heights_m: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.heights_m is None:
            return
        low, high = self.heights_m
        if not _LOWEST_M <= low <= high <= _HIGHEST_M:
            raise SimulationError(
                f"pictures from {low:g} to {high:g} m up cannot be drawn; give the lower height "
                f"first, and both between {_LOWEST_M:g} and {_HIGHEST_M:g} m"
            )


@dataclass(frozen=True, slots=True)
class Label:
    """A thing in a picture.

    Attributes:
        class_name: one of `CLASSES`.
        box_xyxy_px: cut at the picture's edge.
    """

    class_name: str
    box_xyxy_px: BoxXyxyPx


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture with what is in it.

    Attributes:
        name: without a suffix; unique in its dataset.
        bgr: pixels as models see them.
        labels: what is in it.
        validation: whether it is kept from training.
    """

    name: str
    bgr: NDArray[np.uint8]
    labels: tuple[Label, ...]
    validation: bool


class _Stagings:
    """The scenario of the scene that is drawn just now.

    Args:
        dressed_by_lot: hat and vest have nothing to do with each other, nor with the place.
    """

    def __init__(self, *, dressed_by_lot: bool) -> None:
        self.now: Scenario | None = None
        self._dressed_by_lot = dressed_by_lot

    def staged_at(self, time: datetime) -> tuple[StagedThing, ...]:
        return () if self.now is None else self.now.staged_at(time)

    def joined(self, scene: Scene) -> Scene:
        joined = scene if self.now is None else self.now.joined(scene)
        if not self._dressed_by_lot:
            return joined
        return replace(joined, people=tuple(_dressed_by_lot(who) for who in joined.people))


def _dressed_by_lot(who: PersonActor) -> PersonActor:
    """Return the same person in what chance gives them, the same at every instant.

    In the park all who wear a vest wear a hat: from that a model would learn to take the one for
    the other.
    """
    rng = np.random.default_rng(zlib.crc32(who.actor_id.encode()))
    hat, vest = rng.random(2) < 0.5
    heads, chests = _HATS if hat else _HAIR, _VESTS if vest else _CLOTHES
    return replace(
        who,
        hard_hat=bool(hat),
        hat_rgb=heads[int(rng.integers(len(heads)))],
        vest=bool(vest),
        rgb=chests[int(rng.integers(len(chests)))],
    )


def labelled_pictures(
    task: Task, images: int, seed: int, *, km2: float = 1.0, variety: Variety | None = None
) -> Iterator[LabelledPicture]:
    """Yield pictures with labels, the same for the same numbers.

    Each 16 pictures are a scene: one staging, day and weather. Of six scenes the last is for
    validation, so nothing staged in training pictures is in validation ones.

    Args:
        task: colour pictures, or thermal ones as models see them.
        images: how many.
        seed: of park, stagings, weather and cameras.
        km2: size of the park.
        variety: what is staged and from how high it is seen.

    Raises:
        SimulationError: the number is not possible, or nothing could be staged.
    """
    variety = variety or Variety()
    if not 1 <= images <= 1_000_000:
        raise SimulationError(f"a dataset of {images} images is none; give 1 to 1,000,000")
    world = generate_park(km2, seed)
    stagings = _Stagings(dressed_by_lot=task == "site")
    heights_m = variety.heights_m or _HEIGHTS_M[task]
    life = Life(world, seed)
    renderer = Renderer(world, life=life, scenario=stagings, seed=seed)
    scenario: Scenario | None = None
    for number in range(images):
        scene = number // _A_SCENE
        rng = np.random.default_rng([seed, number, 0x1ABE])
        if number % _A_SCENE == 0 or scenario is None:
            scenario = _scene(world, task, seed, scene, variety.scenarios or _SCENARIOS[task])
            stagings.now, renderer.weather = scenario, _weather(task, seed, scene)
        time = scenario.starts + timedelta(seconds=float(rng.uniform(60.0, scenario.lasts_s)))
        pose = _pose(life, scenario, time, heights_m, rng)
        lens = _LENSES[task]
        yield LabelledPicture(
            name=f"sim-{task}-{seed}-{number:06d}",
            bgr=_pixels(renderer, task, pose, lens, time),
            labels=labels_of(renderer.boxes(pose, lens, time), lens, CLASSES[task]),
            validation=scene % _VALIDATION == _VALIDATION - 1,
        )


def _scene(world: World, task: Task, seed: int, scene: int, names: Sequence[str]) -> Scenario:
    """Return a staging for some pictures, at a time of a day of its own."""
    rng = np.random.default_rng([seed, scene, 0x5CE])
    first, last = _HOURS[task]
    reason = ""
    for number in range(_TRIES):
        hours = float(rng.uniform(first, last))
        starts = datetime(2026, 5, 4) + timedelta(  # noqa: DTZ001 - the park's own time zone
            days=int(rng.integers(0, 120)), hours=hours
        )
        try:
            return Scenario.load(
                names[scene % len(names)],
                world,
                seed=int(rng.integers(2**31 - 1)),
                starts=starts,
            )
        except SimulationError as error:
            # Some rules hold at some hours only; another hour is as good.
            reason = f"{error} (try {number + 1})"
    raise SimulationError(f"no scene could be staged for pictures: {reason}")


def _weather(task: Task, seed: int, scene: int) -> Weather:
    rng = np.random.default_rng([seed, scene, 0x3EA])
    return Weather(
        wind_from_deg=float(rng.uniform(0.0, 360.0)),
        wind_mps=float(rng.uniform(0.5, 8.0)),
        visibility_m=float(math.exp(rng.uniform(math.log(1500.0), math.log(30_000.0)))),
        cloud_share=float(rng.uniform(0.0, 1.0)),
        air_c=float(rng.uniform(-2.0, 34.0) if task == "thermal" else rng.uniform(8.0, 32.0)),
    )


def _pose(
    life: Life,
    scenario: Scenario,
    time: datetime,
    heights_m: tuple[float, float],
    rng: np.random.Generator,
) -> CameraPose:
    """Return a camera that looks at something staged, at somebody, or anywhere in the park."""
    world = life.world
    at_m = _looked_at(life, scenario, time, rng)
    height_m = float(math.exp(rng.uniform(*np.log(heights_m))))
    pitch_deg = -90.0 if rng.random() < 0.5 else float(rng.uniform(-85.0, -35.0))
    yaw_deg = float(rng.uniform(-180.0, 180.0))
    back_m = height_m / math.tan(math.radians(-pitch_deg)) if pitch_deg > -89.0 else 0.0
    # What is looked at is somewhere in the picture, not always in its middle.
    aside_m = rng.normal(0.0, 0.18 * height_m, 2)
    yaw = math.radians(yaw_deg)
    east_m = at_m[0] - back_m * math.sin(yaw) + float(aside_m[0])
    north_m = at_m[1] - back_m * math.cos(yaw) + float(aside_m[1])
    lat_deg, lon_deg = world.frame.to_lat_lon(east_m, north_m)
    return CameraPose(
        lat_deg, lon_deg, height_m, None, yaw_deg, pitch_deg, float(rng.normal(0.0, 1.0))
    )


def _looked_at(
    life: Life, scenario: Scenario, time: datetime, rng: np.random.Generator
) -> tuple[float, float]:
    world = life.world
    staged = [
        one.staging.extent
        for one in scenario.staged
        if one.occurrence.begins <= time <= one.occurrence.ends
    ]
    kind = rng.random()
    if kind < 0.45 and staged:
        return _middle(staged[int(rng.integers(len(staged)))])
    scene = life.at(time)
    group = scene.people if kind < 0.65 else scene.vehicles
    if kind < 0.9 and group:
        one = group[int(rng.integers(len(group)))]
        return one.east_m, one.north_m
    west, south, east, north = world.boundary.bounds
    for _ in range(_TRIES):
        drawn = Point(float(rng.uniform(west, east)), float(rng.uniform(south, north)))
        if world.boundary.contains(drawn):
            return drawn.x, drawn.y
    return _middle(world.boundary)


def _middle(geometry: BaseGeometry) -> tuple[float, float]:
    return float(geometry.centroid.x), float(geometry.centroid.y)


def _pixels(
    renderer: Renderer, task: Task, pose: CameraPose, lens: Intrinsics, time: datetime
) -> NDArray[np.uint8]:
    if task != "thermal":
        return np.asarray(cv2.cvtColor(renderer.rgb(pose, lens, time), cv2.COLOR_RGB2BGR), np.uint8)
    kelvin = renderer.thermal(pose, lens, time).astype(np.float32) / 100.0
    return ThermalPixels((kelvin - 273.15).astype(np.float32)).image_bgr


def labels_of(
    things: Sequence[VisibleThing], lens: Intrinsics, classes: Sequence[str]
) -> tuple[Label, ...]:
    """Return the labels of what a picture shows enough of.

    Args:
        things: from the renderer.
        lens: whose size the picture has.
        classes: what is labelled.
    """
    found = []
    for thing in things:
        if thing.class_name not in classes:
            continue
        if thing.visible_share * (1.0 - thing.truncated_share) < LEAST_SHARE:
            continue
        x0, y0, x1, y1 = thing.box_xyxy_px
        box = (
            max(0.0, x0),
            max(0.0, y0),
            min(float(lens.width_px), x1),
            min(float(lens.height_px), y1),
        )
        if max(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE_PX:
            found.append(Label(thing.class_name, box))
    return tuple(found)


def write_dataset(
    folder: Path,
    task: Task,
    images: int,
    seed: int,
    on_picture: Callable[[], None],
    *,
    km2: float = 1.0,
    variety: Variety | None = None,
) -> dict[str, int]:
    """Write a dataset in the layout that YOLO trainers read.

    Args:
        folder: made here; `images/`, `labels/` with `train` and `val`, and `data.yaml`.
        task: see `labelled_pictures`.
        images: how many.
        seed: of everything.
        on_picture: told of each picture.
        km2: size of the park.
        variety: what is staged and from how high it is seen.

    Returns:
        How many things of each class are labelled.

    Raises:
        SimulationError: it cannot be drawn or written.
    """
    classes = CLASSES[task]
    counts: Counter[str] = Counter()
    try:
        for split in ("train", "val"):
            for kind in ("images", "labels"):
                (folder / kind / split).mkdir(parents=True, exist_ok=True)
        for picture in labelled_pictures(task, images, seed, km2=km2, variety=variety):
            split = "val" if picture.validation else "train"
            _write(folder, split, picture, classes)
            counts.update(label.class_name for label in picture.labels)
            on_picture()
        _write_about(folder, task, images, seed, km2, variety or Variety(), counts)
    except OSError as error:
        raise SimulationError(f"{folder}: cannot be written: {error.strerror}") from error
    return {name: counts.get(name, 0) for name in classes}


def _write_about(
    folder: Path,
    task: Task,
    images: int,
    seed: int,
    km2: float,
    variety: Variety,
    counts: Counter[str],
) -> None:
    """Write what a trainer reads the dataset by, and for people what it is of."""
    classes = CLASSES[task]
    layout = {
        "path": ".",
        "train": "images/train",
        "val": "images/val" if images > _A_SCENE * (_VALIDATION - 1) else "images/train",
        "names": dict(enumerate(classes)),
    }
    (folder / "data.yaml").write_text(
        "# Simulated: drawn by parkwatch, of a park that does not exist.\n"
        + yaml.safe_dump(layout, sort_keys=False),
        "utf-8",
    )
    about = {
        "simulated": True,
        "task": task,
        "images": images,
        "seed": seed,
        "park_km2": km2,
        "scenarios": [Path(name).stem for name in variety.scenarios or _SCENARIOS[task]],
        "heights_m": list(variety.heights_m or _HEIGHTS_M[task]),
        "labels": {name: counts.get(name, 0) for name in classes},
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")


def _write(folder: Path, split: str, picture: LabelledPicture, classes: Sequence[str]) -> None:
    done, content = cv2.imencode(".jpg", picture.bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise SimulationError(f"{picture.name}: cannot be coded as JPEG")
    (folder / "images" / split / f"{picture.name}.jpg").write_bytes(content.tobytes())
    height, width = picture.bgr.shape[:2]
    lines = []
    for label in picture.labels:
        x0, y0, x1, y1 = label.box_xyxy_px
        lines.append(
            f"{classes.index(label.class_name)} {(x0 + x1) / 2 / width:.6f} "
            f"{(y0 + y1) / 2 / height:.6f} {(x1 - x0) / width:.6f} {(y1 - y0) / height:.6f}\n"
        )
    (folder / "labels" / split / f"{picture.name}.txt").write_text("".join(lines), "utf-8")
