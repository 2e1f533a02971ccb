"""Defaults of the parameters that the simulated copter has: ArduCopter 4.1's, for a quadcopter."""

from __future__ import annotations

INT8 = 2
INT16 = 4
INT32 = 6
REAL32 = 9

DEFAULTS: dict[str, tuple[float, int]] = {
    "SYSID_THISMAV": (1, INT16),
    "SYSID_MYGCS": (255, INT16),
    "FS_GCS_ENABLE": (0, INT8),
    "FS_THR_ENABLE": (1, INT8),
    "FS_EKF_ACTION": (1, INT8),
    "FS_EKF_THRESH": (0.8, REAL32),
    "RTL_ALT": (1500, INT32),
    "FENCE_ENABLE": (0, INT8),
    "WPNAV_SPEED": (1000, REAL32),
}
"""Value and ``MAV_PARAM_TYPE`` by name, in the order in which they are listed."""
