"""A model on disk: a folder of plain files with a manifest of their digests. Never a pickle.

Nothing is read that the manifest does not name, and nothing is used whose bytes are not those the manifest names: an
altered, missing or extra file is refused. The folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from hindcast.columns import Kind
from hindcast.errors import ArtifactError, UnknownName
from hindcast.models.model import Model
from hindcast.parameters import path_of
from hindcast.values import canonical

__all__ = ["Manifest", "load_model", "loader_of", "read", "write"]

FORMAT = 1
MANIFEST = "manifest.json"

Loader = Callable[[Mapping[str, bytes], Mapping[str, Callable[..., Any]]], Model]
"""Makes a model from its files by name and the functions the system declares by name."""

_LOADERS = {
    "random": "hindcast.models.baselines:Random",
    "zero_rule": "hindcast.models.baselines:ZeroRule",
    "last_label": "hindcast.models.baselines:LastLabel",
    "rule": "hindcast.models.baselines:Rule",
    "logistic": "hindcast.models.logistic:LogisticModel",
    "lightgbm": "hindcast.models.lightgbm:LightGBMModel",
    "trained": "hindcast.models.trained:TrainedModel",
}


@dataclass(frozen=True)
class Manifest:
    """What a stored model is and which bytes it is made of.

    Parameters
    ----------
    kind, name : str
        How to read it, and the name of its learner.
    inputs : mapping of str to kind
        The features it reads, in order.
    files : mapping of str to (bytes, sha256)
        Every file of the folder except the manifest.
    system, target, features, training : str
        The system and target it answers for, the identity of the feature plan, the name of its training set.
    threshold : float, optional
        The probability from which to act.
    extra : mapping
        Plain values; nothing here is interpreted.
    meanings : mapping
        What every feature meant that it was trained on, by name; see :mod:`hindcast.features.meaning`. Empty in a
        manifest that was written before features were recorded one by one.
    """

    kind: str
    name: str
    inputs: Mapping[str, Kind]
    files: Mapping[str, tuple[int, str]]
    system: str = ""
    target: str = ""
    features: str = ""
    training: str = ""
    threshold: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    meanings: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": self.kind,
            "name": self.name,
            "inputs": [[name, kind] for name, kind in self.inputs.items()],
            "files": {name: {"bytes": size, "sha256": digest} for name, (size, digest) in sorted(self.files.items())},
            "system": self.system,
            "target": self.target,
            "features": self.features,
            "training": self.training,
            "threshold": self.threshold,
            "extra": dict(self.extra),
            **({"meanings": dict(self.meanings)} if self.meanings else {}),
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of the manifest, and so of everything in the folder, in hex."""
        return sha256(canonical(self)).hexdigest()

    @property
    def trained_on(self) -> dict[str, Any]:
        """What :func:`hindcast.models.check_features` holds against a declaration."""
        return {"identity": self.features, "meanings": self.meanings, "inputs": tuple(self.inputs)}

    @property
    def size_bytes(self) -> int:
        """The size of the model's files together."""
        return sum(size for size, _ in self.files.values())


def write(
    folder: Path | str,
    model: Model,
    *,
    system: str = "",
    target: str = "",
    features: str = "",
    training: str = "",
    threshold: float | None = None,
    extra: Mapping[str, Any] | None = None,
    meanings: Mapping[str, Any] | None = None,
) -> Manifest:
    """Store `model` in the new folder `folder`, whole or not at all, synced to disk.

    Writing the same again is nothing; another model where one already is, is refused.

    Raises
    ------
    ArtifactError
        When the folder holds something else, or a file's name would leave it.
    """
    folder = path_of("folder", folder)
    contents = dict(model.files())
    for name in contents:
        _safe(name, folder)
    manifest = Manifest(
        kind=model.kind,
        name=model.name,
        inputs=dict(model.kinds),
        files={name: (len(data), sha256(data).hexdigest()) for name, data in contents.items()},
        system=system,
        target=target,
        features=features,
        training=training,
        threshold=threshold,
        extra=dict(extra or {}),
        meanings=dict(meanings or {}),
    )
    if folder.exists():
        if read(folder).digest == manifest.digest:
            return manifest
        raise ArtifactError(f"{folder} already holds another model. Store each version in a folder of its own.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, data in {**contents, MANIFEST: canonical(manifest)}.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for inner in [temporary, *(p for p in sorted(temporary.rglob("*")) if p.is_dir())]:
            _sync(inner)
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError as error:  # another process stored a model here meanwhile
            if not folder.exists():
                raise ArtifactError(f"cannot store a model in {folder}: {error}.") from None
            if read(folder).digest != manifest.digest:
                raise ArtifactError(
                    f"{folder} already holds another model, stored by another process meanwhile."
                ) from None
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def read(folder: Path | str) -> Manifest:
    """The manifest of `folder`, after checking every file against it.

    Raises
    ------
    ArtifactError
        For a missing, altered, extra or linked file, a manifest that is not one, or a path that leaves the folder.
    """
    return _contents(path_of("folder", folder))[0]


def load_model(folder: Path | str, *, functions: Mapping[str, Callable[..., Any]] | None = None) -> Model:
    """The model stored in `folder`, ready to answer; imports neither scikit-learn, pandas nor LightGBM's package.

    Parameters
    ----------
    folder : path
    functions : mapping of str to function, optional
        The functions the system's file declares, by name: a stored rule keeps its function's name and digest, never
        its code.

    Raises
    ------
    ArtifactError
        As :func:`read`; and for a model of an unknown kind, or files that do not hold such a model.
    """
    manifest, contents = _contents(path_of("folder", folder))
    load = loader_of(manifest.kind, str(folder))
    try:
        model = load(contents, functions or {})
    except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder} does not hold a readable model of kind {manifest.kind!r}: {error!r}.") from error
    if dict(model.kinds) != dict(manifest.inputs):
        raise ArtifactError(
            f"{folder}: the model reads {dict(model.kinds)}, its manifest says {dict(manifest.inputs)}."
        )
    return model


def loader_of(kind: str, where: str) -> Loader:
    """What reads models of that kind; ArtifactError names the kinds there are."""
    if kind in _LOADERS:
        module, _, name = _LOADERS[kind].partition(":")
        return getattr(import_module(module), name).load  # type: ignore[no-any-return]
    from importlib.metadata import entry_points

    outside = {point.name: point for point in entry_points(group="hindcast.models")}
    if kind not in outside:
        error = UnknownName("kind of model", kind, [*_LOADERS, *outside], where=where)
        raise ArtifactError(f"{error} A package can offer more through the entry point group 'hindcast.models'.")
    return outside[kind].load().load  # type: ignore[no-any-return]


def _contents(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the bytes it vouches for; each file is read once, so what was checked is what is used."""
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{folder} is not a stored model: its {MANIFEST} cannot be read ({error.strerror})."
        ) from None
    manifest = _parse(raw, folder)
    found = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ArtifactError(f"{folder}: {name} is a link; a stored model is plain files only.")
        if path.is_file() and name != MANIFEST:
            found.add(name)
    if extra := sorted(found - set(manifest.files)):
        raise ArtifactError(
            f"{folder} holds files its manifest does not name: {', '.join(extra)}. Remove them or store the model anew."
        )
    if missing := sorted(set(manifest.files) - found):
        raise ArtifactError(
            f"{folder} lacks files its manifest names: {', '.join(missing)}. Restore them or train again."
        )
    contents = {}
    for name, (size, digest) in manifest.files.items():
        data = (folder / name).read_bytes()
        if len(data) != size or sha256(data).hexdigest() != digest:
            raise ArtifactError(f"{folder}: {name} was altered after the model was stored. Restore it or train again.")
        contents[name] = data
    return manifest, contents


def _parse(raw: bytes, folder: Path) -> Manifest:
    try:
        body = json.loads(raw)
        version = body["format"]
        if version != FORMAT:
            raise ArtifactError(
                f"{folder}: the manifest has format {version!r}, this hindcast reads "
                f"{FORMAT}. Use the hindcast that wrote it."
            )
        manifest = Manifest(
            kind=str(body["kind"]),
            name=str(body["name"]),
            inputs={str(name): kind for name, kind in body["inputs"]},
            files={str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in body["files"].items()},
            system=str(body["system"]),
            target=str(body["target"]),
            features=str(body["features"]),
            training=str(body["training"]),
            threshold=None if body["threshold"] is None else float(body["threshold"]),
            extra=dict(body["extra"]),
            meanings=dict(body.get("meanings", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{folder}: {MANIFEST} is not a manifest of a model ({error!r}).") from None
    for name in manifest.files:
        _safe(name, folder)
    return manifest


def _safe(name: str, folder: Path) -> None:
    path = PurePosixPath(name)
    if (
        not name
        or name == MANIFEST
        or path.is_absolute()
        or "\\" in name
        or ":" in name
        or path.as_posix() != name
        or ".." in path.parts
    ):
        raise ArtifactError(f"{folder}: {name!r} is not a plain file name inside a model's folder.")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
