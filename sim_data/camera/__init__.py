"""The simulated camera: what a copter's colour and thermal cameras see of a simulated park."""

from sim_data.camera.renderer import LivingWorld, Renderer, Staging, VisibleThing

__all__ = ["LivingWorld", "Renderer", "Staging", "VisibleThing"]
