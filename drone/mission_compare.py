"""Compares a list of items that was sent to a vehicle with what it reads back.

A vehicle does not keep everything: places as whole numbers of 1e-7 degrees, heights in
centimetres, parameters as 32-bit floats, and of each command only the parameters that it knows
(ArduPilot's ``AP_Mission``). Item 0 of a mission is home and becomes the vehicle's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from drone.mission import DO_DIGICAM_CONTROL, has_place
from park.mission_item import MissionItem, MissionType

PLACE_TOLERANCE_DEG = 1.5e-7
"""One unit of the wire, cut off instead of rounded, and a little."""
HEIGHT_TOLERANCE_M = 0.011
"""A centimetre, cut off instead of rounded, and a little."""

_KEPT: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((16, 18, 19, 22, 82, 112, 114, 206), (0,)),
    **dict.fromkeys((17, 20, 21, 189, 5000, 5100), ()),
    **dict.fromkeys((5001, 5002, 5003, 5004), (0,)),
    177: (0, 1),
    178: (0, 1),
    201: (),
    203: (0, 1, 2, 3),
    205: (0, 1, 2),
}
# Which parameters ArduPilot 4.x gives back; of other commands all are compared. The throttle of
# 178 and the "at once" of 206 are kept by some versions only.

_SAME_FRAME = {5: 0, 6: 3, 11: 10}
# MAV_FRAME_..._INT and the frame that it means the same as.


def item_differences(sent: Sequence[MissionItem], read: Sequence[MissionItem]) -> tuple[str, ...]:
    """Return in words how a list that was read back differs from the one sent; empty if not.

    Args:
        sent: the list as it was uploaded, in order.
        read: the list as it was downloaded, in order.

    Returns:
        One sentence for every item that differs, or one that says that the numbers differ.
    """
    if len(sent) != len(read):
        return (f"{len(sent)} items were sent and {len(read)} came back",)
    return tuple(
        f"item {ours.seq}: {difference}"
        for ours, theirs in zip(sent, read, strict=True)
        for difference in _differences(ours, theirs)
    )


def same_items(sent: Sequence[MissionItem], read: Sequence[MissionItem]) -> bool:
    """Return whether a list came back as it was sent, as far as a vehicle keeps it."""
    return not item_differences(sent, read)


def _differences(sent: MissionItem, read: MissionItem) -> list[str]:
    if sent.seq != read.seq or sent.mission_type != read.mission_type:
        return [f"item {read.seq} of list {read.mission_type.name.lower()} came back in its place"]
    if sent.command != read.command:
        return [f"command {sent.command} was sent and {read.command} came back"]
    if sent.mission_type is MissionType.MISSION and sent.seq == 0:
        return []
    found = [
        f"parameter {index + 1} is {read.params[index]:g} instead of {sent.params[index]:g}"
        for index in _KEPT.get(sent.command, (0, 1, 2, 3))
        if not _close(sent.params[index], read.params[index])
    ]
    if sent.command == DO_DIGICAM_CONTROL and round(sent.x) != round(read.x):
        found.append(f"parameter 5 is {read.x:g} instead of {sent.x:g}")
    if has_place(sent.command):
        found += _place_differences(sent, read)
    return found


def _place_differences(sent: MissionItem, read: MissionItem) -> list[str]:
    found = []
    if not (
        abs(sent.x - read.x) <= PLACE_TOLERANCE_DEG and abs(sent.y - read.y) <= PLACE_TOLERANCE_DEG
    ):
        found.append(
            f"the place is {read.x:.7f}, {read.y:.7f} instead of {sent.x:.7f}, {sent.y:.7f}"
        )
    if sent.mission_type is MissionType.FENCE:
        return found  # The corners of a fence have no height.
    ours, theirs = (_SAME_FRAME.get(item.frame, item.frame) for item in (sent, read))
    if ours != theirs:
        found.append(f"the height's frame is {read.frame} instead of {sent.frame}")
    if not abs(sent.z - read.z) <= HEIGHT_TOLERANCE_M + 1e-6 * abs(sent.z):
        found.append(f"the height is {read.z:.2f} m instead of {sent.z:.2f} m")
    return found


def _close(sent: float, read: float) -> bool:
    if math.isnan(sent):
        return math.isnan(read) or read == 0.0
    return math.isclose(sent, read, rel_tol=2e-6, abs_tol=1e-6)
