"""Programs that are started for a flight: they end when they are told to, and with this program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

_END_S = 5.0

# prctl(PR_SET_PDEATHSIG, SIGKILL), which lasts beyond exec; a parent that died before that is
# noticed by the process having another one.
_GUARD = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the program that started this one has ended")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} cannot be started: {error.strerror}")
"""


def ends_with_us(arguments: Sequence[str]) -> list[str]:
    """Return a command line by which a program ends also when this one is killed.

    On Linux the kernel sees to it (``prctl(2)``, PR_SET_PDEATHSIG); elsewhere the command line is
    as it was. It ends when the thread that starts it does, so start it in one that lives as long.

    Args:
        arguments: the program, by its path, and what it is given.
    """
    if not sys.platform.startswith("linux"):
        return list(arguments)
    return [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()), *arguments]


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a program that was started here: it is asked to, and after a while made to."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_S)
