"""Telling listeners what happened, in a thread of its own, so that none holds up the link."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from drone.telemetry import LinkEvent, Telemetry

_LOG = logging.getLogger(__name__)

_TELEMETRY_KEPT = 1000
_ROUND_S = 0.25


class Announcer:
    """A queue of what happened and the thread that tells it.

    Events are never dropped. Of telemetry the newest 1000 are kept; the rest are dropped and
    counted, because a listener that is late wants the present.

    Args:
        each_round: called in that thread at least every 0.25 s.
    """

    def __init__(self, each_round: Callable[[], None]) -> None:
        self.dropped = 0
        self.failed = 0
        self._each_round = each_round
        self._news: deque[Telemetry | LinkEvent] = deque()
        self._pictures = 0
        self._changed = threading.Condition()
        self._listeners: list[tuple[type, Callable[[object], None]]] = []
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="vehicle-news", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, kind: type, callback: Callable[[object], None]) -> Callable[[], None]:
        """Tell `callback` all news of `kind`; return what ends that."""
        entry = (kind, callback)
        self._listeners = [*self._listeners, entry]

        def remove() -> None:
            self._listeners = [other for other in self._listeners if other is not entry]

        return remove

    def wants(self, kind: type) -> bool:
        """Whether anybody listens to `kind`."""
        return any(issubclass(kind, wanted) for wanted, _ in self._listeners)

    def tell(self, news: Telemetry | LinkEvent) -> None:
        """Queue `news`; never waits."""
        with self._changed:
            if isinstance(news, Telemetry):
                if self._pictures >= _TELEMETRY_KEPT:
                    self._drop_oldest_picture()
                self._pictures += 1
            self._news.append(news)
            self._changed.notify()

    def _drop_oldest_picture(self) -> None:
        for index, old in enumerate(self._news):
            if isinstance(old, Telemetry):
                del self._news[index]
                self._pictures -= 1
                self.dropped += 1
                return

    def _run(self) -> None:
        rounds_s = 0.0
        while True:
            with self._changed:
                if not self._news and not self._ending:
                    self._changed.wait(_ROUND_S)
                if not self._news and self._ending:
                    return
                news = self._news.popleft() if self._news else None
                if isinstance(news, Telemetry):
                    self._pictures -= 1
            if news is not None:
                self._tell_all(news)
            if time.monotonic() - rounds_s >= _ROUND_S:
                rounds_s = time.monotonic()
                self._guarded(self._each_round)

    def _tell_all(self, news: Telemetry | LinkEvent) -> None:
        for kind, callback in self._listeners:
            if isinstance(news, kind):
                self._guarded(lambda callback=callback: callback(news))  # type: ignore[misc]

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - one listener must not keep the news from the others
            self.failed += 1
            _LOG.exception("a listener of the link failed")

    def close(self, timeout_s: float = 2.0) -> None:
        """Tell what is queued and end, within `timeout_s`."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                _LOG.error("a listener of the link does not return")
