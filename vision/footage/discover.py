"""What can be read under the paths given: files are told by content and put together."""

from __future__ import annotations

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from park.errors import FootageError
from park.patrol_format import MANIFEST_NAME, TELEMETRY_NAME
from park.records import Reject
from vision.footage.corners import read_corners
from vision.footage.patrol import discover_patrol
from vision.footage.sniff import Content, claims_to_be, sniff
from vision.footage.source import (
    Discovery,
    FootageOptions,
    FootageSource,
    Ignored,
    refuse,
)
from vision.footage.video import VideoFacts, probe_video
from vision.footage.video_srt import read_srt

MAX_PHOTOS_PER_SOURCE = 200
MAX_DEPTH = 32
_PROXY_SUFFIXES = frozenset({".lrf", ".lrv"})


def discover(paths: Sequence[str], options: FootageOptions) -> Discovery:
    """Find footage under files and folders.

    Nothing is decoded; every file of media is read once, for its hash.

    Args:
        paths: files and folders; folders are searched to the bottom.
        options: how footage is to be read.

    Returns:
        Sources ordered by uri, what was refused, and what was passed over.
    """
    finder = _Finder(options)
    for path in paths:
        finder.walk(Path(path), 0)
    finder.put_together()
    return Discovery(
        tuple(sorted(finder.sources, key=lambda source: (source.uri, source.files))),
        tuple(finder.rejects),
        tuple(finder.ignored),
    )


def hash_file(path: str) -> str:
    """Return the SHA-256 of a file's bytes, read as a stream.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combine_hashes(kind: str, hashes: Sequence[str]) -> str:
    """Return one hash for several, which depends on their order and on what they are for."""
    return hashlib.sha256("\n".join([kind, *hashes]).encode()).hexdigest()


@dataclass(slots=True)
class _Folder:
    """The files of one folder that matter."""

    photos: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    subtitles: list[str] = field(default_factory=list)
    corners: list[str] = field(default_factory=list)
    videos_beside: int = 0
    """Videos in it that were not asked for."""


class _Finder:
    """Walks folders, then puts together what belongs together."""

    def __init__(self, options: FootageOptions) -> None:
        self._options = options
        self._folders: dict[str, _Folder] = defaultdict(_Folder)
        self._whole: set[str] = set()
        self._seen_paths: dict[str, str] = {}
        self._seen_hashes: dict[str, str] = {}
        self.sources: list[FootageSource] = []
        self.rejects: list[Reject] = []
        self.ignored: list[Ignored] = []

    def walk(self, path: Path, depth: int) -> None:
        """Look at a path and everything below it."""
        try:
            real = os.path.realpath(path)
            if path.is_symlink() and not path.exists():
                self._refuse(path, "is a link to something that is not there")
            elif not path.exists():
                self._refuse(path, "does not exist; check the path")
            elif real in self._seen_paths:
                self._pass_over(path, f"is the same as {self._seen_paths[real]}, read once")
            elif depth > MAX_DEPTH:
                self._refuse(path, f"is more than {MAX_DEPTH} folders deep")
            elif path.is_dir():
                self._seen_paths[real] = str(path)
                self._walk_folder(path, depth)
            elif path.is_file():
                self._seen_paths[real] = str(path)
                self._look_at(path)
            else:
                self._pass_over(path, "is neither a file nor a folder")
        except OSError as error:
            self._refuse(path, f"cannot be read: {error.strerror or error}")

    def _walk_folder(self, folder: Path, depth: int) -> None:
        manifest = folder / MANIFEST_NAME
        if manifest.is_file() and (
            sniff(manifest) is Content.MANIFEST or (folder / TELEMETRY_NAME).exists()
        ):
            self._put_patrol(folder)
            return
        self._whole.add(str(folder))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if not entry.name.startswith("."):
                self.walk(entry, depth + 1)

    def _put_patrol(self, folder: Path) -> None:
        try:
            source = discover_patrol(str(folder), self._options)
        except FootageError as error:
            self._refuse(error.source_uri, error.reason)
            return
        if source.content_hash in self._seen_hashes:
            twin = self._seen_hashes[source.content_hash]
            self._pass_over(folder, f"has the same bytes as {twin}, read once")
            return
        self._seen_hashes[source.content_hash] = str(folder)
        self.sources.append(source)

    def _look_at(self, path: Path) -> None:
        content, claim = sniff(path), claims_to_be(path)
        folder = self._folders[str(path.parent)]
        if content is Content.PICTURE:
            folder.photos.append(str(path))
        elif content is Content.VIDEO:
            folder.videos.append(str(path))
        elif content is Content.SUBTITLES:
            folder.subtitles.append(str(path))
        elif content is Content.CORNERS:
            folder.corners.append(str(path))
        elif content is Content.MANIFEST:
            self.walk(path.parent, MAX_DEPTH)
        elif content is Content.HEIF:
            self._refuse(path, "is a HEIF picture, which cannot be decoded here; export it as JPEG")
        elif claim is Content.SUBTITLES:
            folder.subtitles.append(str(path))
        elif content is Content.EMPTY and claim is not None:
            self._refuse(path, "is empty")
        elif claim is not None:
            self._refuse(path, f"is no {claim.value}, although its name says so; it may be damaged")
        else:
            self._pass_over(path, "is no footage")

    def put_together(self) -> None:
        """Make sources of what was found in each folder."""
        for name in sorted(self._folders):
            folder = self._folders[name]
            if folder.videos and name not in self._whole:
                self._look_beside(Path(name), folder)
            self._put_photos(name, folder)
            self._put_videos(folder)

    def _look_beside(self, path: Path, folder: _Folder) -> None:
        """Find telemetry and ground corners of videos that were named without them."""
        stems = {wanted for uri in folder.videos for wanted in (_stem(uri), _name(uri))}
        try:
            entries = sorted(entry for entry in path.iterdir() if entry.is_file())
        except OSError as error:
            self._refuse(path, f"cannot be read: {error.strerror or error}")
            return
        for entry in entries:
            if os.path.realpath(entry) in self._seen_paths or entry.name.startswith("."):
                continue
            content = sniff(entry)
            if content is Content.CORNERS:
                folder.corners.append(str(entry))
            elif content is Content.VIDEO:
                folder.videos_beside += not _is_proxy(str(entry))
            elif _stem(str(entry)) in stems and (
                Content.SUBTITLES in (content, claims_to_be(entry))
            ):
                folder.subtitles.append(str(entry))

    def _put_photos(self, name: str, folder: _Folder) -> None:
        jpeg_stems = {
            Path(uri).stem for uri in folder.photos if Path(uri).suffix.lower() in {".jpg", ".jpeg"}
        }
        photos, hashes = [], []
        for uri in folder.photos:
            if Path(uri).suffix.lower() == ".dng" and Path(uri).stem in jpeg_stems:
                self._pass_over(uri, "is the raw copy of a JPEG beside it")
                continue
            digest = self._new_hash(uri)
            if digest is not None:
                photos.append(uri)
                hashes.append(digest)
        if not photos:
            return
        patrol_id = combine_hashes("photos", sorted(hashes))[:32]
        # Some photos of a folder must not pass for the folder: they would replace its rows.
        where = name
        if name not in self._whole:
            where = photos[0]
            if len(photos) > 1:
                where = f"{name}/{{{Path(photos[0]).name}..{Path(photos[-1]).name}}}"
        for start in range(0, len(photos), MAX_PHOTOS_PER_SOURCE):
            chunk = tuple(photos[start : start + MAX_PHOTOS_PER_SOURCE])
            content_hash = combine_hashes("photos", hashes[start : start + len(chunk)])
            self.sources.append(
                FootageSource("photos", where, chunk, patrol_id, content_hash, len(chunk))
            )

    def _put_videos(self, folder: _Folder) -> None:
        used: set[str] = set()
        stems = {_stem(uri) for uri in folder.videos if not _is_proxy(uri)}
        for uri in folder.videos:
            if _is_proxy(uri) and _stem(uri) in stems:
                self._pass_over(uri, "is the small copy of a video beside it")
                continue
            digest = self._new_hash(uri)
            sidecars = [s for s in folder.subtitles if _stem(s) in {_stem(uri), _name(uri)}]
            used.update(sidecars)
            if digest is None:
                continue
            try:
                self.sources.append(self._video_source(uri, digest, sidecars, folder))
            except FootageError as error:
                self._refuse(uri, _told(error, uri))
        for uri in folder.subtitles:
            if uri not in used:
                self._refuse_orphan(uri)

    def _video_source(
        self, uri: str, digest: str, sidecars: Sequence[str], folder: _Folder
    ) -> FootageSource:
        facts = probe_video(uri, self._options)
        corners = self._corners_of(uri, folder)
        if sidecars:
            try:
                read_srt(sidecars[0])
            except FootageError as error:
                if corners is None:
                    raise
                self._refuse(error.source_uri, error.reason)
            else:
                return self._source("video_srt", uri, digest, sidecars[0], facts)
        if corners is not None:
            read_corners(corners)
            return self._source("video_corners", uri, digest, corners, facts)
        raise FootageError(
            uri,
            "has neither telemetry nor ground corners, so nothing in it can be placed; put its "
            ".SRT of the same name beside it, or a corners file (see docs/footage-format.md)",
        )

    def _source(
        self, kind: str, uri: str, digest: str, sidecar: str, facts: VideoFacts
    ) -> FootageSource:
        frames = None
        if facts.duration_s is not None:
            frames = max(1, math.ceil(facts.duration_s * self._options.sample_fps - 1e-9))
        return FootageSource(
            "video_srt" if kind == "video_srt" else "video_corners",
            uri,
            (uri,),
            combine_hashes("video", [digest])[:32],
            combine_hashes(kind, [digest, hash_file(sidecar)]),
            frames,
            sidecar,
        )

    def _corners_of(self, uri: str, folder: _Folder) -> str | None:
        """Return the corners file that names a video, or has its stem, or is alone with it."""
        unnamed = []
        for candidate in folder.corners:
            try:
                video = read_corners(candidate).video
            except FootageError:
                video = None
            if video is not None and Path(video).name.lower() == _name(uri):
                return candidate
            if video is None and _stem(candidate) in {_stem(uri), _stem(uri) + ".corners"}:
                return candidate
            if video is None:
                unnamed.append(candidate)
        alone = len(folder.videos) + folder.videos_beside == 1 and len(unnamed) == 1
        return unnamed[0] if alone else None

    def _refuse_orphan(self, uri: str) -> None:
        try:
            read_srt(uri)
        except FootageError as error:
            self._refuse(uri, error.reason)
            return
        self._refuse(
            uri, "is telemetry without its video; put the video of the same name beside it"
        )

    def _new_hash(self, uri: str) -> str | None:
        """Return the hash of a file; None when its bytes were seen before or cannot be read."""
        try:
            digest = hash_file(uri)
        except OSError as error:
            self._refuse(uri, f"cannot be read: {error.strerror or error}")
            return None
        if digest in self._seen_hashes:
            self._pass_over(uri, f"has the same bytes as {self._seen_hashes[digest]}, read once")
            return None
        self._seen_hashes[digest] = uri
        return digest

    def _refuse(self, path: Path | str, reason: str) -> None:
        self.rejects.append(refuse(str(path), reason))

    def _pass_over(self, path: Path | str, reason: str) -> None:
        self.ignored.append(Ignored(str(path), reason))


def _stem(uri: str) -> str:
    return Path(uri).stem.lower()


def _name(uri: str) -> str:
    return Path(uri).name.lower()


def _is_proxy(uri: str) -> bool:
    return Path(uri).suffix.lower() in _PROXY_SUFFIXES


def _told(error: FootageError, uri: str) -> str:
    if error.source_uri == uri:
        return error.reason
    return f"{Path(error.source_uri).name}: {error.reason}"
