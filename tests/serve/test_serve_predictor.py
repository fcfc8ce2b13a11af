"""Models by version: what may answer, and what it says."""

import asyncio

import numpy as np
import pytest
from serve_system import GOAL, KINDS, PINGS, PLAN, TABLES, TRIPS, is_evening, open_registry, train

import hindcast.features as f
from hindcast.columns import Frame
from hindcast.errors import ArtifactError, DataError, UnknownName
from hindcast.features.meaning import meanings
from hindcast.features.plan import FeaturePlan
from hindcast.models import LogisticModel, Preparation, write
from hindcast.serve import Predictor
from hindcast.serve.warm import blank


def made() -> Predictor:
    return Predictor(PLAN, GOAL, KINDS)


def test_a_model_of_other_features_is_refused_naming_both():
    with pytest.raises(ArtifactError, match=f"features 0123456789abcdef, the system declares {PLAN.identity}"):
        made().admit("v1", train(), "0123456789abcdef")


def test_a_stored_model_answers_as_the_fitted_one_did(tmp_path):
    model = train()
    write(tmp_path / "m", model, features=PLAN.identity)
    predictor = made()
    predictor.load("v1", tmp_path / "m")
    features = dict.fromkeys(PLAN.names) | {"hour": 3.0, "trips_word_by_who": "a"}
    said = predictor.predict("v1", features)
    assert said.probability == model.predict_row(features)
    assert said.acted == (said.probability > GOAL.threshold)


def test_a_threshold_itself_is_not_acted_on():
    class Certain:
        kind, name, inputs, kinds = "certain", "certain", (), {}

        def predict_row(self, row):
            return GOAL.threshold

    predictor = made()
    predictor.admit("v1", Certain(), PLAN.identity)
    assert not predictor.predict("v1", {}).acted


@pytest.mark.parametrize("answer", [float("nan"), -0.1, 1.5])
def test_what_is_no_probability_is_not_answered(answer):
    class Odd:
        kind, name, inputs, kinds = "odd", "odd", (), {}

        def predict_row(self, row):
            return answer

    predictor = made()
    predictor.admit("v1", Odd(), PLAN.identity)
    with pytest.raises(ArtifactError, match="no probability"):
        predictor.predict("v1", {})


def test_given_features_are_checked_by_name_and_kind():
    predictor = made()
    predictor.admit("v1", train(), PLAN.identity)
    assert predictor.features({"hour": 3}) == {"hour": 3.0}
    with pytest.raises(DataError, match="a finite number was expected"):
        predictor.features({"hour": "three"})
    with pytest.raises(UnknownName, match="Did you mean 'hour'"):
        predictor.features({"hours": 3})


def test_versions_come_and_go():
    predictor = made()
    for version in ("v1", "v2"):
        predictor.admit(version, train(), PLAN.identity)
    predictor.retire({"v2"})
    assert predictor.versions == ["v2"]
    with pytest.raises(UnknownName, match="no version 'v1'"):
        predictor.predict("v1", blank(predictor))


def edited(**changed):
    """The plan with one definition otherwise."""
    over = changed.get("over", "7d")
    return FeaturePlan.compile(
        [
            f.request("hour"),
            is_evening,
            f.latest(TRIPS, "x", "word", by="who"),
            f.window(TRIPS, "x", ["count", "sum", "mean", "max"], over=["1h", over], by="who", name="trips_x"),
            *changed.get("more", []),
        ],
        target=TRIPS,
    )


def stored(folder, plan, inputs=None):
    """A model of all features of `plan`, stored with what they mean."""
    rows = Frame.of({name: ["a", "b", "a"] if "word" in name else [1.0, 2.0, 3.0] for name in inputs or plan.names})
    preparation = Preparation.linear(rows, min_rows=1)
    model = LogisticModel(preparation, 0.5, np.zeros(preparation.width), np.zeros(len(rows.names)))
    write(folder, model, features=plan.identity, meanings=meanings(plan))
    return folder


def kinds_of(plan):
    return {name: KINDS.get(name, "number") for name in plan.request_columns}


def test_an_edited_feature_is_refused_by_name_with_what_was_edited(tmp_path):
    old = edited()
    folder = stored(tmp_path / "m", old)
    now = FeaturePlan.compile(
        [*old.definitions[:2], f.latest(TRIPS, "x", "word", by="who", max_age="1h")], target=TRIPS
    )
    with pytest.raises(ArtifactError) as refused:
        Predictor(now, GOAL, kinds_of(now)).load("v1", folder)
    said = str(refused.value)
    assert said.startswith("version v1 was trained on features that mean something else now: ")
    assert "trips_x_by_who changed (max_age none -> 1h)" in said
    assert "trips_x_mean_1h_by_who removed" in said
    assert "Train anew with `hindcast run`, or restore the declaration." in said


def test_an_added_feature_disturbs_no_model(tmp_path):
    old, now = edited(), edited(more=[f.window(PINGS, over="1h")])
    assert old.identity != now.identity
    predictor = Predictor(now, GOAL, kinds_of(now))
    predictor.load("v1", stored(tmp_path / "m", old))
    assert predictor.predict("v1", dict.fromkeys(now.names)).version == "v1"


def test_a_model_is_held_only_to_what_it_reads(tmp_path):
    old, now = edited(), edited(over="5d")
    predictor = Predictor(now, GOAL, kinds_of(now))
    predictor.load("v1", stored(tmp_path / "a", old, inputs=["hour", "trips_x_mean_1h_by_who"]))
    with pytest.raises(ArtifactError, match="trips_x_mean_7d_by_who removed"):
        predictor.load("v2", stored(tmp_path / "b", old, inputs=["hour", "trips_x_mean_7d_by_who"]))


def test_an_artefact_without_meanings_is_held_to_the_plan_as_a_whole(tmp_path):
    write(tmp_path / "m", train(), features=PLAN.identity)
    made().load("v1", tmp_path / "m")
    write(tmp_path / "n", train(), features=edited().identity)
    with pytest.raises(ArtifactError, match="the same names may mean something else"):
        made().load("v1", tmp_path / "n")


def test_a_server_says_why_its_champion_does_not_serve(tmp_path):
    from hindcast.serve import Service

    registry = open_registry(tmp_path)
    folder = registry.draft() / "model"
    version = registry.register({}, at_us=0, artefact=stored(folder, edited())).name
    registry.promote(version, reason="a test", at_us=0)
    now = edited(over="5d")
    service = Service.open(
        tmp_path, system="taxis", target="late", plan=now, tables=TABLES, kinds=kinds_of(now), goal=GOAL,
        registry=registry,
    )  # fmt: skip
    try:
        assert not service.ready
        assert "trips_x_mean_7d_by_who removed" in service._watch.trouble
    finally:
        asyncio.run(service.close())
