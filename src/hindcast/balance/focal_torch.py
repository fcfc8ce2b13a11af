"""Focal loss as a PyTorch module, equal to :class:`hindcast.balance.focal.FocalLoss` row by row."""

from __future__ import annotations

from typing import Any, Protocol

from hindcast.errors import ConfigError
from hindcast.parameters import choice
from hindcast.values import Floats

__all__ = ["focal_module"]


class Focal(Protocol):
    """What of :class:`hindcast.balance.FocalLoss` a module needs."""

    @property
    def gamma(self) -> float: ...

    def class_weights(self, classes: int) -> Floats: ...


def focal_module(loss: Focal, *, reduction: str = "mean") -> Any:
    """A ``torch.nn.Module``: call it with scores, shape (n,) or (n, K), and labels, shape (n,).

    Parameters
    ----------
    loss : FocalLoss
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ConfigError
        Where PyTorch is not installed, naming what to install.
    """
    try:
        import torch
        from torch.nn import functional
    except ImportError as error:
        raise ConfigError("focal loss as a module needs PyTorch. Install it: pip install hindcast[torch].") from error
    choice("reduction", reduction, ["mean", "sum", "none"], where="focal_module")

    class Module(torch.nn.Module):  # type: ignore[misc]
        """See :class:`hindcast.balance.FocalLoss`."""

        def forward(self, scores: Any, labels: Any) -> Any:
            """The loss of `scores` for `labels` (0 and 1, or class codes)."""
            codes = labels.long()
            if scores.ndim == 1:
                margin = torch.where(codes == 1, scores, -scores)
            else:
                truth = functional.one_hot(codes, scores.shape[1]).bool()
                rest = torch.logsumexp(scores.masked_fill(truth, -torch.inf), dim=1)
                margin = scores.gather(1, codes[:, None])[:, 0] - rest
            classes = 2 if scores.ndim == 1 else scores.shape[1]
            weight = torch.as_tensor(loss.class_weights(classes), dtype=scores.dtype, device=scores.device)[codes]
            turned = torch.exp(loss.gamma * functional.logsigmoid(-margin))
            found = -weight * turned * functional.logsigmoid(margin)
            if reduction == "none":
                return found
            return found.mean() if reduction == "mean" else found.sum()

    return Module()
