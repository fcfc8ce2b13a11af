"""Labelling functions under the clock: each row is voted on with what was known at its labelling moment, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.features import FeaturePlan
from hindcast.values import Duration, Ints, duration_us, moment_us
from hindcast.weak.apply import apply
from hindcast.weak.functions import LabellingFunction, as_functions
from hindcast.weak.votes import Votes

__all__ = ["apply_at"]


def apply_at(
    functions: Iterable[LabellingFunction | Callable[..., Any]],
    features: FeaturePlan | Sequence[Any],
    facts: Mapping[str, Facts],
    requests: Frame,
    as_of: Any,
    *,
    after: Duration = "0s",
    threads: int = 2,
    **options: Any,
) -> Votes:
    """Have functions vote on requests, seeing each one's features as they were known at its labelling moment.

    A function's inputs are features and nothing else: a column of `requests` is seen only where it is declared as one
    (``hc.request("text")``). So an outcome that lies in the table of requests cannot slip into a rule.

    Parameters
    ----------
    functions : iterable
        Labelling functions, or plain named ones.
    features : FeaturePlan or sequence of features
    facts : mapping of table name to Facts
        All landed facts, whatever their known time.
    requests : Frame, n rows
    as_of : int64 array of microseconds, or sequence of moments, shape (n,)
        The moment of each request.
    after : duration, default "0s"
        How long after the request it is labelled. Labels need not be made at once: a rule may look at what became known
        in the week since. But then the label was not known for a week either: ``votes.at`` is the moment from which a
        label made of these votes may be used, as a label's known time.
    threads : int, default 2
        Of the features; changes the time it takes and nothing else.
    **options
        Of :func:`apply`.

    Returns
    -------
    Votes
        With `at`, shape (n,), the labelling moments.

    Raises
    ------
    UnknownName
        For an input that is no feature.

    Examples
    --------
    >>> from hindcast.facts import Facts, Table
    >>> from hindcast.features import latest
    >>> reports = Table("reports", event_time="at", known="seen")
    >>> facts = Facts.of(reports, [{"mail": "x", "count": 3, "at": 50, "seen": 200}])
    >>> def reported(reports_count_by_mail): return "spam" if reports_count_by_mail else None
    >>> asked = Frame.of({"mail": ["x", "x"]})
    >>> votes = apply_at([reported], [latest(reports, "count", by="mail")], {"reports": facts}, asked, [100, 300])
    >>> votes.frame().rows(), votes.at.tolist()
    ([{'reported': None}, {'reported': 'spam'}], [100, 300])
    """
    from hindcast.features.batch import answer

    made = as_functions(functions)
    plan = features if isinstance(features, FeaturePlan) else FeaturePlan.compile(list(features))
    for function in made:
        for name in function.inputs or ():
            if name not in plan.names:
                hint = " (declare a column of the requests with hc.request to have it seen)" if name in requests else ""
                raise UnknownName("feature", name, plan.names, where=f"{function.where}{hint}")
    if "rows" in options:
        raise ConfigError("apply_at() makes the rows itself; leave rows= out.")
    moments = _moments(as_of, len(requests)) + duration_us(after, what="apply_at(after=)")
    seen = answer(plan, facts, requests, moments, threads=threads)
    return replace(apply(made, seen, **options), at=moments)


def _moments(as_of: Any, rows: int) -> Ints:
    if isinstance(as_of, np.ndarray) and as_of.dtype.kind in "iu":
        moments = as_of.astype(np.int64)
    else:
        moments = np.array([moment_us(moment, what="as_of") for moment in as_of], dtype=np.int64)
    if moments.shape != (rows,):
        raise DataError(f"as_of has shape {moments.shape} for {rows} requests.")
    return moments
