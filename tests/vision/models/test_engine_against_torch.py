"""What OpenVINO answers is what torch answers for the same weights and the same pixels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim_data.aerial import draw_world
from vision.models.engine import Engine
from vision.models.export import export_model
from vision.models.registry import resolve_model

ROOT = Path(__file__).resolve().parents[3]
SIDE_PX = 640

PREDICT = """
import json, sys
from vision.models.offline import load_ultralytics
model = load_ultralytics().YOLO(sys.argv[1])
(found,) = model.predict(sys.argv[2], imgsz=640, conf=0.3, iou=0.5, verbose=False, save=False)
rows = zip(found.boxes.xyxy.tolist(), found.boxes.conf.tolist(), strict=True)
print(json.dumps([[*box, sure] for box, sure in rows]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("eight_bit", "most_px", "most_sure"),
    [
        # The processor may work in half precision; what is unsure may fall on either side of 0.3.
        pytest.param(False, 3.0, 0.06, id="full precision"),
        pytest.param(True, 6.0, 0.15, id="eight bits"),
    ],
)
def test_boxes_agree(tmp_path: Path, eight_bit: bool, most_px: float, most_sure: float) -> None:
    world = draw_world(7)
    ortho = world.ortho_bgr(datetime(2026, 9, 16, 3, 20, tzinfo=UTC))
    model = resolve_model("vehicles")
    engine = Engine(export_model(model, eight_bit=eight_bit), confidence=0.3, nms_iou=0.5)
    # The part of the drawn park with the most in it, so that there is something to compare.
    parts = [
        np.ascontiguousarray(ortho[y : y + SIDE_PX, x : x + SIDE_PX])
        for y in range(0, ortho.shape[0] - SIDE_PX, SIDE_PX)
        for x in range(0, ortho.shape[1] - SIDE_PX, SIDE_PX)
    ]
    image, ours = max(((p, engine.run(p)) for p in parts), key=lambda item: len(item[1]))
    assert len(ours) >= 3
    picture = tmp_path / "part.png"
    cv2.imwrite(str(picture), image)
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(model.path), str(picture)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path / "yolo")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs = np.array(json.loads(done.stdout.splitlines()[-1])).reshape(-1, 5)
    # Ours are clipped when windows are merged, theirs at once.
    clipped = np.clip(ours.xyxy_px, 0, SIDE_PX)
    for box, sure in zip(clipped, ours.confidence, strict=True):
        if sure > 0.4:
            off = np.abs(theirs[:, :4] - box).max(axis=1)
            nearest = int(off.argmin())
            assert off[nearest] < most_px
            assert abs(theirs[nearest, 4] - sure) < most_sure
    assert len(ours.confidence[ours.confidence > 0.4]) == pytest.approx(
        int((theirs[:, 4] > 0.4).sum()), abs=1
    )
