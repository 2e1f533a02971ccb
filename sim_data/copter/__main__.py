"""`python -m sim_data.copter`: a simulated copter on a TCP port."""

from __future__ import annotations

import sys

import typer

from park.errors import ParkwatchError
from sim_data.copter.command_line import copter


def main() -> None:
    """Run the command; a mistake ends with a sentence and status 2."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(copter)
    try:
        app(prog_name="python -m sim_data.copter")
    except ParkwatchError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
