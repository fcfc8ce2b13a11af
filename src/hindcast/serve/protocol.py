"""What travels over HTTP: bodies as they are decoded, answers as they are encoded, and errors as letters in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from hindcast.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    HindcastError,
    LeakError,
    RequestError,
    StateError,
    UnknownName,
)
from hindcast.facts.fit import Scalar, checked_value
from hindcast.serve.ask import Ask
from hindcast.serve.landing import PushRefused, Receipt
from hindcast.serve.prediction_log import PredictionRecord
from hindcast.values import iso

__all__ = [
    "FactsBody",
    "HttpError",
    "PredictBody",
    "answer_of",
    "asks_of",
    "decoded",
    "encoded",
    "error_of",
    "receipt_of",
]


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/predict``: one request or many, by their columns or with given features."""

    requests: list[dict[str, Scalar]] | None = None
    given: list[dict[str, Scalar | list[str | float]]] | None = None
    features: bool = False
    explain: bool = False


class FactsBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/facts/{table}``; the rows of a table with `paths` are documents."""

    rows: list[dict[str, Any]]
    key: str | None = None
    arrival: str | int | None = None
    on_bad_rows: Literal["refuse", "quarantine"] = "refuse"


class HttpError(Exception):
    """An answer other than 200 that no domain error stands for, such as 413."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_Body = TypeVar("_Body")
_decoders: dict[type, Any] = {}
_encoder = msgspec.json.Encoder()
RESERVED = ("request_id", "group", "as_of")
"""Names beside a request's columns; a column of one of these names is sent under it too."""


def decoded(body: bytes, kind: type[_Body]) -> _Body:
    """The body, checked; RequestError says where in it the fault is."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(body)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise RequestError(f"the body is not what was expected: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RequestError(f"the body is not JSON: {error}.") from None


def encoded(answer: Any) -> bytes:
    """JSON."""
    return _encoder.encode(answer)


def asks_of(body: PredictBody, columns: Mapping[str, Any], limit: int) -> list[Ask]:
    """The requests in a body; `columns` are those of the plan's requests.

    Raises
    ------
    RequestError
        For neither or both of requests and given, for none, or for more than `limit`.
    """
    if (body.requests is None) == (body.given is None):
        raise RequestError("send either 'requests' (columns, features looked up) or 'given' (features as they are).")
    rows = body.requests if body.requests is not None else body.given or []
    if not 1 <= len(rows) <= limit:
        raise RequestError(f"a call takes 1 to {limit} requests, this one has {len(rows)}.")
    given = body.given is not None
    return [_ask(row, given, () if given else columns) for row in rows]


def _ask(row: dict[str, Any], given: bool, columns: Any) -> Ask:
    if not ("request_id" in row or "group" in row or "as_of" in row):
        return Ask(values=row, given=given)
    marks = {name: row[name] for name in RESERVED if row.get(name) is not None}
    values = {name: value for name, value in row.items() if name not in RESERVED or name in columns}
    for name in ("request_id", "group"):
        if not isinstance(marks.get(name, ""), str) or len(marks.get(name, "")) > 200:
            raise RequestError(f"{name} must be a text of at most 200 characters.")
    as_of = checked_value("as_of", marks.get("as_of"), "time")
    return Ask(
        values=values, given=given, request_id=marks.get("request_id", ""), group=marks.get("group", ""), as_of=as_of
    )


def answer_of(record: PredictionRecord, *, features: bool, explain: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a caller is told of a record."""
    answer: dict[str, Any] = {
        "request_id": record.request_id,
        "probability": record.probability,
        "decision": record.acted,
        "version": record.version,
        "as_of": iso(record.as_of),
    }
    if features or explain is not None:
        answer["features"] = record.features
        answer["ages_s"] = {name: None if age is None else age / 1e6 for name, age in record.ages.items()}
    if explain is not None:
        answer["explain"] = {"role": record.role, **explain}
    return answer


def receipt_of(receipt: Receipt) -> dict[str, Any]:
    """What a caller is told of a push."""
    return {
        "table": receipt.table,
        "accepted": receipt.accepted if receipt.accepted >= 0 else None,
        "absent": receipt.absent,
        "future": receipt.future,
        "quarantined": receipt.quarantined,
        "refused": _rows(receipt.refused),
        "arrival": iso(receipt.arrival) if receipt.arrival >= 0 else None,
        "repeated": receipt.repeated,
    }


def error_of(error: HindcastError | HttpError) -> tuple[int, dict[str, Any]]:
    """Status and body for an error: 422 for what the caller sent, 503 for what may pass, 500 for what may not."""
    if isinstance(error, HttpError):
        return error.status, {"error": {"type": "HttpError", "message": str(error)}}
    body: dict[str, Any] = {"type": _name(error), "message": str(error)}
    if isinstance(error, UnknownName):
        body |= {"name": error.name, "close": list(error.close)}
    if isinstance(error, DataError):
        body |= {"row": error.row, "column": error.column, "value": error.value}
    if isinstance(error, PushRefused):
        body |= {"refused": _rows(error.refused)}
    if isinstance(error, UnknownName) and error.args and "no table" in str(error):
        return 404, {"error": body}
    if isinstance(error, RequestError | DataError | ConfigError):
        return 422, {"error": body}
    if isinstance(error, StateError):
        return 503, {"error": body}
    assert isinstance(error, ArtifactError | LeakError | HindcastError)
    return 500, {"error": body}


def _name(error: HindcastError) -> str:
    """The error's class in the public family."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "hindcast.errors")


def _rows(refused: list[Any]) -> list[dict[str, Any]]:
    return [{"row": r.row, "column": r.column, "value": r.value, "reason": r.reason} for r in refused[:100]]
