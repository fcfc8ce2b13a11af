"""Laws that every model keeps, whoever wrote it; and what is particular to each learner."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from models_rows import many

from hindcast.balance.focal import FocalLoss
from hindcast.columns import Column, Frame
from hindcast.errors import ArtifactError, ConfigError, DataError, UnknownName
from hindcast.models import Learner, Model, load_model, write
from hindcast.models.baselines import LAST_LABEL, last_label, random, rule, zero_rule
from hindcast.models.forest import Forest
from hindcast.models.lightgbm import lightgbm
from hindcast.models.logistic import logistic
from hindcast.models.trained import trained


def x_is_high(row):
    return row["x"] > 1


@dataclass(frozen=True)
class Drop:
    """A step of a test's own: of the rows with label 0, the first `share`."""

    share: float
    name: str = "drop"

    def apply(self, rows, seed):
        zero = np.flatnonzero(rows.label == 0)
        return rows.take(np.sort(np.r_[np.flatnonzero(rows.label == 1), zero[: int(len(zero) * self.share)]]))

    def describe(self):
        return {"step": self.name, "share": self.share}


LEARNERS = {
    "random": random(),
    "zero_rule": zero_rule(),
    "last_label": last_label(),
    "rule": rule(x_is_high),
    "logistic": logistic(max_one_hot=10),
    "lightgbm": lightgbm(trees=20, min_leaf=10, min_rows=5),
    "focal": lightgbm(trees=20, min_leaf=10, min_rows=5, loss=FocalLoss(2.0)),
    "trained": trained(lightgbm(trees=20, min_leaf=10, min_rows=5), on=Drop(0.3)),
    "trained rule": trained(rule(x_is_high), on=Drop(0.3)),
}


def rows(count, seed=0):
    features, label = many(count, seed)
    last = np.where(np.arange(count) % 3 == 0, np.nan, np.roll(label, 1))
    return features.having(**{LAST_LABEL: last}), label


def fit(learner, count=1500, seed=7, **options):
    features, label = rows(count)
    return learner.fit(features, label, as_of=np.arange(count), seed=seed, **options)


@pytest.fixture(scope="module", params=LEARNERS, ids=list(LEARNERS))
def learner(request):
    return LEARNERS[request.param]


@pytest.fixture(scope="module")
def model(learner):
    return fit(learner)


def test_it_is_a_learner_and_gives_a_model(learner, model):
    assert isinstance(learner, Learner)
    assert isinstance(model, Model)
    assert model.name == learner.name


def test_answers_are_probabilities(model):
    answers = model.predict(rows(400, seed=1)[0])
    assert answers.shape == (400,)
    assert answers.dtype == np.float64
    assert ((answers >= 0) & (answers <= 1)).all()
    assert model.predict(rows(3)[0].take(slice(0, 0))).shape == (0,)


def test_a_row_is_answered_alone_as_among_others(model):
    features, _ = rows(200, seed=1)
    answers = model.predict(features)
    assert [model.predict_row(row) for row in features.rows()] == answers.tolist()
    order = np.random.default_rng(0).permutation(200)
    assert np.array_equal(model.predict(features.take(order)), answers[order])
    assert np.array_equal(model.predict(features.take(slice(0, 7))), answers[:7])


def test_what_is_odd_is_answered(model):
    odd = {"x": None, "y": float("inf"), "gaps": float("nan"), "count": None, "flag": None, "side": "new", "shop": None}
    odd[LAST_LABEL] = None
    answer = model.predict_row(odd)
    assert 0 <= answer <= 1
    kinds = rows(1)[0].kinds
    frame = Frame.of_rows([odd], {name: "number" if kind != "text" else kind for name, kind in kinds.items()})
    assert model.predict(frame)[0] == answer


def test_columns_it_does_not_read_change_nothing(model):
    features, _ = rows(50, seed=1)
    assert np.array_equal(
        model.predict(features.select(model.inputs) if model.inputs else features), model.predict(features)
    )
    if model.inputs:
        with pytest.raises(UnknownName):
            model.predict_row({})


def test_predicting_learns_nothing(model):
    before = model.files()
    model.predict(rows(300, seed=5)[0])
    assert model.files() == before


def test_fitting_again_gives_the_same_bytes(learner, model):
    assert fit(learner).files() == model.files()


def test_stored_and_read_it_answers_the_same(model, tmp_path):
    features, _ = rows(300, seed=2)
    write(tmp_path / "v1", model)
    again = load_model(tmp_path / "v1", functions={"x_is_high": x_is_high})
    assert np.array_equal(again.predict(features), model.predict(features))
    assert again.files() == model.files()
    assert (again.importance(), again.describe(), again.inputs) == (model.importance(), model.describe(), model.inputs)


def test_saved_files_are_its_files(model, tmp_path):
    model.save(tmp_path / "plain")
    found = {
        p.relative_to(tmp_path / "plain").as_posix(): p.read_bytes()
        for p in (tmp_path / "plain").rglob("*")
        if p.is_file()
    }
    assert found == model.files()


@pytest.mark.parametrize("name", ["logistic", "lightgbm"])
def test_learners_learn_the_signal(name):
    model = fit(LEARNERS[name])
    features, label = rows(2000, seed=9)
    answers = np.clip(model.predict(features), 1e-9, 1 - 1e-9)
    loss = -np.mean(label * np.log(answers) + (1 - label) * np.log(1 - answers))
    base = label.mean()
    assert loss < 0.9 * -(base * np.log(base) + (1 - base) * np.log(1 - base))
    importance = model.importance()
    assert max(importance, key=importance.__getitem__) == "x"
    assert sum(importance.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["logistic", "lightgbm"])
def test_one_class_is_refused(name):
    features, _ = rows(50)
    with pytest.raises(DataError, match="all 50 labels are 0"):
        LEARNERS[name].fit(features, np.zeros(50), as_of=np.arange(50), seed=0)


def test_logistic_scores_are_the_matrix_times_the_coefficients():
    model = fit(LEARNERS["logistic"])
    features, _ = rows(500, seed=3)
    expected = model.preparation.matrix(features) @ model.coefficients + model.intercept
    assert np.allclose(model.scores(features), expected, rtol=1e-12, atol=1e-12)


def test_logistic_says_when_it_stopped_early():
    assert fit(logistic(max_iter=1)).describe()["converged"] is False
    assert fit(logistic()).describe()["converged"] is True


def test_a_wild_value_moves_the_answer_only_so_far():
    model, row = fit(logistic()), rows(1)[0].rows()[0]
    ten = model.preparation.encoders[0].mean + 10 * model.preparation.encoders[0].scale
    assert model.predict_row({**row, "x": 1e140}) == model.predict_row({**row, "x": ten})
    assert model.predict_row({**row, "x": 1e300}) == model.predict_row({**row, "x": None})


@pytest.mark.parametrize("weight", [1e3, -1e3])
def test_extreme_scores_do_not_overflow(weight):
    model = fit(logistic(), 100)
    steep = replace(model, coefficients=model.coefficients * weight, intercept=0.0)
    answers = steep.predict(rows(100)[0])
    assert set(answers[np.abs(steep.scores(rows(100)[0])) > 800]) == {0.0, 1.0}


def test_the_forest_answers_as_lightgbm_does():
    import lightgbm as library

    model = fit(LEARNERS["lightgbm"])
    booster = library.Booster(model_str=model.text)
    matrix = model.preparation.dense(rows(3000, seed=4)[0])
    assert np.array_equal(model.forest.predict(matrix), booster.predict(matrix))
    assert np.array_equal(model.forest.predict(matrix, raw=True), booster.predict(matrix, raw_score=True))
    assert [model.forest.predict_row(row) for row in matrix[:50].tolist()] == booster.predict(matrix[:50]).tolist()


def test_the_number_of_threads_is_not_in_the_bytes():
    one, two = (fit(lightgbm(trees=15, min_leaf=5, threads=threads), 3000) for threads in (1, 2))
    assert one.files() == two.files()
    assert lightgbm(threads=1).describe() == lightgbm(threads=2).describe()
    matrix = one.preparation.dense(rows(5000, seed=4)[0])
    assert np.array_equal(Forest(one.text, threads=1).predict(matrix), Forest(one.text, threads=2).predict(matrix))


def test_the_seed_matters_to_trees():
    assert fit(lightgbm(trees=5), seed=1).files() != fit(lightgbm(trees=5), seed=2).files()


def test_monotone_trees_never_fall():
    model = fit(lightgbm(trees=40, min_leaf=5, increasing="x", decreasing=("y",)))
    features, _ = rows(100, seed=6)
    for name, sign in (("x", 1), ("y", -1)):
        grid = np.linspace(-300, 300, 41)
        answers = np.stack([model.predict(features.having(**{name: np.full(100, v)})) for v in grid])
        assert (sign * np.diff(answers, axis=0) >= 0).all()
        assert np.ptp(answers) > 0.01


def test_early_stopping_keeps_the_best_number_of_trees():
    features, label = rows(2000, seed=8)
    model = fit(lightgbm(trees=400, learning_rate=0.3, min_leaf=5, early_stopping=5), validation=(features, label))
    assert 0 < model.describe()["trees"] < 100
    with pytest.raises(ConfigError, match="validation"):
        fit(lightgbm(early_stopping=5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trees": 0}, "trees must be a whole number of at least 1, got 0"),
        ({"leaves": 1}, "leaves must be a whole number of at least 2, got 1"),
        ({"row_fraction": 1.5}, "row_fraction"),
        ({"increasing": "x", "decreasing": "x"}, "both increasing and decreasing in x"),
    ],
)
def test_parameters_without_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        lightgbm(**options)
    with pytest.raises(ConfigError, match="c must be a number above 0, got 0"):
        logistic(c=0)


def test_monotone_needs_a_number_that_exists():
    with pytest.raises(UnknownName, match="Did you mean 'gaps'"):
        fit(lightgbm(increasing="gap"))
    with pytest.raises(ConfigError, match="a text has no order"):
        fit(lightgbm(increasing="side"))


def test_trees_are_counted():
    described = fit(lightgbm(trees=12, leaves=4)).describe()
    assert described["trees"] == 12
    assert described["leaves"] == 48
    assert 2 <= described["mean_depth"] <= 3


def test_a_forest_of_no_split_still_answers():
    features, label = rows(30)
    model = lightgbm(trees=3, min_leaf=100).fit(features, label, as_of=np.arange(30), seed=0)
    assert model.predict(features) == pytest.approx(np.full(30, label.mean()))
    assert sum(model.importance().values()) == 0


def test_a_forest_serves_several_threads_and_processes():
    model = fit(LEARNERS["lightgbm"])
    features, _ = rows(200, seed=1)
    expected = model.predict(features).tolist()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(model.predict_row, features.rows())) == expected
    assert pickle.loads(pickle.dumps(model.forest)).predict(model.preparation.dense(features)).tolist() == expected


@pytest.mark.parametrize("text", ["", "nonsense", "tree\nnum_class=1\n"])
def test_a_text_that_is_no_forest_is_refused(text):
    with pytest.raises(ArtifactError):
        Forest(text)


def test_a_forest_wants_its_own_width():
    with pytest.raises(DataError, match="7 features"):
        fit(LEARNERS["lightgbm"]).forest.predict(np.zeros((2, 3)))


def test_a_missing_library_says_how_to_install_it(monkeypatch):
    from hindcast.models import forest

    forest.shared_library.cache_clear()
    monkeypatch.setattr(forest, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install"):
        forest.shared_library()
    forest.shared_library.cache_clear()


SERVE = """
import sys
from hindcast.columns import Column, Frame
from hindcast.models import load_model
model = load_model(sys.argv[1])
row = {"x": 1.0, "y": 2.0, "gaps": None, "count": 3.0, "flag": 1.0, "side": "left", "shop": "shop 3"}
kinds = {name: model.kinds[name] for name in row}
assert model.predict_row(row) == model.predict(Frame.of_rows([row], kinds))[0]
heavy = [m for m in ("lightgbm", "sklearn", "pandas", "scipy", "pyarrow", "numba") if m in sys.modules]
print(model.predict_row(row).hex(), heavy)
"""


@pytest.mark.parametrize("name", ["logistic", "lightgbm"])
def test_a_server_imports_nothing_heavy(name, tmp_path):
    model = fit(LEARNERS[name])
    write(tmp_path / "v1", model)
    command = [sys.executable, "-c", SERVE, str(tmp_path / "v1")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    row = {"x": 1.0, "y": 2.0, "gaps": None, "count": 3.0, "flag": 1.0, "side": "left", "shop": "shop 3"}
    assert result.stdout.strip() == f"{model.predict_row(row).hex()} []", result.stderr


TRAIN = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from models_rows import many
from hindcast.models.lightgbm import lightgbm
from hindcast.models.logistic import logistic
from hindcast.models.trained import trained
features, label = many(20_000)
for learner in (logistic(), lightgbm(trees=30)):
    files = learner.fit(features, label, as_of=np.arange(20_000), seed=1).files()
    print(hashlib.sha256(b"".join(files[n] for n in sorted(files))).hexdigest())
"""


@pytest.mark.slow
def test_models_are_the_same_bytes_under_one_thread_and_two():
    outputs = []
    for threads, zone in (("1", "UTC"), ("2", "Pacific/Auckland")):
        settings = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        command = [sys.executable, "-c", TRAIN, os.path.dirname(__file__)]
        result = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **settings, "TZ": zone}
        )
        outputs.append(result.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == 2


def test_forests_are_freed_and_made_without_end():
    import resource

    text = fit(LEARNERS["lightgbm"]).text
    for _ in range(20):
        Forest(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        Forest(text).predict_row([0.0] * 7)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # 300 leaked forests are 60 MB and more


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_lists_are_no_inputs(name):
    features, label = many(300)
    features = features.having(**{LAST_LABEL: label})
    last = Column.of_kind([None if row % 7 == 0 else ("a",) * (row % 4) for row in range(300)], "list")
    learner, as_of = LEARNERS[name], np.arange(300)
    plain = learner.fit(features, label, as_of=as_of, seed=1)
    beside = learner.fit(features.having(last=last), label, as_of=as_of, seed=1)
    assert beside.inputs == plain.inputs
    assert beside.files() == plain.files()
    assert beside.predict_row({**features.rows()[0], "last": ("a", "a")}) == plain.predict(features)[0]
