"""Links for tests, to the simulated copter and to odd vehicles, and one who listens to them."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import LinkEvent, VehicleLink
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from tests.drone.odd_vehicle import Answer, OddVehicle, has_params

HOME = HomePoint(31.2, 121.5, 10.0)
SPEEDUP = 20.0
KEY = hashlib.sha256(b"correct horse battery").digest()
ARM, SET_MODE, INTERVAL, REPOSITION, TAKEOFF = 400, 176, 511, 192, 22


class Heard:
    """Keeps what a listener hears."""

    def __init__(self, link: VehicleLink, kind: type = LinkEvent) -> None:
        self.news: list[Any] = []
        self._changed = threading.Condition()
        self.remove = link.add_listener(self._hear, kind)

    def _hear(self, news: Any) -> None:
        with self._changed:
            self.news.append(news)
            self._changed.notify_all()

    def of(self, kind: type) -> list[Any]:
        return [news for news in self.news if isinstance(news, kind)]

    def wait(self, kind: type, timeout_s: float = 10.0, **fields: object) -> Any:
        def found() -> Any:
            wanted = (
                n for n in self.of(kind) if all(getattr(n, k) == v for k, v in fields.items())
            )
            return next(wanted, None)

        with self._changed:
            assert self._changed.wait_for(found, timeout_s), (kind, fields, self.news)
            return found()


def url(server: CopterServer) -> str:
    return f"tcp:127.0.0.1:{server.port}"


def connect(odd: OddVehicle, **options: Any) -> VehicleLink:
    return VehicleLink.connect(odd.url, timeout_s=options.pop("timeout_s", 5.0), **options)


def answers(**more: Answer) -> dict[str, Answer]:
    return has_params({"BATT_CAPACITY": 5200.0}) | more


def position(boot_ms: int, **fields: int) -> Any:
    whole = {"lat": 312000000, "lon": 1215000000, "alt": 35000, "relative_alt": 25000}
    whole |= {"vx": 300, "vy": 400, "vz": -50, "hdg": 9000} | fields
    return mavlink.MAVLink_global_position_int_message(boot_ms, **whole)
