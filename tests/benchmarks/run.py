"""Runs the benchmarks and writes docs/benchmarks.md.

Sections that are not run keep the text that they had, so that one can be measured alone:
``python -m tests.benchmarks.run planning``.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from tests.benchmarks import (
    bench_airspace,
    bench_area_plan,
    bench_camera,
    bench_gpu,
    bench_link,
    bench_memory,
    bench_specialists,
    bench_video,
)

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
_PACKAGES = (
    "apache-beam", "openvino", "torch", "ultralytics", "av", "opencv-python", "pyarrow", "shapely",
    "ortools", "dronekit", "pymavlink",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and what is wanted of it.

    Attributes:
        name: of the figure.
        value: measured.
        limit: at least this, or at most.
        at_least: whether more is better.
    """

    name: str
    value: float
    limit: float
    at_least: bool = True

    @classmethod
    def most(cls, name: str, value: float, limit: float) -> Target:
        """Return a figure of which less is better."""
        return cls(name, value, limit, at_least=False)

    @property
    def met(self) -> bool:
        """Whether it is as wanted."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> str:
        """Return it as a row of a table."""
        wanted = f"{self.limit:g} or {'more' if self.at_least else 'less'}"
        return f"| {self.name} | {self.value:.3g} | {wanted}{'' if self.met else ', MISSED'} |"


def _table(targets: tuple[Target, ...]) -> str:
    return "\n".join(
        ["| figure | measured | wanted |", "|---|---|---|", *(t.row() for t in targets)]
    )


def _video() -> tuple[str, tuple[Target, ...]]:
    video = bench_video.measure()
    targets = (
        Target("reprocess / ultralytics predict", video.ours / video.predict, 4.0),
        Target("reprocess / bare OpenVINO", video.ours / video.openvino, 0.85),
        Target("reprocess / bare OpenVINO in eight bits", video.ours / video.eight_bit, 0.85),
    )
    return (
        f"""{video.frames} frames ({video.video}), every frame, model `vehicles`, input
{bench_video.INPUT_PX} px, each frame shrunk whole as ultralytics does. Medians of turns taken in
alternation.

| | frames/s |
|---|---|
| `parkwatch reprocess`, from decoding to the commit | {video.ours:.1f} |
| its part until the last frame is looked at | {video.ours_looking:.1f} |
| ultralytics `predict`, its default engine (torch) | {video.predict:.1f} |
| bare OpenVINO, frames decoded and resized beforehand, weights as they are | {video.openvino:.1f} |
| the same with the eight-bit form that `reprocess` runs | {video.eight_bit:.1f} |

{_table(targets)}

How much faster OpenVINO is than torch differs between processors (2.7 to 4.3 times were seen on
two), and the first ratio with it.""",
        targets,
    )


def _specialists() -> tuple[str, tuple[Target, ...]]:
    found = [bench_specialists.measure(flight) for flight in bench_specialists.FLIGHTS]
    targets = tuple(
        Target(f"{one.flight.what}: times real time, from start to commit", one.real_time, 8.0)
        for one in found
    )
    flights = "\n".join(
        f"- {one.flight.what}: {one.flight.seconds:.0f} s, {one.frames} frames sampled; "
        f"{', '.join(one.scenes)}. By the processor time that it took, "
        f"{one.real_time_free:.3g} times real time would be possible with all cores never idle."
        for one in found
    )
    return (
        f"""Models `{"` and `".join(bench_specialists.MODELS)}` and the scene detectors of one zone
on simulated 1080p video at 25 frames/s, {bench_specialists.SAMPLE_FPS:g} frames a second sampled,
seen straight down:

{flights}

{_table(targets)}""",
        targets,
    )


def _gpu() -> tuple[str, tuple[Target, ...]]:
    found = bench_gpu.measure()
    if found is None:
        return "", ()
    targets = (Target("batches / one by one", found.batched / found.one_by_one, 1.0),)
    return (
        f"""Model `{bench_gpu.MODEL}` on {found.device}, pictures of {bench_gpu.SIZE_PX[0]} x
{bench_gpu.SIZE_PX[1]} pixels, {found.together:.1f} in a batch on average.

| | pictures/s |
|---|---|
| one by one | {found.one_by_one:.0f} |
| in batches | {found.batched:.0f} |

{_table(targets)}""",
        targets,
    )


def _memory() -> tuple[str, tuple[Target, ...]]:
    memory = bench_memory.measure()
    targets = (
        Target.most(f"peak for {bench_memory.SHORT_S:.0f} s, MB", memory.short_mb, 1500),
        Target.most(f"peak for {bench_memory.LONG_S:.0f} s, MB", memory.long_mb, 1500),
    )
    text = "Peak resident memory of the `parkwatch reprocess` command on simulated 1080p video."
    return f"{text}\n\n{_table(targets)}", targets


def _planning() -> tuple[str, tuple[Target, ...]]:
    air, area = bench_airspace.measure(), bench_area_plan.measure()
    targets = (
        Target.most(f"{air.legs} legs against {air.obstacles} obstacles, s", air.check_s, 1),
        Target.most("area route over 426 km2, 60 holes, laid out, s", area.seconds, 10),
        Target.most("its length against the lower bound", area.park_ratio, 1.20),
        *(
            Target.most(f"convex field, {name}, against the lower bound", ratio, 1.08)
            for name, ratio in area.convex_ratios.items()
        ),
        Target.most("the same park laid out and planned whole, s", air.lay_out_s + air.plan_s, 10),
    )  # fmt: skip
    return (
        f"""A generated concave park of 426 km2 with 60 holes, {bench_area_plan.ALT_AGL_M:g} m up:
{area.strips} strips; planned whole (sorties, ways around, return heights, rally points,
fence, coverage, every leg and way home checked)
{air.sorties} sorties, {100 * air.coverage:.1f} % seen.

{_table(targets)}""",
        targets,
    )


def _link() -> tuple[str, tuple[Target, ...]]:
    link = bench_link.measure()
    targets = (
        Target.most("share of a core", link.core_share, 0.25),
        Target.most("share with every stream at 50 Hz", link.all_core_share, 0.25),
        Target.most("share while the vehicle is gone", link.gone_core_share, 0.25),
    )
    return (
        f"""Telemetry of the simulated copter at 50 Hz, in a process of its own:
{link.messages_hz:.0f} messages a second ({link.all_messages_hz:.0f} with every stream),
{link.pictures_hz:.0f} told to a listener, {link.dropped} dropped.

{_table(targets)}""",
        targets,
    )


def _camera() -> tuple[str, tuple[Target, ...]]:
    camera = bench_camera.measure()
    targets = (
        Target("straight down from 80 m, frames/s", camera.nadir_hz, 20),
        Target("45 degrees down from 60 m, frames/s", camera.oblique_hz, 20),
        Target("thermal, straight down from 80 m, frames/s", camera.thermal_hz, 20),
    )
    return (
        f"""The simulated camera in flight at 8 m/s over the simulated park, 1280 x 720 pixels,
{bench_camera.FRAMES} frames each. A frame straight down takes
{1000 * camera.nadir_core_s:.0f} ms of one core; the first of all, whose
ground is not drawn yet, {camera.first_s:.1f} s. The drawn ground takes {camera.kept_mb:.0f} MB.

{_table(targets)}""",
        targets,
    )


_SECTIONS: dict[str, tuple[str, Callable[[], tuple[str, tuple[Target, ...]]]]] = {
    "video": ("A 1080p video, end to end", _video),
    "specialists": ("Two specialists and the scene detectors of a zone", _specialists),
    "gpu": ("On a GPU", _gpu),
    "memory": ("Memory", _memory),
    "planning": ("Planning", _planning),
    "link": ("Link to a vehicle", _link),
    "camera": ("The simulated camera", _camera),
}


def main(names: list[str]) -> int:
    """Measure, write the page, and return 1 when a target is missed."""
    unknown = sorted(set(names) - set(_SECTIONS))
    if unknown:
        print(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(_SECTIONS)}", file=sys.stderr
        )
        return 2
    before = _PAGE.read_text("utf-8") if _PAGE.is_file() else ""
    parts, missed = [], []
    for name, (title, measure) in _SECTIONS.items():
        kept = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", before, re.M | re.S)
        told = f"## {title}\n\n{kept.group(1).strip() if kept else 'Not measured yet.'}\n"
        if names and name not in names:
            parts.append(told)
            continue
        print(f"{name} ...", flush=True)
        text, targets = measure()
        if not text:
            print(f"{name}: not possible on this machine", file=sys.stderr)
            parts.append(told)
            continue
        missed += [target.name for target in targets if not target.met]
        parts.append(f"## {title}\n\n{text}\n\n{_where()}\n")
    page = (
        "# Benchmarks\n\nWritten by `make bench`. Seconds differ from machine to machine and from "
        "hour to hour; the\nratios are what counts, each measured in one run.\n\n"
        + "\n".join(parts)
    )
    _PAGE.write_text(page, "utf-8")
    print(page)
    for name in missed:
        print(f"MISSED: {name}", file=sys.stderr)
    return 1 if missed else 0


def _where() -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return (
        f"Measured on {datetime.now(UTC).date().isoformat()}: {psutil.cpu_count()} cores "
        f"({_processor()}), {psutil.virtual_memory().total / 1e9:.0f} GB,\nPython "
        f"{platform.python_version()}, {versions}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
