"""Models by version: what may answer, and what it says."""

import pytest
from serve_system import GOAL, KINDS, PLAN, train

from hindcast.errors import ArtifactError, DataError, UnknownName
from hindcast.models import write
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
