"""What a person sees while a patrol flies: a live panel, or plain lines without a terminal."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ops import console_text

if TYPE_CHECKING:
    from drone.control import PatrolStatus

SHOWN_KINDS = frozenset(
    {"state", "failsafe", "command", "ack", "status_text", "mode", "note", "camera", "upload"}
)
"""Lines of the flight log that a person sees; items reached are in the progress."""

_PLAIN_KINDS = SHOWN_KINDS - {"mode"}
_LINES = 8
_EVERY_S = 5.0
_STYLES = {
    "state": "bold cyan",
    "failsafe": "bold red",
    "command": "yellow",
    "ack": "green",
    "status_text": "dim",
}


class FlightDisplay:
    """Shows one flight.

    Args:
        status: asks for the patrol's status; None before there is one.
    """

    def __init__(self, status: Callable[[], PatrolStatus | None]) -> None:
        self._status = status
        self._lines: deque[tuple[str, str]] = deque(maxlen=_LINES)
        self._live: Live | None = None

    def line(self, kind: str, message: str) -> None:
        """Show a line of the flight log."""
        if kind not in SHOWN_KINDS:
            return
        if self._live is not None:
            self._lines.append((kind, message))
        elif kind in _PLAIN_KINDS:
            console_text.err.print(f"{kind}: {message}", markup=False, soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[FlightDisplay]:
        """Show the panel while the context lasts; plain lines where there is no terminal."""
        if console_text.err.is_terminal:
            with Live(
                get_renderable=self._render,
                console=console_text.err,
                refresh_per_second=4,
                transient=True,
            ) as self._live:
                yield self
            self._live = None
            return
        over = threading.Event()
        thread = threading.Thread(target=self._print_now_and_then, args=(over,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(2.0)

    def _print_now_and_then(self, over: threading.Event) -> None:
        from ops.commands.patrol import status_line

        while not over.wait(_EVERY_S):
            status = self._status()
            if status is not None:
                console_text.err.print(
                    f"{status.state}: {status_line(status)}", markup=False, soft_wrap=True
                )

    def _render(self) -> RenderableType:
        status = self._status()
        said = [Text.assemble((f"{k:>12} ", _STYLES.get(k, "")), text) for k, text in self._lines]
        if status is None:
            return Group(*said)
        return Group(*said, Panel(_figures(status), title=_title(status), title_align="left"))


def _title(status: PatrolStatus) -> Text:
    style = "bold red" if status.state == "failed" or not status.steering else "bold cyan"
    return Text.assemble((str(status.state), style), f"  {status.flight_id}")


def _figures(status: PatrolStatus) -> RenderableType:
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column()
    table.add_row(
        f"sortie {status.sortie} of {status.sorties}",
        f"waypoint {status.waypoint} of {status.waypoints}",
        f"mode {status.mode or '?'}",
        _or_unknown(status.link_age_s, "heard {:.1f} s ago"),
    )
    table.add_row(
        _or_unknown(status.alt_home_m, "height {:.0f} m"),
        _or_unknown(status.speed_mps, "speed {:.1f} m/s"),
        _or_unknown(status.home_m, "{:.0f} m from home"),
        _battery(status),
    )
    bar = ProgressBar(total=max(1, status.waypoints), completed=status.waypoint, width=60)
    return Group(table, bar, Text(status.cause, style="dim", overflow="ellipsis", no_wrap=True))


def _or_unknown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _battery(status: PatrolStatus) -> Text:
    percent, wh = status.battery_percent, status.battery_left_wh
    words = [
        *([f"{percent:.0f} %"] if percent is not None else []),
        *([f"{wh:.0f} Wh"] if wh is not None else []),
    ]
    low = percent is not None and percent < 30.0
    return Text(f"battery {', '.join(words) or '-'}", style="bold red" if low else "")
