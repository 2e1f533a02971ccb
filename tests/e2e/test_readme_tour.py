"""What the README tells a newcomer to type, typed, on footage like that of the demo."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ops.commands.demo import demo
from ops.demo import CAMERAS, NOISE, STARTS, prepare_park
from ops.made_footage import MadePatrol, write_patrol
from sim_data.patrol_footage import TELEMETRY_HZ, TrueFlight, noise_named

README = Path(__file__).resolve().parents[2] / "README.md"
LENGTH_M = 150.0
SEEN_S = (77.0, 96.0)
"""Of the flight: passes a fire, a crowd, and two vehicles on a square."""


def part(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)^## ", README.read_text("utf-8"), re.M | re.S)
    assert found is not None, f"the README has no part '{title}'"
    return found.group(1)


def commands(title: str) -> list[str]:
    """Return the lines of the shell blocks of a part, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", part(title), re.M | re.S)
    assert blocks, f"the README's part '{title}' has no commands"
    return [line for block in blocks for line in block.splitlines()]


def tour() -> str:
    """Return the commands of the part on one's own footage as one script."""
    # Each command is shown before its output, so that the output can be told apart.
    return "set -e\n" + "".join(
        f"printf '%s\\n' {_quoted('$ ' + line)}\n{line}\n" for line in commands("Your own footage")
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def a_while(flight: TrueFlight, first_s: float, last_s: float) -> TrueFlight:
    """Return a flight from one second to another."""
    first, last = (round(at * TELEMETRY_HZ) for at in (first_s, last_s))
    readings = (name for name, value in _fields(flight) if hasattr(value, "shape"))
    cut = {name: getattr(flight, name)[first : last + 1] for name in readings}
    return replace(flight, start=flight.time(first), **cut)


def _fields(flight: TrueFlight) -> list[tuple[str, object]]:
    return [(name, getattr(flight, name)) for name in flight.__dataclass_fields__]


def record_demo(out: Path) -> None:
    """Make the site and some footage of the demo, as the demo does, but without flying."""
    out.mkdir()
    park = prepare_park(out, 7, LENGTH_M)
    flight = a_while(park.expected, *SEEN_S)
    noise = noise_named(NOISE)
    name = "a-while-of-it"
    patrol = MadePatrol(
        park.footage / name, park.world.site.id, name, flight, CAMERAS, noise, park.scenario.seed
    )
    write_patrol(patrol, park.renderer, lambda seen: None)


def test_days_in_the_readme_are_the_day_of_the_demo() -> None:
    days = set(re.findall(r"\b20\d\d-\d\d-\d\d\b", README.read_text("utf-8")))
    assert days == {STARTS.date().isoformat()}


def test_the_first_commands_are_those_of_the_makefile_and_come_after_one_picture() -> None:
    text = README.read_text("utf-8")
    assert commands("Two commands") == ["make demo", "make test"]
    before = text.partition("make demo\n")[0]
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", before)
    assert pictures == ["docs/images/report.jpg"]
    assert (README.parent / pictures[0]).stat().st_size < 300_000


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing: install it")
def test_the_tour_runs_as_it_stands(tmp_path: Path) -> None:
    record_demo(tmp_path / inspect.signature(demo).parameters["out"].default)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PARKWATCH_")}
    cache = os.environ.get("PARKWATCH_CACHE")
    if cache:
        environment["PARKWATCH_CACHE"] = cache
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    done = subprocess.run(
        ["bash", "-c", tour()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )

    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    outputs = dict(part.split("\n", 1) for part in done.stdout.split("$ ")[1:])
    assert "nothing was looked at" not in done.stderr
    assert "site.geojson can be used" in outputs["parkwatch sites check site.geojson"]
    (of_the_day,) = [said for typed, said in outputs.items() if "--domain" in typed]
    assert "Vehicle in forbidden zone" in of_the_day
    before = outputs['parkwatch incidents --as-of "$before"']
    now = outputs["parkwatch incidents"]
    for then in (before, now):
        assert "Open flame" in then
    assert before != now, "reading the past gives what is there now"
    for page in ("report.html", "day.html"):
        assert (tmp_path / page).stat().st_size > 10_000
    assert len(list((tmp_path / "pictures").glob("*.jpg"))) == 4, "one each 5 s, as is said"
