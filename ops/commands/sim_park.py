"""`parkwatch sim park`: the site file of a park that does not exist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops import console_text
from ops.commands.plan import write_all
from park.errors import SettingsError

_PICTURES = (".png", ".jpg")


def park(
    out: Annotated[Path, typer.Option("--out", help="Site file to write (GeoJSON).")],
    km2: Annotated[float, typer.Option("--km2", help="Area, 1 to 426 square kilometres.")] = 4.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another park.")] = 7,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Map of the park to write: .png or .jpg.")
    ] = None,
) -> None:
    """Make a simulated industrial park and write its site file.

    The park is illustrative, no survey of a real one, and every name in it is invented. The same
    size and seed give the same file, and the same park to the other commands of `parkwatch sim`.
    """
    from sim_data.world.generate import generate_park

    if picture is not None and picture.suffix.lower() not in _PICTURES:
        raise SettingsError(f"--picture {picture}: the name has to end in {' or '.join(_PICTURES)}")
    for path in (out, picture):
        if path is not None and not path.parent.is_dir():
            raise SettingsError(f"{path}: there is no folder {path.parent}")
    world = generate_park(km2, seed)
    contents = {out: world.site_geojson().encode()}
    if picture is not None:
        from sim_data.world.map_picture import map_picture

        contents[picture] = map_picture(world, suffix=picture.suffix.lower())
    write_all(contents)
    say = console_text.out.print
    say(world.illustrative, markup=False, soft_wrap=True)
    say(f"area         {world.boundary.area / 1e6:.3f} km2", markup=False)
    say(
        f"built        {len(world.plots)} plots, {len(world.blocks)} buildings, "
        f"{len(world.roads)} roads, {len(world.bays)} parking bays, {len(world.trees)} trees",
        markup=False,
        soft_wrap=True,
    )
    routes = ", ".join(
        str(feature["properties"]["id"])
        for feature in world.site_file["features"]
        if feature["properties"]["kind"] == "route"
    )
    say(f"routes       {routes}", markup=False, soft_wrap=True)
    for path in contents:
        say(f"written      {path}", markup=False, soft_wrap=True)
