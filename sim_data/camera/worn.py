"""What people wear on head and chest, and where a picture shows it."""

from __future__ import annotations

import numpy as np

from sim_data.camera.frame import Frame, box_of, clipped_share
from sim_data.camera.shapes import TORSO, TORSO_UP_M, Heat
from sim_data.camera.sheet import FloatArray
from sim_data.camera.sprites import Placed, drawn_px
from sim_data.camera.stage import VisibleThing
from sim_data.world.scene import PersonActor

_FILLED = 0.7
"""Of the box of a head or a chest that nothing hides, what it fills."""


def worn_by(frame: Frame, thing: Placed, who: PersonActor) -> tuple[VisibleThing, ...]:
    """Return head and chest of a person, named by what is worn there.

    Args:
        frame: the finished picture.
        thing: the person as drawn.
        who: what they wear.

    Returns:
        `hard hat` or `no hard hat`, and `vest` or `no vest`, as far as the picture shows them.
    """
    head = "hard hat" if who.hard_hat else "no hard hat"
    chest = "vest" if who.vest else "no vest"
    found = []
    for name, part, pixels in (
        (head, "head", _head_px(frame, thing)),
        (chest, "chest", _chest_px(frame, thing)),
    ):
        box = box_of(pixels)
        inside, share = clipped_share(box, frame.shape), 0.0
        if inside > 0.0:
            share = min(1.0, frame.share_of_box(thing.number, box) / _FILLED)
        if share > 0.0:
            thing_id = f"{who.actor_id} {part}"
            found.append(VisibleThing(thing_id, name, box, share, 1.0 - inside))
    return tuple(found)


def _head_px(frame: Frame, thing: Placed) -> FloatArray:
    """Return points around hair, face, hat and brim."""
    found = []
    for ball in thing.shape.balls:
        # The box around the image of a ball: that of the points furthest along either axis.
        middle = np.array([ball.centre])
        steps = np.vstack([middle, middle + np.eye(3) * ball.radius_m])
        pixels = drawn_px(frame, thing, steps)
        reach = np.sqrt(((pixels[1:] - pixels[0]) ** 2).sum(axis=0))
        found.append(np.stack([pixels[0] - reach, pixels[0] + reach]))
    brims = [face.points for face in thing.shape.faces if face.heat is Heat.HAT]
    return np.vstack([*found, *(drawn_px(frame, thing, points) for points in brims)])


def _chest_px(frame: Frame, thing: Placed) -> FloatArray:
    rings = [np.column_stack([TORSO, np.full(len(TORSO), up)]) for up in TORSO_UP_M]
    return drawn_px(frame, thing, np.vstack(rings))
