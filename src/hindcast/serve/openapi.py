"""The server's description in OpenAPI 3.1, made from what was declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hindcast.columns import Kind
from hindcast.facts.table import Table

__all__ = ["openapi"]

_TYPES: dict[Kind, dict[str, Any]] = {
    "number": {"type": ["number", "null"]},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "text": {"type": ["string", "null"]},
    "list": {"type": ["array", "null"], "items": {"type": ["number", "string"]}},
    "time": {
        "type": ["string", "integer", "null"],
        "description": "ISO 8601 with offset, or microseconds since 1970 UTC",
    },
}
_TEXT = {"type": "string"}


def openapi(
    *,
    system: str,
    target: str,
    requests: Mapping[str, Kind],
    features: Mapping[str, str],
    tables: Mapping[str, Table],
    replay: bool,
    secured: bool,
    max_rows: int,
    version: str,
) -> dict[str, Any]:
    """The description as plain values.

    Parameters
    ----------
    requests : mapping of str to kind
        The columns of a request.
    features : mapping of str to str
        Each feature and what it is.
    tables : mapping of str to Table
    replay : bool
        Whether requests and facts may carry their moments.
    secured : bool
        Whether a token is needed.
    """
    moment = {"as_of": _TYPES["time"]} if replay else {}
    marks = {"request_id": {**_TEXT, "maxLength": 200}, "group": {**_TEXT, "maxLength": 200}, **moment}
    request = {
        "type": "object",
        "properties": {**marks, **{name: _TYPES[kind] for name, kind in requests.items()}},
        "required": list(requests),
        "additionalProperties": False,
    }
    given = {
        "type": "object",
        "properties": {
            **marks,
            **{
                name: {
                    "type": ["number", "string", "boolean", "array", "null"],
                    "items": {"type": ["number", "string"]},
                    "description": what,
                }
                for name, what in features.items()
            },
        },
        "additionalProperties": False,
    }
    flags = {"features": {"type": "boolean", "default": False}, "explain": {"type": "boolean", "default": False}}
    schemas: dict[str, Any] = {
        "Request": request,
        "GivenFeatures": given,
        "Predict": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {name: _many({"$ref": f"#/components/schemas/{schema}"}, max_rows), **flags},
                    "required": [name],
                    "additionalProperties": False,
                }
                for name, schema in (("requests", "Request"), ("given", "GivenFeatures"))
            ]
        },
        "Prediction": {
            "type": "object",
            "properties": {
                "request_id": _TEXT,
                "probability": {"type": "number", "minimum": 0, "maximum": 1},
                "decision": {"type": "boolean", "description": "whether acting is worth more than not acting"},
                "version": _TEXT,
                "as_of": {**_TEXT, "format": "date-time"},
                "features": {"type": "object", "description": "by name, as served; a list feature is an array"},
                "ages_s": {"type": "object", "description": "seconds from the newest fact used to as_of"},
                "explain": {"type": "object"},
            },
            "required": ["request_id", "probability", "decision", "version", "as_of"],
        },
        "Error": {
            "type": "object",
            "properties": {
                "error": {
                    "type": "object",
                    "properties": {"type": _TEXT, "message": _TEXT},
                    "required": ["type", "message"],
                }
            },
            "required": ["error"],
        },
        **{f"Facts_{name}": _facts(table, replay, max_rows) for name, table in tables.items()},
    }
    answers = {
        "type": "object",
        "properties": {"predictions": _many({"$ref": "#/components/schemas/Prediction"}, None)},
    }
    paths: dict[str, Any] = {
        "/v1/predict": {
            "post": _operation("predict", f"Predict {target}", {"$ref": "#/components/schemas/Predict"}, answers)
        },
        **{
            f"/v1/facts/{name}": {
                "post": _operation(
                    f"push_{name}", f"Push facts of {name}", {"$ref": f"#/components/schemas/Facts_{name}"}
                )
            }
            for name in tables
        },
        "/v1/model": {"get": _operation("model", "The versions that serve and are on trial")},
        "/health/live": {"get": _operation("live", "The process runs")},
        "/health/ready": {"get": _operation("ready", "It answers; 503 while it does not")},
        "/metrics": {"get": _operation("metrics", "Prometheus metrics", media="text/plain")},
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"{system}: {target}", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _facts(table: Table, replay: bool, max_rows: int) -> dict[str, Any]:
    kinds = {name: _TYPES[kind] for name, kind in table.kinds.items()}
    columns = {name: kinds.get(name, {}) for name in (table.all_columns or (*table.needed, *table.kinds))}
    row = {
        "type": "object",
        "properties": columns,
        "required": list(table.needed),
        **({"additionalProperties": False} if table.all_columns is not None else {}),
    }
    return {
        "type": "object",
        "properties": {
            "rows": _many(row, max_rows),
            "key": {**_TEXT, "description": "idempotency key: the same push under it counts once"},
            "on_bad_rows": {"enum": ["refuse", "quarantine"], "default": "refuse"},
            **({"arrival": _TYPES["time"]} if replay else {}),
        },
        "required": ["rows"],
        "additionalProperties": False,
    }


def _many(item: dict[str, Any], limit: int | None) -> dict[str, Any]:
    return {"type": "array", "items": item, **({"minItems": 1, "maxItems": limit} if limit else {})}


def _operation(
    name: str,
    summary: str,
    body: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    *,
    media: str = "application/json",
) -> dict[str, Any]:
    fault = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    codes = {"413": "too large", "415": "no JSON", "422": "cannot be", "503": "not now"} if body else {}
    return {
        "operationId": name,
        "summary": summary,
        **({"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}} if body else {}),
        "responses": {
            "200": {"description": "done", "content": {media: {"schema": answer or {}}}},
            **{code: {"description": text, **fault} for code, text in codes.items()},
        },
    }
