"""Small drawn footage for tests: photos with EXIF and XMP, videos, telemetry."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

XMP_ATTRIBUTES = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" {} />
</rdf:RDF></x:xmpmeta>"""


def picture(width_px: int, height_px: int, seed: int = 0) -> NDArray[np.uint8]:
    """Draw a smooth RGB picture whose four corners can be told apart."""
    x = np.linspace(0, 200, width_px)[None, :]
    y = np.linspace(0, 200, height_px)[:, None]
    planes = [np.broadcast_to(x, (height_px, width_px)), np.broadcast_to(y, (height_px, width_px))]
    planes.append(np.full((height_px, width_px), seed % 256))
    return np.ascontiguousarray(np.stack(planes, axis=2).astype(np.uint8))


def degrees(value: float) -> tuple[float, float, float]:
    value = abs(value)
    whole = int(value)
    minutes = int((value - whole) * 60)
    return (float(whole), float(minutes), round(((value - whole) * 60 - minutes) * 60, 6))


PhotoMaker = Callable[..., Path]
VideoMaker = Callable[..., Path]


@pytest.fixture
def make_photo(tmp_path: Path) -> PhotoMaker:
    """Return a writer of geotagged photos."""

    def make(
        name: str = "a.jpg",
        *,
        size: tuple[int, int] = (80, 60),
        seed: int = 0,
        lat_lon: tuple[float, float] | None = (31.2, 121.5),
        altitude_m: float | None = 100.0,
        dji: dict[str, str] | None = None,
        xmp: str | None = None,
        base: dict[int, Any] | None = None,
        detail: dict[int, Any] | None = None,
        gps: dict[int, Any] | None = None,
        image_format: str | None = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[Base.Make] = "Drawn"
        for tag, value in (base or {}).items():
            exif[tag] = value
        exif_part = exif.get_ifd(IFD.Exif)
        exif_part[Base.DateTimeOriginal] = "2026:05:04 13:30:00"
        exif_part.update(detail or {})
        gps_part = exif.get_ifd(IFD.GPSInfo)
        if lat_lon is not None:
            gps_part[GPS.GPSLatitudeRef] = "N" if lat_lon[0] >= 0 else "S"
            gps_part[GPS.GPSLatitude] = degrees(lat_lon[0])
            gps_part[GPS.GPSLongitudeRef] = "E" if lat_lon[1] >= 0 else "W"
            gps_part[GPS.GPSLongitude] = degrees(lat_lon[1])
        if altitude_m is not None:
            gps_part[GPS.GPSAltitude] = abs(altitude_m)
            gps_part[GPS.GPSAltitudeRef] = b"\x01" if altitude_m < 0 else b"\x00"
        gps_part.update(gps or {})
        # TIFF keeps the parts only when they are set as tags of their own.
        exif[IFD.Exif], exif[IFD.GPSInfo] = exif_part, gps_part
        if dji is not None:
            xmp = XMP_ATTRIBUTES.format(" ".join(f'drone-dji:{k}="{v}"' for k, v in dji.items()))
        extra: dict[str, Any] = {"xmp": xmp.encode()} if xmp is not None else {}
        image = Image.fromarray(picture(*size, seed))
        image.save(path, format=image_format, exif=exif, **extra)
        return path

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> VideoMaker:
    """Return a writer of small H.264 videos; frame n has n in its blue channel, roughly."""

    def make(
        name: str = "clip.mp4",
        *,
        frames: int = 50,
        rate: int = 25,
        size: tuple[int, int] = (96, 64),
        gop: int = 12,
        b_frames: int = 0,
        times: list[float] | None = None,
        created: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", options=options or {}) as container:
            if created is not None:
                container.metadata["creation_time"] = created
            stream = container.add_stream("libx264", rate=rate)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = gop
            stream.codec_context.max_b_frames = b_frames
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.codec_context.options = {"preset": "ultrafast", "bf": str(b_frames)}
            for n in range(frames):
                rgb = picture(size[0], size[1], seed=n * 5)
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                seconds = n / rate if times is None else times[n]
                frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_srt(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of telemetry in the present dialect."""

    def make(
        name: str = "clip.SRT",
        *,
        blocks: int = 50,
        step_s: float = 0.04,
        reading: str = "[latitude: {lat:.6f}] [longitude: {lon:.6f}] "
        "[rel_alt: {height:.3f} abs_alt: {amsl:.3f}]",
        clock: str = "2026-05-04 13:30:{seconds:06.3f}",
    ) -> Path:
        lines = []
        for n in range(blocks):
            start_s = n * step_s
            values = {
                "lat": 31.2 + n * 1e-5,
                "lon": 121.5 - n * 1e-5,
                "height": 50.0 + n * 0.1,
                "amsl": 62.0 + n * 0.1,
                "seconds": start_s,
            }
            lines += [
                str(n + 1),
                f"00:00:{start_s:06.3f} --> 00:00:{start_s + step_s:06.3f}".replace(".", ","),
                f'<font size="28">FrameCnt: {n + 1}, DiffTime: 40ms',
                clock.format(**values),
                "[iso: 100] [focal_len: 24.00] " + reading.format(**values) + " </font>",
                "",
            ]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return make
