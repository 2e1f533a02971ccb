"""Every error that parkwatch raises on purpose.

::

    ParkwatchError
    ├── RecordError        a record was made with impossible values
    ├── SettingsError      a setting or command-line option is wrong
    ├── SiteError          a site file is wrong
    ├── FootageError       one piece of footage cannot be used
    ├── ModelError         a model file or a dataset cannot be used
    ├── LocateError        a pixel cannot be placed on the ground
    ├── TerrainError       an elevation model cannot be used
    │   └── TerrainGapError       it does not reach a place
    ├── StoreError         an object store or folder cannot be read or written
    ├── WarehouseError     the tables cannot be read or committed
    │   └── CommitConflictError   another run committed the same days first
    ├── FlightError        planning or flying a patrol
    │   ├── RouteError         a route cannot be planned as it is asked for
    │   ├── AirspaceError      a plan breaks a rule of the air
    │   ├── MissionFileError   a mission, fence, rally or shape file cannot be used
    │   ├── LinkError          no vehicle there, or it stopped answering
    │   ├── CommandError       the vehicle refused a command or an upload
    │   ├── PreflightError     a check before take-off says no go
    │   └── RecordingError     a patrol cannot be recorded
    └── SimulationError    a simulated vehicle or park cannot be made as it is asked for

Messages say what was wrong, where, and what to do about it.
"""

from __future__ import annotations


class ParkwatchError(Exception):
    """Root of every error that parkwatch raises on purpose."""


class RecordError(ParkwatchError, ValueError):
    """A record was made with impossible values."""


class SettingsError(ParkwatchError):
    """A setting or a command-line option is wrong."""


class SiteError(ParkwatchError):
    """A site file is wrong."""


class FootageError(ParkwatchError):
    """One piece of footage cannot be used.

    Args:
        source_uri: the file or folder that is refused.
        reason: why, in words for the person who put it there.
    """

    def __init__(self, source_uri: str, reason: str) -> None:
        super().__init__(f"{source_uri}: {reason}")
        self.source_uri = source_uri
        self.reason = reason

    def __reduce__(self) -> tuple[type[FootageError], tuple[str, str]]:
        return (type(self), (self.source_uri, self.reason))


class ModelError(ParkwatchError):
    """A model file or a dataset for one cannot be used."""


class LocateError(ParkwatchError):
    """A pixel cannot be placed on the ground."""


class TerrainError(ParkwatchError):
    """An elevation model cannot be used."""


class TerrainGapError(TerrainError):
    """An elevation model does not reach a place."""


class StoreError(ParkwatchError):
    """An object store or a folder cannot be read or written."""


class WarehouseError(ParkwatchError):
    """The tables cannot be read or committed."""


class CommitConflictError(WarehouseError):
    """Another run committed the same days first."""


class FlightError(ParkwatchError):
    """Planning or flying a patrol failed."""


class RouteError(FlightError):
    """A route cannot be planned as it is asked for."""


class AirspaceError(FlightError):
    """A plan breaks a rule of the air."""


class MissionFileError(FlightError):
    """A mission, fence, rally or shape file cannot be used."""


class LinkError(FlightError):
    """There is no vehicle at the other end, or it stopped answering."""


class CommandError(FlightError):
    """The vehicle refused a command or an upload."""


class PreflightError(FlightError):
    """A check before take-off says no go."""


class RecordingError(FlightError):
    """A patrol cannot be recorded."""


class SimulationError(ParkwatchError):
    """A simulated vehicle or park cannot be made as it is asked for."""
