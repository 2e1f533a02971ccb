"""A small RTSP camera for tests: one H.264 stream, interleaved over TCP (RFC 2326 and 6184).

FFmpeg packs the pictures into RTP; this speaks the few RTSP requests that a player makes.
"""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import threading
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np

WIDTH_PX, HEIGHT_PX, FPS = 160, 96, 20
_RTCP_TYPES = range(200, 205)


class _Packets(io.RawIOBase):
    """Collects what FFmpeg's RTP muxer writes: one packet at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        content = bytes(data)  # type: ignore[call-overload]
        if content[1] not in _RTCP_TYPES:
            self.packets.append(content)
        return len(content)


class RtspServer:
    """Serves a moving picture to one player at a time.

    Args:
        port: 0 for one that the system picks.
        key_every: pictures from one key frame to the next.
    """

    def __init__(self, port: int = 0, *, key_every: int = 10) -> None:
        self._key_every = key_every
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.1)
        self._player: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = int(self._listener.getsockname()[1])
        self.sent = 0

    @property
    def url(self) -> str:
        return f"rtsp://user:secret@127.0.0.1:{self.port}/main"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                player, _ = self._listener.accept()
            except TimeoutError:
                continue
            with player, contextlib.suppress(OSError):
                player.settimeout(5)
                self._talk(player)

    def _talk(self, player: socket.socket) -> None:
        requests = player.makefile("rb")
        encoder = _Encoder(self._key_every)
        while not self._stop.is_set():
            request = requests.readline().decode().split()
            if not request:
                return
            headers = {}
            while (line := requests.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            answer = [f"CSeq: {headers.get('cseq', '0')}"]
            body = ""
            if request[0] == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif request[0] == "DESCRIBE":
                body = encoder.description()
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif request[0] == "SETUP":
                answer += ["Session: 7", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
            player.sendall(("\r\n".join(["RTSP/1.0 200 OK", *answer]) + "\r\n\r\n" + body).encode())
            if request[0] == "PLAY":
                self._play(player, encoder)
                return

    def _play(self, player: socket.socket, encoder: _Encoder) -> None:
        while not self._stop.wait(1.0 / FPS):
            for packet in encoder.next_picture():
                player.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
            self.sent += 1


class _Encoder:
    """Codes a brightening picture and packs it into RTP."""

    def __init__(self, key_every: int) -> None:
        self._io = _Packets()
        self._container = av.open(self._io, "w", format="rtp", options={"packetsize": "1200"})
        self._stream = self._container.add_stream(
            "libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency"}
        )
        self._stream.width, self._stream.height = WIDTH_PX, HEIGHT_PX
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.gop_size = key_every
        self._stream.codec_context.flags |= av.codec.context.Flags.global_header
        self._stream.codec_context.open()
        self._number = 0

    def description(self) -> str:
        sets = [
            base64.b64encode(unit).decode()
            for unit in (self._stream.codec_context.extradata or b"").split(b"\x00\x00\x00\x01")
            if unit and unit[0] & 31 in (7, 8)
        ]
        lines = [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=camera",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={','.join(sets)}",
            f"a=framerate:{FPS}",
            "a=control:track1",
        ]
        return "\r\n".join(lines) + "\r\n"

    def next_picture(self) -> list[bytes]:
        image = np.full((HEIGHT_PX, WIDTH_PX, 3), self._number * 5 % 250, np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = self._number, Fraction(1, FPS)
        self._number += 1
        self._io.packets.clear()
        self._container.mux(self._stream.encode(frame))
        return list(self._io.packets)
