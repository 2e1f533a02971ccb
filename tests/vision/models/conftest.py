"""A folder for exported models that the tests of one session share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def export_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture
def cache(export_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep exported models of this test in the session's folder, out of the user's own."""
    monkeypatch.setenv("PARKWATCH_CACHE", str(export_cache))
    return export_cache
