from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.site_tools import (
    EXAMPLE_ZONE_ID,
    check_site,
    init_site,
    schema_to_text,
    site_to_text,
)
from park.errors import SiteError
from park.geodesy import LocalFrame
from park.site import Site
from park.site_checks import site_warnings
from park.site_model import FEATURE_MODELS
from park.site_rules import RULE_MODELS

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.geojson"))
BRIGHTON = [(46.842, -91.994), (46.843, -91.993), (46.8425, -91.995)]


class TestCheck:
    def test_a_good_file(self) -> None:
        check = check_site(DOCS / "examples" / "example-park.geojson")
        assert check.ok
        assert (check.errors, check.warnings) == ((), ())
        assert (check.site_id, check.name) == ("example-park", "Example industrial park")
        assert check.time_zone == "Asia/Shanghai"
        assert dict(check.counts) == {
            "boundary": 1,
            "zone": 4,
            "road": 1,
            "pipeline": 1,
            "building": 1,
            "asset": 2,
            "dock": 1,
            "no_fly": 1,
            "route": 2,
        }
        assert check.area_km2 == pytest.approx(0.255, abs=0.005)

    def test_mistakes_are_listed_and_nothing_is_raised(self, tmp_path: Path) -> None:
        path = tmp_path / "site.geojson"
        document = json.loads((DOCS / "examples" / "smallest.geojson").read_text("utf-8"))
        document["features"][1]["properties"]["rules"][0]["typ"] = 1
        document["features"].append({"type": "Feature", "properties": {"kind": "dock"}})
        path.write_text(json.dumps(document), encoding="utf-8")
        check = check_site(path)
        assert not check.ok
        assert len(check.errors) == 3
        assert check.site_id == "small-park"
        assert check.warnings == ()

    @pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"{", "line 1, column")])
    def test_what_is_no_json_is_one_mistake(
        self, tmp_path: Path, content: bytes, message: str
    ) -> None:
        path = tmp_path / "site.geojson"
        path.write_bytes(content)
        (error,) = check_site(path).errors
        assert message in error

    def test_a_missing_file_is_one_mistake(self, tmp_path: Path) -> None:
        (error,) = check_site(tmp_path / "none.geojson").errors
        assert error == "cannot be read (No such file or directory)"

    def test_a_model_that_a_route_names_and_that_is_not_shipped_is_told(
        self, tmp_path: Path
    ) -> None:
        document = json.loads(site_to_text(init_site(BRIGHTON)))
        route = {"kind": "route", "id": "low", "purpose": "perimeter", "models": ["mine"]}
        document["features"].append({"type": "Feature", "properties": route, "geometry": None})
        path = tmp_path / "site.geojson"
        path.write_text(json.dumps(document), encoding="utf-8")
        check = check_site(path)
        assert check.ok
        assert "route 'low' names the model 'mine', which is not shipped" in check.warnings[-1]


class TestInit:
    def test_it_encloses_the_footage_and_passes_the_check(self, tmp_path: Path) -> None:
        site = init_site(BRIGHTON)
        for lat_deg, lon_deg in BRIGHTON:
            assert site.boundary.geometry.contains(shapely.Point(lon_deg, lat_deg))
        path = tmp_path / "site.geojson"
        path.write_text(site_to_text(site), encoding="utf-8")
        check = check_site(path)
        assert (check.errors, check.warnings) == ((), ())
        assert Site.load(path) == site

    def test_the_time_zone_is_that_of_the_place(self) -> None:
        assert init_site(BRIGHTON).boundary.time_zone == "America/Chicago"
        assert init_site([(22.53, 113.94)]).boundary.time_zone == "Asia/Shanghai"

    def test_the_time_zone_may_be_given(self) -> None:
        assert init_site(BRIGHTON, time_zone="Europe/Berlin").boundary.time_zone == "Europe/Berlin"
        with pytest.raises(SiteError, match="'Mars/Olympus' is not a time zone"):
            init_site(BRIGHTON, time_zone="Mars/Olympus")

    def test_the_example_zone_shows_rules_about_vehicles_and_one_photo_can_break_it(self) -> None:
        (zone,) = init_site(BRIGHTON).zones
        assert zone.id == EXAMPLE_ZONE_ID
        assert {rule.rule_id for rule in zone.rules} == {
            "no_parking",
            "forbidden_zone",
            "vehicle_limit",
        }
        assert [getattr(rule, "min_dwell_s", 0.0) for rule in zone.rules] == [0.0, 0.0, 0.0]

    def test_one_place_is_enough(self) -> None:
        site = init_site([(22.53, 113.94)], margin_m=50.0)
        assert site.boundary_m.area == pytest.approx(3.14159 * 50**2, rel=0.05)

    @pytest.mark.parametrize(
        ("footprint", "margin_m", "message"),
        [
            ([], 30.0, "no frame of the footage says where it was taken"),
            ([(float("nan"), 1.0)], 30.0, "no frame of the footage says where it was taken"),
            ([(22.5, 113.9), (31.2, 121.5)], 30.0, "spread over .* km, more than 50 km"),
            ([(22.5, 113.9)], 0.0, "leaves no area"),
        ],
    )
    def test_what_no_site_can_be_drawn_around(
        self, footprint: list[tuple[float, float]], margin_m: float, message: str
    ) -> None:
        with pytest.raises(SiteError, match=message):
            init_site(footprint, margin_m=margin_m)

    @settings(max_examples=40, deadline=None)
    @given(
        lat_deg=st.floats(-60, 70),
        lon_deg=st.floats(-179, 179),
        offsets=st.lists(
            st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)), min_size=1, max_size=8
        ),
    )
    def test_anywhere_on_earth_it_can_be_read_back(
        self, lat_deg: float, lon_deg: float, offsets: list[tuple[float, float]]
    ) -> None:
        frame = LocalFrame(lat_deg, lon_deg)
        site = init_site([frame.to_lat_lon(*offset) for offset in offsets])
        assert Site.load(site_to_text(site).encode()) == site
        assert site_warnings(site) == ()


class TestDocs:
    def test_the_schema_in_the_docs_is_that_of_the_code(self) -> None:
        kept = (DOCS / "site.schema.json").read_text("utf-8")
        assert kept == schema_to_text(), (
            "docs/site.schema.json is out of date: `parkwatch sites schema` writes it anew"
        )

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
    def test_examples_have_neither_mistakes_nor_warnings(self, path: Path) -> None:
        check = check_site(path)
        assert (check.errors, check.warnings) == ((), ())

    def test_the_page_names_every_kind_rule_and_key(self) -> None:
        page = (DOCS / "site-file.md").read_text("utf-8")
        models: dict[str, Any] = {**FEATURE_MODELS, **RULE_MODELS}
        for name, model in models.items():
            assert f"`{name}`" in page, name
            for key, info in model.model_fields.items():
                written = info.alias or key
                assert key == "geometry" or f"`{written}`" in page, f"{name}: {written}"

    def test_the_examples_on_the_page_can_be_read(self) -> None:
        page = (DOCS / "site-file.md").read_text("utf-8")
        blocks = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
        assert blocks
        for block in blocks:
            Site.load(block.encode())
