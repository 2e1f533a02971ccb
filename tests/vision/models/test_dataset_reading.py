"""Every layout that labels come in, and what is said of labels that cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from park.errors import ModelError
from vision.models.dataset import LabelledBox, LabelledPicture, read_dataset, read_datasets

CAR = "0 0.5 0.5 0.25 0.5\n"


def picture(path: Path, label: str | bytes | None = None, label_path: Path | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 20)).save(path)
    if label is not None:
        label_path = label_path or path.with_suffix(".txt")
        label_path.parent.mkdir(parents=True, exist_ok=True)
        label_path.write_bytes(label if isinstance(label, bytes) else label.encode())
    return path


def flat(folder: Path, label: str | bytes, names: str = "car\ntruck\n") -> Path:
    """Write a dataset of two pictures, the first with `label`, the second sound."""
    picture(folder / "a.jpg", label)
    picture(folder / "b.jpg", CAR)
    (folder / "classes.txt").write_text(names, "utf-8")
    return folder


class TestLayouts:
    def test_pictures_and_labels_side_by_side(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.PNG", CAR)
        (tmp_path / "aerial.names").write_text("car\nbus\n", "utf-8")
        found = read_dataset(tmp_path)
        assert found.class_names == ("car", "bus")
        (only,) = found.pictures
        assert only == LabelledPicture(
            tmp_path / "a.PNG", "", (LabelledBox("car", 0.5, 0.5, 0.25, 0.5),), tmp_path
        )
        assert found.problems == ()

    @pytest.mark.parametrize("split", ["", "train", "val"])
    def test_images_and_labels_in_folders_of_their_own(self, tmp_path: Path, split: str) -> None:
        picture(tmp_path / "images" / split / "a.jpg", CAR, tmp_path / "labels" / split / "a.txt")
        (tmp_path / "data.yaml").write_text("names: [car]\n", "utf-8")
        (only,) = read_dataset(tmp_path).pictures
        assert (only.split, len(only.boxes)) == (split, 1)

    @pytest.mark.parametrize(
        ("folder", "split"),
        [
            ("train", "train"),
            ("valid", "val"),
            ("Validation", "val"),
            ("val", "val"),
            ("test", "test"),
            ("train2017", "train"),
            ("val2017", "val"),
            ("others", ""),
        ],
    )
    def test_exports_of_annotation_services(self, tmp_path: Path, folder: str, split: str) -> None:
        base = tmp_path / "dataset" / folder
        picture(base / "images" / "a.jpg", CAR, base / "labels" / "a.txt")
        (tmp_path / "dataset" / "custom.yml").write_text("nc: 1\nnames:\n  - car\n", "utf-8")
        (only,) = read_dataset(tmp_path).pictures
        assert (only.split, len(only.boxes)) == (split, 1)

    def test_a_split_can_be_taken_alone(self, tmp_path: Path) -> None:
        for split in ("train", "valid"):
            picture(tmp_path / split / f"{split}.jpg", CAR)
        (tmp_path / "classes.txt").write_text("car", "utf-8")
        found = read_dataset(tmp_path)
        assert found.splits == ("train", "val")
        assert [p.path.stem for p in found.only("val").pictures] == ["valid"]

    @pytest.mark.parametrize(
        "names",
        [
            "names: [a, b, c]",
            "names: {0: a, 1: b, 2: c}",
            "names: {2: c, 0: a, 1: b}",
            "names: {'2': c, '0': a, '1': b}",
            "# Namen: \xe4\nnames:\n- a\n- b\n- c",
        ],
    )
    def test_names_as_a_list_or_numbered(self, tmp_path: Path, names: str) -> None:
        picture(tmp_path / "a.jpg", CAR)
        # Latin-1: a comment in another encoding is no reason to refuse a dataset.
        (tmp_path / "data.yaml").write_bytes(names.encode("latin-1"))
        assert read_dataset(tmp_path).class_names == ("a", "b", "c")

    def test_more_than_ten_numbered_names_keep_their_numbers(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.jpg", "10 0.5 0.5 0.1 0.1")
        lines = "\n".join(f"  '{i}': n{i}" for i in range(12))
        (tmp_path / "data.yaml").write_text(f"names:\n{lines}\n", "utf-8")
        assert read_dataset(tmp_path).pictures[0].boxes[0].class_name == "n10"

    def test_data_yaml_goes_before_other_descriptions(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.jpg", CAR)
        (tmp_path / "another.yaml").write_text("names: [wrong]", "utf-8")
        (tmp_path / "data.yaml").write_text("names: [right]", "utf-8")
        assert read_dataset(tmp_path).class_names == ("right",)

    def test_a_byte_order_mark_is_no_part_of_a_name_or_number(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.jpg", b"\xef\xbb\xbf0 0.5 0.5 0.1 0.1\r\n")
        (tmp_path / "classes.txt").write_bytes(b"\xef\xbb\xbfcar\r\nbus\r\n\r\n")
        found = read_dataset(tmp_path)
        assert found.class_names == ("car", "bus")
        assert found.pictures[0].boxes[0].class_name == "car"

    def test_names_beside_the_labels_as_labelling_tools_write_them(self, tmp_path: Path) -> None:
        picture(tmp_path / "images" / "a.jpg", CAR, tmp_path / "labels" / "a.txt")
        (tmp_path / "labels" / "classes.txt").write_text("van", "utf-8")
        assert read_dataset(tmp_path).class_names == ("van",)

    def test_what_macos_leaves_behind_is_no_picture(self, tmp_path: Path) -> None:
        flat(tmp_path, CAR)
        (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7")
        (tmp_path / "folder.jpg").mkdir()
        assert len(read_dataset(tmp_path).pictures) == 2

    def test_a_picture_without_labels_is_background(self, tmp_path: Path) -> None:
        flat(tmp_path, "")
        picture(tmp_path / "c.jpg")
        boxes = [p.boxes for p in read_dataset(tmp_path).pictures]
        assert [len(b) for b in boxes] == [0, 1, 0]

    @pytest.mark.parametrize(
        "name",
        [
            "fire_smoke",
            "ppe",
            "smoke_fire_640",
            "street_garbage",
            "thermal_people_vehicles",
            "vehicles_aerial",
        ],
    )
    def test_real_datasets_are_read_without_problems(self, shared_data: Path, name: str) -> None:
        found = read_dataset(shared_data / "labelled" / name)
        assert found.problems == ()
        used = {box.class_name for p in found.pictures for box in p.boxes}
        assert used
        assert used <= set(found.class_names)


class TestBadLines:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("0 0.5 0.5 0.1", "4 values where `class cx cy w h` is expected"),
            ("car 0.5 0.5 0.1 0.1", "'car' is not a class number"),
            ("1.5 0.5 0.5 0.1 0.1", "'1.5' is not a class number"),
            ("inf 0.5 0.5 0.1 0.1", "'inf' is not a class number"),
            ("2 0.5 0.5 0.1 0.1", "class 2 but only 2 names are listed"),
            ("-1 0.5 0.5 0.1 0.1", "class -1 but only 2 names are listed"),
            ("0 0.5 half 0.1 0.1", "could not convert string to float: 'half'"),
            ("0 nan 0.5 0.1 0.1", "a value is not a number"),
            ("0 0.5 0.5 0 0.1", "the box is empty or outside the picture"),
            ("0 0.5 0.5 -0.2 0.1", "the box is empty or outside the picture"),
            ("0 320 240 64 48", "reaches outside the picture; fractions"),
            ("0 20 20 50 50", "reaches outside the picture; fractions"),
            ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.3", "7 coordinates; a polygon has an x and a y"),
        ],
    )
    def test_a_wrong_line_is_named_and_the_others_stay(
        self, tmp_path: Path, line: str, message: str
    ) -> None:
        found = read_dataset(flat(tmp_path, f"{CAR}\n{line}\n{CAR}"))
        (problem,) = found.problems
        assert f"{tmp_path / 'a.txt'}, line 3: " in problem
        assert message in problem
        assert len(found.pictures[0].boxes) == 2

    def test_a_picture_whose_labels_are_all_wrong_is_not_background(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, "9 0.5 0.5 0.1 0.1"))
        assert [p.path.name for p in found.pictures] == ["b.jpg"]
        assert found.problems[-1] == (
            f"{tmp_path / 'a.jpg'} is left out: no line of its labels could be used"
        )

    def test_a_label_that_is_not_text_is_one_problem(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, bytes(range(256)) * 40))
        assert found.problems[0] == f"{tmp_path / 'a.txt'} is not a text file"
        assert len(found.problems) == 2

    def test_rounding_over_the_edge_is_clipped(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, "0 0.95 0.5 0.12 0.5"))
        assert found.problems == ()
        box = found.pictures[0].boxes[0]
        assert box.cx + box.w / 2 == pytest.approx(1.0)

    @pytest.mark.parametrize("number", ["0", "0.0", "00"])
    def test_class_numbers_as_tools_write_them(self, tmp_path: Path, number: str) -> None:
        found = read_dataset(flat(tmp_path, f"{number} 0.5 0.5 0.1 0.1"))
        assert found.pictures[0].boxes[0].class_name == "car"

    def test_a_polygon_becomes_the_box_around_it(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, "1 0.2 0.3 0.6 0.3 0.4 0.7"))
        box = found.pictures[0].boxes[0]
        assert box.class_name == "truck"
        assert (box.cx, box.cy, box.w, box.h) == pytest.approx((0.4, 0.5, 0.4, 0.4))

    def test_a_confidence_after_the_box_is_left_aside(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, "0 0.5 0.5 0.25 0.5 0.93"))
        assert found.pictures[0].boxes == (LabelledBox("car", 0.5, 0.5, 0.25, 0.5),)


class TestRefused:
    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="is not a folder; --data wants the folder of a YOLO"):
            read_dataset(tmp_path / "none")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no list of class names; add a data"):
            read_dataset(tmp_path)

    def test_no_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_text("car", "utf-8")
        with pytest.raises(ModelError, match="has no pictures"):
            read_dataset(tmp_path)

    def test_no_labels(self, tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_text("car", "utf-8")
        picture(tmp_path / "a.jpg")
        with pytest.raises(ModelError, match="1 pictures but no label files; labels"):
            read_dataset(tmp_path)

    def test_no_label_that_can_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_text("car", "utf-8")
        picture(tmp_path / "a.jpg", "7 0.5 0.5 0.1 0.1")
        with pytest.raises(ModelError, match=r"no label in .* can be used; the first: .*class 7"):
            read_dataset(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("names: [car", "is not readable YAML"),
            ("names: {0: car, 2: bus}", "names is numbered 0, 2; number it 0 to 1"),
            ("names: {a: car, b: bus}", "names is numbered a, b; number it 0 to 1"),
            ("names: [car, '']", "class 1 has no name"),
            ("names: 5", "no list of class names"),
            ("- names", "no list of class names"),
            ("names: ['\xfc']", "the name of class 0 is not UTF-8; save it as UTF-8"),
        ],
    )
    def test_a_description_that_cannot_be_used(
        self, tmp_path: Path, content: str, message: str
    ) -> None:
        picture(tmp_path / "a.jpg", CAR)
        (tmp_path / "data.yaml").write_bytes(content.encode("latin-1"))
        with pytest.raises(ModelError, match=message):
            read_dataset(tmp_path)

    def test_a_gap_in_the_list_of_names_would_shift_all_numbers(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="class 1 has no name; every number needs one"):
            read_dataset(flat(tmp_path, CAR, "car\n\nbus\n"))


class TestMapping:
    def test_classes_are_renamed_joined_and_dropped(self, tmp_path: Path) -> None:
        flat(tmp_path, CAR + "1 0.3 0.3 0.1 0.1\n2 0.6 0.6 0.1 0.1\n", "car\ntruck\ndog\n")
        found = read_dataset(tmp_path).mapped({"car": "vehicle", "truck": "vehicle", "dog": ""})
        assert found.class_names == ("vehicle",)
        assert [b.class_name for b in found.pictures[0].boxes] == ["vehicle", "vehicle"]

    def test_a_name_that_is_not_there_changes_nothing(self, tmp_path: Path) -> None:
        found = read_dataset(flat(tmp_path, CAR))
        assert found.mapped({"ship": "boat"}) == found


unit = st.floats(0.02, 0.98)


@given(
    cx=unit, cy=unit, share_w=st.floats(0.05, 1), share_h=st.floats(0.05, 1),
    width=st.integers(1, 8000), height=st.integers(1, 8000),
)  # fmt: skip
def test_a_box_survives_pixels_and_the_way_back(
    cx: float, cy: float, share_w: float, share_h: float, width: int, height: int
) -> None:
    w, h = 2 * min(cx, 1 - cx) * share_w, 2 * min(cy, 1 - cy) * share_h
    x0, y0, x1, y1 = LabelledBox("car", cx, cy, w, h).xyxy_px(width, height)
    assert -1e-6 <= x0 < x1 <= width + 1e-6
    assert -1e-6 <= y0 < y1 <= height + 1e-6
    back = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
    assert back == pytest.approx((cx, cy, w, h), abs=1e-9)


class TestSeveralDatasets:
    def test_classes_of_one_name_are_one_class(self, tmp_path: Path) -> None:
        for name, classes in (("a", "car\nbus\n"), ("b", "person\ncar\n")):
            picture(tmp_path / name / "p.png", "1 0.5 0.5 0.25 0.5")
            (tmp_path / name / "classes.txt").write_text(classes, "utf-8")
        found = read_datasets([tmp_path / "a", tmp_path / "b"])
        assert found.class_names == ("car", "bus", "person")
        assert [(p.folder.name, p.boxes[0].class_name) for p in found.pictures] == [
            ("a", "bus"),
            ("b", "car"),
        ]

    def test_one_folder_twice_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"is given twice as --data; give each dataset once"):
            read_datasets([tmp_path, tmp_path])

    def test_none_is_refused(self) -> None:
        with pytest.raises(ModelError, match=r"no dataset; --data wants the folder"):
            read_datasets([])
