"""Figures of a model on labelled pictures: perfect is 1, and what was left out is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ops.cli import app
from park.errors import ModelError
from park.picture import Pixels
from park.records import Detection, Frame
from vision.detect import Detector
from vision.models.evaluation import evaluate
from vision.models.registry import ModelFile, resolve_model

GSD_M = 0.05
THRESHOLD = 0.35


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return resolve_model("vehicles")


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[np.ndarray]:
    """Parts of pictures with several vehicles, and one with none."""
    folder = shared_data / "labelled" / "vehicles_aerial"
    found = []
    for path in sorted(folder.glob("DJI_0762-*.jpg"))[:2]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert image is not None
        found.append(np.ascontiguousarray(image[:700, :1000]))
    return [*found, np.full((400, 500, 3), 90, np.uint8)]


@pytest.fixture(scope="module")
def seen(model: ModelFile, pictures: list[np.ndarray]) -> list[tuple[Detection, ...]]:
    """What the model itself says of each, at the confidence that evaluation asks for."""
    detector = Detector(model, confidence=0.01)
    frames = [
        Frame(
            Pixels(np.asarray(p, np.uint8)), datetime(1970, 1, 1, tzinfo=UTC), None, "p", 0.0, "p"
        )
        for p in pictures
    ]
    found = [f.detections for f in detector.detect_many((f, lambda x, y: GSD_M) for f in frames)]
    assert sum(d.confidence >= THRESHOLD for d in found[0]) >= 3
    return found


def write(
    folder: Path,
    pictures: list[np.ndarray],
    labels: list[list[Detection]],
    names: tuple[str, ...] = ("vehicle",),
    number: int = 0,
) -> Path:
    """Write pictures with these detections as their labels, losslessly."""
    folder.mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(names), "utf-8")
    for i, (image, boxes) in enumerate(zip(pictures, labels, strict=True)):
        height, width = image.shape[:2]
        cv2.imwrite(str(folder / f"p{i}.png"), image)
        lines = []
        for d in boxes:
            x0, y0, x1, y1 = d.box_xyxy_px
            lines.append(
                f"{number} {(x0 + x1) / 2 / width:.8f} {(y0 + y1) / 2 / height:.8f} "
                f"{(x1 - x0) / width:.8f} {(y1 - y0) / height:.8f}"
            )
        (folder / f"p{i}.txt").write_text("\n".join(lines), "utf-8")
    return folder


def sure(found: list[tuple[Detection, ...]]) -> list[list[Detection]]:
    return [[d for d in detections if d.confidence >= THRESHOLD] for detections in found]


def test_a_model_that_agrees_with_every_label_scores_one(
    model: ModelFile,
    pictures: list[np.ndarray],
    seen: list[tuple[Detection, ...]],
    tmp_path: Path,
) -> None:
    labels = sure(seen)
    data = write(tmp_path / "d", pictures, labels)
    result = evaluate(model, data, mapping={}, gsd_m=GSD_M, threshold=THRESHOLD)
    assert result.overall.ap50 == pytest.approx(1.0)
    assert result.overall.ap50_95 == pytest.approx(1.0)
    assert (result.overall.precision, result.overall.recall) == (1.0, 1.0)
    assert result.overall.labels == sum(len(boxes) for boxes in labels)
    assert result.per_class == {"vehicle": result.overall}
    assert (result.pictures, result.split, result.threshold) == (3, "", THRESHOLD)
    assert result.model_id == model.model_id


def test_false_alarms_on_pictures_of_background_cost_precision(
    model: ModelFile,
    pictures: list[np.ndarray],
    seen: list[tuple[Detection, ...]],
    tmp_path: Path,
) -> None:
    labels = sure(seen)
    right, wrong = len(labels[0]), len(labels[1])
    assert wrong
    data = write(tmp_path / "d", pictures, [labels[0], [], []])
    result = evaluate(model, data, mapping={}, gsd_m=GSD_M, threshold=THRESHOLD)
    assert result.overall.precision == pytest.approx(right / (right + wrong))
    assert result.overall.recall == 1.0
    assert result.overall.ap50 < 1.0


def test_labelled_things_that_are_missed_cost_recall(
    model: ModelFile,
    pictures: list[np.ndarray],
    seen: list[tuple[Detection, ...]],
    tmp_path: Path,
) -> None:
    labels = sure(seen)
    missed = Detection("vehicle", 1.0, (100.0, 100.0, 160.0, 130.0), "label")
    data = write(tmp_path / "d", pictures, [*labels[:2], [missed]])
    result = evaluate(model, data, mapping={}, gsd_m=GSD_M, threshold=THRESHOLD)
    count = len(labels[0]) + len(labels[1])
    assert result.overall.recall == pytest.approx(count / (count + 1))
    assert result.overall.precision == 1.0


class TestMapping:
    @pytest.mark.parametrize(
        ("names", "mapping", "said"),
        [
            (("lorry",), {"lorry": "vehicle"}, {"lorry": "vehicle"}),
            (("car",), {}, {"car": "vehicle"}),
            (("VEHICLE",), {}, {"VEHICLE": "vehicle"}),
            (("Truck",), {}, {"Truck": "vehicle"}),
            (("thing",), {"thing": "object", "vehicle": "object"}, {"thing": "object"}),
        ],
        ids=[
            "labels to the model's",
            "by the model's card",
            "the model's own, spelt otherwise",
            "by the model's card, spelt otherwise",
            "both to a third",
        ],
    )
    def test_names_are_brought_together(
        self,
        model: ModelFile,
        pictures: list[np.ndarray],
        seen: list[tuple[Detection, ...]],
        tmp_path: Path,
        names: tuple[str, ...],
        mapping: dict[str, str],
        said: dict[str, str],
    ) -> None:
        data = write(tmp_path / "d", pictures[:1], sure(seen)[:1], names)
        result = evaluate(model, data, mapping=mapping, gsd_m=GSD_M, threshold=THRESHOLD)
        assert result.overall.ap50 == pytest.approx(1.0)
        assert result.mapping == said
        assert result.ignored == ()

    def test_labels_that_the_model_does_not_know_are_said_and_do_not_count(
        self,
        model: ModelFile,
        pictures: list[np.ndarray],
        seen: list[tuple[Detection, ...]],
        tmp_path: Path,
    ) -> None:
        data = write(tmp_path / "d", pictures[:1], sure(seen)[:1], ("vehicle", "dog"))
        with (data / "p0.txt").open("a") as stream:
            stream.write("\n1 0.5 0.5 0.1 0.1\n")
        result = evaluate(model, data, mapping={}, gsd_m=GSD_M, threshold=THRESHOLD)
        assert result.ignored == ("dog",)
        assert set(result.per_class) == {"vehicle"}
        assert result.overall.recall == 1.0

    def test_labels_that_are_dropped_on_purpose_are_not_called_unknown(
        self,
        model: ModelFile,
        pictures: list[np.ndarray],
        seen: list[tuple[Detection, ...]],
        tmp_path: Path,
    ) -> None:
        data = write(tmp_path / "d", pictures[:1], sure(seen)[:1], ("vehicle", "dog"))
        result = evaluate(model, data, mapping={"dog": ""}, gsd_m=GSD_M, threshold=THRESHOLD)
        assert result.ignored == ()
        assert result.mapping == {"dog": ""}

    def test_nothing_in_common(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        box = Detection("dog", 1.0, (10.0, 10.0, 60.0, 60.0), "label")
        data = write(tmp_path / "d", pictures[2:], [[box]], ("dog",))
        with pytest.raises(
            ModelError, match=r"labels of .* \(dog\) and the model \(vehicle\) .*--map dog=vehicle"
        ):
            evaluate(model, data, mapping={})


class TestChoosing:
    def test_pictures_without_any_label_score_nothing_and_do_not_fail(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        data = write(tmp_path / "d", pictures[2:], [[]])
        result = evaluate(model, data, mapping={}, gsd_m=GSD_M)
        assert result.overall.labels == 0
        assert (result.overall.ap50, result.overall.recall) == (0.0, 0.0)

    def test_a_split_that_is_not_there(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        data = write(tmp_path / "d", pictures[2:], [[]])
        with pytest.raises(ModelError, match=r"has no 'test' pictures; its splits are \(none\)"):
            evaluate(model, data, mapping={}, split="test")

    def test_the_validation_split_is_taken_where_there_is_one(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        (tmp_path / "d").mkdir()
        write(tmp_path / "d" / "train", pictures[2:], [[]])
        write(tmp_path / "d" / "valid", pictures[2:], [[]])
        (tmp_path / "d" / "classes.txt").write_text("vehicle", "utf-8")
        result = evaluate(model, tmp_path / "d", mapping={}, gsd_m=GSD_M)
        assert (result.split, result.pictures) == ("val", 1)

    def test_pictures_can_be_chosen_by_name(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        data = write(tmp_path / "d", [pictures[2]] * 2, [[], []])
        told: list[tuple[int, int]] = []
        result = evaluate(
            model, data, mapping={}, scenes=["p1*"], gsd_m=GSD_M,
            on_picture=lambda done, total: told.append((done, total)),
        )  # fmt: skip
        assert (result.pictures, told) == (1, [(1, 1)])
        with pytest.raises(ModelError, match=r"no picture of .* matches z\*"):
            evaluate(model, data, mapping={}, scenes=["z*"])

    def test_a_picture_that_cannot_be_decoded_is_a_problem_and_the_rest_counts(
        self, model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
    ) -> None:
        data = write(tmp_path / "d", [pictures[2]] * 2, [[], []])
        (data / "p0.png").write_bytes(b"no picture")
        result = evaluate(model, data, mapping={}, gsd_m=GSD_M)
        assert result.pictures == 1
        assert result.problems == (f"{data / 'p0.png'}: cannot be decoded",)


def test_the_command_prints_the_figures_as_json(
    pictures: list[np.ndarray], seen: list[tuple[Detection, ...]], tmp_path: Path
) -> None:
    data = write(tmp_path / "d", pictures[:1], sure(seen)[:1], ("auto", "dog"))
    done = CliRunner().invoke(
        app,
        ["models", "evaluate", "vehicles", "--data", str(data), "--map", "auto=vehicle",
         "--gsd-cm", str(GSD_M * 100), "--threshold", str(THRESHOLD), "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    figures = {"ap50", "ap50_95", "precision", "recall"}
    assert figures <= set(content)
    assert content["ap50"] == pytest.approx(1.0)
    assert set(content["per_class"]) == {"vehicle"}
    assert figures <= set(content["per_class"]["vehicle"])
    assert content["mapping"] == {"auto": "vehicle"}
    assert content["ignored"] == ["dog"]


def test_a_threshold_of_the_card_is_taken_unless_one_is_given(
    model: ModelFile, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    data = write(tmp_path / "d", pictures[2:], [[]])
    other = replace(model, card=model.card.model_copy(update={"threshold": 0.61}))
    assert evaluate(other, data, mapping={}, gsd_m=GSD_M).threshold == 0.61
    assert evaluate(other, data, mapping={}, gsd_m=GSD_M, threshold=0.2).threshold == 0.2
