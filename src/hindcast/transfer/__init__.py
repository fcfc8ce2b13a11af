"""A model learnt on one task, used on another: frozen or tuned features, and whether that beats starting anew.

A base turns rows into features and is frozen: a fitted scikit-learn estimator, the leaves of a LightGBM forest, a layer
of a PyTorch module, a text encoder that is on disk already. A head learns on top, or PyTorch layers are tuned.
:func:`~hindcast.transfer.transfer_curve` sets the result beside learning from scratch, and says when transfer harms.
"""

from hindcast.transfer.base import Base, Beside, Frozen, FrozenTransfer, LayerBase, LeafBase, Transferred, frozen
from hindcast.transfer.curve import TransferCurve, transfer_curve
from hindcast.transfer.encoder import TextEncoder, text_encoder
from hindcast.transfer.fine_tune import FineTune, TunedModel, fine_tune, layer_groups

__all__ = [
    "Base",
    "Beside",
    "FineTune",
    "Frozen",
    "FrozenTransfer",
    "LayerBase",
    "LeafBase",
    "TextEncoder",
    "Transferred",
    "TransferCurve",
    "TunedModel",
    "fine_tune",
    "frozen",
    "layer_groups",
    "text_encoder",
    "transfer_curve",
]
