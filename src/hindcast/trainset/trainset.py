"""A training set: matured rows of a spine beside their features, named by all that made it.

The name is a digest of the target's declaration, the features' identity, the moment it was made for and the
fingerprints of the facts it was made from: the same name means the same rows. Stored, it is a folder of two files,
``rows.parquet`` and ``manifest.json``, the same bytes whenever it is rebuilt (with one version of pyarrow, which
writes its own version into the file). Lists are written as JSON texts, and the manifest names their columns.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, DataError, StateError
from hindcast.facts.lists import lists_of, texts_of
from hindcast.trainset.logged import tally_logged
from hindcast.trainset.maturity import maturity_of
from hindcast.trainset.spine import Spine
from hindcast.trainset.target import Binary
from hindcast.values import Bools, Floats, Ints, digest, iso, moment_us

__all__ = ["TrainingSet", "rows_fingerprint"]

FORMAT = 1
GROUP_ROWS = 1 << 16
"""Rows per row group: what is in memory at a time while writing."""
_OWN = ("_key", "_as_of", "_seq", "_label", "_label_known", "_last_label")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows to learn from, in the order (as_of, sequence).

    Parameters
    ----------
    name : str
        16 hex digits; see the module.
    features : Frame, n rows
    label : float64 array, shape (n,)
        1 or 0, the first known.
    as_of, seq, label_known : int64 arrays, shape (n,)
    last_label : float64 array, shape (n,)
        The label of the latest earlier request whose label was known at as_of, NaN for none; for the no-change
        baseline. It is no feature.
    key : Column, shape (n,)
    manifest : mapping
        Plain data: ``name``, ``as_of``, ``since``, ``maturity_us``, ``declaration`` (the target, the features'
        identity), ``facts`` (fingerprints by table) and ``counts``; ``logged`` where features were taken from the
        prediction log.

    Examples
    --------
    With a target, its spine and the features answered for it::

        made = TrainingSet.build(
            target, spine, features, now_us=now_us, fingerprints={"flights": "9f2c"}, identity=plan.identity
        )
        made.save(home.cache / "trainsets" / made.name)
    """

    name: str
    features: Frame
    label: Floats
    as_of: Ints
    seq: Ints
    label_known: Ints
    last_label: Floats
    key: Column
    manifest: Mapping[str, Any]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.label)

    @property
    def as_of_us(self) -> int:
        """The moment it was made for: nothing in it was known at or after it."""
        return moment_us(self.manifest["as_of"])

    @property
    def maturity_us(self) -> int:
        """The age its rows had at least reached, and the gap of splits within it."""
        return int(self.manifest["maturity_us"])

    @property
    def counts(self) -> Mapping[str, int]:
        """How many requests there were, and what became of them; see :meth:`Spine.tally`."""
        counts: Mapping[str, int] = self.manifest["counts"]
        return counts

    @property
    def fingerprint(self) -> str:
        """What identifies the rows, their labels, and when each became known, as 32 hex digits; features aside."""
        return rows_fingerprint(self.seq, self.label, self.label_known)

    @staticmethod
    def build(
        target: Binary,
        spine: Spine,
        features: Frame,
        *,
        now_us: int,
        fingerprints: Mapping[str, str],
        identity: str,
        since_us: int | None = None,
        logged: Mapping[str, NDArray[np.int8]] | None = None,
    ) -> TrainingSet:
        """The rows of `spine` that may be learnt from at `now_us`.

        Parameters
        ----------
        target : Binary
        spine : Spine
            Of at least all that was known before `now_us`; later facts in it change nothing.
        features : Frame
            One row per row of `spine`.
        now_us : int
            A row is used when ``as_of + maturity <= now_us`` and its label is visible at `now_us`.
        fingerprints : mapping of str to str
            What identifies the facts, by table.
        identity : str
            What identifies the features.
        since_us : int, optional
            Only requests with ``as_of >= since_us``.
        logged : mapping of str to int8 array, one per row of `spine`, optional
            By feature that was taken from a prediction log, what became of each value; see
            :func:`hindcast.trainset.logged.with_logged`. The manifest counts it over the rows that are used.

        Raises
        ------
        DataError
            When features and spine are of two lengths; when the maturity has to be measured and cannot be.
        """
        if len(features) != len(spine):
            raise DataError(
                f"{len(features)} rows of features meet {len(spine)} requests; answer the whole spine, in its order."
            )
        _check_names(features)
        used, manifest = _plan(
            target, spine, now_us=now_us, fingerprints=fingerprints, identity=identity, since_us=since_us
        )
        if logged:
            manifest["logged"] = tally_logged(logged, used)
        own = _own_columns(spine).take(used)
        return _assemble(own.merged(features.take(used)), manifest)

    @staticmethod
    def stream(
        folder: Path | str,
        target: Binary,
        spine: Spine,
        blocks: Iterable[Frame],
        *,
        now_us: int,
        fingerprints: Mapping[str, str],
        identity: str,
        since_us: int | None = None,
    ) -> Mapping[str, Any]:
        """Build and save without ever holding all features: `blocks` are answered one after another.

        Parameters are those of :meth:`build`; `blocks` together have one row per row of the spine, in its order,
        however they are cut. Returns the manifest. The files have the same bytes as from ``build(...).save(...)``.
        """
        used, manifest = _plan(
            target, spine, now_us=now_us, fingerprints=fingerprints, identity=identity, since_us=since_us
        )

        def rows() -> Iterator[Frame]:
            at = 0
            for block in blocks:
                _check_names(block)
                yield block.take(used[at : at + len(block)]) if at + len(block) <= len(spine) else block
                at += len(block)
                if at > len(spine):
                    break
            if at != len(spine):
                some = "more" if at > len(spine) else str(at)
                raise DataError(f"the blocks of features hold {some} rows for {len(spine)} requests; answer each once.")

        return _write(Path(folder), _own_columns(spine).take(used), rows(), manifest)

    def save(self, folder: Path | str) -> Path:
        """Write it into `folder`, which appears complete or not at all; the same set twice changes nothing.

        Raises
        ------
        StateError
            When another training set stands there.
        """
        own = _own(self.key, self.as_of, self.seq, self.label, self.label_known, self.last_label)
        _write(Path(folder), own, iter([self.features]), self.manifest)
        return Path(folder)

    @staticmethod
    def load(folder: Path | str) -> TrainingSet:
        """Read what :meth:`save` or :meth:`stream` wrote.

        Raises
        ------
        DataError
            When a file is missing, altered, or of a newer format.
        """
        import pyarrow.parquet as pq

        place = Path(folder)
        try:
            manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
            data = (place / "rows.parquet").read_bytes()
        except (FileNotFoundError, ValueError) as error:
            raise DataError(f"no training set can be read here: {error}.", file=str(place)) from None
        if manifest["format"] > FORMAT:
            raise DataError(
                f"this training set has format {manifest['format']}; this hindcast reads {FORMAT}.", file=str(place)
            )
        if sha256(data).hexdigest() != manifest["sha256"]:
            raise DataError(
                "the rows are not those that were saved; rebuild the training set.", file=str(place / "rows.parquet")
            )
        with pq.ParquetFile(place / "rows.parquet") as file:
            frame = Frame.from_arrow(file.read())
        lists = {name: lists_of(frame[name]) for name in manifest.get("lists", ())}
        told = {name: value for name, value in manifest.items() if name not in ("sha256", "format", "lists")}
        return _assemble(Frame({**frame, **lists}, len(frame)), told)


# ---- what goes in ---------------------------------------------------------------------------------------


def _plan(
    target: Binary, spine: Spine, *, now_us: int, fingerprints: Mapping[str, str], identity: str, since_us: int | None
) -> tuple[Bools, dict[str, Any]]:
    """Which rows are used, and the manifest."""
    maturity = maturity_of(target, spine, now_us)
    used = spine.usable(now_us, maturity)
    counted = spine
    if since_us is not None:
        used &= spine.as_of >= since_us
        counted = spine.take(spine.as_of >= since_us)
    manifest: dict[str, Any] = {
        "as_of": iso(now_us),
        "since": None if since_us is None else iso(since_us),
        "maturity_us": maturity,
        "declaration": {"target": target.describe(), "features": identity},
        "facts": dict(sorted(fingerprints.items())),
    }
    return used, {"name": digest(manifest), **manifest, "counts": counted.tally(now_us, maturity)}


def rows_fingerprint(seq: Ints, label: Floats, label_known: Ints) -> str:
    """See :attr:`TrainingSet.fingerprint`."""
    return digest(b"".join(np.ascontiguousarray(part).tobytes() for part in (seq, label, label_known)), length=32)


def _own(key: Column, as_of: Ints, seq: Ints, label: Floats, label_known: Ints, last_label: Floats) -> Frame:
    """The columns beside the features, under the names of _OWN."""
    moments = (Column("time", as_of), Column("integer", seq), Column("number", label), Column("time", label_known))
    return Frame(dict(zip(_OWN, (key, *moments, Column("number", last_label)), strict=True)))


def _own_columns(spine: Spine) -> Frame:
    return _own(spine.key, spine.as_of, spine.seq, spine.label, spine.label_known, spine.last_label())


def _check_names(features: Frame) -> None:
    taken = [name for name in features if name in _OWN]
    if taken:
        raise ConfigError(f"a feature may not be called {taken[0]!r}: a training set keeps that name for itself.")


def _assemble(frame: Frame, manifest: Mapping[str, Any]) -> TrainingSet:
    return TrainingSet(
        name=manifest["name"],
        features=frame.select([name for name in frame if name not in _OWN]),
        label=frame["_label"].values,
        as_of=frame["_as_of"].values,
        seq=frame["_seq"].values,
        label_known=frame["_label_known"].values,
        last_label=frame["_last_label"].values,
        key=frame["_key"],
        manifest=manifest,
    )


# ---- how it is written ----------------------------------------------------------------------------------


def _groups(own: Frame, blocks: Iterator[Frame]) -> Iterator[Frame]:
    """`own` beside the rows of `blocks`, in frames of exactly GROUP_ROWS rows, the last shorter; at least one frame."""
    held: list[Frame] = []
    count = done = 0

    def group(rows: Frame) -> Frame:
        nonlocal done
        start, done = done, done + len(rows)
        return _compact(own.take(slice(start, done)).merged(rows))

    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= GROUP_ROWS:
            joined = Frame.concat(held)
            whole = count - count % GROUP_ROWS
            for start in range(0, whole, GROUP_ROWS):
                yield group(joined.take(slice(start, start + GROUP_ROWS)))
            held, count = [joined.take(slice(whole, count))], count - whole
    if count or not done:
        yield group(Frame.concat(held) if held else Frame({}, 0))


def _compact(frame: Frame) -> Frame:
    """The frame with vocabularies cut down to the words that occur, so that a slice costs what it holds."""
    columns: dict[str, Column] = {}
    for name, column in frame.items():
        if column.vocabulary is not None and len(column.vocabulary) > len(column):
            words, codes = np.unique(column.values, return_inverse=True)
            vocabulary = column.vocabulary[words[words >= 0]]
            columns[name] = Column(
                "text", (codes - int(len(words) > len(vocabulary))).astype(np.int32), None, vocabulary
            )
        else:
            columns[name] = column
    return Frame(columns, len(frame))


def _write(folder: Path, own: Frame, blocks: Iterator[Frame], manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    import pyarrow.parquet as pq

    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rows = partial / "rows.parquet"
    writer = None
    lists: set[str] = set()
    try:
        for rows_of_group in _groups(own, blocks):
            held = {name: texts_of(column) for name, column in rows_of_group.items() if column.kind == "list"}
            lists.update(held)
            group = Frame({**rows_of_group, **held}, len(rows_of_group))
            table = group.to_arrow()
            if writer is None:
                writer = pq.ParquetWriter(
                    rows,
                    table.schema,
                    version="2.6",
                    data_page_version="1.0",
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=[name for name, kind in group.kinds.items() if kind == "text"],
                    write_statistics=True,
                    store_schema=False,
                )
            writer.write_table(table.cast(writer.schema), row_group_size=GROUP_ROWS)
    except BaseException:
        if writer is not None:
            writer.close()
        shutil.rmtree(partial)
        raise
    assert writer is not None
    writer.close()
    with rows.open("rb") as file:
        checksum = sha256()
        while chunk := file.read(1 << 20):
            checksum.update(chunk)
    named = {"lists": sorted(lists)} if lists else {}
    whole = {"format": FORMAT, **manifest, **named, "sha256": checksum.hexdigest()}
    text = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (partial / "manifest.json").write_text(text, encoding="utf-8")
    _publish(partial, folder, text)
    return manifest


def _publish(partial: Path, folder: Path, text: str) -> None:
    """Sync what was written and give it its name."""
    if folder.exists():
        found = folder / "manifest.json"
        same = found.exists() and found.read_text(encoding="utf-8") == text
        shutil.rmtree(partial)
        if not same:
            raise StateError(
                f"another training set stands in {folder}; training sets are not overwritten. Name another folder."
            )
        return
    for path in (*sorted(partial.iterdir()), partial):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    partial.rename(folder)
