"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, not wrong: no test may fail for the time that an example takes.
# On a desk every run tries other examples, and finds what nobody thought of. A landing must not
# hang on chance: where CI is set, each run of one state of the code tries the same ones.
settings.register_profile(
    "parkwatch",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("parkwatch")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real footage and labelled pictures, or skip where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "real footage is missing: put the project's shared data folder at ../shared/data"
        )
    return folder
