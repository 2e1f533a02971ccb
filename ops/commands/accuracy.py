"""`parkwatch accuracy`: every detector and incident type, measured, in one page."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from ops.app import App
from park.errors import SettingsError

if TYPE_CHECKING:
    from ops.accuracy import AccuracyWish
    from ops.accuracy_change import Change
    from ops.accuracy_scenarios import RunWish

_EVERY = 25
"""Pictures between two lines of progress where there is no terminal."""


_Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="models, photos, scenarios, or one model or scenario."),
]
_Scenarios = Annotated[
    list[str] | None,
    typer.Option("--scenario", metavar="FILE", help="A scenario on top of the shipped ones."),
]
_Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="FILE", help="Weights in place of the shipped ones of their name."
    ),
]
_Routes = Annotated[
    list[str] | None,
    typer.Option(
        "--route",
        help="Flown in each, in order. Default: assets, works-survey, roads; along the fence for "
        "clear-fence.",
    ),
]
_Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all figures here, too.")
]
_Against = Annotated[
    Path | None,
    typer.Option("--against", metavar="FILE", help="JSON of before; prints what changed."),
]


def accuracy(
    out: Annotated[Path, typer.Option("--out", help="The page to write (Markdown).")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of all labelled datasets.")
    ] = None,
    only: _Only = None,
    scenario: _Scenarios = None,
    model: _Models = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each scenario.", min=1)] = 1,
    route: _Routes = None,
    alt_agl: Annotated[
        float | None,
        typer.Option(
            "--alt-agl", help="Height above the ground, metres; else 45, or its own.", min=1.0
        ),
    ] = None,
    fps: Annotated[
        float, typer.Option("--fps", help="Pictures a second.", min=0.1, max=10.0)
    ] = 2.0,
    thermal: Annotated[
        bool, typer.Option("--thermal/--no-thermal", help="Heat by day, too, where it is needed.")
    ] = True,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Compare with the park as it was.")
    ] = True,
    work: Annotated[
        Path, typer.Option("--work", help="Folder where footage and results are kept.")
    ] = Path("runs/accuracy"),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what was measured before.")
    ] = False,
    json_file: _Json = None,
    against: _Against = None,
) -> None:
    """Measure models on real pictures and incidents in simulated patrols; write one page.

    What was measured is kept in the work folder and not measured again while weights, pictures,
    scenarios and the program are the same; an interrupted run goes on. Exit status: 0 all
    measured, 3 not all.
    """
    from ops.accuracy import AccuracyWish, measure
    from ops.accuracy_change import changes, read_figures
    from ops.accuracy_page import as_json, page
    from ops.accuracy_scenarios import RunWish

    before = None if against is None else read_figures(against)
    like = RunWish(
        "",
        "",
        routes=tuple(route or ()),
        alt_agl_m=alt_agl or 0.0,
        fps=fps,
        heat_by_day=thermal,
        baseline=baseline,
    )
    wish = AccuracyWish(
        data=data,
        work=work,
        only=tuple(only or ()),
        scenarios=tuple(scenario or ()),
        models=tuple(model or ()),
        seeds=seeds,
        like=like,
        fresh=fresh,
    )
    found = measure(App.start(), wish, _on_step, _on_picture)
    _write(out, page(found, _command(wish, like, out)))
    if json_file is not None:
        _write(json_file, json.dumps(as_json(found), ensure_ascii=False, indent=2) + "\n")
    if before is not None:
        _print_changes(changes(before, as_json(found)))
    for one in found.missing:
        console_text.warn(f"{one.what} was not measured: {one.why}")
    console_text.out.print(f"page         {out}", markup=False, soft_wrap=True)
    raise typer.Exit(3 if found.missing else 0)


def _command(wish: AccuracyWish, like: RunWish, out: Path) -> str:
    """Return the command line that measures just this again, anywhere."""
    from ops.accuracy_scenarios import FPS

    words = ["parkwatch", "accuracy"]
    pairs = [("--data", wish.data), ("--out", out)]
    words += [str(word) for name, value in pairs if value is not None for word in (name, value)]
    listed = (("--only", wish.only), ("--scenario", wish.scenarios), ("--model", wish.models))
    words += [word for name, values in listed for value in values for word in (name, value)]
    if wish.seeds > 1:
        words += ["--seeds", str(wish.seeds)]
    words += [word for route in like.routes for word in ("--route", route)]
    if like.alt_agl_m:
        words += ["--alt-agl", f"{like.alt_agl_m:g}"]
    if like.fps != FPS:
        words += ["--fps", f"{like.fps:g}"]
    if not like.heat_by_day:
        words.append("--no-thermal")
    if not like.baseline:
        words.append("--no-baseline")
    return shlex.join(words)


def _on_step(number: int, of: int, what: str) -> None:
    console_text.err.print(f"[{number}/{of}] {what}", markup=False, soft_wrap=True)


def _on_picture(done: int, total: int) -> None:
    if console_text.err.is_terminal:
        console_text.err.print(f"  {done} of {total} pictures", end="\r")
    elif done % _EVERY == 0:
        console_text.err.print(f"  {done} of {total} pictures")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}") from error


def _print_changes(changed: tuple[Change, ...]) -> None:
    from rich.table import Table

    if not changed:
        console_text.out.print("nothing changed")
        return
    table = Table("figure", "before", "now", "change", box=None)
    for one in changed:
        table.add_row(one.figure, *(_number(value) for value in (one.before, one.now)), one.told)
    console_text.out.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
