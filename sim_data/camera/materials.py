"""How each material of the simulated park looks in daylight, and how warm it gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sim_data.world.records import Material, Rgb, RoofKind


class Stuff(IntEnum):
    """What a pixel of the ground or of a roof is made of; decides its temperature."""

    MEADOW = 0
    LAWN = 1
    ASPHALT = 2
    ASPHALT_OLD = 3
    CONCRETE = 4
    PAVING = 5
    GRAVEL = 6
    SOIL = 7
    RED_ASPHALT = 8
    WATER = 9
    PAINT = 10
    ROOF_FLAT = 11
    ROOF_METAL = 12
    ROOF_GLASS = 13
    ROOF_PANEL = 14
    ROOF_GREEN = 15
    ROOF_MACHINE = 16
    TANK = 17
    NOTHING = 255


@dataclass(frozen=True, slots=True)
class Look:
    """How the ground of one material looks.

    Attributes:
        rgb: its mean colour in full daylight.
        other_rgb: the colour of patches in it.
        patches: how far the patches reach, -2 hardly anywhere to 2 nearly everywhere.
        fine: deviation of the noise of single pixels at the finest scale, grey levels.
        clumps: deviation of noise some decimetres wide.
        wide: deviation of noise some metres wide.
        patch_m: how wide its patches are.
    """

    rgb: Rgb
    other_rgb: Rgb
    patches: float
    fine: float
    clumps: float
    wide: float
    patch_m: float = 9.0


LOOKS: MappingProxyType[Material, Look] = MappingProxyType(
    {
        Material.MEADOW: Look((120, 124, 82), (150, 143, 104), -0.35, 11.0, 10.0, 6.0, 13.0),
        Material.LAWN: Look((102, 122, 72), (122, 130, 84), -0.3, 7.0, 5.0, 4.0, 11.0),
        Material.ASPHALT: Look((114, 115, 117), (126, 126, 126), 0.0, 6.0, 2.5, 3.5, 7.0),
        Material.ASPHALT_OLD: Look((142, 141, 137), (127, 126, 124), -0.1, 7.0, 4.0, 5.0, 5.0),
        Material.CONCRETE: Look((176, 173, 165), (160, 157, 149), -0.2, 4.5, 3.0, 4.5, 6.0),
        Material.PAVING: Look((168, 160, 150), (154, 146, 137), -0.2, 6.0, 4.0, 3.0, 4.0),
        Material.GRAVEL: Look((158, 151, 139), (140, 132, 118), 0.0, 14.0, 7.0, 5.0, 5.0),
        Material.SOIL: Look((150, 121, 90), (124, 98, 72), -0.1, 8.0, 9.0, 7.0, 8.0),
        Material.RED_ASPHALT: Look((150, 84, 70), (140, 76, 64), 0.0, 5.0, 3.0, 3.0, 9.0),
    }
)

STUFF_OF: MappingProxyType[Material, Stuff] = MappingProxyType(
    {material: Stuff[material.name] for material in Material}
)

STUFF_OF_ROOF: MappingProxyType[RoofKind, Stuff] = MappingProxyType(
    {
        RoofKind.FLAT: Stuff.ROOF_FLAT,
        RoofKind.METAL: Stuff.ROOF_METAL,
        RoofKind.SAWTOOTH: Stuff.ROOF_METAL,
        RoofKind.SOLAR: Stuff.ROOF_METAL,
        RoofKind.GREEN: Stuff.ROOF_GREEN,
        RoofKind.BARE: Stuff.CONCRETE,
    }
)

# Degrees above the air: in full sun about noon, in the shade by day, and in a clear night; and
# the deviation of fine differences. Round figures as thermal surveys of towns give them: sheet
# metal sees the cold sky and reads cold at night, asphalt and water keep the day's warmth.
_WARMTH: dict[Stuff, tuple[float, float, float, float]] = {
    Stuff.MEADOW: (6.0, 0.5, -2.5, 0.6),
    Stuff.LAWN: (4.0, 0.0, -2.2, 0.4),
    Stuff.ASPHALT: (18.0, 5.0, 3.0, 0.25),
    Stuff.ASPHALT_OLD: (16.0, 4.5, 2.6, 0.3),
    Stuff.CONCRETE: (12.0, 3.0, 2.0, 0.25),
    Stuff.PAVING: (12.0, 3.0, 1.8, 0.3),
    Stuff.GRAVEL: (12.0, 2.5, 0.5, 0.5),
    Stuff.SOIL: (13.0, 2.0, 0.0, 0.5),
    Stuff.RED_ASPHALT: (17.0, 5.0, 2.8, 0.2),
    Stuff.WATER: (-2.0, -2.0, 2.5, 0.08),
    Stuff.PAINT: (13.0, 4.0, 2.4, 0.2),
    Stuff.ROOF_FLAT: (22.0, 5.0, -1.5, 0.3),
    Stuff.ROOF_METAL: (16.0, 2.0, -6.0, 0.25),
    Stuff.ROOF_GLASS: (9.0, 2.0, -2.0, 0.2),
    Stuff.ROOF_PANEL: (24.0, 3.0, -5.0, 0.2),
    Stuff.ROOF_GREEN: (4.0, 0.5, -2.0, 0.4),
    Stuff.ROOF_MACHINE: (14.0, 8.0, 5.0, 0.3),
    Stuff.TANK: (10.0, 2.0, -1.0, 0.2),
}


def warmth_table() -> NDArray[np.float32]:
    """Return, for each number of a `Stuff`, degrees above the air, shape (256, 4).

    Columns: in full sun, in shade by day, at night, and the deviation of fine differences.
    """
    table = np.zeros((256, 4), np.float32)
    for stuff, row in _WARMTH.items():
        table[stuff] = row
    return table
