"""What the README tells a newcomer to type, typed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim_data.aerial import write_demo_footage

README = Path(__file__).resolve().parents[2] / "README.md"


def tour() -> str:
    """Return the shell blocks of the part on one's own footage, in order, as one script."""
    part = re.search(r"^## Your own footage\n(.*?)^## ", README.read_text("utf-8"), re.M | re.S)
    assert part is not None, "the README has no part 'Your own footage'"
    blocks = re.findall(r"^```sh\n(.*?)^```$", part.group(1), re.M | re.S)
    assert blocks, "the README's tour has no commands"
    # Each command is shown before its output, so that the output can be told apart.
    return "set -e\n" + "".join(
        f"printf '%s\\n' {_quoted('$ ' + line)}\n{line}\n"
        for block in blocks
        for line in block.splitlines()
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing: install it")
def test_the_tour_runs_as_it_stands(tmp_path: Path) -> None:
    write_demo_footage(tmp_path / "demo-out")
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
    assert "site.geojson can be used" in outputs["parkwatch sites check site.geojson"]
    before = outputs['parkwatch incidents --as-of "$before"']
    assert "Vehicle in forbidden zone" in before
    now = outputs["parkwatch incidents"]
    assert "Parked where parking is not allowed" in before
    assert "Vehicle in forbidden zone" in now
    assert before != now, "reading the past gives what is there now"
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "monday.html").stat().st_size > 10_000
    assert len(list((tmp_path / "pictures").glob("*.jpg"))) == 12
