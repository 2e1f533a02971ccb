"""What the command line says to people: messages on standard error, results on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

err = Console(stderr=True, highlight=False)
"""For messages and progress."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
"""For results; a file or a pipe has no width of its own."""


class _Rate(ProgressColumn):
    """Frames per second so far."""

    def render(self, task: Task) -> Text:
        """Return the rate, or a dash before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "-/s", style="progress.data.speed")


class FrameProgress:
    """A progress bar of frames with rate and time left; plain lines where there is no terminal.

    It is a `pipelines.progress.ProgressListener`.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=err,
            transient=False,
        )
        self._task = self._progress.add_task("starting", total=None)
        self._done = 0
        self._next_line = 0.1
        self._total: int | None = None
        self.current_phase = ""

    def expect(self, frames: int | None) -> None:
        """Set how many frames there are; None when it cannot be known."""
        self._total = frames
        self._progress.update(self._task, total=frames)

    def frames(self, count: int, source_uri: str) -> None:
        """Count frames."""
        self._done += count
        self._progress.advance(self._task, count)
        if err.is_terminal or not self._total:
            return
        if self._done / self._total >= self._next_line:
            err.print(f"  {self._done} of {self._total} frames")
            self._next_line = self._done / self._total + 0.1

    def phase(self, name: str) -> None:
        """Show what is being done."""
        self.current_phase = name
        self._progress.update(self._task, description=name)
        if not err.is_terminal:
            err.print(name)

    @contextmanager
    def shown(self) -> Iterator[FrameProgress]:
        """Show the bar while the context lasts."""
        if not err.is_terminal:
            yield self
            return
        with self._progress:
            yield self


def fail(message: str) -> None:
    """Print an error message."""
    err.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning."""
    err.print(Text.assemble(("warning: ", "yellow"), message), soft_wrap=True)


def stdout_is_terminal() -> bool:
    """Return whether results go to a person."""
    return sys.stdout.isatty()
