from __future__ import annotations

import re

import pytest

from park.errors import RecordError
from park.taxonomy import (
    CLASS_FAMILIES,
    INCIDENT_TYPES,
    Domain,
    EvidenceKind,
    IncidentType,
    MeasureUnit,
    Severity,
    class_key,
    class_matches,
    families_of,
    incident_type,
)

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("kind", INCIDENT_TYPES.values(), ids=lambda kind: kind.id)
def test_every_type_is_complete(kind: IncidentType) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", kind.id)
    assert HAN.search(kind.zh)
    assert re.fullmatch(r"[A-Z][A-Za-z ()\-]+", kind.en)
    assert kind.measure
    assert isinstance(kind.domain, Domain)
    assert isinstance(kind.severity, Severity)
    assert isinstance(kind.unit, MeasureUnit)
    assert isinstance(kind.evidence, EvidenceKind)


def test_names_and_ids_are_not_used_twice() -> None:
    kinds = INCIDENT_TYPES.values()
    assert len({kind.zh for kind in kinds}) == len({kind.en for kind in kinds}) == len(kinds)
    assert all(type_id == kind.id for type_id, kind in INCIDENT_TYPES.items())


def test_every_domain_has_types_and_names() -> None:
    assert {kind.domain for kind in INCIDENT_TYPES.values()} == set(Domain)
    for domain in Domain:
        assert HAN.search(domain.zh)
        assert domain.en
    assert [domain.value for domain in Domain] == [
        "work_safety",
        "environment",
        "road_traffic",
        "governance",
    ]


def test_what_is_measured_in_time_needs_more_than_one_picture() -> None:
    for kind in INCIDENT_TYPES.values():
        if kind.unit is MeasureUnit.SECONDS:
            assert kind.evidence is EvidenceKind.SEQUENCE, kind.id


def test_an_unknown_type_is_refused_with_those_near() -> None:
    with pytest.raises(RecordError, match=r"no incident type 'ilegal_parking'.*illegal_parking"):
        incident_type("ilegal_parking")


@pytest.mark.parametrize(
    "class_name",
    ["car", "truck", "bus", "minibus", "van", "two-wheeler", "motorcycle", "Other Vehicle"],
)
def test_road_users_on_wheels_are_vehicles(class_name: str) -> None:
    assert class_matches(class_name, ["vehicle"])
    assert not class_matches(class_name, ["person"])


def test_a_family_is_not_one_of_its_members() -> None:
    assert class_matches("vehicle", ["vehicle"])
    assert not class_matches("vehicle", ["car"])


def test_a_class_of_a_family_within_a_family_is_in_both() -> None:
    assert families_of("Motorcycle") == {"motorcycle", "two_wheeler", "vehicle"}


def test_an_unknown_class_is_alone() -> None:
    assert families_of("boat") == {"boat"}
    assert class_matches("boat", ["Boat"])


def test_the_table_is_written_in_its_own_spelling() -> None:
    for family, members in CLASS_FAMILIES.items():
        assert all(class_key(name) == name for name in {family, *members})
