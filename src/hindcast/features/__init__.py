"""Features: one meaning in training, streaming and serving.

A feature is declared once (:mod:`~hindcast.features.definitions`), grouped with others into a plan
(:mod:`~hindcast.features.plan`), and folded by one kernel (:mod:`~hindcast.features.kernel`) that two drivers
move: :func:`~hindcast.features.batch.answer` over a table of requests, and
:class:`~hindcast.features.online.OnlineFeatures` one request at a time. The drivers are imported where they are
used: the server never loads the batch one.
"""

from hindcast.features.definitions import Latest, Request, Transform, Window, latest, request, transform, window
from hindcast.features.plan import FeaturePlan

__all__ = ["FeaturePlan", "Latest", "Request", "Transform", "Window", "latest", "request", "transform", "window"]
