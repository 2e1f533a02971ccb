"""Patrol flights: routes, airspace, missions and the recorder."""
