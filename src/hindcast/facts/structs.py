"""Paths through Arrow columns: structs, maps and lists are taken apart as columns, texts as the JSON they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.errors import ConfigError, UnknownName
from hindcast.facts.documents import Walk, chunks, step_name
from hindcast.facts.paths import DocumentPath, Part, Step, spelled

__all__ = ["arrow_leaves"]


def arrow_leaves(table: Any, paths: Iterable[DocumentPath], where: str) -> dict[DocumentPath, Any]:
    """What stands at paths in the rows of a pyarrow Table: an Arrow array, or a :class:`Leaf` below a JSON text.

    Raises
    ------
    UnknownName
        For a column or field that is not there, or a name that no JSON text of the file has.
    ConfigError
        For a path into a column that has nothing inside, or one that ends at a struct or list.
    """
    leaves: dict[DocumentPath, Any] = {}
    texts: dict[tuple[Step, ...], tuple[Any, list[DocumentPath]]] = {}
    for path in paths:
        array, taken = _arrow_steps(table, path, where)
        if taken < len(path.steps):
            texts.setdefault(path.steps[:taken], (array, []))[1].append(path)
        else:
            leaves[path] = array
    for base, (array, below) in texts.items():
        walk = Walk(below, base)
        for chunk in chunks(len(array)):
            walk.add(array[chunk.start : chunk.stop].to_pylist())
        leaves |= walk.leaves
        for path in below:
            if not path.optional and (error := walk.unknown(path)) is not None:
                raise UnknownName(error.kind, error.name, error.known, where)
    return leaves


def _arrow_steps(table: Any, path: DocumentPath, where: str) -> tuple[Any, int]:
    """The array that the path leads to, and how many steps were taken: fewer than there are before a text."""
    root = step_name(path.steps[0])
    if root not in table.schema.names:
        raise UnknownName("column", root, table.schema.names, where=where)
    array = table[root]
    for taken, step in enumerate(path.steps[1:], 1):
        kind, here = array.type, spelled(path.steps[:taken])
        if pa.types.is_struct(kind) and not isinstance(step, int):
            fields = [kind.field(place).name for place in range(kind.num_fields)]
            if step_name(step) not in fields:
                known = [spelled((*path.steps[:taken], name)) for name in fields]
                raise UnknownName("path", spelled(path.steps[: taken + 1]), known, where=where)
            array = pc.struct_field(array, [step_name(step)])
        elif pa.types.is_map(kind) and isinstance(step, str):
            array = pc.map_lookup(array, pa.scalar(step, kind.key_type), "first")
        elif _is_list(kind) and isinstance(step, int):
            array = pa.chunked_array([_elements(chunk, step) for chunk in array.chunks], kind.value_type)
        elif _is_list(kind) and step is Part.LENGTH:
            array = pc.list_value_length(array).cast(pa.int64())
        elif _is_text(kind):
            return array, taken
        elif pa.types.is_null(kind):
            return array, len(path.steps)
        else:
            raise ConfigError(f"{where}: {here} is a column of {kind}, so {path} leads nowhere. Mend the path.")
    kind = array.type
    if pa.types.is_struct(kind) or pa.types.is_map(kind) or _is_list(kind):
        fields = [kind.field(place).name for place in range(kind.num_fields)] if pa.types.is_struct(kind) else []
        longer = [spelled((*path.steps, name)) for name in fields[:5]] or [f"{path}[0]", f"{path}.length"]
        raise ConfigError(f"{where}: {path} is no single value; go on, as in {' or '.join(longer)}.")
    return array, len(path.steps)


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _elements(lists: Any, index: int) -> Any:
    """The element at `index` of every list, null where there is none."""
    lengths = np.array(pc.list_value_length(lists).fill_null(0).to_pylist(), dtype=np.int64)
    flat = lists.flatten()
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths
    inside = (index < lengths) & (index >= -lengths)
    places = np.where(inside, starts + (index if index >= 0 else lengths + index), 0)
    return flat.take(pa.array(places, mask=~inside)) if len(flat) else pa.nulls(len(lists), lists.type.value_type)
