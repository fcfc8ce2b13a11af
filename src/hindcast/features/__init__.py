"""Features: one meaning in training, streaming and serving.

A feature is declared once (:mod:`~hindcast.features.definitions`), grouped with others into a plan
(:mod:`~hindcast.features.plan`), and answered by one engine (:mod:`hindcast.fold`) that three drivers move:
:func:`~hindcast.features.batch.answer` over a table of requests,
:class:`~hindcast.features.online.OnlineFeatures` one request at a time, and
:class:`~hindcast.features.stream.FeatureStream` with the facts as they come. The drivers are imported where they are
used: the server never loads the batch one.
"""

from hindcast.features.aggregates import (
    Aggregate,
    aggregate,
    decayed,
    last_n,
    members,
    quantile,
    rate,
    top,
    weighted_mean,
)
from hindcast.features.definitions import (
    Enriched,
    Latest,
    Request,
    Transform,
    Window,
    enrich,
    latest,
    request,
    transform,
    window,
)
from hindcast.features.graph import Neighbours, SharedNeighbours, degree, neighbours_mean, shared_neighbours
from hindcast.features.plan import FeaturePlan
from hindcast.features.spans import Span, last_full, session, to_date

__all__ = [
    "Aggregate",
    "Enriched",
    "FeaturePlan",
    "Latest",
    "Neighbours",
    "Request",
    "SharedNeighbours",
    "Span",
    "Transform",
    "Window",
    "aggregate",
    "decayed",
    "degree",
    "enrich",
    "last_full",
    "last_n",
    "latest",
    "members",
    "neighbours_mean",
    "quantile",
    "rate",
    "request",
    "session",
    "shared_neighbours",
    "to_date",
    "top",
    "transform",
    "weighted_mean",
    "window",
]
