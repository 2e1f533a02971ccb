"""What the command line says to people: messages on standard error, results on standard output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

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


QUIET_S = 4.0
"""Without a terminal, a line says at the latest so often what is at work."""


class _Rate(ProgressColumn):
    """Frames per second so far."""

    def render(self, task: Task) -> Text:
        """Return the rate, or a dash before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "-/s", style="progress.data.speed")


class FrameProgress:
    """A progress bar of frames with rate and time left; plain lines where there is no terminal.

    It is a `pipelines.progress.ProgressListener`.

    Args:
        unit: what is counted, for plain lines.
        indent: before each plain line.
    """

    def __init__(self, unit: str = "frames", indent: str = "") -> None:
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
        self._unit, self._indent = unit, indent
        self._done = 0
        self._next_line = 0.1
        self._total: int | None = None
        self._said_s = self._began_s = monotonic()
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
        share = self._done / self._total
        if share >= self._next_line - 1e-9:
            self._say(f"  {self._counted()}")
            self._next_line = share + 0.1

    def phase(self, name: str) -> None:
        """Show what is being done."""
        self.current_phase = name
        self._began_s = monotonic()
        self._progress.update(self._task, description=name)
        if not err.is_terminal:
            self._say(name)

    @contextmanager
    def shown(self) -> Iterator[FrameProgress]:
        """Show the bar while the context lasts."""
        if err.is_terminal:
            with self._progress:
                yield self
            return
        over = threading.Event()
        thread = threading.Thread(target=self._say_now_and_then, args=(over,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def _say_now_and_then(self, over: threading.Event) -> None:
        """Let no silence make people think that the work has stopped."""
        while not over.wait(QUIET_S / 4.0):
            if monotonic() - self._said_s >= QUIET_S:
                done = f"{self._counted()}, " if self._done else ""
                took = f"{monotonic() - self._began_s:.0f} s"
                self._say(f"  {self.current_phase or 'starting'}: {done}{took}")

    def _counted(self) -> str:
        total = "" if self._total is None else f" of {self._total}"
        return f"{self._done}{total} {self._unit}"

    def _say(self, line: str) -> None:
        self._said_s = monotonic()
        err.print(f"{self._indent}{line}", markup=False, soft_wrap=True)


def fail(message: str) -> None:
    """Print an error message."""
    err.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning."""
    err.print(Text.assemble(("warning: ", "yellow"), message), soft_wrap=True)


def stdout_is_terminal() -> bool:
    """Return whether results go to a person."""
    return sys.stdout.isatty()
