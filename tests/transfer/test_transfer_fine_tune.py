"""Fine-tuning: what is frozen stays to the bit, rates fall towards the input, seeds decide, stopping keeps the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.transfer import FineTune, TunedModel, fine_tune, layer_groups

torch = pytest.importorskip("torch")


def net(seed: int = 0, norm: bool = False) -> Any:
    torch.manual_seed(seed)
    parts = [torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 6), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts, *([torch.nn.BatchNorm1d(6)] if norm else []))


def task(n: int = 200, seed: int = 0) -> tuple[Any, Any]:
    x = np.random.default_rng(seed).normal(size=(n, 4))
    return x, np.where(x[:, 0] * x[:, 1] > 0, "same", "apart")


def weights(module: Any) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in module.parameters()]


@pytest.mark.parametrize(("held", "moved"), [(0, [True] * 4), (1, [False, False, True, True]), ("all", [False] * 4)])
def test_frozen_layers_stay_to_the_bit_and_the_given_base_too(held: Any, moved: list[bool]) -> None:
    base = net()
    before = weights(base)
    x, y = task()
    model = fine_tune(base, frozen=held, epochs=2).fit(x, y)
    assert isinstance(model, TunedModel)
    assert all((a == b).all() for a, b in zip(before, weights(base), strict=True))
    changed = [bool((a != b).any()) for a, b in zip(before, weights(model.module[0]), strict=True)]
    assert changed == moved


def test_frozen_normalisation_keeps_its_statistics() -> None:
    base = net(norm=True)
    before = base[4].running_mean.clone()
    x, y = task()
    kept = FineTune(base, frozen="all", epochs=2).fit(x, y)
    assert torch.equal(kept.module[0][4].running_mean, before)
    tuned = FineTune(base, epochs=2).fit(x, y)
    assert not torch.equal(tuned.module[0][4].running_mean, before)


def test_layers_are_freed_from_the_top() -> None:
    x, y = task()
    model = FineTune(net(), gradual=2, epochs=6, validation=0.0).fit(x, y)
    assert model.freed == (0, 0, 1, 1, 2, 2)
    short = FineTune(net(), gradual=2, epochs=3, validation=0.0).fit(x, y)
    before = weights(net())
    changed = [bool((a != b).any()) for a, b in zip(before, weights(short.module[0]), strict=True)]
    assert changed == [False, False, True, True]


def test_rates_fall_towards_the_input() -> None:
    x, y = task()
    model = FineTune(net(), decay_down=1e-3, epochs=1, validation=0.0, weight_decay=0.0).fit(x, y)
    steps = [float(np.abs(a - b).max()) for a, b in zip(weights(net()), weights(model.module[0]), strict=True)]
    assert steps[0] < steps[2] / 100
    assert steps[2] > 0


def test_the_same_seed_gives_the_same_weights_and_leaves_chance_alone() -> None:
    x, y = task()
    state = torch.random.get_rng_state()
    first, again = (FineTune(net(), epochs=3).fit(x, y, seed=2) for _ in range(2))
    assert (first.predict_proba(x) == again.predict_proba(x)).all()
    torch.random.set_rng_state(state)
    expected = torch.rand(1)
    torch.random.set_rng_state(state)
    FineTune(net(), epochs=1)  # building nets above draws; fitting must not
    base = net()
    torch.random.set_rng_state(state)
    FineTune(base, epochs=1).fit(x, y)
    assert torch.equal(torch.rand(1), expected)
    assert (FineTune(base, epochs=1).fit(x, y, seed=3).predict_proba(x) != first.predict_proba(x)).any()


def test_it_stops_and_keeps_the_best_epoch() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 4)), random.integers(0, 2, 60)
    model = FineTune(net(), rate=0.02, epochs=200, patience=3).fit(x, y)
    seen = [v for _, v in model.losses]
    assert len(seen) < 200
    assert model.epoch == int(np.argmin(seen)) + 1
    assert len(seen) == model.epoch + 3
    told: list[tuple[int, int]] = []
    FineTune(net(), epochs=2).fit(x, y, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_it_learns_what_a_line_cannot() -> None:
    x, y = task(800)
    new, truth = task(300, seed=1)
    model = FineTune(net(), rate=0.01, epochs=80).fit(x, y)
    assert (model.predict(new) == truth).mean() > 0.85
    found = model.predict_proba(new)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)
    assert model.classes_.tolist() == ["apart", "same"]
    assert model.predict_proba(new[:0]).shape == (0, 2)


def test_few_rows_missing_labels_and_all_classes() -> None:
    x, y = task(5)
    model = FineTune(net(), epochs=2).fit(x, [*y[:4], None], classes=["apart", "other", "same"])
    assert model.predict_proba(x).shape == (5, 3)
    assert "none to stop by" in model.notes[0]
    assert FineTune(net(norm=True), epochs=1, batch=4).fit(x, y).predict(x).shape == (5,)


def test_bad_questions_are_refused() -> None:
    x, y = task(20)
    for bad in (
        {"frozen": -1},
        {"frozen": "some"},
        {"rate": 0.0},
        {"decay_down": 2.0},
        {"epochs": 0},
        {"validation": 1.0},
    ):
        with pytest.raises(ConfigError):
            FineTune(net(), **bad)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cannot be frozen"):
        FineTune(net(), frozen=5).fit(x, y)
    with pytest.raises(UnknownName):
        FineTune(net(), groups=["nine"]).fit(x, y)
    with pytest.raises(DataError, match="finite"):
        FineTune(net(), rate=1e30, epochs=5, validation=0.0).fit(x * 1e30, y)
    assert [name for name, _ in layer_groups(net())] == ["0", "2"]
    assert FineTune(net()).describe()["method"] == "fine-tuned"
    assert FineTune(net(), frozen="all").name == "head only"
