"""Sorties: strips shared out so that each flight fits one battery.

At every waypoint of a sortie there is enough left for the vehicle's own way home and the reserve,
and the sortie as a whole ends with the reserve. Strips are flown in the order in which they come,
from whichever end is nearer where they may be turned round. A strip that does not fit any more is
cut, unless the piece would be short; the next sortie goes on with the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drone.airspace import Airspace
from drone.energy import EnergyModel, way_home_wh
from drone.records import Home, LegKind, RoutePoint, Sortie, Waypoint
from drone.strips import FlownStrip
from drone.transits import Transits
from park.errors import RouteError
from park.geodesy import FloatArray

LEAST_PIECE_M = 200.0
"""A strip is not cut for the sake of a shorter piece at the end of a sortie."""

_LEAST_PROGRESS_M = 50.0
_CUT_WITHIN_M = 1.0
MAX_WAYPOINTS = 500
"""Most waypoints of a sortie. ArduCopter's storage holds about 700 mission items."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What belongs to one place of a track besides where it is.

    Attributes:
        leg: what the leg that ends here is for.
        between: whether that leg is on the way from one strip to the next.
        point: the route's own point here.
        camera: how the camera is set from here on; None to leave it as it is.
        photo_spacing_m: from here on; 0 stops, None leaves it as it is.
    """

    leg: LegKind
    between: bool = False
    point: RoutePoint | None = None
    camera: RoutePoint | None = None
    photo_spacing_m: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A sortie in the making: places in order, the first above home.

    Attributes:
        line: shape (N, 3).
        marks: one for each place.
        strips: flown so far.
    """

    line: FloatArray
    marks: tuple[Mark, ...]
    strips: tuple[FlownStrip, ...] = ()

    def then(self, line: FloatArray, marks: Sequence[Mark], *strips: FlownStrip) -> Track:
        """Return it with more places at the end."""
        line = np.vstack([self.line, line])
        return Track(line, (*self.marks, *marks), (*self.strips, *strips))


@dataclass(frozen=True, slots=True)
class PlannedSortie:
    """A sortie and what the plan needs to know about it.

    Attributes:
        sortie: as it is flown.
        survey_m: length with the camera on its task.
        between_m: length from one strip to the next.
        strips: that it flies.
    """

    sortie: Sortie
    survey_m: float
    between_m: float
    strips: tuple[FlownStrip, ...]


@dataclass
class SortieMaker:
    """Makes the sorties of one dock.

    Attributes:
        airspace: the site's.
        transits: finds the ways between.
        home: the dock.
        return_z_m: height of the way home.
        speed_mps: over ground along strips.
    """

    airspace: Airspace
    transits: Transits
    home: Home
    return_z_m: float
    speed_mps: float

    def __post_init__(self) -> None:
        self.place = self.airspace.home_place(self.home)
        self.model: EnergyModel = self.transits.model

    def make(self, strips: Sequence[FlownStrip]) -> list[PlannedSortie]:
        """Return sorties that fly all strips, numbered from 1.

        Raises:
            AirspaceError: there is no way to or from a strip.
            RouteError: a place cannot be reached and left on one battery, or the wind is too
                strong for the speed along strips.
        """
        for strip in strips:
            moves = np.diff(strip.line, axis=0)
            both = np.vstack([moves, -moves]) if strip.reversible else moves
            self.model.need_speed(both[:, 0], both[:, 1], self.speed_mps)
        waiting = deque(strips)
        made: list[PlannedSortie] = []
        while waiting:
            track = self._fill(waiting)
            made.append(self._sortie(track, len(made) + 1))
        return made

    def halved(self, planned: PlannedSortie) -> list[PlannedSortie]:
        """Return two sorties or more that fly the first and the second half of one.

        Just the one where it is too small for that.
        """
        strips = planned.strips
        if len(strips) == 1:
            if strips[0].length_m < 2.0 * LEAST_PIECE_M:
                return [planned]
            strips = strips[0].cut(strips[0].length_m / 2.0)
        middle = len(strips) // 2
        return [*self.make(strips[:middle]), *self.make(strips[middle:])]

    def _fill(self, waiting: deque[FlownStrip]) -> Track:
        """Take as much from the strips that wait as one battery flies."""
        track = self._start()
        while waiting:
            strip = self._facing(track, waiting[0])
            whole = self._with(track, strip)
            if self._over_wh(whole) <= 0.0:
                track = whole
                waiting.popleft()
                continue
            piece = self._piece(track, strip)
            if piece is not None:
                track, waiting[0] = piece
            break
        if len(track.line) == 1:
            self._refuse(waiting[0])
        return track

    def _start(self) -> Track:
        above = np.array([[self.place[0], self.place[1], self.return_z_m]])
        return Track(above, (Mark(LegKind.TRANSIT),))

    def _facing(self, track: Track, strip: FlownStrip) -> FlownStrip:
        if not strip.reversible:
            return strip
        here = track.line[-1, :2]
        start, end = (np.hypot(*(strip.line[k, :2] - here)) for k in (0, -1))
        return strip.turned() if end < start - 0.01 else strip

    def _with(self, track: Track, strip: FlownStrip) -> Track:
        """Return a track with the way to a strip, and the strip."""
        between = len(track.line) > 1
        if between:
            way = self.transits.between(track.line[-1], strip.line[0])
        else:
            way = self.transits.out(self.place, self.return_z_m, strip.line[0])
        marks = [Mark(LegKind.TRANSIT, between) for _ in way[1:-1]]
        # A strip that begins where the last place is needs no leg to it, but its settings.
        flown = [*marks, *_strip_marks(strip, between)]
        return track.then(np.vstack([way[1:-1], strip.line]), flown, strip)

    def _whole(self, track: Track) -> Track:
        """Return a track with the way home."""
        way = self.transits.back(self.place, self.return_z_m, track.line[-1])
        return track.then(way[1:], [Mark(LegKind.RETURN) for _ in way[1:]])

    def _spent(self, track: Track) -> tuple[FloatArray, FloatArray]:
        """Return seconds and watt-hours from the ground to each place of a track."""
        speeds = self._speeds(track)
        holds = np.array([mark.point.hold_s if mark.point else 0.0 for mark in track.marks])
        seconds, wh = self.model.profile(track.line, speeds, holds)
        up = self.model.take_off(self.return_z_m - float(self.place[2]))
        return seconds + up.seconds, wh + up.wh

    def _speeds(self, track: Track) -> FloatArray:
        survey = np.array([mark.leg is LegKind.SURVEY for mark in track.marks])
        wanted = np.where(survey, self.speed_mps, self.model.vehicle.cruise_mps)
        moves = np.diff(track.line, axis=0, prepend=track.line[:1])
        return np.minimum(wanted, self.model.reachable_mps(moves[:, 0], moves[:, 1], np.inf))

    def _over_wh(self, track: Track) -> float:
        """Return by how much a track with its way home is more than a battery gives."""
        whole = self._whole(track)
        if len(whole.line) > MAX_WAYPOINTS:
            return float("inf")
        _, wh = self._spent(whole)
        down = self.model.landing(self.return_z_m - float(self.place[2])).wh
        home = way_home_wh(self.model, whole.line, self.place, self.return_z_m)
        return float(max(wh[-1] + down, (wh + home).max()) - self.model.budget_wh)

    def _piece(self, track: Track, strip: FlownStrip) -> tuple[Track, FlownStrip] | None:
        """Return a track with as long a piece of a strip as fits, and the rest of the strip."""
        fresh = len(track.line) == 1
        least = _LEAST_PROGRESS_M if fresh else LEAST_PIECE_M
        length = strip.length_m
        if length <= 2.0 * least or self._over_wh(self._with(track, strip.cut(least)[0])) > 0.0:
            return None
        # The rest is worth a strip too.
        low, high = least, length - least
        if self._over_wh(self._with(track, strip.cut(high)[0])) <= 0.0:
            low = high
        while high - low > _CUT_WITHIN_M:
            middle = (low + high) / 2.0
            fits = self._over_wh(self._with(track, strip.cut(middle)[0])) <= 0.0
            low, high = (middle, high) if fits else (low, middle)
        head, tail = strip.cut(low)
        return self._with(track, head), tail

    def _refuse(self, strip: FlownStrip) -> None:
        """Say by how much a fresh battery is too small for the start of a strip."""
        facing = self._facing(self._start(), strip)
        point = replace(
            facing, line=facing.line[:1], points=facing.points[:1], cameras=facing.cameras[:1]
        )
        over = self._over_wh(self._with(self._start(), point))
        if over <= 0.0:
            over = self._over_wh(self._with(self._start(), strip))
        lat, lon = self.airspace.site.frame.to_lat_lon(*map(float, facing.line[0, :2]))
        raise RouteError(
            f"{lat:.6f}, {lon:.6f} cannot be reached from dock {self.home.dock_id} and left again "
            f"on one battery: that takes {over:.0f} Wh more than the {self.model.budget_wh:.0f} Wh "
            "that the battery has above its reserve; take a dock that is nearer, or a vehicle "
            "that flies further"
        )

    def _sortie(self, track: Track, number: int) -> PlannedSortie:
        whole = self._whole(track)
        seconds, wh = self._spent(whole)
        height = self.return_z_m - float(self.place[2])
        down = self.model.landing(height)
        speeds = self._speeds(whole)
        lengths = np.hypot(*np.diff(whole.line[:, :2], axis=0).T)
        survey = np.array([mark.leg is LegKind.SURVEY for mark in whole.marks[1:]])
        between = np.array([mark.between for mark in whole.marks[1:]])
        sortie = Sortie(
            number=number,
            home=self.home,
            takeoff_alt_home_m=height,
            waypoints=self._waypoints(whole, speeds),
            length_m=float(lengths.sum()),
            duration_s=float(seconds[-1]) + down.seconds,
            energy_wh=float(wh[-1]) + down.wh,
            photos=sum(strip.photos for strip in whole.strips),
        )
        return PlannedSortie(
            sortie,
            survey_m=float(lengths[survey].sum()),
            between_m=float(lengths[between].sum()),
            strips=whole.strips,
        )

    def _waypoints(self, track: Track, speeds: FloatArray) -> tuple[Waypoint, ...]:
        east, north = track.line[1:, 0].copy(), track.line[1:, 1].copy()
        lat, lon = self.airspace.site.frame.to_lat_lon(east, north)
        heights = track.line[1:, 2] - self.place[2]
        return tuple(
            Waypoint(
                lat_deg=float(lat[k]),
                lon_deg=float(lon[k]),
                alt_home_m=float(heights[k]),
                leg=mark.leg,
                speed_mps=float(speeds[k + 1]),
                hold_s=mark.point.hold_s if mark.point else 0.0,
                gimbal_pitch_deg=mark.camera.gimbal_pitch_deg if mark.camera else None,
                look_at=mark.camera.look_at if mark.camera else None,
                photo_spacing_m=mark.photo_spacing_m,
                take_photo=mark.point.take_photo if mark.point else False,
            )
            for k, mark in enumerate(track.marks[1:])
        )


def _strip_marks(strip: FlownStrip, between: bool) -> list[Mark]:
    """Return a strip's marks: settings at its start, changes on the way, photos off at its end."""
    marks = []
    last = len(strip.points) - 1
    now = None
    for k, (point, camera) in enumerate(zip(strip.points, strip.cameras, strict=True)):
        # What is looked at while it waits is the point's own; else what the next leg needs.
        stays = point is not None and (point.hold_s > 0.0 or point.take_photo)
        wanted = point if stays else (camera if k < last or last == 0 else None)
        setting = (wanted.gimbal_pitch_deg, wanted.look_at) if wanted else now
        spacing = strip.photo_spacing_m if k == 0 else None
        if k == last and strip.photo_spacing_m is not None:
            spacing = 0.0
        marks.append(
            Mark(
                leg=LegKind.SURVEY if k else LegKind.TRANSIT,
                between=between and k == 0,
                point=point,
                camera=wanted if setting != now else None,
                photo_spacing_m=spacing,
            )
        )
        now = setting
    return marks
