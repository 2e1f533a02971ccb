"""Settings: where they come from, which wins, and what is said of wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops.app import App
from ops.settings import Settings, load_settings
from park.errors import SettingsError


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("PARKWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_there_are_defaults() -> None:
    assert load_settings() == Settings()
    assert load_settings().models == ("vehicles",)


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("parkwatch.toml").write_text('warehouse = "from-file"\nsample_fps = 5.0\n', "utf-8")
    monkeypatch.setenv("PARKWATCH_WAREHOUSE", "from-environment")
    settings = load_settings()
    assert (settings.warehouse, settings.sample_fps) == ("from-environment", 5.0)
    assert App(settings).warehouse_location(None) == "from-environment"
    assert App(settings).warehouse_location("given") == "given"


def test_another_file_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("max_pixels = 1000\n", "utf-8")
    monkeypatch.setenv("PARKWATCH_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().max_pixels == 1000
    monkeypatch.setenv("PARKWATCH_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"PARKWATCH_CONFIG names nowhere\.toml, which is not"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('warehous = "x"', "unknown setting 'warehous'; there are max_pixels, models,"),
        ('aws_secret_access_key = "x"', "unknown setting 'aws_secret_access_key'"),
        ("sample_fps = 0", r"setting sample_fps: Input should be greater than 0, not 0"),
        ("sample_fps = ", r"parkwatch\.toml is not readable TOML"),
    ],
)
def test_a_wrong_file_is_told_by_key(content: str, message: str) -> None:
    Path("parkwatch.toml").write_text(content, "utf-8")
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_wrong_variable_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKWATCH_SAMPLE_FPS", "many")
    with pytest.raises(SettingsError, match="PARKWATCH_SAMPLE_FPS"):
        load_settings()


def test_what_is_missing_says_how_to_give_it() -> None:
    app = App.start()
    with pytest.raises(SettingsError, match=r"give --warehouse DIR .* or set PARKWATCH_WAREHOUSE"):
        app.warehouse_location(None)
    with pytest.raises(SettingsError, match="give --site FILE, or set PARKWATCH_SITE"):
        app.load_site(None)
