"""The report's plots as plain specifications for plotly.js: data, layout and a height, nothing drawn here.

Colours are names of the page's own variables, written ``css(--name)``; the page puts in the colours of the light or
the dark theme. Texts that come from the story are escaped, since plotly.js reads markup in labels. What there is
nothing to draw of is None.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from hindcast.web.story import POLICIES, Story, items, mapping, number, numbers
from hindcast.web.words import moment_text

__all__ = ["MARKS", "calibration", "delay", "drift", "drift_threshold", "label", "scores", "value"]

Spec = dict[str, Any]

STYLES = {
    "renewed": {"color": "css(--renewed)", "width": 2.6, "dash": "solid"},
    "never": {"color": "css(--never)", "width": 2, "dash": "dash"},
    "straight": {"color": "css(--straight)", "width": 2, "dash": "dot"},
}
MARKS = {
    "retraining": ("Retraining", "circle-open", "css(--soft)"),
    "trial": ("Trial", "triangle-right", "css(--accent)"),
    "promotion": ("Promotion", "star", "css(--good)"),
    "rollback": ("Roll-back", "x", "css(--bad)"),
    "alert": ("Alert", "diamond", "css(--warn)"),
}
"""The kinds of decision that are marked in the plots: name, symbol, colour."""

LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "tracegroupgap": 0}
SMOOTH_DAYS = 7
DRIFT_ROWS = 24
LABEL_CHARACTERS = 44
PHONE_CHARACTERS = 22


def label(text: Any, most: int = LABEL_CHARACTERS) -> str:
    """A text from the story as a label: escaped, and shortened in its middle beyond `most` characters.

    Examples
    --------
    >>> label("<b>delay</b>"), label("departures_dep_delay_mean_1h_by_origin", 16)
    ('&lt;b&gt;delay&lt;/b&gt;', 'departures…rigin')
    """
    plain = " ".join(str(text).split())
    if len(plain) > most:
        head = 2 * (most - 1) // 3
        plain = plain[:head] + "…" + plain[len(plain) - (most - 1 - head) :]
    return html.escape(plain, quote=False)


def value(story: Story) -> Spec | None:
    """What each policy had earned by each day, what renewing had gained by then, and when something was decided."""
    policies = _policies(story)
    if not any(numbers(policies[name].get("value")) for name in policies):
        return None
    unit = label(mapping(story.get("goal")).get("unit", ""))
    totals = {name: list(accumulate(v or 0.0 for v in numbers(p.get("value")))) for name, p in policies.items()}
    data: list[Spec] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": POLICIES[name],
            "x": _days(policies[name]),
            "y": [_rounded(v, 2) for v in totals[name]],
            "line": STYLES[name],
            "hovertemplate": f"%{{y:,.0f}} {unit}",
        }
        for name in policies
    ]
    layout = _layout(story, height=560)
    layout |= {
        "yaxis": _axis(f"Value so far, {unit}", domain=[0.51, 1], tickformat="~s", rangemode="tozero"),
        "yaxis2": _axis(f"Gain, {unit}", domain=[0.22, 0.44], tickformat="~s", nticks=5),
        "legend": LEGEND,
    }
    never = totals.get("never")
    gained = [
        name
        for name in ("straight", "renewed")
        if never and name in totals and _days(policies[name]) == _days(policies["never"])
    ]
    for name in gained:
        difference = [a - b for a, b in zip(totals[name], never or [], strict=False)]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{POLICIES[name]}, minus never",
                "x": _days(policies[name]),
                "y": [_rounded(v, 2) for v in difference],
                "yaxis": "y2",
                "line": {**STYLES[name], "width": 1.8},
                "hovertemplate": f"%{{y:+,.0f}} {unit}",
                "showlegend": False,
                **({"fill": "tozeroy", "fillcolor": "css(--renewed-wash)"} if name == "renewed" else {}),
            }
        )
    if not gained:
        layout["yaxis"]["domain"] = [0.24, 1]
        del layout["yaxis2"]
    lane, names = _lane(story, axis="y3")
    if lane:
        data += lane
        layout["yaxis3"] = {
            **_axis("", domain=[0, 0.035 * len(names)], range=[-0.6, len(names) - 0.4], zeroline=False),
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "tickfont": {"size": 11.5},
        }
        layout["xaxis"]["anchor"] = "free"
        layout["xaxis"]["position"] = 0
    layout["xaxis"]["range"] = _span(policies)
    layout["shapes"] = _verticals(story)
    return {"data": data, "layout": layout, "phone": {"height": 620}}


def scores(story: Story) -> Spec | None:
    """Log loss and AUC of each policy over time, smoothed over a week by the number of requests."""
    policies = _policies(story)
    data: list[Spec] = []
    for name, policy in policies.items():
        for measure, axis in (("log_loss", "y"), ("auc", "y2")):
            series = smoothed(numbers(policy.get(measure)), numbers(policy.get("requests")))
            if any(v is not None for v in series):
                data.append(
                    {
                        "type": "scatter",
                        "mode": "lines",
                        "name": POLICIES[name],
                        "legendgroup": name,
                        "showlegend": axis == "y",
                        "x": _days(policy)[: len(series)],
                        "y": [_rounded(v, 4) for v in series],
                        "yaxis": axis,
                        "line": STYLES[name],
                        "hovertemplate": "%{y:.3f}",
                    }
                )
    if not data:
        return None
    layout = _layout(story, height=460)
    layout |= {
        "yaxis": _axis("Log loss (lower is better)", domain=[0.54, 1], tickformat=".2f"),
        "yaxis2": _axis("AUC (higher is better)", domain=[0, 0.46], tickformat=".2f"),
        "legend": LEGEND,
        "shapes": _verticals(story),
    }
    layout["xaxis"] |= {"anchor": "free", "position": 0, "range": _span(policies)}
    return {"data": data, "layout": layout, "phone": {"height": 500}}


def delay(story: Story) -> Spec | None:
    """How long labels take, with the median, the 99th percentile and the maturity."""
    told = mapping(story.get("label_delay"))
    edges, counts = numbers(told.get("edges_h")), numbers(told.get("counts"))
    if len(counts) == 0 or len(edges) != len(counts) + 1 or None in edges or None in counts:
        return None
    bins = list(zip(edges, edges[1:], counts, strict=False))
    data: list[Spec] = [
        {
            "type": "bar",
            "name": "Labels",
            "x": [_rounded((a + b) / 2, 6) for a, b, _ in bins],  # type: ignore[operator]
            "y": [n for _, _, n in bins],
            "width": [_rounded(b - a, 6) for a, b, _ in bins],  # type: ignore[operator]
            "customdata": [[a, b] for a, b, _ in bins],
            "marker": {"color": "css(--renewed)", "line": {"width": 1, "color": "css(--card)"}},
            "hovertemplate": "%{customdata[0]:.3~f} to %{customdata[1]:.3~f} h<br>%{y:,.0f} labels<extra></extra>",
        }
    ]
    marked = [number(told.get(key)) or 0.0 for key in ("p50_h", "p99_h", "maturity_h")]
    start, end = min(0.0, edges[0] or 0.0), _rounded(1.03 * max(edges[-1] or 0.0, *marked), 4)
    layout = _layout(None, height=340)
    layout |= {
        "xaxis": _axis("Hours from the request until its label is known", showgrid=False, range=[start, end]),
        "yaxis": _axis("Labels", tickformat="~s", range=[0, 1.2 * max(n for _, _, n in bins if n is not None)]),
        "showlegend": False,
        "hovermode": "closest",
        "bargap": 0,
        "shapes": [],
        "annotations": [],
    }
    lines = (
        ("p50_h", "half known", "css(--soft)", "dot", 1.0, "left"),
        ("p99_h", "99% known", "css(--soft)", "dash", 0.86, "left"),
        ("maturity_h", "maturity", "css(--bad)", "solid", 1.0, "right"),
    )
    for key, name, color, dash, height, side in lines:
        at = number(told.get(key))
        if at is None:
            continue
        layout["shapes"].append(_line_at(at, color, dash))
        layout["annotations"].append(
            {
                "x": at,
                "y": height,
                "yref": "paper",
                "text": f"{name} {at:.1f} h",
                "showarrow": False,
                "xanchor": side,
                "yanchor": "top",
                "xshift": 5 if side == "left" else -5,
                "font": {"color": color, "size": 12},
                "bgcolor": "css(--card)",
            }
        )
    return {"data": data, "layout": layout}


def drift(story: Story) -> Spec | None:
    """How far each feature had moved from its training reference by each day, the furthest on top."""
    told = mapping(story.get("drift"))
    days, names, rows = (items(told.get(key)) for key in ("days", "features", "effect"))
    if len(rows) != len(names) and len(rows) == len(days):
        rows = [list(column) for column in zip(*rows, strict=False)]
    if not rows or len(rows) != len(names) or not days:
        return None
    table = [(str(name), numbers(row)) for name, row in zip(names, rows, strict=True)]
    table.sort(key=lambda item: (-max((v for v in item[1] if v is not None), default=0.0), item[0]))
    shown = table[:DRIFT_ROWS][::-1]
    seen = sorted(v for _, row in shown for v in row if v is not None)
    if not seen:
        return None
    alarm = drift_threshold(story)
    top = max(1.2 * alarm, seen[math.ceil(0.995 * (len(seen) - 1))])
    data: list[Spec] = [
        {
            "type": "heatmap",
            "x": [str(day) for day in days],
            "y": list(range(len(shown))),
            "z": [[_rounded(v, 4) for v in row] for _, row in shown],
            "customdata": [[label(name, 90)] * len(days) for name, _ in shown],
            "zmin": 0,
            "zmax": _rounded(top, 4),
            "colorscale": [
                [0, "css(--heat-0)"],
                [_rounded(0.5 * alarm / top, 4), "css(--heat-1)"],
                [_rounded(alarm / top, 4), "css(--heat-2)"],
                [1, "css(--heat-3)"],
            ],
            "xgap": 0,
            "ygap": 1,
            "hoverongaps": False,
            "hovertemplate": "<b>%{customdata}</b><br>%{x|%-d %b %Y}: %{z:.3f}<extra></extra>",
            "colorbar": {
                "orientation": "h",
                "thickness": 9,
                "len": 0.5,
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "outlinewidth": 0,
                "tickfont": {"size": 11},
            },
        }
    ]
    layout = _layout(None, height=110 + 20 * len(shown))
    layout |= {
        "xaxis": {**_axis("", showgrid=False), "type": "date", "tickformat": _date_ticks(days), "tickangle": 0},
        "yaxis": {
            **_axis("", showgrid=False),
            "tickmode": "array",
            "tickvals": list(range(len(shown))),
            "ticktext": [label(name) for name, _ in shown],
            "tickfont": {"size": 11},
            "zeroline": False,
        },
        "hovermode": "closest",
        "margin": {"l": 8, "r": 8, "t": 44, "b": 34},
    }
    return {
        "data": data,
        "layout": layout,
        "phone": {"yaxis.ticktext": [label(name, PHONE_CHARACTERS) for name, _ in shown], "yaxis.tickfont.size": 10},
    }


def drift_threshold(story: Story) -> float:
    """The effect at which a feature counts as drifted: 1, effects being told in shares of it, unless the story says."""
    found = number(mapping(story.get("drift")).get("threshold"))
    return found if found is not None and found > 0 else 1.0


def calibration(story: Story) -> Spec | None:
    """What was predicted against what happened, per policy, with intervals."""
    told = mapping(story.get("calibration"))
    data: list[Spec] = []
    furthest = 0.1
    for name in POLICIES:
        points = [mapping(p) for p in items(told.get(name))]
        points = [p for p in points if number(p.get("p")) is not None and number(p.get("rate")) is not None]
        if not points:
            continue
        rates = [float(p["rate"]) for p in points]
        highs = [number(p.get("high")) for p in points]
        lows = [number(p.get("low")) for p in points]
        tops = [r if h is None else max(h, r) for h, r in zip(highs, rates, strict=True)]
        bottoms = [r if w is None else min(w, r) for w, r in zip(lows, rates, strict=True)]
        furthest = max(furthest, *(float(p["p"]) for p in points), *tops)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": POLICIES[name],
                "x": [_rounded(p["p"], 5) for p in points],
                "y": [_rounded(r, 5) for r in rates],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_rounded(top - r, 5) for top, r in zip(tops, rates, strict=True)],
                    "arrayminus": [_rounded(r - bottom, 5) for bottom, r in zip(bottoms, rates, strict=True)],
                    "color": STYLES[name]["color"],
                    "thickness": 1.2,
                    "width": 3,
                },
                "customdata": [_rounded(p.get("n"), 0) for p in points],
                "cliponaxis": False,
                "line": STYLES[name],
                "marker": {"color": STYLES[name]["color"], "size": 7 if name == "renewed" else 5},
                "hovertemplate": "said %{x:.1%}, was %{y:.1%}, %{customdata:,} rows",
            }
        )
    if not data:
        return None
    edge = min(1.02, furthest * 1.06)
    data.insert(
        0,
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Perfect",
            "x": [0, min(1.0, edge)],
            "y": [0, min(1.0, edge)],
            "line": {"color": "css(--soft)", "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
        },
    )
    layout = _layout(None, height=440)
    layout |= {
        "xaxis": _axis("Predicted probability", tickformat=".0%", range=[0, edge]),
        "yaxis": _axis("How often it happened", tickformat=".0%", range=[0, edge]),
        "legend": LEGEND,
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout, "phone": {"height": 400}}


def smoothed(
    series: Sequence[float | None], weights: Sequence[float | None], days: int = SMOOTH_DAYS
) -> list[float | None]:
    """The mean of each day and the days before it, up to `days`, weighted; a day without weight or figure is skipped.

    Without weights every day counts once. The first days rest on fewer; a day before any figure is None.

    Examples
    --------
    >>> smoothed([1.0, None, 4.0], [1.0, 5.0, 2.0], days=3)
    [1.0, 1.0, 3.0]
    """
    weigh = list(weights) if len(weights) == len(series) else [1.0] * len(series)
    result: list[float | None] = []
    for end in range(1, len(series) + 1):
        start = max(0, end - days)
        window = zip(series[start:end], weigh[start:end], strict=True)
        pairs = [(v, w) for v, w in window if v is not None and w is not None and w > 0]
        total = math.fsum(w for _, w in pairs)
        result.append(math.fsum(v * w for v, w in pairs) / total if total else None)
    return result


# ---- parts ----------------------------------------------------------------------------------------------


def _layout(story: Story | None, height: int) -> Spec:
    layout: Spec = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "css(--ink)", "size": 12.5, "family": "css(--sans)"},
        "hoverlabel": {
            "bgcolor": "css(--card)",
            "bordercolor": "css(--line)",
            "font": {"color": "css(--ink)", "family": "css(--sans)"},
            "namelength": -1,
        },
        "hovermode": "x unified",
        "dragmode": False,
    }
    if story is not None:
        told = sorted(day for policy in _policies(story).values() for day in _days(policy))
        layout["xaxis"] = {
            **_axis("", showgrid=False),
            "type": "date",
            "hoverformat": "%-d %b %Y",
            "tickformat": _date_ticks(told),
        }
    return layout


def _date_ticks(days: Sequence[Any]) -> str:
    """How days are written below an axis: months when it spans many, else days, so that no two ticks read the same."""
    return "%b\n%Y" if len(set(map(str, days))) > 75 else "%-d %b\n%Y"


def _axis(title: str, **more: Any) -> Spec:
    axis: Spec = {
        "gridcolor": "css(--line)",
        "zerolinecolor": "css(--rule)",
        "linecolor": "css(--rule)",
        "tickcolor": "css(--rule)",
        "automargin": True,
        "fixedrange": True,
        "zeroline": True,
        **more,
    }
    if title:
        axis["title"] = {"text": title, "font": {"size": 12, "color": "css(--soft)"}, "standoff": 8}
    return axis


def _line_at(x: Any, color: str, dash: str, width: float = 1.5) -> Spec:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": color, "width": width, "dash": dash},
        "layer": "below",
    }


def _decisions(story: Story) -> list[Mapping[str, Any]]:
    """Decisions that belong to the renewed system and can be placed in time."""
    told = (mapping(item) for item in items(story.get("decisions")))
    return [d for d in told if d.get("policy") in (None, "", "renewed") and isinstance(d.get("at"), str)]


def _lane(story: Story, axis: str) -> tuple[list[Spec], list[str]]:
    """A row of marks for each kind of decision that was taken, and the rows' names from below."""
    found = {kind: [d for d in _decisions(story) if d.get("kind") == kind] for kind in reversed(MARKS)}
    found = {kind: marks for kind, marks in found.items() if marks}
    traces: list[Spec] = []
    for row, (kind, marks) in enumerate(found.items()):
        name, symbol, color = MARKS[kind]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [d["at"] for d in marks],
                "y": [row] * len(marks),
                "yaxis": axis,
                "text": [label(d.get("text", ""), 80) for d in marks],
                "customdata": [moment_text(d["at"]) for d in marks],
                "marker": {"symbol": symbol, "color": color, "size": 9, "line": {"width": 1.4, "color": color}},
                "hovertemplate": "%{customdata}: %{text}",
                "showlegend": False,
                "cliponaxis": False,
            }
        )
    return traces, [MARKS[kind][0] for kind in found]


def _span(policies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The first and the last day of all policies, with half a day of room."""
    days = sorted(day for policy in policies.values() for day in _days(policy))
    return [f"{days[0]} 00:00" if len(days) > 1 else days[0], f"{days[-1]} 12:00"]


def _verticals(story: Story) -> list[Spec]:
    colors = {"promotion": "css(--good)", "rollback": "css(--bad)"}
    return [
        _line_at(d["at"], colors[str(d.get("kind"))], "dot", 1) for d in _decisions(story) if d.get("kind") in colors
    ]


def _policies(story: Story) -> dict[str, Mapping[str, Any]]:
    told = mapping(story.get("policies"))
    return {name: mapping(told.get(name)) for name in POLICIES if items(mapping(told.get(name)).get("days"))}


def _days(policy: Mapping[str, Any]) -> list[str]:
    return [str(day)[:10] for day in items(policy.get("days"))]


def _rounded(value: Any, places: int) -> float | int | None:
    found = number(value)
    if found is None:
        return None
    rounded = round(found, places)
    return int(rounded) if rounded == int(rounded) else rounded
