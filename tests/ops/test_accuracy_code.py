"""Results of an older program are told from those of today's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import accuracy_code
from ops.accuracy_code import DRAWING, LOOKING, SCORING, SEEING, digest_of_code, done_by
from park.errors import SettingsError

MODULE = b'''"""What it is for."""

LIMIT = 3
"""The most."""


def seen(count: int) -> bool:
    """Return whether it is seen."""
    # Three are enough.
    return count >= LIMIT
'''


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"What it is for.", b"What it was for."),
        (b"The most.", b"No more than these."),
        (b"# Three are enough.\n    ", b""),
        (b"LIMIT = 3", b"LIMIT  =  3"),
    ],
)
def test_words_and_layout_are_no_change(was: bytes, now: bytes) -> None:
    assert was in MODULE
    assert done_by(MODULE.replace(was, now)) == done_by(MODULE)


@pytest.mark.parametrize(
    ("was", "now"), [(b"LIMIT = 3", b"LIMIT = 4"), (b">=", b">"), (b"count: int", b"count: float")]
)
def test_anything_else_is(was: bytes, now: bytes) -> None:
    assert was in MODULE
    assert done_by(MODULE.replace(was, now)) != done_by(MODULE)


def test_a_text_that_is_used_is_no_docstring() -> None:
    assert done_by(b'NAME = "car"') != done_by(b'NAME = "van"')


def test_a_changed_module_changes_what_was_done_with_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {packages: digest_of_code(packages) for packages in (DRAWING, LOOKING, SCORING)}
    vision = accuracy_code._folder_of("vision")
    copied = tmp_path / "vision"
    for path in vision.rglob("*.py"):
        target = copied / path.relative_to(vision)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    real = accuracy_code._folder_of
    monkeypatch.setattr(
        accuracy_code, "_folder_of", lambda name: copied if name == "vision" else real(name)
    )
    digest_of_code.cache_clear()
    assert digest_of_code(LOOKING) == before[LOOKING], "the same code elsewhere is the same"
    path = copied / "track.py"
    path.write_text(path.read_text("utf-8") + "\nMORE = 1\n", "utf-8")
    digest_of_code.cache_clear()
    try:
        assert digest_of_code(LOOKING) != before[LOOKING]
        assert digest_of_code(SEEING) != digest_of_code(LOOKING)
        assert digest_of_code(DRAWING) == before[DRAWING]
        assert digest_of_code(SCORING) == before[SCORING]
    finally:
        digest_of_code.cache_clear()


def test_a_package_that_is_not_there_is_said() -> None:
    with pytest.raises(SettingsError, match="package nowhere_at_all is not there as files"):
        digest_of_code(("nowhere_at_all",))
