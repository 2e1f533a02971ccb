from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drone.cameras.pattern import StillCamera
from drone.cameras.rendered import RenderedCamera
from drone.cameras.stream import FileCamera, StreamCamera
from drone.recorder.recorder import Recorder, RecorderOptions
from ops.commands.footage import app
from ops.footage_out import CameraWish, open_camera
from park.errors import RecordingError, SettingsError
from park.site import Site
from sim_data.aerial_site import demo_site_text
from tests.drone.recorder.scripted_flight import FACTS, flight
from tests.drone.recorder.test_recorder import FlatRenderer, taken, until
from vision.footage.patrol_check import check_patrol


@pytest.fixture
def site() -> Site:
    return Site.load(demo_site_text().encode())


def test_a_camera_is_named_in_a_word(site: Site, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    film.write_bytes(b"film")
    assert isinstance(open_camera("sim", site), RenderedCamera)
    assert isinstance(open_camera("pattern", site), StillCamera)
    assert isinstance(open_camera("rtsp://camera:554/main", site), StreamCamera)
    assert isinstance(open_camera(str(film), site), FileCamera)
    seen = open_camera("sim", site, CameraWish(hfov_deg=84.0, width_px=640, height_px=480)).open()
    assert (seen.width_px, seen.height_px, seen.hfov_deg) == (640, 480, 84.0)
    assert seen.model.startswith("simulated")


def test_a_word_that_names_no_camera_says_what_would(site: Site) -> None:
    with pytest.raises(SettingsError, match="is no camera and no file; give sim, pattern, a video"):
        open_camera("webcam", site)
    with pytest.raises(SettingsError, match="camera sim: 2 x 720 is no size"):
        open_camera("sim", site, CameraWish(width_px=2))
    with pytest.raises(RecordingError, match="no address of a video stream"):
        open_camera("gopher://x", site)


def test_a_patrol_that_was_kept_here_is_uploaded_later(tmp_path: Path) -> None:
    camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
    options = RecorderOptions(segment_s=1.0, min_free_mib=1)
    with Recorder(tmp_path / "p", FACTS, [camera], options=options) as recorder:
        for telemetry in flight(3.0):
            recorder.telemetry(telemetry)
        until(lambda: taken(recorder) >= 10, "two segments")
    store = tmp_path / "store"
    done = CliRunner().invoke(app, ["upload", str(tmp_path / "p"), "--footage", str(store)])
    assert done.exit_code == 0, done.output
    assert check_patrol(str(store / FACTS.patrol_id)).ok
    (tmp_path / "file").write_text("in the way")
    left = CliRunner().invoke(
        app,
        ["upload", str(tmp_path / "p"), "--footage", str(tmp_path / "file"), "--timeout", "1"],
    )
    assert left.exit_code == 2
    assert "not uploaded: manifest.json" in left.output
