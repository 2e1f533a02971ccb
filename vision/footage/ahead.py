"""Decoding a few pictures ahead of whoever looks at them, in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from park.errors import ParkwatchError

_LONGEST_S = 600.0

Item = TypeVar("Item")


def read_ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """Yield items in their order while the next ones are made ready.

    Decoders let other threads run: one picture is decoded while another is looked at.

    Args:
        items: made in one other thread, one after the other; what they raise comes out in its
            place.
        most: how many may be ready before they are asked for; each holds its pixels.

    Raises:
        ParkwatchError: an item does not come.
    """
    iterator = iter(items)
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        coming = deque(thread.submit(_next_of, iterator) for _ in range(most))
        while found := _waited_for(coming.popleft()):
            coming.append(thread.submit(_next_of, iterator))
            yield found[0]
    finally:
        # What is being decoded is not waited for: it may be what does not come.
        thread.shutdown(wait=False, cancel_futures=True)


def _next_of(iterator: Iterator[Item]) -> tuple[Item, ...]:
    """Return the next item alone; nothing at the end."""
    for item in iterator:
        return (item,)
    return ()


def _waited_for(coming: Future[tuple[Item, ...]]) -> tuple[Item, ...]:
    try:
        return coming.result(timeout=_LONGEST_S)
    except TimeoutError as error:
        if coming.done():
            raise
        raise ParkwatchError(
            f"no next picture came within {_LONGEST_S:.0f} s; is the disk that holds the footage "
            "still there?"
        ) from error
