"""How well incidents and places that were found agree with what is true."""

from sim_data.score.figures import Score, TypeScore, score_matching
from sim_data.score.locating import PlaceErrors, locate_against, place_errors
from sim_data.score.match import Cause, FalseAlarm, Match, Matching, Tolerance, match_incidents

__all__ = [
    "Cause",
    "FalseAlarm",
    "Match",
    "Matching",
    "PlaceErrors",
    "Score",
    "Tolerance",
    "TypeScore",
    "locate_against",
    "match_incidents",
    "place_errors",
    "score_matching",
]
