"""`NAME.int8.zip`: an OpenVINO model in eight bits, and of which weights it was made.

It holds `model.xml` and `model.bin` as OpenVINO writes them, and `made.json`, which says the
hash of the weights, the classes, the side in pixels, and on how many pictures ranges were measured.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from park.errors import ModelError
from vision.models.registry import ModelFile

MODEL_FILES = ("model.xml", "model.bin")

_MADE = "made.json"
_MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class EightBitModel:
    """What an archive holds.

    Attributes:
        files: content by name, of each of `MODEL_FILES`.
        classes: names in the order of the output.
        input_px: side of the pictures that it was exported for.
        pictures: how many the ranges were measured on.
    """

    files: Mapping[str, bytes]
    classes: tuple[str, ...]
    input_px: int
    pictures: int


def write_archive(model: ModelFile, content: EightBitModel) -> int:
    """Put the eight-bit form of a model beside its weights, in place of another; return its bytes.

    Raises:
        ModelError: it cannot be written.
    """
    made = {
        "of_sha256": model.sha256,
        "classes": list(content.classes),
        "input_px": content.input_px,
        "pictures": content.pictures,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in MODEL_FILES:
            archive.writestr(name, content.files[name])
        archive.writestr(_MADE, json.dumps(made))
    path = model.eight_bit_path
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        aside.write_bytes(buffer.getvalue())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ModelError(f"cannot write {path}: {error.strerror or error}") from error
    return len(buffer.getvalue())


def read_archive(model: ModelFile) -> EightBitModel:
    """Read the eight-bit form that lies beside the weights of a model.

    Raises:
        ModelError: it is damaged, too large, or made of other weights.
    """
    path = model.eight_bit_path
    remedy = f"make it again with `parkwatch models quantize`, or remove {path.name}"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(archive.getinfo(name).file_size for name in (*MODEL_FILES, _MADE)) > _MOST_BYTES:
                raise ModelError(f"{path} unpacks to over {_MOST_BYTES // 10**6} MB; {remedy}")
            made = json.loads(archive.read(_MADE))
            found = EightBitModel(
                {name: archive.read(name) for name in MODEL_FILES},
                tuple(str(name) for name in made["classes"]),
                int(made["input_px"]),
                int(made["pictures"]),
            )
        of_sha256 = str(made["of_sha256"])
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); {remedy}") from error
    if of_sha256 != model.sha256:
        raise ModelError(
            f"{path} was made of other weights ({of_sha256[:12]}) than those beside it "
            f"({model.sha256[:12]}); {remedy}"
        )
    return found
