"""Staged incidents in the simulated park: scenario files, and the truth about them."""

from sim_data.scenario.file import find_scenario, shipped_scenarios
from sim_data.scenario.scenario import Scenario

__all__ = ["Scenario", "find_scenario", "shipped_scenarios"]
