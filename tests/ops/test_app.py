from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ops.app import App
from ops.settings import Settings
from ops.site_tools import models_not_shipped
from park.errors import SiteError
from park.site import Site
from park.site_model import Route
from tests.pipelines.test_rules import site_with
from vision.models.registry import resolve_model, shipped_models


def names(*given: str, rules: tuple[dict[str, Any], ...] = (), **settings: Any) -> list[str]:
    chosen = list(given) or ([] if settings else ["auto"])
    models = App(Settings(**settings)).models(chosen, site_with(*rules))
    return [model.card.name for model in models]


def test_without_rules_vehicles_are_looked_for() -> None:
    assert names() == ["vehicles"]


def test_the_rules_of_a_site_choose_the_models() -> None:
    assert "vehicles" in names(rules=({"type": "no_parking"},))
    for name in shipped_models():
        wanted = resolve_model(name).card.classes[0]
        rule = {"type": "forbidden_zone", "classes": [wanted]}
        assert name in names(rules=(rule,))


def route_with(*models: str) -> Site:
    return replace(site_with(), routes=(Route(id="low", purpose="area", models=models),))


def test_the_routes_of_a_site_choose_models_too() -> None:
    app = App(Settings())
    chosen = app.models(["auto"], route_with("site-safety", "site-safety"))
    assert [model.card.name for model in chosen] == ["site-safety"]
    assert [model.card.name for model in app.models(["vehicles"], route_with("litter"))] == [
        "vehicles"
    ]


def test_a_route_cannot_name_a_file() -> None:
    assert models_not_shipped(route_with("litter")) == ()
    with pytest.raises(SiteError, match="route 'low' names the model 'mine', which is not shipped"):
        App(Settings()).models(["auto"], route_with("mine"))


def test_what_is_named_is_what_runs() -> None:
    assert names("vehicles", rules=({"type": "watch", "incident": "smoke"},)) == ["vehicles"]
    assert names(models=("vehicles",), rules=({"type": "watch", "incident": "smoke"},)) == [
        "vehicles"
    ]


@pytest.mark.parametrize("rule", [{"type": "watch", "incident": "bare_soil"}])
def test_where_only_a_scene_detector_knows_it_vehicles_run_beside(rule: dict[str, Any]) -> None:
    assert names(rules=(rule,)) == ["vehicles"]


def test_where_the_rules_choose_the_models_zones_say_where_they_look() -> None:
    assert App(Settings()).models_by_zone(["auto"])
    assert App(Settings(models=("auto",))).models_by_zone([])
    assert not App(Settings(models=("auto",))).models_by_zone(["vehicles"])
    assert not App(Settings()).models_by_zone([])
