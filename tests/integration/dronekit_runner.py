"""Run one test of DroneKit's own suite against a simulated copter; a program, not a test.

DroneKit's wheel holds the tests that its authors run against ArduPilot's simulation. They want two
packages that no longer install, of which they use a few functions; those are made here. Each test
gets a copter and a port of its own, so that several can run side by side.

usage: dronekit_runner.py MODULE.TEST --speedup N

The exit status is 0 when the test passes; what is wrong stands in the last line on standard error.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import functools
import importlib
import inspect
import os
import pkgutil
import re
import select
import socket
import subprocess
import sys
import threading
import time
import types
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HOME = "-35.363261,149.165230,584,353"
_FIXED_PORTS = ("5760", "15668")
_START_S = 30.0
_URL = re.compile(r"tcp:127\.0\.0\.1:\d+")


@contextmanager
def copter(speedup: float) -> Iterator[str]:
    """Run a simulated copter in a process of its own, and yield what to connect to."""
    command = [sys.executable, "-m", "sim_data.copter", "--home", HOME, "--port", "0"]
    command += ["--speedup", str(speedup), "--quiet", "--exit-with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], _START_S)[0]:
                raise TimeoutError(f"the simulated copter was not ready within {_START_S:g} s")
            line = process.stdout.readline()
            found = _URL.search(line)
            if found is None:
                raise RuntimeError(f"the simulated copter did not start: {line!r}")
            yield found.group()
        finally:
            process.terminate()
            process.wait(10.0)


def free_port(kind: socket.SocketKind) -> int:
    """Return a port that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_other_ports(function: types.FunctionType) -> Callable[..., object]:
    """Return a function that uses free ports in place of those written in its code."""
    ports = {
        _FIXED_PORTS[0]: free_port(socket.SOCK_STREAM),
        _FIXED_PORTS[1]: free_port(socket.SOCK_DGRAM),
    }

    def moved(constant: Any) -> Any:
        for fixed, free in ports.items():
            if isinstance(constant, str):
                constant = constant.replace(f":{fixed}", f":{free}")
            elif constant == int(fixed):
                constant = free
            elif isinstance(constant, tuple):
                constant = tuple(moved(part) for part in constant)
        return constant

    code = function.__code__
    code = code.replace(co_consts=tuple(moved(constant) for constant in code.co_consts))
    return types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )


class _Assertions(types.ModuleType):
    """What the suite takes from `nose.tools`: unittest's assertions under older names."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("assert_"):
            raise AttributeError(name)
        first, *others = re.sub("equals$", "equal", name).split("_")
        method = first + "".join(word.capitalize() for word in others)
        found: Callable[..., None] = getattr(unittest.TestCase(), method)
        return found


def prepare(speedup: float) -> types.ModuleType:
    """Make DroneKit's suite importable, and return the package that holds its tests."""
    collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    tools = _Assertions("nose.tools")
    tools.with_setup = None  # type: ignore[attr-defined]
    nose = types.ModuleType("nose")
    nose.tools = tools  # type: ignore[attr-defined]
    sitl = types.ModuleType("dronekit_sitl")
    sitl.SITL = None  # type: ignore[attr-defined]
    sys.modules.update({"nose": nose, "nose.tools": tools, "dronekit_sitl": sitl})

    def with_copter(function: types.FunctionType) -> Callable[[], None]:
        @functools.wraps(function)
        def test() -> None:
            with copter(speedup) as url:
                on_other_ports(function)(url)

        del test.__wrapped__
        return test

    # Its loop prints, without a pause, for as long as a vehicle is gone.
    mavutil = importlib.import_module("pymavlink.mavutil")
    mavutil.print = lambda *_: time.sleep(0.01)  # type: ignore[attr-defined]
    harness = importlib.import_module("dronekit.test")
    harness.with_sitl = with_copter  # type: ignore[attr-defined]
    return importlib.import_module("dronekit.test.sitl")


def names_of(suite: types.ModuleType) -> list[str]:
    """Return the tests of the suite, as MODULE.TEST."""
    return [
        f"{module.name}.{name}"
        for module in pkgutil.iter_modules(suite.__path__)
        for name, value in vars(importlib.import_module(f"{suite.__name__}.{module.name}")).items()
        if name.startswith("test") and inspect.isfunction(value)
    ]


def main() -> int:
    """Run one test, or list them all."""
    parser = argparse.ArgumentParser(description="One test of DroneKit's suite.")
    parser.add_argument("test", nargs="?", help="MODULE.TEST; without it all are listed")
    parser.add_argument("--speedup", type=float, default=5.0)
    options = parser.parse_args()
    suite = prepare(options.speedup)
    if options.test is None:
        print("\n".join(names_of(suite)))
        return 0
    module, _, name = options.test.rpartition(".")
    test = getattr(importlib.import_module(f"{suite.__name__}.{module}"), name)
    began_s = time.monotonic()
    try:
        if "with_copter" in test.__qualname__ or test.__closure__:
            test()
        else:
            on_other_ports(test)()
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its result
        print(f"{type(error).__name__}: {error}".replace("\n", " ")[:300], file=sys.stderr)
        return 1
    print(f"passed in {time.monotonic() - began_s:.1f} s")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # DroneKit joins its threads at exit, which may be waiting for a vehicle that is gone.
    threading.excepthook = lambda _: None
    os._exit(status)
