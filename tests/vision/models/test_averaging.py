"""Rounds of training of one model become their mean; what has no mean is refused in words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from park.errors import ModelError
from vision.models.averaging import average
from vision.models.export import export_model
from vision.models.registry import resolve_model, shipped_models

ROOT = Path(__file__).resolve().parents[3]

LAYERS = """
nc: 2
scales:
  n: [0.33, WIDTH, 256]
backbone:
  - [-1, 1, Conv, [64, STEM, 2, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 1, Conv, [256, 3, STRIDE]]
  - [-1, 1, Conv, [512, 3, 2]]
head:
  - [[1, 2, 3], 1, Detect, [nc]]
"""

RUN = """
import json, sys
from pathlib import Path
import torch
from park.errors import ModelError
from vision.models.averaging import average
from vision.models.offline import load_ultralytics
from vision.models.registry import resolve_model

folder = Path(sys.argv[1])
layers = Path(sys.argv[2]).read_text()
YOLO = load_ultralytics().YOLO

def make(name, seed=0, width="0.25", stem="6", stride="2", names=("lorry", "van"), spoil=False):
    torch.manual_seed(seed)
    yaml = folder / f"yolov5n-{name}.yaml"
    text = layers.replace("WIDTH", width).replace("STEM", stem).replace("STRIDE", stride)
    yaml.write_text(text)
    model = YOLO(str(yaml))
    model.model.names = dict(enumerate(names))
    if spoil:
        next(iter(model.model.parameters())).data[0] = float("nan")
    args = {"task": "detect", "imgsz": 96, "save_dir": "/somewhere/of/one/machine"}
    torch.save({"model": model.model, "train_args": args}, folder / f"{name}.pt")

def weights(path):
    return torch.load(path, map_location="cpu", weights_only=False)

def refusal(*names):
    try:
        average([resolve_model(str(folder / name)) for name in names], folder / "refused.pt")
    except ModelError as error:
        return str(error)
    return "not refused"

make("one", 1); make("two", 2); make("three", 3)
make("other-order", names=("van", "lorry")); make("wider", width="0.5")
make("stride", stride="1"); make("spoilt", spoil=True)
(folder / "pickle.pt").write_bytes(b"\\x80\\x04K\\x01.")
(folder / "short.pt").write_bytes((folder / "one.pt").read_bytes()[:20000])
(folder / "some.onnx").write_bytes(b"onnx")
given = [resolve_model(str(folder / f"{name}.pt")) for name in ("one", "two", "three")]
report = average(given, folder / "mean.pt")
(folder / "elsewhere").mkdir()
average(given, folder / "elsewhere" / "again.pt")
average([resolve_model("vehicles")] * 2, folder / "itself.pt")
states = [weights(m.path)["model"].float().state_dict() for m in given]
mean = weights(folder / "mean.pt")
found = mean["model"].state_dict()
floats = [key for key, value in found.items() if value.is_floating_point()]
expected = {key: (sum(s[key].double() for s in states) / 3) for key in floats}
itself = weights(folder / "itself.pt")["model"].state_dict()
shipped = weights(resolve_model("vehicles").path)["model"].state_dict()
print(json.dumps({
    "beyond": max(
        float(((found[k].double() - expected[k]).abs() - expected[k].abs() * 2**-11).max())
        for k in floats
    ),
    "moved": max(float((found[k].float() - states[0][k]).abs().max()) for k in floats),
    "dtypes": sorted({str(found[k].dtype) for k in floats}),
    "sources": report.sources, "tensors": report.tensors, "float_tensors": len(floats),
    "epoch": mean["epoch"], "averaged_from": mean["averaged_from"],
    "itself": all(torch.equal(itself[k], shipped[k]) for k in shipped),
    "refused": {
        "order": refusal("one.pt", "other-order.pt"),
        "width": refusal("one.pt", "two.pt", "wider.pt"),
        "stride": refusal("one.pt", "stride.pt"),
        "nan": refusal("one.pt", "spoilt.pt"),
        "pickle": refusal("one.pt", "pickle.pt"),
        "short": refusal("short.pt", "one.pt"),
        "onnx": refusal("one.pt", "some.onnx"),
    },
}))
"""


@dataclass(frozen=True)
class Run:
    """What one process with torch in it did and saw; torch stays out of this one."""

    folder: Path
    seen: dict[str, object]
    refused: dict[str, str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("averaging")
    layers = folder / "layers.txt"
    layers.write_text(LAYERS, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), str(layers)],
        cwd=ROOT, capture_output=True, text=True, timeout=180,
        env={**os.environ, "YOLO_CONFIG_DIR": str(folder / "yolo")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    return Run(folder, seen, seen.pop("refused"))


class TestMean:
    def test_every_weight_is_the_mean_of_the_given_ones(self, run: Run) -> None:
        assert run.seen["dtypes"] == ["torch.float16"]
        beyond, moved = run.seen["beyond"], run.seen["moved"]
        assert isinstance(beyond, float)
        assert isinstance(moved, float)
        assert beyond < 1e-6, "off by more than the rounding to half precision"
        assert moved > 0.01, "the mean is the first of the models"
        assert run.seen["tensors"] == run.seen["float_tensors"]

    def test_the_mean_of_a_model_with_itself_is_the_model(self, run: Run) -> None:
        assert run.seen["itself"] is True

    def test_the_same_files_give_the_same_bytes_under_any_name(self, run: Run) -> None:
        mean, again = run.folder / "mean.pt", run.folder / "elsewhere" / "again.pt"
        assert mean.read_bytes() == again.read_bytes()

    def test_it_tells_what_it_is_the_mean_of(self, run: Run) -> None:
        given = [resolve_model(str(run.folder / f"{n}.pt")) for n in ("one", "two", "three")]
        assert run.seen["sources"] == [model.model_id for model in given]
        assert run.seen["averaged_from"] == [model.sha256 for model in given]

    def test_it_carries_nothing_of_the_machine_it_was_trained_on(self, run: Run) -> None:
        secret = b"/somewhere/of/one/machine"
        assert secret in (run.folder / "one.pt").read_bytes()
        for path in (run.folder / "mean.pt", resolve_model(shipped_models()[0]).path):
            content = path.read_bytes()
            assert secret not in content
            assert b"/tmp/" not in content
            assert b"save_dir" not in content

    def test_it_is_exported_as_any_other_model(self, run: Run, cache: Path) -> None:
        exported = export_model(resolve_model(str(run.folder / "mean.pt")))
        assert (exported.classes, exported.input_px) == (("lorry", "van"), 96)

    def test_nothing_half_written_stays(self, run: Run) -> None:
        assert not list(run.folder.rglob("*.part"))
        assert not (run.folder / "refused.pt").exists()


class TestRefusals:
    @pytest.mark.parametrize(
        ("case", "message"),
        [
            ("order", r"other-order\.pt knows other classes .*: van, lorry; and not lorry, van"),
            ("width", r"wider\.pt has another architecture .*one\.pt: \d+ tensors differ, \S+ is"),
            ("stride", r"stride\.pt has another architecture .* same shapes, its layers are"),
            ("nan", r"spoilt\.pt holds weights that are no finite numbers \(model\.0\.\S+\)"),
            ("pickle", r"pickle\.pt is no checkpoint that can be averaged: \S+"),
            ("short", r"short\.pt is no checkpoint that can be averaged: \S+"),
            ("onnx", r"some\.onnx is no \.pt file"),
        ],
    )
    def test_what_has_no_mean_is_refused(self, run: Run, case: str, message: str) -> None:
        assert re.search(message, run.refused[case]), run.refused[case]

    def test_one_model_alone_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="needs two models or more"):
            average([resolve_model("vehicles")], tmp_path / "out.pt")

    def test_a_file_that_is_there_is_not_replaced(self, tmp_path: Path) -> None:
        out = tmp_path / "out.pt"
        out.write_text("mine", "utf-8")
        with pytest.raises(ModelError, match=r"out\.pt is there already; name another --out"):
            average([resolve_model("vehicles")] * 2, out)
        assert out.read_text("utf-8") == "mine"

    def test_a_result_that_no_one_would_take_for_weights_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"give it a name that ends in \.pt"):
            average([resolve_model("vehicles")] * 2, tmp_path / "out")
