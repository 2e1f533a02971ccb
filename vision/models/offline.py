"""The only door to ultralytics: imported late, and told not to phone out.

ultralytics sends analytics, looks for updates, downloads fonts and installs packages unless it
is told not to; it also takes seconds to import. Commands that neither train nor export must not
come through here.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import ModuleType

_SWITCHES = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
}


def load_ultralytics() -> ModuleType:
    """Import ultralytics with its network access, settings sync and plots switched off.

    Returns:
        The `ultralytics` module.
    """
    for name, value in _SWITCHES.items():
        os.environ[name] = value
    os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / "parkwatch-yolo"))
    Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
    import ultralytics
    from ultralytics import settings
    from ultralytics.data import utils as data_utils
    from ultralytics.utils import callbacks

    if settings.get("sync"):
        settings.update({"sync": False})
    # Both look for a font on the network each time, and neither needs it here.
    vars(data_utils)["check_font"] = _no_font
    callbacks.add_integration_callbacks = _no_integrations
    callbacks.base.add_integration_callbacks = _no_integrations
    return ultralytics


def _no_font(font: str = "") -> None:
    """Stand in for the font download."""


def _no_integrations(instance: object) -> None:
    """Stand in for the experiment trackers, which would talk to servers."""
