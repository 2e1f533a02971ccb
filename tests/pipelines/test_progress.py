"""Progress is told to the run's own listener, and to nobody after its end."""

from __future__ import annotations

import pytest

from pipelines.progress import Silent, listener_of, listening


class Noted(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def phase(self, name: str) -> None:
        self.heard.append(name)


def test_each_run_has_its_own_listener() -> None:
    first, second = Noted(), Noted()
    with listening("a", first), listening("b", second):
        listener_of("a").phase("looking")
        listener_of("b").phase("merging")
        listener_of("c").phase("lost")
    assert (first.heard, second.heard) == (["looking"], ["merging"])


def test_a_listener_hears_nothing_after_its_run_whatever_ended_it() -> None:
    noted = Noted()
    with pytest.raises(ValueError, match="broke"), listening("a", noted):
        raise ValueError("it broke")
    listener_of("a").phase("late")
    listener_of("a").frames(1, "x.jpg")
    assert noted.heard == []
