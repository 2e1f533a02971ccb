"""Telemetry that DJI cameras write as subtitles (.SRT), in all its dialects.

A file is a sequence of blocks: a number, a time span, and lines of readings. What the readings
look like changed with almost every model; what each means is written beside its pattern here.

Two things need care:

* **Order of coordinates.** `GPS(149.0251,-20.2533,16)` is longitude, latitude and number of
  satellites (Mavic Pro, Phantom 4, Mini). `GPS(36.6146,-6.1120,0.0M)`, with the unit, and
  `GPS(39.906217,116.391305,69.800)`, with decimals, are latitude, longitude and altitude
  (Matrice 300, Avata 2). An integer in third place is a count of satellites and no altitude.
* **Altitude.** `rel_alt`, `H`, `BAROMETER` and `Hb` are heights above take-off; `abs_alt` and
  `altitude` are altitudes above mean sea level.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from park.errors import FootageError

MAX_SRT_BYTES = 200_000_000
SECONDS_IN_UNTIMED_BLOCK = 1.0


@dataclass(frozen=True, slots=True)
class SrtSample:
    """The readings of one block.

    Attributes:
        start_s: when its span begins, seconds from the start of the video.
        end_s: when its span ends.
        local_time: the camera's clock, without offset from UTC; None when it is not written.
        lat_deg: WGS84 latitude.
        lon_deg: WGS84 longitude.
        alt_home_m: height above take-off; None when it is not written.
        alt_amsl_m: altitude above mean sea level; None when it is not written.
        gimbal_yaw_deg: heading of the camera; None when it is not written.
        gimbal_pitch_deg: pitch of the camera.
        gimbal_roll_deg: roll of the camera.
        focal_35mm: focal length equivalent on 35 mm film; None when it is not written.
        digital_zoom: ratio; 1 for none.
    """

    start_s: float
    end_s: float
    local_time: datetime | None
    lat_deg: float
    lon_deg: float
    alt_home_m: float | None
    alt_amsl_m: float | None
    gimbal_yaw_deg: float | None
    gimbal_pitch_deg: float | None
    gimbal_roll_deg: float | None
    focal_35mm: float | None
    digital_zoom: float


@dataclass(frozen=True, slots=True)
class SrtTelemetry:
    """What a telemetry file holds.

    Attributes:
        samples: blocks with a position, ordered by `start_s`; at least one.
        dialects: names of the ways of writing that were met.
        refused: how many blocks were refused, by reason.
        position_step_deg: the last decimal that positions are written with.
        notes: what had to be assumed to read it.
    """

    samples: tuple[SrtSample, ...]
    dialects: tuple[str, ...]
    refused: tuple[tuple[str, int], ...]
    position_step_deg: float
    notes: tuple[str, ...] = ()


def parse_srt(content: bytes | str, source_uri: str = "<srt>") -> SrtTelemetry:
    """Read telemetry subtitles.

    Args:
        content: the file, as bytes in any usual encoding or as text.
        source_uri: for messages.

    Returns:
        The blocks that carry a position, and how many others were refused for which reason.

    Raises:
        FootageError: there is no usable line; the reason says why.
    """
    text = content if isinstance(content, str) else _decode(content)
    if not text.strip("\ufeff \t\r\n\0"):
        raise FootageError(source_uri, "is empty")
    return _Reader(source_uri).read(text)


def _decode(content: bytes) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Older cameras write the degree sign as one byte.
        return content.decode("latin-1")


_NUMBER = r"[+-]?\d+(?:\.\d+)?"
# What must follow a number to be sure that the end of the file has not cut digits off.
_WHOLE = r"(?=\s*[\]\s)Mm,])"
_SPAN = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_BLOCK_NUMBER = re.compile(r"\ufeff?\s*\d+\s*$")
_TAG = re.compile(r"<[^>]*>")
_CLOCK = re.compile(
    r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})[ T](\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,3}))?"
)
_LATITUDE = re.compile(rf"\blatitude\s*:\s*({_NUMBER})\s*\]")
# "longtitude" is how several models spell it.
_LONGITUDE = re.compile(rf"\blongt?itude\s*:\s*({_NUMBER})\s*\]")
_GPS = re.compile(
    rf"\bGPS\s*\(\s*({_NUMBER}|[nN]/?[aA][nN]?)\s*,\s*({_NUMBER}|[nN]/?[aA][nN]?)\s*"
    rf"(?:,\s*({_NUMBER})\s*([mM])?\s*)?\)"
)
_HEIGHTS = (
    re.compile(rf"\brel_alt\s*:\s*({_NUMBER}){_WHOLE}"),
    re.compile(rf"\bBAROMETER\s*[:(]\s*({_NUMBER}){_WHOLE}"),
    re.compile(rf"(?:^|[\s,])H\s+({_NUMBER})\s*m\b"),
    re.compile(rf"\bHb\s*:\s*({_NUMBER}){_WHOLE}"),
)
_ALTITUDES = (
    re.compile(rf"\babs_alt\s*:\s*({_NUMBER}){_WHOLE}"),
    re.compile(rf"\baltitude\s*:\s*({_NUMBER}){_WHOLE}"),
)
_GIMBAL = re.compile(
    rf"\bgb_yaw\s*:\s*({_NUMBER})\s*,?\s*gb_pitch\s*:\s*({_NUMBER})\s*,?\s*gb_roll\s*:\s*({_NUMBER})"
)
_GIMBAL_PRY = re.compile(
    rf"\bG\.PRY\s*\(\s*({_NUMBER})[^,\d)]*,\s*({_NUMBER})[^,\d)]*,\s*({_NUMBER})[^,\d)]*\)"
)
_FOCAL = re.compile(rf"\bfocal_len\s*:\s*({_NUMBER})")
_ZOOM = re.compile(rf"\bdzoom(?:_ratio)?\s*:\s*({_NUMBER})")
_CUT_SHORT = re.compile(r"latit|longt?it|GPS\s*\(")

NO_POSITION = "no position in the block"
NO_FIX = "no satellite fix (position empty, N/A or 0, 0)"
CUT = "block is cut short"
INCOMPLETE = "block lacks the height or camera angles that the others have"
IMPOSSIBLE = "position is not on Earth"


@dataclass(slots=True)
class _Position:
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float | None
    step_deg: float
    dialect: str


class _Reader:
    """Reads the blocks of one file; keeps count of what it refuses."""

    def __init__(self, source_uri: str) -> None:
        self._source_uri = source_uri
        self._refused: Counter[str] = Counter()
        self._dialects: Counter[str] = Counter()
        self._step_deg = 1.0
        self._untimed = False

    def read(self, text: str) -> SrtTelemetry:
        samples = []
        blocks = 0
        for span, body in _blocks(text):
            blocks += 1
            sample = self._sample(span, body, blocks - 1)
            if sample is not None:
                samples.append(sample)
        if not samples:
            raise FootageError(self._source_uri, self._nothing_usable(blocks))
        if self._untimed:
            samples = self._with_clock_spans(samples)
        samples = self._alike(samples)
        samples.sort(key=lambda sample: sample.start_s)
        notes = ("no time spans in the telemetry, its clock taken",) if self._untimed else ()
        return SrtTelemetry(
            tuple(samples),
            tuple(name for name, _ in self._dialects.most_common()),
            tuple(self._refused.most_common()),
            self._step_deg,
            notes,
        )

    def _nothing_usable(self, blocks: int) -> str:
        if not blocks:
            return "no usable line: it holds no telemetry block"
        reasons = ", ".join(f"{count} x {why}" for why, count in self._refused.most_common())
        return f"no usable line in {blocks} blocks: {reasons}"

    def _sample(
        self, span: tuple[float, float] | None, body: str, ordinal: int
    ) -> SrtSample | None:
        position = self._position(body)
        if isinstance(position, str):
            self._refused[position] += 1
            return None
        self._dialects[position.dialect] += 1
        self._step_deg = min(self._step_deg, position.step_deg)
        if span is None:
            self._untimed = True
            span = (ordinal * SECONDS_IN_UNTIMED_BLOCK, (ordinal + 1) * SECONDS_IN_UNTIMED_BLOCK)
        yaw, pitch, roll = _gimbal(body)
        altitude = position.alt_amsl_m
        if altitude is None:
            altitude = _first(_ALTITUDES, body)
        return SrtSample(
            span[0],
            span[1],
            _clock(body),
            position.lat_deg,
            position.lon_deg,
            _first(_HEIGHTS, body),
            altitude,
            yaw,
            pitch,
            roll,
            _focal_35mm(body),
            _zoom(body),
        )

    def _position(self, body: str) -> _Position | str:
        lat_text, lon_text = _LATITUDE.search(body), _LONGITUDE.search(body)
        if lat_text and lon_text:
            lat, lon = float(lat_text[1]), float(lon_text[1])
            step = max(_step(lat_text[1]), _step(lon_text[1]))
            dialect = "brackets, longtitude" if "longtitude" in body else "brackets"
            found = _Position(lat, lon, None, step, dialect)
        else:
            gps = _GPS.search(body)
            if gps is None:
                return CUT if _CUT_SHORT.search(body) else NO_POSITION
            if gps[1][0] in "nN" or gps[2][0] in "nN":
                return NO_FIX
            found = _from_gps(gps)
        if found.lat_deg == 0.0 and found.lon_deg == 0.0:
            return NO_FIX
        if not (abs(found.lat_deg) <= 90.0 and abs(found.lon_deg) <= 180.0):
            return IMPOSSIBLE
        return found

    def _alike(self, samples: list[SrtSample]) -> list[SrtSample]:
        """Refuse the few blocks that lack what nearly all others have."""
        for name in ("alt_home_m", "alt_amsl_m", "gimbal_pitch_deg"):
            kept = [sample for sample in samples if getattr(sample, name) is not None]
            if 0.9 * len(samples) <= len(kept) < len(samples):
                self._refused[INCOMPLETE] += len(samples) - len(kept)
                samples = kept
        return samples

    @staticmethod
    def _with_clock_spans(samples: list[SrtSample]) -> list[SrtSample]:
        """Give blocks without time spans those of the camera's clock."""
        first = samples[0].local_time
        if first is None:
            return samples
        timed = []
        for sample in samples:
            if sample.local_time is None:
                continue
            start_s = (sample.local_time - first).total_seconds()
            timed.append(replace(sample, start_s=start_s, end_s=start_s + SECONDS_IN_UNTIMED_BLOCK))
        return timed


def _blocks(text: str) -> Iterator[tuple[tuple[float, float] | None, str]]:
    """Yield time span and readings of each block.

    A block ends at an empty line that is followed by a number on its own, since some models put
    empty lines inside of blocks.
    """
    lines = text.splitlines()
    starts = [
        i
        for i, line in enumerate(lines)
        if _BLOCK_NUMBER.match(line)
        and (
            i == 0
            or not lines[i - 1].strip()
            or _SPAN.search(lines[i + 1] if i + 1 < len(lines) else "")
        )
    ]
    for start, end in pairwise([*starts, len(lines)]):
        body = "\n".join(lines[start + 1 : end])
        if not body.strip():
            continue
        match = _SPAN.search(body)
        yield (_span(match) if match else None), _TAG.sub(" ", body)


def _span(match: re.Match[str]) -> tuple[float, float]:
    h0, m0, s0, f0, h1, m1, s1, f1 = match.groups()
    start_s = int(h0) * 3600 + int(m0) * 60 + int(s0) + int(f0.ljust(3, "0")) / 1000
    end_s = int(h1) * 3600 + int(m1) * 60 + int(s1) + int(f1.ljust(3, "0")) / 1000
    return start_s, max(start_s, end_s)


def _first(patterns: tuple[re.Pattern[str], ...], body: str) -> float | None:
    for pattern in patterns:
        match = pattern.search(body)
        if match:
            return float(match[1])
    return None


def _step(number: str) -> float:
    """Return the size of the last decimal of a written number."""
    return 10.0 ** -len(number.partition(".")[2])


def _from_gps(gps: re.Match[str]) -> _Position:
    first, second = float(gps[1]), float(gps[2])
    step = max(_step(gps[1]), _step(gps[2]))
    third, unit = gps[3], gps[4]
    if unit is not None or (third is not None and "." in third):
        name = "GPS(lat,lon,alt M)" if unit is not None else "GPS(lat,lon,alt)"
        # Exactly zero is what is written where no altitude is known.
        return _Position(first, second, float(third) or None, step, name)
    if abs(second) > 90.0 >= abs(first):
        # Only a longitude goes beyond 90, whatever the order is said to be.
        return _Position(first, second, None, step, "GPS(lat,lon)")
    return _Position(second, first, None, step, "GPS(lon,lat,satellites)")


def _gimbal(body: str) -> tuple[float | None, float | None, float | None]:
    match = _GIMBAL.search(body)
    if match:
        return float(match[1]), float(match[2]), float(match[3])
    match = _GIMBAL_PRY.search(body)
    if match:
        return float(match[3]), float(match[1]), float(match[2])
    return None, None, None


def _zoom(body: str) -> float:
    """Return the digital zoom; some models write it in ten-thousandths."""
    zoom = _first((_ZOOM,), body) or 1.0
    zoom = zoom / 10_000.0 if zoom >= 10_000.0 else zoom
    return zoom if 1.0 <= zoom <= 100.0 else 1.0


def _focal_35mm(body: str) -> float | None:
    """Return the equivalent focal length; older models write it in tenths of a millimetre."""
    focal = _first((_FOCAL,), body)
    if focal is None or focal <= 0:
        return None
    focal = focal if "." in (_FOCAL.search(body) or [""])[0] else focal / 10.0
    return focal if 8.0 <= focal <= 1000.0 else None


def _clock(body: str) -> datetime | None:
    match = _CLOCK.search(body)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        whole = datetime(  # noqa: DTZ001 - the camera writes no offset; the reader adds the site's
            int(year), int(month), int(day), int(hour), int(minute), int(second)
        )
    except ValueError:
        return None
    milliseconds = int((fraction or "0").ljust(3, "0"))
    return whole + timedelta(milliseconds=milliseconds)
