"""A hash of the program itself, so that a result is kept only while what made it is the same.

Docstrings and comments are left out: they change no result, and an hour of looking is not thrown
away for a sentence.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ops.accuracy_results import key_of
from park.errors import SettingsError
from park.records import JsonValue

DRAWING = ("park", "drone", "sim_data")
"""Packages that decide what footage shows."""

SEEING = ("park", "vision")
"""Packages that decide what is seen in a picture."""

LOOKING = ("park", "vision", "pipelines")
"""Packages that decide what is told of it."""

SCORING = ("park", "sim_data", "ops")
"""Packages that decide what counts as right."""


@cache
def digest_of_code(packages: tuple[str, ...]) -> str:
    """Return a hash of what the modules of some packages do.

    Args:
        packages: names of installed ones, such as `DRAWING`.

    Raises:
        SettingsError: one is not there as files.
    """
    facts: dict[str, JsonValue] = {}
    for package in packages:
        folder = _folder_of(package)
        for path in sorted(folder.rglob("*.py")):
            name = f"{package}/{path.relative_to(folder).as_posix()}"
            facts[name] = hashlib.sha256(done_by(path.read_bytes()).encode()).hexdigest()
    return key_of(facts)


def done_by(source: bytes) -> str:
    """Return what a module does: its syntax tree without docstrings, comments and layout.

    Args:
        source: of a module that can be imported.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    """Return whether a statement is a text alone: of a docstring, or of one below an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _folder_of(package: str) -> Path:
    found = find_spec(package)
    places = found.submodule_search_locations if found else None
    if not places:
        raise SettingsError(
            f"package {package} is not there as files, so results cannot be told from old ones; "
            "install parkwatch as its README says"
        )
    return Path(next(iter(places)))
