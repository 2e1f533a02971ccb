"""The command that runs a simulated copter: `parkwatch sim copter`, `python -m sim_data.copter`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Annotated

import typer

_PARENT_POLL_S = 0.5


def copter(
    home: Annotated[
        str,
        typer.Option(metavar="LAT,LON,ALT[,HEADING]", help="Where it stands; ALT above sea level."),
    ],
    port: Annotated[int, typer.Option(help="TCP port; 0 for any that is free.")] = 5760,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    speedup: Annotated[float, typer.Option(help="Times real time, up to 50.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    wind: Annotated[
        str, typer.Option(metavar="SPEED,FROM[,GUSTS]", help="Metres a second, and degrees.")
    ] = "0,0",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter; may be given several times."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME@SECONDS[:SETTING=NUMBER,...]", help="May be given again."),
    ] = None,
    signing_key_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Environment variable with the signing key.")
    ] = None,
    exit_with_parent: Annotated[
        bool, typer.Option("--exit-with-parent", help="End when the program that began it ends.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="One line when ready, and no more.")
    ] = False,
) -> None:
    """Run a simulated copter that answers MAVLink over TCP as ArduCopter's own simulation does."""
    from sim_data.copter.options import read_fault, read_home, read_key_of, read_params, read_wind
    from sim_data.copter.params import ParamTable
    from sim_data.copter.server import CopterServer
    from sim_data.copter.vehicle import SimulatedCopter

    faults = [read_fault(text) for text in fault or ()]
    vehicle = SimulatedCopter(
        read_home(home),
        seed=seed,
        params=ParamTable(read_params(param or ())),
        wind=read_wind(wind),
    )
    server = CopterServer(
        vehicle,
        host=host,
        port=port,
        speedup=speedup,
        signing_key=read_key_of(signing_key_env) if signing_key_env else None,
        tell=None if quiet else _print_line,
    )
    for what, at_s in faults:
        server.inject(what, at_s=at_s)
    end = threading.Event()
    _end_on_signals(end)
    parent = os.getppid()
    with server:
        _print_line(f"simulated copter ready at {server.url}, {speedup:g} times real time")
        while not end.wait(_PARENT_POLL_S) and server.running:
            if exit_with_parent and os.getppid() != parent:
                break


def _print_line(line: str) -> None:
    """Print a line at once; where nobody listens any more, go on in silence."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_on_signals(end: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        end.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
