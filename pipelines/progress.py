"""How a run that lasts tells how far it is, to whoever started it in this process.

Beam copies its functions into workers, so they cannot hold a progress bar. They name a run, and
look its listener up where they execute: in this process it is there, on a cluster it is not, and
the Beam counters tell the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class ProgressListener(Protocol):
    """Told about progress; called from the threads of the pipeline, so it must be quick."""

    def frames(self, count: int, source_uri: str) -> None:
        """`count` more frames of a source have been looked at."""

    def phase(self, name: str) -> None:
        """Another part of the work begins, in words for a person."""


class Silent:
    """A listener that does nothing."""

    def frames(self, count: int, source_uri: str) -> None:
        """Do nothing."""

    def phase(self, name: str) -> None:
        """Do nothing."""


_listeners: dict[str, ProgressListener] = {}


@contextmanager
def listening(run_key: str, listener: ProgressListener) -> Iterator[None]:
    """Let `listener` hear of run `run_key` while the context lasts."""
    _listeners[run_key] = listener
    try:
        yield
    finally:
        del _listeners[run_key]


def listener_of(run_key: str) -> ProgressListener:
    """Return the listener of a run in this process, or a silent one."""
    return _listeners.get(run_key, Silent())
