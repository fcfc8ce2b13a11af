"""Labels from people and from nature: who said what, how far they agree, what is true, and how long the truth takes."""

from hindcast.labels.answers import Answers, Truth

__all__ = ["Answers", "Truth"]
