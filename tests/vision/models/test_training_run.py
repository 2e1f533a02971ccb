"""A whole training run, as small as can be: offline, resumable after a kill, never overwritten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from park.errors import ModelError
from vision.models.recipe import load_recipe
from vision.models.registry import resolve_model
from vision.models.training import train

ROOT = Path(__file__).resolve().parents[3]

RECIPE = """
name = "tiny"
classes = ["vehicle"]
validation_scenes = ["two"]
[class_map]
car = "vehicle"
[scenes]
one = ["one-*"]
two = ["two-*"]
[tiles]
size_px = 128
reference_class = "car"
reference_m = 4.5
gsd_range_m = [0.1, 0.2]
per_picture = 1
drawn_background_share = 0.2
[fit]
epochs = EPOCHS
batch = 4
mosaic = 0.0
"""

RUN = """
import json, socket, sys
from pathlib import Path

def refuse(*args, **kwargs):
    print("asked the network:", args, file=sys.stderr, flush=True)
    raise OSError("no network in this test")

socket.getaddrinfo = refuse
socket.socket.connect = refuse
from vision.models.recipe import load_recipe
from vision.models.training import read_history, train

recipe, data, out, resume = sys.argv[1:5]
report = train(
    load_recipe(recipe), [Path(data)], Path(out), base=None, resume=resume == "resume",
    on_epoch=lambda done, total, score: print("epoch", done, total, flush=True),
)
history = [json.loads(line) for line in read_history(Path(out)).splitlines()]
print(json.dumps({
    "weights": str(report.weights), "epochs": report.epochs, "from": report.started_from,
    "train": report.tiles.train_tiles, "val": report.tiles.val_tiles,
    "history": [row["epoch"] for row in history],
}))
"""


def draw_data(folder: Path) -> Path:
    rng = np.random.default_rng(4)
    folder.mkdir()
    (folder / "classes.txt").write_text("car", "utf-8")
    for number in range(12):
        image = np.asarray(rng.integers(90, 130, (140, 140, 3)), np.uint8)
        x0, y0 = (int(v) for v in rng.integers(10, 90, 2))
        cv2.rectangle(image, (x0, y0), (x0 + 40, y0 + 18), (200, 40, 30), -1)
        stem = f"{'one' if number < 8 else 'two'}-{number}"
        cv2.imwrite(str(folder / f"{stem}.png"), image)
        label = f"0 {(x0 + 20) / 140:.4f} {(y0 + 9) / 140:.4f} {40 / 140:.4f} {18 / 140:.4f}"
        (folder / f"{stem}.txt").write_text(label, "utf-8")
    return folder


def recipe_file(folder: Path, epochs: int) -> Path:
    path = folder / "tiny.toml"
    path.write_text(RECIPE.replace("EPOCHS", str(epochs)), "utf-8")
    return path


def start(recipe: Path, data: Path, out: Path, how: str) -> subprocess.Popen[str]:
    # Settings of ultralytics in a folder of the test's own; and a process group to end as one.
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(out.parent / "yolo")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(recipe), str(data), str(out), how],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def unpacked(weights: Path) -> bytes:
    with zipfile.ZipFile(weights) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was_and_asks_no_network(tmp_path: Path) -> None:
    data, out = draw_data(tmp_path / "data"), tmp_path / "out"
    recipe = recipe_file(tmp_path, epochs=3)
    last = out / "run" / "weights" / "last.pt"

    killed = start(recipe, data, out, "anew")
    deadline = time.monotonic() + 120
    whole = last.with_name("checkpoint.pt")
    while not whole.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    _, said = killed.communicate(timeout=30)
    assert whole.exists(), said
    # The worst moment: ultralytics was writing its checkpoint, in place, when the end came.
    last.write_bytes(last.read_bytes()[:1000])
    assert not (out / "tiny.pt").exists(), "it was to be killed before its end"

    with pytest.raises(ModelError, match=r"holds an earlier run; go on with --resume, or name"):
        train(load_recipe(str(recipe)), [data], out, base=None)

    resumed = start(recipe, data, out, "resume")
    printed, said = resumed.communicate(timeout=180)
    assert resumed.returncode == 0, said
    assert "asked the network" not in said
    report = json.loads(printed.splitlines()[-1])
    assert report["epochs"] == 3
    assert report["history"] == [1, 2, 3], "no epoch is lost or run twice"
    assert report["from"] == "checkpoint checkpoint.pt"
    assert (report["train"], report["val"]) == (8 + 2, 4 * 4)
    assert "epoch 1 3" not in printed
    model = resolve_model(report["weights"])
    assert model.path == out / "tiny.pt"
    assert str(tmp_path).encode() not in unpacked(model.path), "weights tell nothing of the machine"

    again = start(recipe, data, out, "resume")
    _, said = again.communicate(timeout=120)
    assert again.returncode != 0
    assert "asked the network" not in said
    assert "is of a run that is finished; name another --out folder" in said


class TestRefused:
    @pytest.mark.slow
    def test_a_checkpoint_that_is_cut_short(self, tmp_path: Path) -> None:
        data, weights = draw_data(tmp_path / "data"), tmp_path / "out" / "run" / "weights"
        weights.mkdir(parents=True)
        (weights / "last.pt").write_bytes(b"PK\3\4 and no more")
        out = tmp_path / "out"
        run = start(recipe_file(tmp_path, 1), data, out, "resume")
        _, said = run.communicate(timeout=120)
        assert run.returncode != 0
        assert "ModelError" in said
        assert "last.pt is damaged, perhaps cut short as it was written" in said

    def test_nothing_to_resume(self, tmp_path: Path) -> None:
        recipe = load_recipe(str(recipe_file(tmp_path, 1)))
        with pytest.raises(ModelError, match=r"nothing to resume: .*last\.pt does not exist"):
            train(recipe, [tmp_path], tmp_path / "out", base=None, resume=True)

    @pytest.mark.parametrize("name", ["none.pt", "none.safetensors"])
    def test_a_start_that_is_not_there_is_not_looked_for_on_the_network(
        self, tmp_path: Path, name: str
    ) -> None:
        recipe = load_recipe(str(recipe_file(tmp_path, 1)))
        with pytest.raises(ModelError, match=rf"no weights to start from: .*{name} is not a file"):
            train(recipe, [tmp_path], tmp_path / "out", base=tmp_path / name)


def test_ultralytics_is_told_not_to_phone_out(tmp_path: Path) -> None:
    code = (
        "import json, os\n"
        "from vision.models.offline import load_ultralytics\n"
        "u = load_ultralytics()\n"
        "from ultralytics.utils import ONLINE, SETTINGS, AUTOINSTALL\n"
        "print(json.dumps([bool(ONLINE), bool(SETTINGS['sync']), bool(AUTOINSTALL)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path / "yolo")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [False, False, False]
