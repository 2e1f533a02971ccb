"""`parkwatch sim park` writes a site file that the other commands take, and a map."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ops.cli import app
from park.site import Site
from sim_data.world.generate import generate_park
from sim_data.world.map_picture import map_picture


def test_it_writes_the_site_file_and_says_that_the_park_is_invented(tmp_path: Path) -> None:
    out, picture = tmp_path / "site.geojson", tmp_path / "map.jpg"
    words = ["sim", "park", "--km2", "1", "--seed", "5", "--out", str(out), "--picture"]
    ran = CliRunner().invoke(app, [*words, str(picture)])
    assert ran.exit_code == 0, ran.output
    assert "no survey of a real place" in ran.output
    assert out.read_text("utf-8") == generate_park(1, 5).site_geojson()
    assert {route.id for route in Site.load(out).routes} >= {"perimeter", "roads", "assets"}
    with Image.open(picture) as drawn:
        assert max(drawn.size) == 1200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--km2", "500"], "500 km2 cannot be made; 1 to 426 km2 can"),
        (["--seed", "-3"], "seed -3 is negative"),
        (["--picture", "map.bmp"], "the name has to end in .png or .jpg"),
        (["--picture", "nowhere/map.png"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    tmp_path: Path, words: list[str], message: str
) -> None:
    out = tmp_path / "site.geojson"
    ran = CliRunner().invoke(app, ["sim", "park", "--out", str(out), *words])
    assert ran.exit_code != 0
    assert message in f"{ran.output} {ran.exception}"
    assert not out.exists()


def test_the_map_shows_water_as_blue_and_roads_as_grey() -> None:
    world = generate_park(1, 7)
    canal = next(water for water in world.waters if "canal" in water.water_id)
    inside = canal.area.intersection(world.boundary.buffer(-80.0)).representative_point()
    junction = world.junctions[0]
    for place, bluer in (
        ((inside.x, inside.y), True),
        ((junction.east_m, junction.north_m), False),
    ):
        content = map_picture(world, size_px=64, around=(*place, 2.0))
        with Image.open(io.BytesIO(content)) as drawn:
            red, _, blue = drawn.convert("RGB").getpixel((32, 32))  # type: ignore[misc]
        assert (blue > red + 10) is bluer
