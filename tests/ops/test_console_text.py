"""Progress without a terminal: lines that come often enough, and say what is at work."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from ops import console_text
from ops.console_text import FrameProgress


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return the lines that were printed for people so far."""
    file = io.StringIO()
    monkeypatch.setattr(console_text, "err", Console(file=file, highlight=False))
    return lambda: file.getvalue().splitlines()


def wait_for(said: Callable[[], list[str]], line: str) -> None:
    until = time.monotonic() + 20.0
    while not any(one.startswith(line) for one in said()):
        assert time.monotonic() < until, f"{line!r} was not said in 20 s: {said()}"
        time.sleep(0.01)


def test_a_tenth_more_is_a_line(said: Callable[[], list[str]]) -> None:
    progress = FrameProgress("pictures", indent="  ")
    progress.expect(20)
    with progress.shown():
        progress.phase("drawing")
        for _ in range(20):
            progress.frames(1, "")
    assert said()[:3] == ["  drawing", "    2 of 20 pictures", "    4 of 20 pictures"]
    assert said()[-1] == "    20 of 20 pictures"
    assert len(said()) == 11


def test_long_work_without_a_frame_says_that_it_goes_on(
    said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_text, "QUIET_S", 0.04)
    progress = FrameProgress()
    with progress.shown():
        progress.phase("merging [1]")
        wait_for(said, "  merging [1]: 0 s")
        progress.expect(300)
        progress.frames(3, "")
        wait_for(said, "  merging [1]: 3 of 300 frames, 0 s")
    lines = len(said())
    time.sleep(0.2)
    assert len(said()) == lines, "it speaks on after its end"
