"""Labelled pictures of the simulated park: what is seen is labelled, what is hidden is not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from park.errors import SimulationError
from park.records import Intrinsics
from sim_data.camera import VisibleThing
from sim_data.labelled import CLASSES, Variety, labelled_pictures, labels_of, write_dataset

LENS = Intrinsics.from_fov(1280, 720, 70.0)


def thing(
    box: tuple[float, float, float, float], *, visible: float = 1.0, truncated: float = 0.0,
    name: str = "car",
) -> VisibleThing:  # fmt: skip
    return VisibleThing("t", name, box, visible, truncated)


def test_a_box_is_cut_at_the_edge_of_the_picture() -> None:
    (label,) = labels_of([thing((-10.0, 5.0, 30.0, 40.0), truncated=0.25)], LENS, CLASSES["rgb"])
    assert label.box_xyxy_px == (0.0, 5.0, 30.0, 40.0)


@pytest.mark.parametrize(
    "hardly_seen",
    [
        thing((10.0, 10.0, 60.0, 60.0), visible=0.3),
        thing((-80.0, 10.0, 30.0, 60.0), truncated=0.7),
        thing((-40.0, 10.0, 40.0, 60.0), visible=0.7, truncated=0.5),
        thing((10.0, 10.0, 12.0, 13.0)),
        thing((10.0, 10.0, 60.0, 60.0), name="steam"),
    ],
)
def test_what_is_hardly_seen_or_a_look_alike_is_not_labelled(hardly_seen: VisibleThing) -> None:
    assert labels_of([hardly_seen], LENS, CLASSES["rgb"]) == ()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    write_dataset(folder, "rgb", 2, 5, lambda: None)
    return folder


def test_a_dataset_has_a_label_file_for_each_picture_and_names_for_each_class(
    dataset: Path,
) -> None:
    about = yaml.safe_load((dataset / "data.yaml").read_text("utf-8"))
    assert list(about["names"].values()) == list(CLASSES["rgb"])
    pictures = sorted((dataset / about["train"]).glob("*.jpg"))
    assert len(pictures) == 2
    lines = 0
    for picture in pictures:
        pixels = cv2.imread(str(picture))
        assert pixels is not None
        assert pixels.shape == (720, 1280, 3)
        labels = dataset / "labels" / "train" / f"{picture.stem}.txt"
        for line in labels.read_text("utf-8").splitlines():
            number, *box = line.split()
            assert int(number) < len(CLASSES["rgb"])
            assert all(0.0 <= float(value) <= 1.0 for value in box)
            lines += 1
    assert lines > 0


def test_a_dataset_says_that_it_is_simulated_and_what_of(dataset: Path) -> None:
    about = json.loads((dataset / "about.json").read_text("utf-8"))
    assert about["simulated"] is True
    assert about["scenarios"] == ["clear-day", "hazy", "look-alikes"]
    assert about["heights_m"] == [25.0, 120.0]


def test_the_same_seed_gives_the_same_pictures(dataset: Path) -> None:
    (again,) = labelled_pictures("rgb", 1, 5)
    done, content = cv2.imencode(".jpg", again.bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    assert (dataset / "images" / "train" / f"{again.name}.jpg").read_bytes() == content.tobytes()


def test_thermal_pictures_are_grey_as_models_see_them() -> None:
    (picture,) = labelled_pictures("thermal", 1, 5)
    assert picture.bgr.shape == (512, 640, 3)
    assert np.array_equal(picture.bgr[..., 0], picture.bgr[..., 2])
    assert np.ptp(picture.bgr) > 60


def test_people_from_low_above_are_labelled_with_what_they_wear_whoever_they_are() -> None:
    pictures = list(labelled_pictures("site", 24, 21))
    worn = Counter(label.class_name for picture in pictures for label in picture.labels)
    assert all(worn[name] > 3 for name in CLASSES["site"])
    # Some wear a vest and no hat: a model must not learn to take the one for the other.
    assert any(
        {label.class_name for label in p.labels} == {"person", "vest", "no hard hat"}
        for p in pictures
    )


def test_a_dataset_of_nothing_is_refused() -> None:
    with pytest.raises(SimulationError, match="a dataset of 0 images is none"):
        next(labelled_pictures("rgb", 0, 5))


def test_what_is_staged_and_from_how_high_can_be_chosen(tmp_path: Path) -> None:
    scenario = tmp_path / "crowds.yaml"
    scenario.write_text(
        "name: crowds\nseed: 3\npatrol: {starts: 2026-05-11T10:00:00, lasts: 15 min}\n"
        "stages:\n  - {id: crowd, type: gathering, count: 40, size: 20}\n",
        "utf-8",
    )
    variety = Variety((str(scenario),), (20.0, 30.0))
    pictures = list(labelled_pictures("rgb", 7, 5, variety=variety))
    assert max(sum(one.class_name == "person" for one in p.labels) for p in pictures) > 8


@pytest.mark.parametrize("heights_m", [(30.0, 20.0), (1.0, 20.0), (20.0, 900.0)])
def test_heights_that_cannot_be_are_refused(heights_m: tuple[float, float]) -> None:
    with pytest.raises(SimulationError, match=r"cannot be drawn; give the lower height first"):
        Variety(heights_m=heights_m)
