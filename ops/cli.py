"""The command `parkwatch`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from ops import console_text
from ops.commands import (
    accuracy,
    baseline,
    demo,
    fly,
    footage,
    models,
    patrol,
    plan,
    reprocess,
    sim,
    sites,
    tables,
)
from ops.commands.route_words import RouteCommand
from park.errors import ParkwatchError
from park.version import VERSION

app = typer.Typer(
    name="parkwatch",
    help="Watches an industrial park by drone: footage in, located incidents out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("reprocess")(reprocess.reprocess)
app.command("sql")(tables.sql)
app.command("incidents")(tables.incidents)
app.command("report")(tables.report)
app.command("history")(tables.history)
app.command("demo")(demo.demo)
app.command("accuracy")(accuracy.accuracy)
app.command("plan", cls=RouteCommand)(plan.plan)
app.command("fly", cls=RouteCommand)(fly.fly)
app.add_typer(sites.app, name="sites")
app.add_typer(models.app, name="models")
app.add_typer(footage.app, name="footage")
app.add_typer(patrol.app, name="patrol")
app.add_typer(baseline.app, name="baseline")
app.add_typer(sim.app, name="sim")


def _version(wanted: bool) -> None:
    if wanted:
        console_text.out.print(f"parkwatch {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done.")] = False,
) -> None:
    """Watch an industrial park by drone: footage in, located incidents out."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(levelname)s %(name)s: %(message)s",
    )
    if not verbose:
        # It logs whatever ends a run with a traceback; the run itself says why it ended.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


def main() -> None:
    """Run the command line; a mistake ends with a sentence and status 2, never a traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app()
    except ParkwatchError as error:
        console_text.fail(str(error))
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`parkwatch sql ... | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
