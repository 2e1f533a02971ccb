"""The simulated camera: what a copter's colour and thermal cameras see of a simulated park."""

from sim_data.camera.renderer import LivingWorld, Renderer, Staging
from sim_data.camera.stage import VisibleThing

__all__ = ["LivingWorld", "Renderer", "Staging", "VisibleThing"]
