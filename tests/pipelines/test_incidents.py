from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from park.errors import RecordError
from park.records import DailyIncidents, GroundPoint, Observation
from park.site import Site
from park.taxonomy import INCIDENT_TYPES
from pipelines.hits import RuleHit
from pipelines.incidents import best_observation, incidents_from_hits, sum_by_day

EVENING = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai, Monday
PLACE = GroundPoint(22.535, 113.945, 2.0)


def site(site_id: str = "test-park") -> Site:
    ring = [[113.94, 22.53], [113.95, 22.53], [113.95, 22.54], [113.94, 22.53]]
    properties = {
        "kind": "boundary",
        "id": site_id,
        "name": "Test park",
        "time_zone": "Asia/Shanghai",
    }
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return Site.load(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())


def seen(name: str, *, confidence: float = 0.8, side_px: float = 20.0) -> Observation:
    return Observation(
        detection_id=name,
        patrol_id="p",
        time=EVENING,
        class_name="car",
        confidence=confidence,
        box_xyxy_px=(0.0, 0.0, side_px, side_px),
        track_id=None,
        object_id="a",
        place=PLACE,
        size_m=4.5,
        source_uri="photo.jpg",
        source_time_s=0.0,
        model_id=f"model-of-{name}",
    )


def hit(key: str = "a", *, after_s: float = 0.0, dwell_s: float = 0.0, zone: str = "z") -> RuleHit:
    first_seen = EVENING + timedelta(seconds=after_s)
    observations = (seen(f"{key}-1"), seen(f"{key}-2", side_px=30.0))
    return RuleHit(
        zone_id=zone,
        rule_id="no_parking",
        type="illegal_parking",
        severity=3,
        key=key,
        object_ids=(key,),
        observations=observations,
        evidence=observations,
        place=PLACE,
        probability=0.9,
        first_seen=first_seen,
        last_seen=first_seen + timedelta(seconds=dwell_s),
        measure=dwell_s,
    )


def test_an_incident_says_what_the_hit_said() -> None:
    (incident,) = incidents_from_hits(site(), [hit(dwell_s=90.0)])
    assert (incident.domain, incident.type, incident.severity) == (
        "road_traffic",
        "illegal_parking",
        3,
    )
    assert (incident.dwell_s, incident.measure, incident.observations) == (90.0, 90.0, 2)
    assert (incident.best.detection_id, incident.model_id) == ("a-2", "model-of-a-2")
    assert incident.evidence_uri is None


def test_it_belongs_to_the_sites_own_day_of_its_beginning() -> None:
    late, early = hit("a", dwell_s=7200.0), hit("b", after_s=1800.0)
    days = [incident.day for incident in incidents_from_hits(site(), [late, early])]
    assert days == [date(2026, 3, 2), date(2026, 3, 3)]


def test_ids_do_not_depend_on_order() -> None:
    hits = [hit(key, after_s=after_s) for key in "abc" for after_s in (0.0, 60.0, 7200.0)]
    shuffled = random.Random(3).sample(hits, len(hits))
    assert incidents_from_hits(site(), shuffled) == incidents_from_hits(site(), hits)


def test_ids_differ_by_site_zone_day_object_and_stay() -> None:
    hits = [
        hit("a"),
        hit("a", after_s=60.0),
        hit("a", after_s=1800.0),
        hit("b"),
        hit("a", zone="z2"),
        replace(hit("a"), rule_id="other"),
    ]
    here = {incident.incident_id for incident in incidents_from_hits(site(), hits)}
    there = {incident.incident_id for incident in incidents_from_hits(site("other"), hits)}
    assert len(here | there) == 12


def test_a_longer_stay_keeps_its_id() -> None:
    (short,) = incidents_from_hits(site(), [hit(dwell_s=10.0)])
    (long,) = incidents_from_hits(site(), [hit(dwell_s=500.0)])
    assert short.incident_id == long.incident_id


def test_a_sharp_sighting_is_better_than_a_larger_one_that_is_smeared() -> None:
    smeared = replace(seen("smeared", side_px=40.0), clarity=0.3)
    sharp = replace(seen("sharp", side_px=30.0), clarity=0.7)
    assert best_observation([smeared, sharp]) is best_observation([sharp, smeared]) is sharp


def test_sightings_of_earlier_versions_are_not_worse_for_having_no_clarity() -> None:
    old, new = seen("old", side_px=60.0), replace(seen("new", side_px=50.0), clarity=0.9)
    assert best_observation([old, new]) is old


def test_the_best_observation_is_the_surest_of_the_largest() -> None:
    small, large, unsure = (
        seen("small", confidence=0.9),
        seen("large", confidence=0.8, side_px=60.0),
        seen("unsure", confidence=0.1, side_px=80.0),
    )
    assert best_observation([small, large, unsure]) is large
    twin = seen("twin", confidence=0.8, side_px=60.0)
    assert best_observation([large, twin]) is best_observation([twin, large]) is twin


def test_a_day_is_summed_by_type_and_zone() -> None:
    incidents = incidents_from_hits(
        site(),
        [
            hit("a", dwell_s=100.0),
            hit("b", dwell_s=40.0),
            hit("a", after_s=1800.0, dwell_s=7.0),
            hit("c", zone="z2"),
        ],
    )
    sums = sum_by_day(incidents)
    assert [(s.day.day, s.zone_id, s.incidents) for s in sums] == [
        (2, "z", 2),
        (2, "z2", 1),
        (3, "z", 1),
    ]
    first = sums[0]
    assert (first.dwell_total_s, first.dwell_max_s, first.measure_max) == (140.0, 100.0, 100.0)
    assert (first.objects, first.observations, first.severity_max) == (2, 4, 3)
    assert first.last_seen == EVENING + timedelta(seconds=100)


def test_nothing_gives_nothing() -> None:
    assert incidents_from_hits(site(), []) == ()
    assert sum_by_day([]) == ()


def test_every_type_has_a_domain_that_fits_the_table() -> None:
    for type_id, kind in INCIDENT_TYPES.items():
        (incident,) = incidents_from_hits(site(), [replace(hit(), type=type_id)])
        assert incident.domain == kind.domain.value


def test_an_empty_sum_is_refused() -> None:
    (row,) = sum_by_day(incidents_from_hits(site(), [hit()]))
    assert isinstance(row, DailyIncidents)
    with pytest.raises(RecordError, match="a sum of 0 incidents is no row"):
        replace(row, incidents=0)
