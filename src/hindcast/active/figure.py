"""Curves with intervals as plain specifications for plotly.js; nothing is drawn here."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hindcast.metrics.intervals import Estimate

__all__ = ["Spec", "bands"]

Spec = dict[str, Any]

_COLOURS = ("#2a6fdb", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0e7490", "#a16207", "#be185d")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def bands(
    places: Sequence[Any] | np.ndarray[Any, Any], series: Mapping[str, Sequence[Estimate]], *, x: str, y: str
) -> Spec:
    """Lines with their intervals as bands: ``{"data": [...], "layout": {...}}``, JSON as it stands.

    The last series is taken as the floor and drawn grey and dashed. What is not a number is left out.

    Examples
    --------
    >>> figure = bands([1, 2], {"random": [Estimate(0.5), Estimate(0.6)]}, x="labels", y="accuracy")
    >>> figure["data"][-1]["y"], figure["layout"]["xaxis"]["title"]["text"]
    ([0.5, 0.6], 'labels')
    """
    at = [place.item() if isinstance(place, np.generic) else place for place in places]
    data: list[Spec] = []
    for order, (name, estimates) in enumerate(series.items()):
        floor = order == len(series) - 1
        colour = "#6b7280" if floor else _COLOURS[order % len(_COLOURS)]
        known = [(p, e) for p, e in zip(at, estimates, strict=True) if np.isfinite(e.low) and np.isfinite(e.high)]
        label = html.escape(name, quote=False)
        if len(known) > 1:
            edge = [p for p, _ in known]
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": edge + edge[::-1],
                    "y": [e.low for _, e in known] + [e.high for _, e in known][::-1],
                    "fill": "toself",
                    "fillcolor": colour,
                    "opacity": 0.15,
                    "line": {"width": 0},
                    "hoverinfo": "skip",
                    "showlegend": False,
                    "legendgroup": label,
                }
            )
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "legendgroup": label,
                "x": at,
                "y": [_number(e.value) for e in estimates],
                "line": {"color": colour, "dash": "dash" if floor else "solid"},
            }
        )
    layout = {
        "xaxis": {"title": {"text": html.escape(x, quote=False)}},
        "yaxis": {"title": {"text": html.escape(y, quote=False)}},
        "hovermode": "x unified",
    }
    return {"data": data, "layout": layout}
