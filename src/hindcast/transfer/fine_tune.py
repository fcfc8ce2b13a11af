"""Fine-tuning a PyTorch base: layers frozen and freed from the top, each with its own rate, stopped in time."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.models.threads import let_threads_sleep
from hindcast.semi.calibration import folds
from hindcast.semi.classes import labels_of
from hindcast.semi.items import finite_matrix, take
from hindcast.values import Floats, Ints

__all__ = ["FineTune", "TunedModel", "fine_tune", "layer_groups"]


@dataclass(frozen=True, eq=False)
class TunedModel:
    """A fine-tuned network; of scikit-learn's shape.

    Parameters
    ----------
    module : torch.nn.Module
        The base with its head.
    classes : tuple
    losses : tuple of (float, float)
        Mean training and validation loss of each epoch, in nats; NaN without validation rows.
    epoch : int
        The epoch whose weights are kept, from 1.
    freed : tuple of int
        How many groups of layers were trained in each epoch, the head not counted.
    notes : tuple of str
    """

    module: Any
    classes: tuple[Any, ...]
    losses: tuple[tuple[float, float], ...]
    epoch: int
    freed: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def classes_(self) -> np.ndarray[Any, Any]:
        """The classes, shape (K,)."""
        return np.array(self.classes)

    def predict_proba(self, items: Any) -> Floats:
        """Probability of each class, float64, shape (n, K)."""
        import torch

        x = _dense(items)
        if not len(x):
            return np.zeros((0, len(self.classes)))
        with torch.no_grad():
            parts = [
                torch.softmax(self.module(_tensor(x[start : start + 4096], self.module)), dim=1).double()
                for start in range(0, len(x), 4096)
            ]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)

    def predict(self, items: Any) -> np.ndarray[Any, Any]:
        """The likeliest class of each item, shape (n,)."""
        likeliest: np.ndarray[Any, Any] = self.classes_[self.predict_proba(items).argmax(axis=1)]
        return likeliest


def _dense(items: Any) -> Floats:
    x = finite_matrix(items)
    found: Floats = np.ascontiguousarray(x.toarray() if hasattr(x, "toarray") else x)
    return found


def _tensor(x: Floats, module: Any) -> Any:
    import torch

    kind = next((p.dtype for p in module.parameters()), torch.float32)
    return torch.as_tensor(x, dtype=kind)


def layer_groups(base: Any, groups: Sequence[str] | None = None) -> list[tuple[str, list[Any]]]:
    """The base's layers that hold parameters, input first: (name, parameters).

    By default each child of the module that holds parameters is a group; `groups` names modules instead.
    """
    named = dict(base.named_modules())
    if groups is None:
        chosen = [(name, child) for name, child in base.named_children()]
        if not any(list(child.parameters()) for _, child in chosen):
            chosen = [("all", base)]
    else:
        unknown = [name for name in groups if name not in named]
        if unknown:
            raise UnknownName("layer", unknown[0], [n for n in named if n], where=type(base).__name__)
        chosen = [(name, named[name]) for name in groups]
    return [(name, list(child.parameters())) for name, child in chosen if list(child.parameters())]


@dataclass(frozen=True)
class FineTune:
    """Fine-tuning of a PyTorch base under a new linear head.

    Parameters
    ----------
    base : torch.nn.Module
        From (n, d) to (n, width) or (n, ...), flattened. It is copied: the one given is never changed.
    frozen : int or "all", default 0
        How many groups of layers, from the input, are never trained; "all" trains the head alone.
    gradual : int, default 0
        Epochs after which one more group is freed, from the top; 0 frees all at once.
    rate : float, default 1e-3
        The head's learning rate (Adam).
    decay_down : float in (0, 1], default 0.5
        Each group's rate is so much of the one above it: discriminative rates.
    weight_decay : float, default 1e-4
    epochs : int, default 50
    batch : int, default 32
    validation : float, default 0.2
        The share of the training rows on which stopping is decided, drawn by class; 0 trains all epochs. No row
        that the model will be judged by is needed.
    patience : int, default 5
        Epochs without a better validation loss after which training stops, once all groups are freed. The best epoch's
        weights are kept.
    groups : sequence of str, optional
        See :func:`layer_groups`.

    Notes
    -----
    Seeded, on the CPU and one thread: the same rows and seed give the same weights. Batch normalisation in frozen
    groups stays in evaluation mode, so that it is frozen indeed.

    References
    ----------
    Yosinski et al., "How Transferable Are Features in Deep Neural Networks?", NIPS 2014. Howard and Ruder, "Universal
    Language Model Fine-tuning for Text Classification", ACL 2018.
    """

    base: Any
    frozen: int | str = 0
    gradual: int = 0
    rate: float = 1e-3
    decay_down: float = 0.5
    weight_decay: float = 1e-4
    epochs: int = 50
    batch: int = 32
    validation: float = 0.2
    patience: int = 5
    groups: Sequence[str] | None = field(default=None)

    def __post_init__(self) -> None:
        if not (self.frozen == "all" or (isinstance(self.frozen, int) and self.frozen >= 0)):
            raise ConfigError(f"FineTune needs frozen >= 0 or 'all', got {self.frozen!r}.")
        if not (self.rate > 0 and 0 < self.decay_down <= 1 and self.weight_decay >= 0):
            raise ConfigError("FineTune needs rate > 0, decay_down in (0, 1] and weight_decay >= 0.")
        if self.epochs < 1 or self.batch < 1 or self.patience < 1 or self.gradual < 0:
            raise ConfigError("FineTune needs epochs, batch and patience >= 1 and gradual >= 0.")
        if not 0 <= self.validation < 1:
            raise ConfigError(f"FineTune needs validation in [0, 1), got {self.validation}.")

    @property
    def name(self) -> str:
        return "fine-tuned" if self.frozen != "all" else "head only"

    def describe(self) -> dict[str, Any]:
        """Its name and parameters, plain values."""
        names = (
            "frozen", "gradual", "rate", "decay_down", "weight_decay", "epochs", "batch", "validation", "patience",
        )  # fmt: skip
        return {"method": self.name, "base": type(self.base).__name__, **{n: getattr(self, n) for n in names}}

    def fit(
        self,
        items: Any,
        labels: Any,
        *,
        classes: Any = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> TunedModel:
        """Train on the labelled rows, numbers of shape (n, d); those without a label are left out.

        `progress` is called with (epochs done, epochs).
        """
        let_threads_sleep()
        import torch

        y = labels_of(items, labels, classes=classes, what="fine-tuning")
        places = np.flatnonzero(y.known)
        x, codes = _dense(take(items, places)), y.codes[places]
        threads, state = torch.get_num_threads(), torch.random.get_rng_state()
        torch.set_num_threads(1)
        torch.manual_seed(int(np.random.SeedSequence([seed, 40_301]).generate_state(1)[0]))
        try:
            return self._train(x, codes, y.classes, seed, progress)
        finally:
            torch.set_num_threads(threads)
            torch.random.set_rng_state(state)

    def _parts(self, codes: Ints, seed: int) -> tuple[Ints, Ints]:
        """Rows to train on and rows to stop by; none of the latter where there are too few."""
        if not self.validation or len(codes) < 10:
            return np.arange(len(codes)), np.zeros(0, dtype=np.int64)
        away = folds(codes, max(2, round(1 / self.validation)), seed) == 0
        return np.flatnonzero(~away), np.flatnonzero(away)

    def _train(
        self, x: Floats, codes: Ints, classes: tuple[Any, ...], seed: int, progress: Callable[[int, int], None] | None
    ) -> TunedModel:
        import torch

        train, stop = self._parts(codes, seed)
        base = copy.deepcopy(self.base)
        groups = layer_groups(base, self.groups)
        held = len(groups) if self.frozen == "all" else int(self.frozen)
        if held > len(groups):
            raise ConfigError(f"the base has {len(groups)} groups of layers; {held} cannot be frozen.")
        base.eval()
        with torch.no_grad():
            width = int(base(_tensor(x[:1], base)).reshape(1, -1).shape[1])
        kind = next((p.dtype for p in base.parameters()), torch.float32)
        module = torch.nn.Sequential(base, torch.nn.Flatten(), torch.nn.Linear(width, len(classes), dtype=kind))
        rates = [self.rate * self.decay_down ** (len(groups) - g) for g in range(len(groups))]
        owned = {id(p) for _, parameters in groups for p in parameters}
        for parameter in base.parameters():
            parameter.requires_grad_(False)
        trainable = [{"params": module[2].parameters(), "lr": self.rate}]
        trainable += [
            {"params": parameters, "lr": rate}
            for g, ((_, parameters), rate) in enumerate(zip(groups, rates, strict=True))
            if g >= held
        ]
        optimiser = torch.optim.Adam(trainable, weight_decay=self.weight_decay)
        inputs, targets = _tensor(x, base), torch.as_tensor(codes)
        order = np.random.default_rng([seed, 40_311])
        losses: list[tuple[float, float]] = []
        freed: list[int] = []
        best, best_epoch, best_state, waited = math.inf, 0, None, 0
        for epoch in range(1, self.epochs + 1):
            free = len(groups) - held if not self.gradual else min(len(groups) - held, (epoch - 1) // self.gradual)
            freed.append(free)
            self._set(base, groups, free, bool(owned))
            shuffled = order.permutation(train)
            total = 0.0
            for start in range(0, len(shuffled), self.batch):
                rows = shuffled[start : start + self.batch]
                if len(rows) == 1 and start and _normalises(module):
                    continue  # one row has no variance to normalise by
                loss = torch.nn.functional.cross_entropy(module(inputs[rows]), targets[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += float(loss.detach()) * len(rows)
            module.eval()
            seen = float("nan")
            if len(stop):
                with torch.no_grad():
                    seen = float(torch.nn.functional.cross_entropy(module(inputs[stop]), targets[stop]))
            losses.append((total / len(train), seen))
            if progress is not None:
                progress(epoch, self.epochs)
            if not math.isfinite(losses[-1][0]):
                raise DataError(f"the loss is not finite after epoch {epoch}; lower the rate, or scale the inputs.")
            if len(stop):
                if seen < best:
                    best, best_epoch, best_state, waited = seen, epoch, copy.deepcopy(module.state_dict()), 0
                else:
                    waited += 1
                if waited >= self.patience and free == len(groups) - held:
                    break
        if best_state is not None:
            module.load_state_dict(best_state)
        module.eval()
        notes = () if len(stop) else (f"{len(train)} rows, none to stop by: all {self.epochs} epochs were trained.",)
        return TunedModel(module, classes, tuple(losses), best_epoch or len(losses), tuple(freed), notes)

    @staticmethod
    def _set(base: Any, groups: list[tuple[str, list[Any]]], free: int, any_groups: bool) -> None:
        """Training mode and gradients for the top `free` groups; all else stays as it is."""
        base.eval()
        if not any_groups:
            return
        named = dict(base.named_modules())
        for g, (name, parameters) in enumerate(groups):
            on = g >= len(groups) - free
            for parameter in parameters:
                parameter.requires_grad_(on)
            if on:
                named.get(name, base).train()


def _normalises(module: Any) -> bool:
    return any("BatchNorm" in type(part).__name__ for part in module.modules())


fine_tune = FineTune
