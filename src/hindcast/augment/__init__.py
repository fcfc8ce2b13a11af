"""More examples from those there are: changes after which the label still holds, and changes that test a model.

A change is a value with parameters; a policy says which are made and how often; a step does it to training rows and to
no others. :func:`label_survival` says whether labels live through a change, :func:`greedy_attack` and :func:`fgsm` how
easily a model is fooled.
"""

from hindcast.augment.adversarial import (
    Attack,
    fgsm,
    greedy_attack,
    linear_gradient,
    row_edits,
    text_edits,
    torch_gradient,
)
from hindcast.augment.images import ImageChange, changed_images, colour, crop, flip, noise, rotate
from hindcast.augment.mixup import Mixup, cutmix, mixed, mixup
from hindcast.augment.policy import Policy, augment_images, augment_text, augment_texts
from hindcast.augment.survival import Survival, label_survival
from hindcast.augment.tabular import (
    Jitter,
    SwapCategory,
    jitter,
    jittered,
    swap_category,
    swapped_categories,
)
from hindcast.augment.text import (
    TextChange,
    changed_texts,
    delete_words,
    from_template,
    swap_words,
    synonyms,
    typos,
)

__all__ = [
    "Attack",
    "ImageChange",
    "Jitter",
    "Mixup",
    "Policy",
    "Survival",
    "SwapCategory",
    "TextChange",
    "augment_images",
    "augment_text",
    "augment_texts",
    "changed_images",
    "changed_texts",
    "colour",
    "crop",
    "cutmix",
    "delete_words",
    "fgsm",
    "flip",
    "from_template",
    "greedy_attack",
    "jitter",
    "jittered",
    "label_survival",
    "linear_gradient",
    "mixed",
    "mixup",
    "noise",
    "rotate",
    "row_edits",
    "swap_category",
    "swap_words",
    "swapped_categories",
    "synonyms",
    "text_edits",
    "torch_gradient",
    "typos",
]
