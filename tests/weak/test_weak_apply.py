"""Votes depend on functions and rows alone: not on workers, caches, blocks or interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hindcast.errors import ConfigError, DataError, StateError, UnknownName
from hindcast.weak import Votes, apply, keyword, labelling_function, lookup, threshold
from hindcast.weak.cache import VoteCache
from hindcast.weak.workers import cores


def has_link(text):
    return "spam" if "http" in text else None


def is_short(text):
    return "ham" if len(text.split()) < 3 else None


def by_row(row):
    return "spam" if row["size"] > 3 and "a" in row.text else None


def two_inputs(size, text):
    return "ham" if size < len(text) else None


FUNCTIONS = [has_link, is_short, by_row, two_inputs, keyword(["a", "b"], "spam"), threshold("size", "ham", above=2)]
CLASSES = ("ham", "spam")


def frame_of(texts: list[str]) -> dict[str, list[object]]:
    return {"text": list(texts), "size": [len(t) % 7 for t in texts]}


def oracle(functions, rows, classes):
    """One row at a time, one function at a time."""
    codes = []
    for place in range(len(rows["text"])):
        row = {name: column[place] for name, column in rows.items()}
        said = []
        for function in functions:
            made = function if hasattr(function, "inputs") else labelling_function(function)
            view = apply([made], [row], classes=classes).matrix[0, 0] if made.each is None else None
            if view is None:
                label = made.each(**{name: row[name] for name in made.inputs}) if made.inputs else made.each(_Row(row))
                view = -1 if label is None else classes.index(label)
            said.append(int(view))
        codes.append(said)
    return codes


class _Row(dict):
    def __getattr__(self, name):
        return self[name]


texts = st.lists(st.text(alphabet="ab http:", max_size=12), max_size=15)


@settings(max_examples=20)
@given(texts, texts)
def test_votes_equal_one_call_at_a_time_and_what_is_kept_changes_nothing(tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("cache")
    for given_texts in (first, second, first + second, first[::-1]):
        rows = frame_of(given_texts)
        plain = apply(FUNCTIONS, rows, classes=CLASSES)
        kept = apply(FUNCTIONS, rows, classes=CLASSES, cache=folder)
        assert plain.matrix.tolist() == kept.matrix.tolist() == oracle(FUNCTIONS, rows, CLASSES)
    assert set(apply(FUNCTIONS, frame_of(first), classes=CLASSES, cache=folder).computed.values()) == {0}


def many(n: int) -> dict[str, list[object]]:
    rng = np.random.default_rng(7)
    return frame_of(["".join(rng.choice(list("ab http:"), 9)) for _ in range(n)])


def test_workers_and_blocks_change_nothing(tmp_path):
    rows = many(7_000)
    alone = apply(FUNCTIONS, rows, workers=1)
    assert alone.classes == CLASSES
    assert alone.matrix.dtype == np.int8
    for other in (
        apply(FUNCTIONS, rows, workers=2),
        apply(FUNCTIONS, rows, workers=3, cache=tmp_path),
        apply(FUNCTIONS, (pl.DataFrame(rows)[a : a + 900] for a in range(0, 7_000, 900)), workers=1),
        apply(FUNCTIONS, pl.DataFrame(rows), cache=tmp_path),
    ):
        np.testing.assert_array_equal(alone.matrix, other.matrix)
        assert alone.classes == other.classes


def test_a_changed_function_runs_again_alone(tmp_path):
    texts = ["see http://x", "hi"] * 10

    def rule(limit):
        def long(text):
            return "ham" if len(text) > limit else None

        return long

    assert apply([has_link, rule(3)], texts, cache=tmp_path).computed == {"has_link": 20, "long": 20}
    assert apply([has_link, rule(3)], texts, cache=tmp_path).computed == {"has_link": 0, "long": 0}
    votes = apply([has_link, rule(1)], texts, cache=tmp_path)
    assert votes.computed == {"has_link": 0, "long": 20}
    assert votes.matrix[:2].tolist() == [[1, 0], [-1, 0]]


def test_changed_rows_run_again_alone_for_functions_that_read_them(tmp_path):
    rows = frame_of([f"text {k}" for k in range(50)])
    apply([is_short, by_row], rows, cache=tmp_path)
    rows["size"][7] = 99
    assert apply([is_short, by_row], rows, cache=tmp_path).computed == {"is_short": 0, "by_row": 1}
    rows["text"].append("new")
    rows["size"].append(1)
    assert apply([is_short, by_row], rows, cache=tmp_path).computed == {"is_short": 1, "by_row": 1}
    assert len(list((tmp_path / "votes").glob("*/*.npz"))) == 3, "a set whose rows are all in another is dropped"
    turned = {name: column[::-1] for name, column in rows.items()}
    votes = apply([is_short, by_row], turned, cache=tmp_path)
    assert votes.computed == {"is_short": 0, "by_row": 0}
    assert votes.matrix.tolist() == apply([is_short, by_row], turned).matrix.tolist()


def test_kinds_of_columns_are_told_apart(tmp_path):
    def whole(size):
        return "ham" if isinstance(size, int) else "spam"

    assert apply([whole], {"size": [1, 2]}, classes=CLASSES, cache=tmp_path).matrix.tolist() == [[0], [0]]
    assert apply([whole], {"size": [1.0, 2.0]}, classes=CLASSES, cache=tmp_path).matrix.tolist() == [[1], [1]]


@pytest.mark.parametrize("damage", ["votes", "rows", "garbage", "cut"])
def test_a_damaged_cache_is_no_cache(tmp_path, damage):
    texts = ["a http", "b"]
    expected = apply([has_link], texts, cache=tmp_path).matrix.tolist()
    kind = "rows/*.npy" if damage == "rows" else "votes/*/*.npz"
    for path in tmp_path.glob(kind):
        data = path.read_bytes()
        path.write_bytes(
            b"garbage" if damage in ("garbage", "rows") else data[: len(data) // 2] if damage == "cut" else b""
        )
    for more in ([], ["c"]):
        assert apply([has_link], texts + more, cache=tmp_path).matrix.tolist()[:2] == expected


def test_a_lambda_cannot_be_kept_and_what_has_no_identity_is_told(tmp_path):
    always = labelling_function(lambda text: "ham", name="always")
    assert apply([always], ["a"]).matrix.tolist() == [[0]]
    with pytest.raises(ConfigError, match="is a lambda, which has no identity"):
        apply([always], ["a"], cache=tmp_path)
    holder = object()

    def rule(text):
        return "ham" if holder else None

    for _ in range(2):
        votes = apply([rule, has_link], ["a"], cache=tmp_path)
        assert votes.computed["rule"] == 1
        assert "'rule' is run every time" in votes.notes[0]


def test_rows_without_a_digest_are_run_every_time(tmp_path):
    def tagged(tags):
        return "spam" if "x" in tags else None

    for _ in range(2):
        votes = apply([tagged], [{"tags": ["x"]}, {"tags": []}], cache=tmp_path)
        assert votes.matrix.tolist() == [[0], [-1]]
        assert "'tagged' is run every time" in votes.notes[0]


# ---- errors ---------------------------------------------------------------------------------------------


def strict(text):
    if text == "boom":
        raise ValueError("no such luck")
    return {"wrong": "hamm", "list": ["ham"], "float": 0.5}.get(text, "ham")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("boom", r"'strict' failed: ValueError: no such luck.*row 3, column 'text', value 'boom'"),
        ("wrong", r"returned 'hamm', which is no class. Did you mean 'ham'\? Classes: ham, spam"),
        ("list", r"returned \['ham'\], which is no label"),
        ("float", r"returned 0.5, of type float; a label is a text"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_function_that_fails_is_named_with_its_row(text, match, workers):
    rows = ["a", "b", text] + ["c"] * 5_000
    with pytest.raises(DataError, match=match) as error:
        apply([has_link, strict], rows, classes=CLASSES, workers=workers)
    assert (error.value.row, error.value.column, error.value.value) == (3, "text", text)
    votes = apply([has_link, strict], [*rows, text], classes=CLASSES, workers=workers, on_error="abstain")
    assert votes.matrix[:, 1].tolist() == [0, 0, -1] + [0] * 5_000 + [-1]
    [failure] = votes.failures
    assert (failure.function, failure.count, failure.row) == ("strict", 2, 3)
    assert "failed on 2 rows, first on row 3" in votes.notes[0]


def test_blind_errors_show_no_value():
    rows = ["a", "secret"]

    def leaks(text):
        raise ValueError(text)

    for workers in (1, 2):
        with pytest.raises(DataError) as error:
            apply([leaks], rows * 3_000, blind=True, workers=workers)
        assert "'leaks' failed" in str(error.value)
        shown = f"{error.value!r} {error.value.__dict__} {error.value.__cause__} "
        assert "secret" not in shown
        assert "value" not in error.value.__dict__ or error.value.value is None
        [failure] = apply([leaks], rows, blind=True, on_error="abstain").failures
        assert failure.error == "not shown"


def test_a_failed_row_is_asked_again(tmp_path):
    flag = tmp_path / "up"
    flag.write_text("down")
    path = str(flag)

    def needs_service(text):
        with open(path) as held:
            if held.read() == "down" and text == "b":
                raise OSError("down")
        return "ham"

    votes = apply([needs_service], ["a", "b"], cache=tmp_path / "c", on_error="abstain")
    assert votes.matrix.tolist() == [[0], [-1]]
    flag.write_text("up")
    votes = apply([needs_service], ["a", "b"], cache=tmp_path / "c", on_error="abstain")
    assert votes.matrix.tolist() == [[0], [0]]
    assert votes.computed == {"needs_service": 1}


def test_votes_kept_under_other_classes(tmp_path):
    apply([has_link, is_short], ["http", "a b c"], cache=tmp_path)
    with pytest.raises(DataError, match="'has_link' failed: it returned 'spam'"):
        apply([has_link], ["http", "a b c"], classes=["ham", "eggs"], cache=tmp_path)
    votes = apply([is_short], ["http", "a b c"], classes=["eggs", "ham"], cache=tmp_path)
    assert votes.matrix.tolist() == [[1], [-1]]
    assert votes.computed == {"is_short": 0}


# ---- labels and edges -----------------------------------------------------------------------------------


def test_what_abstains_and_what_is_a_class():
    def says(x):
        return {0: None, 1: -1, 2: float("nan"), 3: np.int64(1), 4: True, 5: 1.0, 6: np.str_("b")}[x]

    votes = apply([says], {"x": [0, 1, 2, 3, 4, 5]}, classes=[0, 1])
    assert votes.matrix[:, 0].tolist() == [-1, -1, -1, 1, 1, 1]
    assert apply([says], {"x": [1, 3]}, classes=[-1, 1]).matrix[:, 0].tolist() == [0, 1]
    assert apply([says], {"x": [3, 6]}).classes == (1, "b")
    assert apply([says], {"x": [1, 0]}).classes == ()


def test_many_classes_and_declared_ones():
    def itself(x):
        return x

    votes = apply([itself], {"x": list(range(300))})
    assert votes.matrix.dtype == np.int16
    assert votes.matrix[:, 0].tolist() == list(range(300))
    declared = labelling_function(itself, labels=["never"])
    assert apply([declared], {"x": ["a"]}).classes == ("a", "never")


@pytest.mark.parametrize("rows", [[], {"text": []}, iter([]), iter([[], []]), pl.DataFrame({"text": []})])
def test_no_rows(rows, tmp_path):
    votes = apply([has_link, keyword("a", "ham")], rows, classes=CLASSES, cache=tmp_path)
    assert votes.matrix.shape == (0, 2)
    assert votes.classes == CLASSES


def test_wrong_parameters():
    for options in ({"on_error": "ignore"}, {"workers": 0}, {"workers": True}, {"classes": ["a", "a"]}):
        with pytest.raises(ConfigError):
            apply([has_link], ["a"], **options)
    with pytest.raises(UnknownName, match="no column"):
        apply([two_inputs], ["a"])


def test_progress_reaches_the_end(tmp_path):
    for options in ({}, {"workers": 2}, {"cache": tmp_path}, {"cache": tmp_path}):
        told: list[tuple[int, int]] = []
        own = labelling_function(is_short, name="own", parallel=False)
        apply([has_link, own], ["a"] * 5_000, progress=lambda *at, told=told: told.append(at), **options)
        assert told[-1] == (5_000, 5_000)
        assert told == sorted(told)


# ---- interruptions --------------------------------------------------------------------------------------


def test_what_was_answered_before_an_interruption_is_kept(tmp_path):
    stop = tmp_path / "stop"
    path = str(stop)

    def slow(text):
        if text == "4000" and not os.path.exists(path):
            raise KeyboardInterrupt
        return "ham"

    rows = [str(k) for k in range(6_000)]
    with pytest.raises(KeyboardInterrupt):
        apply([slow], rows, cache=tmp_path / "c", workers=1)
    stop.write_text("")
    votes = apply([slow], rows, cache=tmp_path / "c", workers=1)
    assert votes.computed == {"slow": 2_000}
    assert (votes.matrix == 0).all()


def test_nothing_is_forked_unasked_beside_the_main_thread(monkeypatch):
    monkeypatch.setattr(sys.modules["hindcast.weak.apply"], "_WORTH_S", 0.0)
    seen: list[set[int]] = []

    def where(text):
        return os.getpid()

    def run():
        votes = apply([where], ["a"] * 10_000)
        seen.append(set(votes.classes))

    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen[1] == {os.getpid()}
    if cores() > 1:
        assert len(seen[0]) > 1


def test_a_worker_that_dies_is_told():
    def dies(text):
        if text == "3000":
            os.kill(os.getpid(), signal.SIGKILL)
        return "ham"

    with pytest.raises(StateError, match="a worker process died"):
        apply([dies], [str(k) for k in range(6_000)], workers=2)


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_the_rest_is_done_the_next_time(tmp_path):
    script = tmp_path / "slow_rules.py"
    script.write_text(
        textwrap.dedent("""
        import sys, time
        from hindcast.weak import apply
        def slow(text):
            time.sleep(0.0005)
            return "ham"
        if __name__ == "__main__":
            def told(done, total):
                print("done", done, flush=True)
            votes = apply([slow], [str(k) for k in range(12_000)], cache=sys.argv[1], workers=2, progress=told)
            print("computed", votes.computed["slow"])
        """)
    )
    command = [sys.executable, str(script), str(tmp_path / "c")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for _ in range(2):
        assert running.stdout.readline().startswith("done")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=240)
    assert "KeyboardInterrupt" in said
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    computed = int(again.stdout.split()[-1])
    assert 0 < computed < 12_000


def test_the_cache_holds_no_pickle(tmp_path):
    apply([has_link], ["http"], cache=tmp_path)
    for path in Path(tmp_path).rglob("*.np?"):
        held = np.load(path, allow_pickle=False)
        for array in [held] if path.suffix == ".npy" else held.values():
            assert not array.dtype.hasobject


def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(StateError, match="cannot be kept"):
        apply([has_link], ["a"], cache=place)
    assert VoteCache(place).folder == place


# ---- votes ----------------------------------------------------------------------------------------------


def test_votes_from_elsewhere():
    votes = Votes.of(np.array([[0, -1], [1, 1]]))
    assert (votes.classes, votes.functions, votes.covered.tolist()) == ((0, 1), ("lf_0", "lf_1"), [True, True])
    assert Votes.of([[0.0, np.nan]]).matrix.tolist() == [[0, -1]]
    assert Votes.of([["a", None], ["b", "a"]]).matrix.tolist() == [[0, -1], [1, 0]]
    assert Votes.of([], classes=["a", "b"], functions=["f"]).matrix.shape == (0, 1)
    assert np.asarray(votes).tolist() == [[0, -1], [1, 1]]
    assert np.asarray(votes, dtype=np.int64).dtype == np.int64
    for wrong in ([[0, 2]], [[-3, 0]]):
        with pytest.raises(DataError, match="class code from 0 to 1"):
            Votes.of(wrong, classes=["a", "b"])
    with pytest.raises(DataError, match="whole number"):
        Votes.of([[0.5, 1]])
    with pytest.raises(DataError, match="no known class"):
        Votes.of([["a", "c"]], classes=["a", "b"])


def test_votes_are_taken_selected_and_shown():
    votes = Votes.of([["b", None], [None, "a"]], functions=["f", "g"])
    assert votes.take([1]).matrix.tolist() == [[-1, 0]]
    assert votes.select(["g"]).matrix.tolist() == [[-1], [0]]
    assert votes.frame().rows() == [{"f": "b", "g": None}, {"f": None, "g": "a"}]
    assert Votes.of([[1, -1]], functions=["f", "g"]).frame().rows() == [{"f": 1, "g": None}]
    with pytest.raises(UnknownName, match="no labelling function 'h'"):
        votes.select(["h"])


def test_lookup_in_parallel():
    rows = {"d": [str(k % 5) for k in range(5_000)]}
    rule = lookup({"1": "spam", "2": "ham"}, column="d")
    np.testing.assert_array_equal(apply([rule], rows, workers=2).matrix, apply([rule], rows, workers=1).matrix)
