"""The page and the JSON of what was measured of models, scene detectors and incidents."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from ops.accuracy import Accuracy
from ops.accuracy_models import AIMS_AP50, ClassFigures, ModelFigures
from ops.accuracy_photos import PhotoFigures
from ops.accuracy_pooling import IncidentFigures, Pooled, Share, pool
from ops.accuracy_scenarios import RunFigures, RunWish
from park.records import JsonValue

AIM_CLEAR = 0.95
"""Recall and precision of each type in clear weather that are meant to be reached."""

_INTRO = """\
# Accuracy

What parkwatch finds and what it cries wolf about: models and scene detectors on real pictures that
they were not trained on, incidents in simulated patrols whose truth is known. One command measures
and writes this page; what it lacks is listed under *Not measured*:

```sh
{command}
```

It is not timed: [benchmarks.md](benchmarks.md) is. How an incident is held against the truth is in
[scenarios.md](scenarios.md#how-a-score-comes-about); what each model saw in training is in its card
([models](index.md)).
"""

_LIMITS = """\
## What limits these figures

- Shares stand with their Wilson intervals of 95 %. They take things for independent; those of one
  picture or of one patrol are not, so that the truth may lie further out.
- Few things of a type are staged in one run: one of one found says that recall is above 0.2, and no
  more. More seeds (`--seeds`) narrow that.
- Recall counts what any picture shows. What no camera looked at is a miss of the planning.
- Simulated pictures are drawn. They are sharp, their people and vehicles are simple shapes, and
  they lack most of what makes real pictures hard; models that were trained on real pictures alone
  may do worse on them, too. Real patrols over incidents, with truth, are not at hand.
- What the scenario leaves to chance is staged where the patrol will look. Places are true to
  centimetres, and the errors of telemetry are those of the simulated receiver (`rtk`).
- Thresholds were chosen on the same validation pictures; test pictures and other collections are
  free of that.
- Labels are not always right, and boxes of flames and smoke are loose; the model cards say more.
"""


def page(found: Accuracy, command: str) -> str:
    """Return the page in Markdown.

    Args:
        found: what was measured.
        command: that measured it.
    """
    parts = [_INTRO.format(command=command)]
    if found.models:
        parts.append(_models(found.models))
    if found.photos:
        parts.append(_photos(found.photos))
    if found.runs:
        parts.append(_scenarios(found.runs))
    lines = [f"- {_cell(one.what)}: {_cell(one.why)}" for one in found.missing]
    lines += [f"- {what}: not asked for" for what in found.not_asked_for]
    listed = "\n".join(_item(line) for line in lines) or "Nothing of what there is."
    parts.append(f"## Not measured\n\n{listed}\n")
    return "\n".join([*parts, _LIMITS])


def as_json(found: Accuracy) -> dict[str, JsonValue]:
    """Return what was measured as values of JSON, pooled by weather."""
    return {
        "models": [asdict(one) for one in found.models],
        "photos": [asdict(one) for one in found.photos],
        "weathers": {
            weather: {
                "runs": [_run_json(run) for run in runs],
                "types": [_type_json(one) for one in (*pooled.types, pooled.total)],
                "look_alikes": {
                    name: {"staged": share.of, "reported": share.hits}
                    for name, share in pooled.look_alikes.items()
                },
                "false_alarms": dict(pooled.causes),
            }
            for weather, runs, pooled in by_weather(found.runs)
        },
        "missing": [asdict(one) for one in found.missing],
    }


def by_weather(
    runs: Sequence[RunFigures],
) -> Iterator[tuple[str, tuple[RunFigures, ...], Pooled]]:
    """Yield each weather with its runs, put together; in the order in which they were run."""
    for weather in dict.fromkeys(run.wish.weather for run in runs):
        mine = tuple(run for run in runs if run.wish.weather == weather)
        yield weather, mine, pool([run.score for run in mine])


def told(share: Share) -> str:
    """Return a share with its interval of 95 %, `-` of nothing."""
    value, interval = share.value, share.interval
    if value is None or interval is None:
        return "-"
    return f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"


def _models(models: Sequence[ModelFigures]) -> str:
    heads = ("model", "pictures", "class", "labels", "AP50", "precision", "recall", "threshold")
    rows = []
    for one in models:
        many = len(one.classes) > 1
        for number, row in enumerate((*one.classes, one.overall) if many else one.classes):
            first = number == 0
            shown = f"{one.pictures}, {one.measured.title}" if first else ""
            rows.append([f"`{one.model_id}`" if first else "", shown, *_class_cells(row)])
    about = _wrapped(
        "At the shipped thresholds; a box is right when it shares half with a labelled thing of "
        "its class. `all`: the mean of AP50 over classes, and precision and recall of all boxes "
        "together. As runs do, models take their eight-bit form where they have one "
        "([decision](decisions/eight-bit-models.md))."
    )
    text = f"## Models on real pictures\n\n{about}\n\n{_table(heads, rows)}"
    aims = "\n".join(_aims(models))
    return f"{text}\n{aims}\n" if aims else text


def _class_cells(one: ClassFigures) -> list[str]:
    at = "own" if one.threshold is None else f"{one.threshold:g}"
    shares = (Share(one.hits, one.boxes), Share(one.hits, one.labels))
    return [one.name, str(one.labels), f"{one.ap50:.3f}", *(told(share) for share in shares), at]


def _aims(models: Sequence[ModelFigures]) -> Iterator[str]:
    """Yield for each model with an aim whether it is reached on its validation pictures."""
    said = set()
    for one in models:
        name = one.measured.model
        if name in AIMS_AP50 and name not in said:
            said.add(name)
            aim, got = AIMS_AP50[name], one.overall.ap50
            verdict = "reached" if got >= aim else "**not reached**"
            yield f"- {name}: AP50 {got:.3f}, the aim is {aim:g}: {verdict}."


def _photos(photos: Sequence[PhotoFigures]) -> str:
    heads = ("detector", "photos", "shown", "found in (recall)", "wrongly in", "precision")
    rows = [
        [
            f"`{one.detector}`",
            one.shown.title,
            f"{one.right.of} with, {one.wrong.of} without",
            told(one.right),
            f"{one.wrong.hits} of {one.wrong.of}",
            told(one.precision) if one.right.of else "-",
        ]
        for one in sorted(photos, key=lambda one: one.detector)
    ]
    about = _wrapped(
        "Shares of photos; one picture alone, without the evidence over time that patrols have. "
        "Part of these photos had a hand in the scores "
        "([scene-detectors.md](scene-detectors.md)). The other scene detectors need camera poses, "
        "temperatures or a baseline, and no labelled real footage with these is at hand: they are "
        "measured as incidents below."
    )
    return f"## Fire and smoke by rules, on real photos\n\n{about}\n\n{_table(heads, rows)}"


def _item(line: str) -> str:
    return textwrap.fill(
        line, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _scenarios(runs: Sequence[RunFigures]) -> str:
    parts = ["## Incidents in simulated patrols\n", _how(runs)]
    pooled = list(by_weather(runs))
    for weather, mine, together in pooled:
        parts.append(_weather(weather, mine, together, runs[0].wish))
    parts.append(_look_alikes([(weather, together) for weather, _, together in pooled]))
    return "\n".join(parts)


def _how(runs: Sequence[RunFigures]) -> str:
    wish = runs[0].wish
    base = "for changes a baseline of the day before"
    if not wish.baseline:
        base = "no baseline, without which nothing is told to be new"
    heat = ", and by day where hot equipment is staged" if wish.heat_by_day else ""
    about = _wrapped(
        f"Simulated park of {wish.km2:g} km2, seed {wish.site_seed}; along "
        f"{', '.join(f'`{route}`' for route in wish.routes)}, {wish.alt_agl_m:g} m up; "
        f"{wish.fps:g} {_counted(wish.fps, 'picture')} a second, in colour by day "
        f"({wish.width_px} x {wish.height_px} pixels), thermal at night (640 x 512){heat}; the "
        "models that run where none is named, `people`, and `thermal` on thermal pictures; "
        f"{base}. What a rule asks to stand for a time has to be seen twice so far apart, or for "
        "as long."
    )
    return f"{about}\n"


def _weather(weather: str, runs: Sequence[RunFigures], pooled: Pooled, usual: RunWish) -> str:
    heads = ("type", "staged", "in view", "right", "missed", "false", "precision", "recall",
             "off by", "dwell error")  # fmt: skip
    rows = [_incident_cells(one) for one in (*pooled.types, pooled.total)]
    text = f"### {weather.capitalize()}\n\n{_air(runs, usual)}\n\n{_table(heads, rows)}"
    if pooled.detections:
        within = pooled.detections_within / len(pooled.detections)
        places = _wrapped(
            f"Places of {len(pooled.detections)} single detections of vehicles and people: median "
            f"{median(pooled.detections):.2f} m off, {within:.0%} no further than they say (68 % "
            "would be honest)."
        )
        text += f"\n{places}\n"
    if pooled.causes:
        causes = ", ".join(f"{_CAUSES[name]} {n}" for name, n in sorted(pooled.causes.items()))
        text += f"\nFalse alarms: {causes}.\n"
    if weather == "clear":
        text += f"\n{_clear_aim(pooled)}\n"
    return text


_CAUSES = {
    "look_alike": "a look-alike",
    "other_type": "something else that was staged",
    "again": "the same thing reported again",
    "nothing": "nothing staged there",
}


def _air(runs: Sequence[RunFigures], usual: RunWish) -> str:
    """Say of each scenario of one weather what it was like, a paragraph each."""
    scenarios = dict.fromkeys(run.wish.scenario for run in runs)
    return "\n\n".join(
        _air_of([run for run in runs if run.wish.scenario == scenario], usual)
        for scenario in scenarios
    )


def _air_of(runs: Sequence[RunFigures], usual: RunWish) -> str:
    about = runs[0].about
    air: Mapping[str, Any] = about["weather"]
    seeds = ", ".join(str(run.seed) for run in runs)
    frames = sum(run.frames for run in runs)
    models = ", ".join(f"`{name}`" for name in dict.fromkeys(n for run in runs for n in run.models))
    starts = f"from {about['starts']}, " if about["starts"] else ""
    mine = runs[0].wish
    along = ""
    if mine.routes != usual.routes:
        told = [f"{name} {_told(value)}" for name, value in mine.options]
        along += f", along {', '.join(f'`{one}`' for one in mine.routes)}"
        along += f" ({', '.join(told)})" if told else ""
    if mine.alt_agl_m != usual.alt_agl_m:
        along += f", {mine.alt_agl_m:g} m up"
    return _wrapped(
        f"Scenario `{runs[0].wish.scenario}`, {_counted(len(runs), 'seed')} {seeds}, "
        f"{frames} pictures{along}; {starts}visibility {air['visibility_m'] / 1000:g} km, clouds "
        f"{air['cloud_share']:.0%}, wind {air['wind_mps']:g} m/s, {air['air_c']:g} degC. "
        f"Models: {models}."
    )


def _told(value: JsonValue) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _counted(number: float, word: str) -> str:
    return word if number == 1 else f"{word}s"


def _incident_cells(one: IncidentFigures) -> list[str]:
    far, dwell = one.place_median_m, one.dwell_error_median_s
    return [
        one.type,
        *(str(n) for n in (one.staged, one.in_view, one.right, one.missed, one.false)),
        told(one.precision),
        told(one.recall),
        "-" if far is None else f"{far:.2f} m",
        "-" if dwell is None else f"{dwell:.0f} s",
    ]


def _clear_aim(pooled: Pooled) -> str:
    """Say which types reach the aim in clear weather, and which do not."""
    reached, short, unseen = [], [], []
    for one in pooled.types:
        recall, precision = one.recall.value, one.precision.value
        if one.in_view == 0 and one.reported == 0:
            unseen.append(one.type)
        elif min(recall or 0.0, precision or 0.0) >= AIM_CLEAR:
            reached.append(one.type)
        else:
            short.append(one.type)
    lines = [
        f"The aim in clear weather is recall and precision of {AIM_CLEAR:g} for each type.",
        f"- Reached by {len(reached)}: {', '.join(reached) or 'none'}.",
        f"- **Not reached** by {len(short)}: {', '.join(short) or 'none'}.",
    ]
    if unseen:
        lines.append(f"- Not in any picture: {', '.join(unseen)}.")
    return "\n".join(
        textwrap.fill(line, 100, subsequent_indent="  " * line.startswith("-")) for line in lines
    )


def _look_alikes(weathers: Iterable[tuple[str, Pooled]]) -> str:
    listed = list(weathers)
    kinds = sorted({kind for _, pooled in listed for kind in pooled.look_alikes})
    rows = []
    for kind in kinds:
        shares = [pooled.look_alikes.get(kind, Share(0, 0)) for _, pooled in listed]
        every = Share(sum(one.hits for one in shares), sum(one.of for one in shares))
        rows.append([kind, *(f"{s.hits} of {s.of}" if s.of else "-" for s in (*shares, every))])
    heads = ("look-alike", *(weather for weather, _ in listed), "all")
    return (
        "### Look-alikes\n\nHow many of those staged were reported as incidents; none may be.\n\n"
        + _table(heads, rows)
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(_cell(one) for one in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _run_json(run: RunFigures) -> dict[str, JsonValue]:
    return {
        "scenario": run.wish.scenario,
        "seed": run.seed,
        "routes": list(run.wish.routes),
        "models": list(run.models),
        "frames": run.frames,
        "score": run.score,
    }


def _type_json(one: IncidentFigures) -> dict[str, JsonValue]:
    return {
        **asdict(one),
        "missed": one.missed,
        "false": one.false,
        "precision": one.precision.value,
        "recall": one.recall.value,
    }
