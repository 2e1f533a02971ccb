"""`parkwatch sim`: things that stand in for real ones."""

from __future__ import annotations

import typer

from ops.commands.sim_dataset import dataset
from ops.commands.sim_park import park
from ops.commands.sim_patrol import patrol
from ops.commands.sim_score import score
from sim_data.copter.command_line import copter

app = typer.Typer(help="Simulated things to try the rest with.", no_args_is_help=True)
app.command("copter")(copter)
app.command("park")(park)
app.command("patrol")(patrol)
app.command("dataset")(dataset)
app.command("score")(score)


@app.callback()
def sim() -> None:
    """Simulated things to try the rest with."""
