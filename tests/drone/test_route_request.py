from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.records import Camera
from drone.route_options import MAX_ALT_AGL_M, OPTION_MODELS, AreaOptions, PerimeterOptions
from drone.route_request import RouteRequest, option_names
from park.errors import RouteError
from park.site import Site
from tests.conftest import REPOSITORY
from tests.drone.parks import park, route_feature


def test_a_route_of_the_site_is_asked_for_by_its_id() -> None:
    site = park(
        route_feature("round", "perimeter", inward_m=12, alt_agl_m=45),
    )
    request = RouteRequest.from_site(site, "round")
    assert request.route_id == "round"
    assert request.purpose == "perimeter"
    assert isinstance(request.options, PerimeterOptions)
    assert (request.options.inward_m, request.options.height_m) == (12.0, 45.0)
    assert request.geometry is None


def test_a_route_that_the_site_does_not_have_is_refused_with_those_it_has() -> None:
    site = park(route_feature("round", "perimeter"))
    with pytest.raises(RouteError, match="no route 'ruond'; its routes are: round"):
        RouteRequest.from_site(site, "ruond")


def test_an_unknown_purpose_is_refused_with_those_that_are_known() -> None:
    site = park(route_feature("r", "joyride"))
    with pytest.raises(RouteError, match=r"purpose 'joyride' is not known; .*area, corridor, per"):
        RouteRequest.from_site(site, "r")


def test_an_unknown_option_is_refused_with_those_of_the_purpose() -> None:
    site = park(route_feature("r", "perimeter", inwards_m=3))
    with pytest.raises(
        RouteError, match=r"route 'r': option 'inwards_m' is not known to perimeter, .*inward_m"
    ):
        RouteRequest.from_site(site, "r")


@pytest.mark.parametrize(
    ("purpose", "options", "message"),
    [
        ("area", {"alt_agl_m": 121}, "alt_agl_m 121: .*less than or equal to 120"),
        ("area", {"alt_agl_m": "high"}, "alt_agl_m 'high': .*valid number"),
        ("area", {"alt_agl_m": 4}, "alt_agl_m 4: .*greater than or equal to 5"),
        ("area", {"alt_agl_m": 50, "gsd_cm": 3}, "alt_agl_m and gsd_cm say the same thing twice"),
        ("area", {"gsd_cm": 20}, "gsd_cm 20 needs a height of 274 m.*it sees 0.4 to 8.8 cm"),
        ("area", {"side_overlap": 0.95}, "side_overlap 0.95: .*less than or equal to 0.9"),
        ("area", {"gimbal_pitch_deg": -30}, "straight down; -90 to -60 is valid"),
        ("area", {"camera": "big"}, "camera 'big': write a camera as WIDTHxHEIGHT@DEGREES"),
        ("area", {"camera": "0x10@70"}, "camera '0x10@70': .*a camera needs pixels"),
        ("corridor", {"along": "rivers"}, "along 'rivers': .*'roads', 'pipelines' or 'both'"),
        ("corridor", {"sides": "both", "offset_m": -5}, "offset_m -5: with sides both"),
        ("points", {"min_criticality": 5}, "min_criticality 5: .*less than or equal to 4"),
        ("orbit", {"turns": 0}, "turns 0: .*greater than or equal to 1"),
        ("orbit", {"altitudes_agl_m": "30,130"}, "altitudes_agl_m .*less than or equal to 120"),
        ("orbit", {"altitudes_agl_m": "30", "alt_agl_m": 20}, "stands for alt_agl_m"),
        ("look", {"dwell_s": -1}, "dwell_s -1: .*greater than or equal to 0"),
    ],
)
def test_a_wrong_option_is_refused_by_name_with_what_is_valid(
    purpose: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(RouteError, match=message):
        RouteRequest.from_words(park(), purpose, [], options)


def test_every_mistake_is_in_the_one_error() -> None:
    with pytest.raises(RouteError, match=r"alt_agl_m 200.*; option 'colour' is not known"):
        RouteRequest.from_words(park(), "area", [], {"alt_agl_m": 200, "colour": "red"})


@pytest.mark.parametrize(
    ("words", "option", "value"),
    [
        (["area", "plot"], "zone", "plot"),
        (["perimeter", "plot"], "zone", "plot"),
        (["corridor", "roads"], "along", "roads"),
        (["points", "tank", "mast"], "ids", ("tank", "mast")),
        (["orbit", "tank"], "around", "tank"),
        (["orbit", "22.53,113.94"], "around", "22.53,113.94"),
        (["look", "-22.53,113.94"], "at", "-22.53,113.94"),
    ],
)
def test_the_word_after_a_purpose_is_what_it_is_about(
    words: list[str], option: str, value: object
) -> None:
    request = RouteRequest.from_words(park(), words[0], words[1:])
    assert getattr(request.options, option) == value


def test_options_of_the_command_line_are_texts_with_hyphens() -> None:
    request = RouteRequest.from_words(
        park(),
        "area",
        [],
        {"gsd-cm": "2.5", "side-overlap": "0.6", "camera": "4000x3000@73.7", "zone": None},
    )
    assert isinstance(request.options, AreaOptions)
    assert request.options.camera == Camera(4000, 3000, 73.7)
    assert request.options.side_overlap == 0.6
    assert request.options.height_m == pytest.approx(Camera(4000, 3000, 73.7).alt_agl_m(0.025))


def test_a_word_that_is_neither_a_route_nor_a_purpose_is_refused_with_both() -> None:
    site = park(route_feature("round", "perimeter"))
    with pytest.raises(RouteError, match=r"neither a route .*\(round\) nor a purpose \(area, cor"):
        RouteRequest.from_words(site, "peremiter")


def test_a_route_goes_before_a_purpose_of_the_same_name() -> None:
    site = park(route_feature("perimeter", "area", gsd_cm=3))
    assert RouteRequest.from_words(site, "perimeter").purpose == "area"


def test_options_given_go_before_those_of_the_site() -> None:
    site = park(route_feature("grid", "area", gsd_cm=3, side_overlap=0.5))
    request = RouteRequest.from_words(site, "grid", [], {"alt-agl-m": "70"})
    assert isinstance(request.options, AreaOptions)
    assert (request.options.gsd_cm, request.options.height_m) == (None, 70.0)
    assert request.options.side_overlap == 0.5


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(RouteError, match="zone is given twice: plot and other"):
        RouteRequest.from_words(park(), "area", ["plot"], {"zone": "other"})


def test_one_zone_is_taken_at_a_time() -> None:
    with pytest.raises(RouteError, match="one zone at a time, not plot other"):
        RouteRequest.from_words(park(), "area", ["plot", "other"])


def test_options_of_another_purpose_are_refused() -> None:
    with pytest.raises(RouteError, match="perimeter takes PerimeterOptions, not AreaOptions"):
        RouteRequest("r", "perimeter", AreaOptions())


def test_each_option_says_what_it_is_for() -> None:
    for purpose in OPTION_MODELS:
        assert all(option_names(purpose).values())
    with pytest.raises(RouteError, match="purpose 'joyride' is not known"):
        option_names("joyride")


@given(
    camera=st.builds(
        Camera,
        st.integers(64, 9000),
        st.integers(64, 9000),
        st.floats(20.0, 120.0).map(lambda degrees: round(degrees, 1)),
    ),
    gsd_cm=st.floats(0.1, 90.0),
)
def test_no_resolution_leads_above_the_limit(camera: Camera, gsd_cm: float) -> None:
    text = f"{camera.width_px}x{camera.height_px}@{camera.hfov_deg}"
    try:
        request = RouteRequest.from_words(park(), "area", [], {"gsd_cm": gsd_cm, "camera": text})
    except RouteError as error:
        assert "needs a height of" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert request.options.camera == camera
    assert 5.0 - 1e-9 <= request.options.height_m <= MAX_ALT_AGL_M
    assert camera.gsd_m(request.options.height_m) == pytest.approx(gsd_cm / 100.0)


def test_a_request_of_a_site_file_and_of_the_command_line_are_the_same() -> None:
    example = Site.load(REPOSITORY / "docs" / "examples" / "example-park.geojson")
    of_file = RouteRequest.from_site(example, "fence-round")
    of_words = RouteRequest.from_words(
        example, "perimeter", [], {"inward-m": "10", "alt-agl-m": "50"}
    )
    assert dataclasses.replace(of_file, route_id="perimeter") == of_words
