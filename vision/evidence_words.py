"""What is written on evidence: kind, measure, time, zone and place, in words for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from park.records import Incident
from park.taxonomy import MeasureUnit, incident_type


@dataclass(frozen=True, slots=True)
class Caption:
    """What an incident's evidence says besides the incident itself.

    Attributes:
        time_zone: the site's own.
        zone_name: name of the zone in Chinese and English; its id stands where both are empty.
    """

    time_zone: tzinfo
    zone_name: tuple[str, str] = ("", "")

    def time_text(self, time: datetime, *, tenths: bool = False) -> str:
        """Return a time of day with its offset, as in ``2026-05-01 09:30:00 +08:00``."""
        local = time.astimezone(self.time_zone)
        offset = local.strftime("%z")
        part = f".{local.microsecond // 100_000}" if tenths else ""
        return f"{local:%Y-%m-%d %H:%M:%S}{part} {offset[:3]}:{offset[3:5]}"


def measure_text(incident: Incident) -> str:
    """Return an incident's measure with its unit, in words that read the same anywhere."""
    unit = incident_type(incident.type).unit
    if unit is MeasureUnit.SECONDS:
        return duration_text(incident.measure)
    symbol = {
        MeasureUnit.SQUARE_METRES: "m²",
        MeasureUnit.DEGREES_CELSIUS: "°C",
        MeasureUnit.METRES: "m",
        MeasureUnit.PEOPLE_PER_100_M2: "people / 100 m²",
        MeasureUnit.VEHICLES_PER_LANE_KM: "vehicles / lane km",
    }.get(unit, unit.value)
    if incident.measure_error is None:
        return f"{incident.measure:.0f} {symbol}"
    digits = 1 if incident.measure_error < 2.0 else 0
    text = f"{incident.measure:.{digits}f} ± {incident.measure_error:.{digits}f} {symbol}"
    return text if incident.speed_mps is None else f"{text}, {incident.speed_mps:.1f} m/s"


def measure_mark(incident: Incident) -> str:
    """Return the measure as it is written beside the box, with its error and unit.

    A time is that between the first and the last sighting, so what was seen stayed at least so
    long; what was seen once has none. A count is written with what was counted.
    """
    if incident_type(incident.type).unit is not MeasureUnit.SECONDS:
        return measure_text(incident)
    return f"≥ {duration_text(incident.measure)}" if incident.measure > 0 else ""


def duration_text(seconds: float) -> str:
    """Return a duration as ``45 s``, ``20 min 05 s`` or ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def title(incident: Incident, chinese: bool) -> str:
    """Return the name of what happened, in both languages where Chinese can be written."""
    kind = incident_type(incident.type)
    return f"{kind.zh} {kind.en}" if chinese else kind.en


def label_lines(incident: Incident, caption: Caption, chinese: bool) -> tuple[str, ...]:
    """Return the lines below an evidence picture, the most important first."""
    zone_zh, zone_en = caption.zone_name
    zone = (f"{zone_zh} {zone_en}" if chinese else zone_en).strip() or incident.zone_id
    if not chinese and not zone.isascii():
        zone = incident.zone_id
    place = incident.place
    word_time, word_zone, word_place, word_measure = (
        ("时间", "区域", "位置", "实测") if chinese else ("time", "zone", "place", "measured")
    )
    return (
        title(incident, chinese),
        (
            f"{word_time} {caption.time_text(incident.best.time)}"
            f"  ·  {word_measure} {measure_text(incident)}  ·  {word_zone} {zone}"
        ),
        (
            f"{word_place} {place.lat_deg:.6f}, {place.lon_deg:.6f} ± {place.error_m:.1f} m"
            f"  ·  {incident.best.class_name} {incident.best.confidence:.2f}"
            f"  ·  {incident.best.model_id}"
        ),
    )
