"""Who may import whom, how long modules get, and what stays out of quick commands."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "park": set[str](),
    "drone": {"park"},
    "vision": {"park"},
    "sim_data": {"park"},
    "pipelines": {"park", "vision"},
    "ops": {"park", "drone", "vision", "sim_data", "pipelines"},
}
NAMELESS = {"util", "utils", "common", "helpers", "helper", "core", "misc"}
HEAVY = ("torch", "ultralytics", "apache_beam", "pyiceberg", "openvino", "cv2")
MAX_LINES = 520

MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imported_roots(source: str) -> set[str]:
    """Return the top-level packages that a module imports anywhere, also inside functions."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that the rule can be seen"
            roots.add((node.module or "").partition(".")[0])
    return roots


def test_the_walk_sees_imports_inside_functions() -> None:
    source = "import a.b\ndef f():\n    from c.d import e\n    if True:\n        import g as h\n"
    assert imported_roots(source) == {"a", "c", "g"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_before_it(package: str) -> None:
    of_ours = set(MAY_IMPORT) | {"tests"}
    allowed = MAY_IMPORT[package] | {package}
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in MODULES
        if path.relative_to(ROOT).parts[0] == package
        if (found := (imported_roots(path.read_text("utf-8")) & of_ours) - allowed)
    }
    assert wrong == {}


def test_there_are_modules_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(MAY_IMPORT)
    assert len(MODULES) > 50


def test_every_module_is_named_for_what_it_does() -> None:
    folders = {path.parent for path in MODULES}
    names = {path: path.stem for path in MODULES} | {folder: folder.name for folder in folders}
    assert [path for path, name in names.items() if name.lower() in NAMELESS] == []


def test_no_module_is_too_long_to_find_ones_way_in() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {p.name: n for p, n in lengths.items() if n > MAX_LINES} == {}


def loaded_after(code: str, **environment: str) -> set[str]:
    """Return which heavy libraries a fresh process has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint('loaded:', *(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("loaded:"))
    return set(line.split()[1:])


def test_the_command_line_loads_nothing_heavy_before_it_is_needed() -> None:
    assert loaded_after("import ops.cli") == set()


def test_looking_at_a_picture_does_not_load_torch() -> None:
    # Exported here first, in a process of its own, as the first run of anybody would.
    code = (
        "import numpy as np\n"
        "from vision.models.engine import Engine\n"
        "from vision.models.export import export_model\n"
        "from vision.models.registry import resolve_model\n"
        "engine = Engine(export_model(resolve_model('vehicles')))\n"
        "engine.run(np.zeros((64, 64, 3), np.uint8))"
    )
    loaded = loaded_after(code)
    assert "openvino" in loaded, "the model did not run"
    assert loaded.isdisjoint({"torch", "ultralytics"})


def test_reading_labels_and_recipes_needs_no_inference() -> None:
    code = "import vision.models.dataset, vision.models.recipe, vision.models.registry"
    assert loaded_after(code).isdisjoint({"torch", "ultralytics", "openvino"})
