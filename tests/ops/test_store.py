"""Files in a folder: whole or not at all, and never outside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.store import FolderStore, open_store
from park.errors import SettingsError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "证据 files")


def test_what_is_written_is_read(store: FolderStore, tmp_path: Path) -> None:
    uri = store.write("2026-05-01/a.jpg", b"old", media_type="image/jpeg")
    assert (
        Path(uri)
        == tmp_path / "证据 files" / "2026-05-01" / "a.jpg"
        == Path(store.uri("2026-05-01/a.jpg"))
    )
    store.write("2026-05-01/a.jpg", b"new", media_type="image/jpeg")
    assert store.read("2026-05-01/a.jpg") == b"new"
    assert store.exists("2026-05-01/a.jpg")
    assert not store.exists("2026-05-01")


def test_keys_are_listed_in_order(store: FolderStore) -> None:
    assert list(store.keys()) == []
    for key in ("b/2", "a/1", "b/1"):
        store.write(key, b"", media_type="image/jpeg")
    assert list(store.keys()) == ["a/1", "b/1", "b/2"]
    assert list(store.keys("b/")) == ["b/1", "b/2"]


@pytest.mark.parametrize(
    "key", ["../a", "/etc/passwd", "a/../../b", "", "a//b", "a\\b", "a\0b", "."]
)
def test_a_key_that_leads_elsewhere_is_refused(store: FolderStore, key: str) -> None:
    with pytest.raises(StoreError, match="is not a relative path"):
        store.write(key, b"", media_type="image/jpeg")
    with pytest.raises(StoreError, match="is not a relative path"):
        store.read(key)


def test_a_link_that_leads_elsewhere_is_refused(store: FolderStore, tmp_path: Path) -> None:
    store.write("a", b"", media_type="image/jpeg")
    (tmp_path / "证据 files" / "out").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="leads out of"):
        store.write("out/b", b"", media_type="image/jpeg")


def test_a_missing_file_is_named(store: FolderStore) -> None:
    with pytest.raises(StoreError, match=r"a\.jpg: cannot be read: No such file"):
        store.read("a.jpg")


def test_a_file_that_cannot_be_put_there_leaves_nothing_behind(
    store: FolderStore, tmp_path: Path
) -> None:
    store.write("a/b/c", b"", media_type="image/jpeg")
    with pytest.raises(StoreError, match="cannot be written"):
        store.write("a/b", b"x", media_type="image/jpeg")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["c"]


def test_a_place_is_a_folder_or_a_bucket(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path), {}), FolderStore)
    with pytest.raises(SettingsError, match="ftp://x: not a place that can be used"):
        open_store("ftp://x", {})
