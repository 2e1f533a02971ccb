"""The command line as its first user meets it, on drawn footage whose truth is known."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from ops.cli import main
from park.schemas import SCHEMAS
from pipelines.tables import Warehouse
from sim_data.aerial import DemoTruth, write_demo_footage

REPOSITORY = Path(__file__).resolve().parents[2]

Said = subprocess.CompletedProcess[str]
Run = Callable[..., Said]
Rows = Callable[..., dict[str, list[dict[str, Any]]]]

OF_THE_RUN = {("rejects", "time"), *((name, "run_id") for name in SCHEMAS)}
"""Columns that say which run wrote a row, and when."""


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DemoTruth:
    """Two passes of six photos over the drawn park, twenty minutes apart."""
    return write_demo_footage(tmp_path_factory.mktemp("drawn"), 7)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("PARKWATCH_") and n != "PARKWATCH_CACHE"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def parkwatch() -> Run:
    """Call the command in this process, as the installed script does."""

    def call(*arguments: object) -> Said:
        said = [str(a) for a in arguments]
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        handler, argv = signal.getsignal(signal.SIGTERM), sys.argv
        status: int | str | None = 0
        try:
            sys.argv = ["parkwatch", *said]
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as end:
            status = end.code
        finally:
            sys.argv = argv
            signal.signal(signal.SIGTERM, handler)
        texts = [t.buffer.getvalue().decode() for t in (out, err)]
        return subprocess.CompletedProcess(said, int(status or 0), *texts)

    return call


@pytest.fixture(scope="session")
def start_parkwatch() -> Callable[..., subprocess.Popen[str]]:
    """Start the command in a process of its own."""

    def start(*arguments: object, tmpdir: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        if tmpdir is not None:
            environment["TMPDIR"] = str(tmpdir)
        return subprocess.Popen(
            [sys.executable, "-c", "from ops.cli import main; main()", *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def folder_of(drawn: DemoTruth, tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of some of the drawn photos, given by their numbers from 1."""

    def make(name: str, numbers: Iterable[int], *, rename: str = "SIM_{:04d}.JPG") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for number in numbers:
            source = drawn.footage_dir / f"SIM_{number:04d}.JPG"
            shutil.copy(source, folder / rename.format(number))
        return folder

    return make


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Read all tables: what rows say, without which run wrote them."""

    def read(warehouse: Path, *names: str, site: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with Warehouse.open(warehouse, create=False) as opened:
            base = opened.snapshot()
            for name in names or SCHEMAS:
                table: pa.Table = opened.table_as_of(name, base)
                table = table.select([c for c in table.column_names if (name, c) not in OF_THE_RUN])
                found[name] = [
                    row for row in table.to_pylist() if site is None or row["site_id"] == site
                ]
        return found

    return read


def write_constant_model(path: Path, classes: dict[int, str], boxes: list[list[float]]) -> Path:
    """Write a detection model that sees the same boxes in every picture.

    Args:
        path: ends in .onnx.
        classes: names by number.
        boxes: centre x, centre y, width, height in pixels, then a score for each class.
    """
    constant = np.asarray(boxes, np.float32).T[None]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["constant", "nothing"], ["output0"]),
        ],
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(constant.shape))],
        [
            numpy_helper.from_array(constant, "constant"),
            numpy_helper.from_array(np.asarray(0.0, np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", repr(classes)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="session")
def people_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two classes that sees one person in every picture that it is shown."""
    path = tmp_path_factory.mktemp("models") / "people.onnx"
    return write_constant_model(
        path, {0: "person", 1: "cone"}, [[90.0, 90.0, 30.0, 30.0, 0.9, 0.0]]
    )


@pytest.fixture(scope="session")
def blind_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never sees anything."""
    path = tmp_path_factory.mktemp("models") / "blind.onnx"
    return write_constant_model(path, {0: "vehicle"}, [[90.0, 90.0, 30.0, 30.0, 0.0]])


@pytest.fixture
def own_tmp(tmp_path: Path) -> Path:
    """A folder for temporary files of one test's processes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder
