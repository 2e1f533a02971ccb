"""Weights become OpenVINO models once; whatever else is in the file is refused in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from park.errors import ModelError
from park.picture import Pixels
from park.records import Frame
from vision.detect import Detector
from vision.models.engine import Engine
from vision.models.export import cache_folder, export_model
from vision.models.registry import resolve_model, shipped_models

ROOT = Path(__file__).resolve().parents[3]

MAKE = """
import sys
from vision.models.offline import load_ultralytics
model = load_ultralytics().YOLO(sys.argv[1])
if model.task == "detect":
    model.model.names = {0: "lorry", 1: "van"}
model.save(sys.argv[2])
"""


def make_weights(architecture: str, path: Path) -> Path:
    """Write random weights, from a process of its own so that torch stays out of this one."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE, architecture, str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


def make_tiny_weights(path: Path) -> Path:
    """Write random weights of a network of some layers with two classes."""
    architecture = path.parent / "yolov5n.yaml"
    # The smallest network of the family that the project trains, with two classes.
    architecture.write_text(
        "nc: 2\nscales:\n  n: [0.33, 0.25, 256]\n"
        "backbone:\n"
        "  - [-1, 1, Conv, [64, 6, 2, 2]]\n  - [-1, 1, Conv, [128, 3, 2]]\n"
        "  - [-1, 1, Conv, [256, 3, 2]]\n  - [-1, 1, Conv, [512, 3, 2]]\n"
        "  - [-1, 1, Conv, [1024, 3, 2]]\n"
        "head:\n  - [[2, 3, 4], 1, Detect, [nc]]\n",
        "utf-8",
    )
    return make_weights(str(architecture), path)


@pytest.fixture(scope="session")
def tiny_pt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_weights(tmp_path_factory.mktemp("tiny") / "tiny.pt")


def write_onnx(
    path: Path,
    *,
    names: str | None = "{0: 'lorry', 1: 'van'}",
    sides: tuple[int | str, int | str] = (64, 64),
    output: tuple[int, ...] = (1, 6, 5),
) -> Path:
    """Write a model that sees the same boxes in every picture."""
    value = np.zeros(output, np.float32)
    if output == (1, 6, 5):
        value[0, :, 0] = [32, 20, 30, 10, 0.1, 0.9]
    # The sum of the picture times nothing, so that the input is part of the graph.
    nodes = [
        helper.make_node("ReduceSum", ["images"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["zero"]),
        helper.make_node("Add", ["boxes", "zero"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *sides])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(output))],
        [
            helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("boxes", TensorProto.FLOAT, output, value.ravel().tolist()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if names is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "names", names
    onnx.save(model, path)
    return path


class TestCache:
    def test_pt_weights_are_exported_once(self, tiny_pt: Path, cache: Path) -> None:
        first = export_model(resolve_model(str(tiny_pt)))
        again = export_model(resolve_model(str(tiny_pt)))
        assert (first.fresh, again.fresh) == (True, False)
        assert first.classes == ("lorry", "van")
        assert not first.fixed_shape
        assert first.xml.is_relative_to(cache)
        assert first.xml == again.xml

    def test_the_content_decides_not_the_name(self, cache: Path, tmp_path: Path) -> None:
        one = write_onnx(tmp_path / "one.onnx", names="{0: 'here', 1: 'there'}")
        two = tmp_path / "two.onnx"
        two.write_bytes(one.read_bytes())
        exported = export_model(resolve_model(str(one)))
        assert export_model(resolve_model(str(two))).xml == exported.xml
        write_onnx(two, names="{0: 'here', 1: 'elsewhere'}")
        assert export_model(resolve_model(str(two))).classes == ("here", "elsewhere")

    @pytest.mark.parametrize("damage", ["model.json", "model.bin"])
    def test_a_damaged_entry_is_made_anew(
        self, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PARKWATCH_CACHE", str(tmp_path / "cache"))
        model = resolve_model(str(write_onnx(tmp_path / "m.onnx")))
        xml = export_model(model).xml
        if damage == "model.json":
            (xml.parent / damage).write_text(json.dumps({"classes": ["a"]}), "utf-8")
        else:
            (xml.parent / damage).unlink()
        done = export_model(model)
        assert done.fresh
        assert done.classes == ("lorry", "van")

    def test_a_cache_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("in the way", "utf-8")
        monkeypatch.setenv("PARKWATCH_CACHE", str(tmp_path / "file"))
        model = resolve_model(str(write_onnx(tmp_path / "m.onnx")))
        with pytest.raises(ModelError, match=r"cannot keep .* set PARKWATCH_CACHE to a folder"):
            export_model(model)

    def test_where_the_cache_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PARKWATCH_CACHE", "/one")
        monkeypatch.setenv("XDG_CACHE_HOME", "/two")
        monkeypatch.setenv("HOME", "/three")
        assert cache_folder() == Path("/one")
        monkeypatch.delenv("PARKWATCH_CACHE")
        assert cache_folder() == Path("/two/parkwatch")
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache_folder() == Path("/three/.cache/parkwatch")

    def test_several_processes_at_once_end_with_one_good_entry(self, tmp_path: Path) -> None:
        path = write_onnx(tmp_path / "m.onnx")
        code = (
            "import sys; from vision.models.export import export_model; "
            "from vision.models.registry import resolve_model; "
            "print(*export_model(resolve_model(sys.argv[1])).classes)"
        )
        environment = {**os.environ, "PARKWATCH_CACHE": str(tmp_path / "cache")}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(path)], cwd=ROOT, env=environment,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(3)
        ]  # fmt: skip
        said = [process.communicate(timeout=120) for process in processes]
        assert [out.split() for out, _ in said] == [["lorry", "van"]] * 3, said
        left = [p.name for p in (tmp_path / "cache" / "models").iterdir()]
        assert len(left) == 1, "what was half made is gone"


class TestOnnx:
    def test_a_model_of_one_shape(self, cache: Path, tmp_path: Path) -> None:
        exported = export_model(resolve_model(str(write_onnx(tmp_path / "fixed.onnx"))))
        assert (exported.fixed_shape, exported.input_px) == (True, 64)
        engine = Engine(exported)
        for side in (1, 40, 64):
            found = engine.run(np.zeros((side, side, 3), np.uint8))
            assert found.xyxy_px.tolist() == [[17, 15, 47, 25]]
            assert found.class_index.tolist() == [1]
        with pytest.raises(ModelError, match=r"65 x 10 px does not fit .* 64 x 64; slice it"):
            engine.submit(np.zeros((10, 65, 3), np.uint8), lambda boxes: None)

    def test_a_model_of_any_shape(self, cache: Path, tmp_path: Path) -> None:
        path = write_onnx(tmp_path / "free.onnx", sides=("height", "width"))
        exported = export_model(resolve_model(str(path)))
        assert not exported.fixed_shape
        assert len(Engine(exported).run(np.zeros((70, 33, 3), np.uint8))) == 1

    def test_large_pictures_are_cut_to_what_a_fixed_model_takes(
        self, cache: Path, tmp_path: Path
    ) -> None:
        # 90 px is less than 1.6 times the input: a model of any shape would take it whole.
        detector = Detector(resolve_model(str(write_onnx(tmp_path / "fixed.onnx"))))
        for width, height in ((90, 64), (300, 200), (65, 1)):
            image = np.zeros((height, width, 3), np.uint8)
            found = detector.detect(
                Frame(Pixels(image), datetime.now(UTC), None, "drawn", 0.0, "p")
            )
            assert found.detections or height < 15

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"names": None}, "does not carry its class names .*export it with ultralytics"),
            ({"names": "not python"}, "does not carry its class names"),
            ({"names": "{0: 'one'}"}, r"output has shape \(1, 6, 5\); .* with 1 classes"),
            ({"sides": (64, 96)}, "square ones are needed"),
            ({"output": (1, 1000)}, r"output has shape \(1, 1000\); a YOLO detection head"),
        ],
    )
    def test_what_cannot_be_used_is_said(
        self, cache: Path, tmp_path: Path, options: dict[str, object], message: str
    ) -> None:
        path = write_onnx(tmp_path / "m.onnx", **options)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=rf"m\.onnx cannot be used as a detection.*{message}"):
            export_model(resolve_model(str(path)))

    def test_a_file_that_is_no_onnx(self, cache: Path, tmp_path: Path) -> None:
        (tmp_path / "m.onnx").write_text("hello", "utf-8")
        with pytest.raises(ModelError, match=r"m\.onnx cannot be used as a detection model: \S+"):
            export_model(resolve_model(str(tmp_path / "m.onnx")))


class TestPt:
    @pytest.mark.parametrize("content", ["a zip of something", "cut short", "a pickle"])
    def test_what_is_no_model_is_refused(self, cache: Path, tmp_path: Path, content: str) -> None:
        whole = resolve_model(shipped_models()[0]).path.read_bytes()
        given = {
            "a zip of something": b"PK\x05\x06" + bytes(18),
            "cut short": whole[: len(whole) // 2],
            "a pickle": b"\x80\x04K\x01.",
        }[content]
        (tmp_path / "m.pt").write_bytes(given)
        with pytest.raises(ModelError, match=r"m\.pt cannot be used as a detection model: \S+"):
            export_model(resolve_model(str(tmp_path / "m.pt")))
        assert not [p for p in (cache / "models").iterdir() if p.name.startswith(".export")]

    def test_a_model_that_sorts_pictures_finds_nothing_in_them(
        self, cache: Path, tmp_path: Path
    ) -> None:
        path = make_weights("yolo11n-cls.yaml", tmp_path / "sort.pt")
        with pytest.raises(ModelError, match="it is a model for classify, and detect is needed"):
            export_model(resolve_model(str(path)))
