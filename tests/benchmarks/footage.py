"""Video for benchmarks: real where it is there, drawn otherwise."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from park.geodesy import LocalFrame
from sim_data.aerial_world import draw_world

REPOSITORY = Path(__file__).resolve().parents[2]
_REAL = REPOSITORY.parent / "shared" / "data" / "video" / "overhead_motorway"
_WIDTH_PX, _HEIGHT_PX, _FPS = 1920, 1080, 25
_BUSY = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)


def real_video(folder: Path, *, times: int = 1) -> Path | None:
    """Copy the real 1080p video and its corners into a folder; None where it is absent.

    Args:
        folder: where to.
        times: the video is played so many times after itself, its packets copied as they are.
    """
    if not _REAL.is_dir():
        return None
    shutil.copyfile(_REAL / "corners.json", folder / "corners.json")
    repeat(_REAL / "drone.mp4", folder / "drone.mp4", times)
    return folder


def repeat(video: Path, target: Path, times: int) -> None:
    """Write a video that plays another one several times, its packets copied as they are.

    Args:
        video: begins with a key frame.
        target: to be written.
        times: how often it is played.
    """
    with av.open(str(video)) as source:
        stream = source.streams.video[0]
        with av.open(str(target), "w") as written:
            copy = written.add_stream_from_template(stream)
            offset = 0
            for _ in range(times):
                source.seek(0)
                end = offset
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    end = max(end, packet.pts + (packet.duration or 1))
                    packet.stream = copy
                    written.mux(packet)
                offset = end


def drawn_video(
    folder: Path, seconds: float, *, seed: int = 7, ground_m: tuple[float, float] = (136.4, 77.8)
) -> Path:
    """Write a simulated 1080p video that slides over the drawn park, with ground corners.

    The corners stand still while the picture moves: for speed and memory that does not matter.
    After 20 s it is where it began.

    Args:
        folder: where to; made.
        seconds: how long it is.
        seed: of the park.
        ground_m: how wide and how high the ground is that the corners say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world = draw_world(seed)
    ground = np.asarray(world.ortho_bgr(_BUSY), np.uint8)
    scale = max(1.0, 1.3 * _WIDTH_PX / ground.shape[1], 1.3 * _HEIGHT_PX / ground.shape[0])
    ground = np.asarray(cv2.resize(ground, None, fx=scale, fy=scale), np.uint8)
    room_x, room_y = ground.shape[1] - _WIDTH_PX, ground.shape[0] - _HEIGHT_PX
    with av.open(str(folder / "drawn.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = _WIDTH_PX, _HEIGHT_PX, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "24"}
        for number in range(round(seconds * _FPS)):
            phase = 2 * np.pi * number / (20 * _FPS)
            x = int(room_x * (0.5 + 0.5 * np.sin(phase)))
            y = int(room_y * (0.5 + 0.5 * np.cos(phase)))
            crop = np.ascontiguousarray(ground[y : y + _HEIGHT_PX, x : x + _WIDTH_PX])
            frame = av.VideoFrame.from_ndarray(crop, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, _FPS)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    lat, lon = LocalFrame(40.0, 100.0).to_lat_lon(np.array([ground_m[0]]), np.array([ground_m[1]]))
    top, right = round(float(lat[0]), 7), round(float(lon[0]), 7)
    corners = {
        "video": "drawn.mp4",
        "start_time": "2026-05-01T09:00:00+08:00",
        "corners_lonlat_tl_tr_br_bl": [[100.0, top], [right, top], [right, 40.0], [100.0, 40.0]],
    }
    (folder / "corners.json").write_text(json.dumps(corners), "utf-8")
    return folder
