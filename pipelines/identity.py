"""Ids that are hashes of what a thing came from, so that running twice changes nothing.

Every id is the first 128 bits of BLAKE2b (RFC 7693) over a canonical encoding: each part is
written as a type letter, its length, and its bytes, so that no two different lists of parts
read alike. The kind of id goes in as BLAKE2b's `person`, so ids of two kinds never meet.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from park.errors import FootageError
from park.records import BoxXyxyPx

Part = str | bytes | int | float | bool | datetime | date | None
"""What an id may be made from; a tuple of them is a part too."""

_READ_BYTES = 1 << 20
_BOX_STEPS_PER_PX = 10


def _float_bytes(value: float) -> bytes:
    if math.isnan(value):
        raise ValueError("an id cannot be made from a number that is not a number")
    return struct.pack(">d", value + 0.0)  # so that -0.0 is 0.0


def _time_bytes(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise ValueError(f"an id cannot be made from {value.isoformat()}: it has no time zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").encode()


def _tagged(part: Part | tuple[Part, ...]) -> tuple[bytes, bytes]:
    # bool before int and datetime before date: each is a subclass of the other.
    match part:
        case None:
            return b"n", b""
        case bool():
            return b"b", bytes([part])
        case str():
            return b"s", part.encode("utf-8", "surrogatepass")
        case bytes():
            return b"y", part
        case int():
            return b"i", str(part).encode()
        case float():
            return b"f", _float_bytes(part)
        case datetime():
            return b"t", _time_bytes(part)
        case date():
            return b"d", part.isoformat().encode()
        case tuple():
            return b"l", b"".join(_encode(inner) for inner in part)


def _encode(part: Part | tuple[Part, ...]) -> bytes:
    kind, body = _tagged(part)
    return kind + len(body).to_bytes(8, "big") + body


def stable_id(kind: str, *parts: Part | tuple[Part, ...]) -> str:
    """Return 32 hex digits that depend on `kind` and on every part, in order.

    Args:
        kind: what sort of thing is named, at most 16 bytes.
        parts: what it came from. Times must be timezone-aware; equal instants are equal.

    Raises:
        ValueError: a part is NaN or a time has no time zone, or `kind` is too long.
    """
    digest = hashlib.blake2b(digest_size=16, person=kind.encode())
    digest.update(b"".join(_encode(part) for part in parts))
    return digest.hexdigest()


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits, read in pieces.

    Raises:
        FootageError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
    except OSError as error:
        raise FootageError(str(path), f"cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def detection_id(
    footage_hash: str, source_time_s: float, class_name: str, box_xyxy_px: BoxXyxyPx, model_id: str
) -> str:
    """Return the id of one box in one frame.

    The box counts to a tenth of a pixel and the time to a microsecond: finer digits differ
    between processors.
    """
    box = counted_box(box_xyxy_px)
    time_us = round(source_time_s * 1e6)
    return stable_id("detection", footage_hash, time_us, class_name, box, model_id)


def counted_box(box_xyxy_px: BoxXyxyPx) -> tuple[int, ...]:
    """Return a box as it counts in ids: boxes of which this is the same are one."""
    return tuple(round(edge * _BOX_STEPS_PER_PX) for edge in box_xyxy_px)


def patrol_id(site_id: str, source_uri: str) -> str:
    """Return the id of a footage source that carries none of its own.

    It names the place the footage lies at, not its bytes: when a photo is added to a folder, the
    folder stays the same source and its rows are replaced instead of doubled.
    """
    return stable_id("patrol", site_id, source_uri)


def object_id(site_id: str, first_detection_id: str) -> str:
    """Return the id of a physical thing from the first detection of it."""
    return stable_id("object", site_id, first_detection_id)


def incident_id(site_id: str, rule: str, zone_id: str, day: date, subject: str) -> str:
    """Return the id of an incident.

    Args:
        site_id: the site.
        rule: the incident type that the rule raises.
        zone_id: the zone whose rule it is.
        day: the site's own day.
        subject: the object_id it is about, or what stands for it when it is about many.
    """
    return stable_id("incident", site_id, rule, zone_id, day, subject)


def model_id(name: str, weights_hash: str) -> str:
    """Return a readable model id: its name and the first 12 digits of its weights' hash.

    Raises:
        ValueError: `weights_hash` has fewer than 12 digits.
    """
    if len(weights_hash) < 12:
        raise ValueError(f"weights_hash {weights_hash!r} has fewer than 12 digits")
    return f"{name}@{weights_hash[:12]}"


def run_id(
    site_hash: str,
    footage_hashes: Iterable[str],
    model_ids: Iterable[str],
    code_version: str,
    options: Mapping[str, Part],
) -> str:
    """Return the id of a run: everything that can change its rows goes in.

    Args:
        site_hash: hash of the site file's bytes.
        footage_hashes: one per input file; order and repetition do not count.
        model_ids: the models used; order and repetition do not count.
        code_version: version of the code, with the commit where it is known.
        options: the options that change rows (sample rate, thresholds), by name.
    """
    return stable_id(
        "run",
        site_hash,
        tuple(sorted(set(footage_hashes))),
        tuple(sorted(set(model_ids))),
        code_version,
        tuple(sorted(options)),
        tuple(options[name] for name in sorted(options)),
    )
