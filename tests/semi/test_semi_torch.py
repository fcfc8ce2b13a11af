"""The consistency loss of PyTorch models."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.errors import ConfigError
from hindcast.semi import consistency_loss, ramp_up

torch = pytest.importorskip("torch")


def test_the_loss_is_that_of_the_formula_and_the_target_has_no_gradient() -> None:
    a = torch.tensor([[1.0, 0.0, -1.0], [0.3, 0.2, 0.1]], requires_grad=True)
    b = torch.tensor([[0.5, 0.1, -1.0], [0.0, 0.2, 0.4]], requires_grad=True)
    p, q = (torch.softmax(t, dim=1).detach().numpy() for t in (a, b))
    assert np.isclose(consistency_loss(a, b).item(), ((p - q) ** 2).mean(), atol=1e-6)
    loss = consistency_loss(a, b, kind="kl")
    assert np.isclose(loss.item(), (p * np.log(p / q)).sum() / 2, atol=1e-6)
    loss.backward()
    assert a.grad is None
    assert b.grad is not None
    assert consistency_loss(a, a).item() == 0.0


def test_bad_losses_are_refused() -> None:
    with pytest.raises(ConfigError):
        consistency_loss(torch.zeros(1, 2), torch.zeros(1, 3))
    with pytest.raises(ConfigError):
        consistency_loss(torch.zeros(1, 2), torch.zeros(1, 2), kind="cosine")


def test_the_weight_rises_to_one() -> None:
    weights = [ramp_up(step, 10) for step in range(12)]
    assert weights == sorted(weights)
    assert weights[10] == weights[11] == ramp_up(0, 0) == 1.0
