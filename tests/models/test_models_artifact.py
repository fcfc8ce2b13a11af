"""A stored model is read as it was written, or not at all."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from models_rows import many

from hindcast.errors import ArtifactError
from hindcast.models import load_model, read, write
from hindcast.models.baselines import zero_rule
from hindcast.models.logistic import logistic


@pytest.fixture(scope="module")
def model():
    features, label = many(300)
    return logistic(max_iter=20).fit(features, label, as_of=np.arange(300), seed=0)


@pytest.fixture
def folder(model, tmp_path):
    write(
        tmp_path / "v1",
        model,
        system="shops",
        target="buys",
        features="f0",
        training="t0",
        threshold=0.3,
        extra={"a": [1]},
    )
    return tmp_path / "v1"


def test_the_manifest_tells_what_the_model_is(model, folder):
    manifest = read(folder)
    assert (manifest.kind, manifest.name, manifest.system, manifest.target) == ("logistic", "logistic", "shops", "buys")
    assert (manifest.features, manifest.training, manifest.threshold, manifest.extra) == ("f0", "t0", 0.3, {"a": [1]})
    assert manifest.inputs == model.kinds
    assert set(manifest.files) == set(model.files()) == {p.name for p in folder.iterdir()} - {"manifest.json"}
    assert manifest.size_bytes == sum(map(len, model.files().values()))


def test_the_same_model_has_the_same_digest_anywhere(model, folder, tmp_path):
    options = {
        "system": "shops",
        "target": "buys",
        "features": "f0",
        "training": "t0",
        "threshold": 0.3,
        "extra": {"a": [1]},
    }
    assert write(tmp_path / "elsewhere" / "v9", model, **options).digest == read(folder).digest
    assert write(folder, model, **options).digest == read(folder).digest
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_another_model_does_not_replace_it(folder):
    features, label = many(30)
    before = read(folder).digest
    with pytest.raises(ArtifactError, match="already holds another model"):
        write(folder, zero_rule().fit(features, label, as_of=np.arange(30), seed=0))
    assert read(folder).digest == before


def test_a_failed_write_leaves_nothing(model, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "v1", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.json", "preparation.json"])
@pytest.mark.parametrize("harm", ["flip", "shorten", "lengthen", "remove", "link"])
def test_a_harmed_file_is_refused(folder, name, harm):
    path = folder / name
    data = path.read_bytes()
    if harm == "flip":
        path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    elif harm == "shorten":
        path.write_bytes(data[:-1])
    elif harm == "lengthen":
        path.write_bytes(data + b" ")
    else:
        path.unlink()
        if harm == "link":
            (folder.parent / "outside").write_bytes(data)
            path.symlink_to(folder.parent / "outside")
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        load_model(folder)


@pytest.mark.parametrize("name", ["evil.pkl", "deeper/more.json"])
def test_an_extra_file_is_refused(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(ArtifactError, match="does not name"):
        read(folder)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "a/../../b", "a\\b", "c:evil", "", "./model.json", "manifest.json"]
)
def test_a_path_that_leaves_the_folder_is_refused(folder, path):
    body = json.loads((folder / "manifest.json").read_bytes())
    body["files"][path] = {"bytes": 0, "sha256": ""}
    (folder / "manifest.json").write_text(json.dumps(body))
    with pytest.raises(ArtifactError, match="not a plain file name"):
        read(folder)


def changed(folder, **changes):
    body = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**body, **changes}))
    return folder


def test_an_unknown_kind_is_answered_with_close_ones(folder):
    with pytest.raises(ArtifactError, match="Did you mean 'logistic'"):
        load_model(changed(folder, kind="logistics"))


def test_files_of_another_kind_are_refused(folder):
    with pytest.raises(ArtifactError, match="lightgbm"):
        load_model(changed(folder, kind="lightgbm"))


def test_inputs_must_be_those_of_the_model(folder):
    with pytest.raises(ArtifactError, match="its manifest says"):
        load_model(changed(folder, inputs=[["x", "number"]]))


def test_a_newer_format_is_refused(folder):
    with pytest.raises(ArtifactError, match="format 2"):
        read(changed(folder, format=2))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 1}', "\ufeff{"])
def test_what_is_no_manifest_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match="not a manifest"):
        read(folder)


def test_a_folder_without_manifest_is_no_model(tmp_path):
    with pytest.raises(ArtifactError, match="not a stored model"):
        load_model(tmp_path / "nothing")
