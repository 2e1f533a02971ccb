"""Turning `.pt` and `.onnx` weights into OpenVINO models, once, cached by content."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from park.errors import ModelError
from vision.models.eight_bit_archive import read_archive
from vision.models.registry import ModelFile

_EXPORT_TIMEOUT_S = 600
_FORMAT = "1"
"""Raised when the layout of the cache changes, so that old entries are not read."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An OpenVINO model on disk.

    Attributes:
        xml: its graph; the weights lie beside it.
        classes: names in the order of the output.
        input_px: side of the pictures it was exported for.
        fixed_shape: True when it takes pictures of that size only.
        fresh: True when it was exported now, False when it came from the cache.
        eight_bit: True when weights and activations are eight bits wide.
    """

    xml: Path
    classes: tuple[str, ...]
    input_px: int
    fixed_shape: bool
    fresh: bool
    eight_bit: bool = False


def cache_folder() -> Path:
    """Return where exported models are kept: `PARKWATCH_CACHE`, or the user's cache folder."""
    set_by_user = os.environ.get("PARKWATCH_CACHE")
    if set_by_user:
        return Path(set_by_user)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "parkwatch"


def export_model(model: ModelFile, *, eight_bit: bool = True) -> ExportedModel:
    """Return the OpenVINO form of a model, exporting it when the cache has none.

    An eight-bit form that lies beside the weights is unpacked; else the weights are exported, in
    a process of its own: torch does not stay in this one's memory, and a broken file cannot take
    this process down.

    Args:
        model: the weights.
        eight_bit: take the eight-bit form where there is one.

    Raises:
        ModelError: when the weights are no detection model, the eight-bit form is damaged or of
            other weights, or the cache cannot be written.
    """
    small = model.eight_bit_sha256 if eight_bit else None
    form = "" if small is None else f"-int8-{small[:12]}"
    entry = cache_folder() / "models" / f"{model.sha256}-{_FORMAT}{form}"
    found = _read_entry(entry, fresh=False)
    if found is not None:
        return found
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".export-") as folder:
            if small is not None:
                _unpack(model, Path(folder, "out"))
            else:
                _run_export(model, Path(folder))
            try:
                Path(folder, "out").rename(entry)
            except OSError:
                # Another process was first, and its result is as good; or the entry is damaged.
                if _read_entry(entry, fresh=True) is None:
                    shutil.rmtree(entry, ignore_errors=True)
                    Path(folder, "out").rename(entry)
    except OSError as error:
        raise ModelError(
            f"cannot keep the exported model in {entry.parent}: {error.strerror or error}; set "
            "PARKWATCH_CACHE to a folder that can be written"
        ) from error
    done = _read_entry(entry, fresh=True)
    if done is None:
        raise ModelError(f"the exported model in {entry} is damaged; remove that folder")
    return done


def _read_entry(entry: Path, *, fresh: bool) -> ExportedModel | None:
    xml = entry / "model.xml"
    if not xml.is_file() or not xml.with_suffix(".bin").is_file():
        return None
    try:
        about = json.loads((entry / "model.json").read_text("utf-8"))
        return ExportedModel(
            xml,
            tuple(about["classes"]),
            int(about["input_px"]),
            bool(about["fixed_shape"]),
            fresh,
            bool(about.get("eight_bit", False)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _unpack(model: ModelFile, out: Path) -> None:
    """Unpack the eight-bit form of a model."""
    found = read_archive(model)
    out.mkdir()
    for name, content in found.files.items():
        (out / name).write_bytes(content)
    about = {
        "classes": list(found.classes),
        "input_px": found.input_px,
        "fixed_shape": False,
        "eight_bit": True,
    }
    (out / "model.json").write_text(json.dumps(about), "utf-8")


def _run_export(model: ModelFile, folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    command = [sys.executable, "-m", "vision.models.export", str(model.path.resolve()), str(out)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_EXPORT_TIMEOUT_S,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{model.path}: the export did not end within {_EXPORT_TIMEOUT_S} s"
        ) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit status {done.returncode}"
        raise ModelError(f"{model.path} cannot be used as a detection model: {reason}")


def _export_here(path: Path, out: Path) -> None:
    """Export `path` into `out`; runs in the child process."""
    export = _export_onnx if path.suffix.lower() == ".onnx" else _export_pt
    about = export(path, out)
    (out / "model.json").write_text(json.dumps(about), "utf-8")


def _export_pt(path: Path, out: Path) -> dict[str, object]:
    from vision.models.offline import load_ultralytics

    work = out.parent / "work"
    work.mkdir()
    copy = work / "model.pt"
    shutil.copyfile(path, copy)
    model = load_ultralytics().YOLO(str(copy))
    if model.task != "detect":
        raise ModelError(f"it is a model for {model.task}, and detect is needed")
    names = [str(model.names[i]) for i in sorted(model.names)]
    input_px = input_side_px(model.model)
    folder = Path(model.export(format="openvino", dynamic=True, imgsz=input_px, verbose=False))
    for suffix in (".xml", ".bin"):
        shutil.copyfile(next(folder.glob(f"*{suffix}")), out / f"model{suffix}")
    return {"classes": names, "input_px": input_px, "fixed_shape": False}


def input_side_px(network: Any) -> int:  # noqa: ANN401 - ultralytics has no types
    """Return the side of the pictures that a network of ultralytics' was trained on."""
    args = getattr(network, "args", {})
    size = args.get("imgsz", 640) if isinstance(args, dict) else getattr(args, "imgsz", 640)
    return int(size[0] if isinstance(size, list) else size)


def _export_onnx(path: Path, out: Path) -> dict[str, object]:
    import openvino as ov

    from vision.models.engine import check_head

    model = ov.Core().read_model(path)
    shape = model.input(0).partial_shape
    fixed = shape[2].is_static and shape[3].is_static
    if fixed and shape[2].get_length() != shape[3].get_length():
        raise ModelError(f"it takes pictures of {shape}, and square ones are needed")
    names = _onnx_names(path)
    head = model.output(0).partial_shape
    check_head(tuple(d.get_length() if d.is_static else -1 for d in head), len(names))
    ov.save_model(model, out / "model.xml")
    return {
        "classes": names,
        "input_px": shape[2].get_length() if fixed else 640,
        "fixed_shape": bool(fixed),
    }


def _onnx_names(path: Path) -> list[str]:
    import onnx

    properties = {p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props}
    try:
        names = ast.literal_eval(properties["names"])
    except (KeyError, ValueError, SyntaxError) as error:
        raise ModelError(
            "it does not carry its class names (metadata `names`); export it with ultralytics"
        ) from error
    if isinstance(names, dict):
        return [str(names[i]) for i in sorted(names)]
    return [str(n) for n in names]


def _main() -> int:
    try:
        _export_here(Path(sys.argv[1]), Path(sys.argv[2]))
    except Exception as error:  # noqa: BLE001 - the edge of the process: one line for the parent
        text = " ".join(str(error).split()) or type(error).__name__
        sys.stderr.write(f"\n{text[:500]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
