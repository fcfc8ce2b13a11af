"""A cleared sample to write functions on; all rows blind."""

from __future__ import annotations

import math
import pickle

import pytest

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.weak import Clearance, SealedRows, apply
from hindcast.weak.privacy import masked

ROWS = {
    "text": [f"secret message {k}" for k in range(200)],
    "phone": [f"+49 171 {k:04}" for k in range(200)],
    "name": [["Ann", "Bo", None][k % 3] for k in range(200)],
    "diagnosis": ["x"] * 200,
}
CLEARANCE = Clearance(["ann"], {"text": "clear", "phone": "masked", "name": "pseudonym"}, at_most=20, key=b"k")


def even(text):
    return "ham" if int(text.split()[-1]) % 2 == 0 else None


def rare(text):
    return "spam" if text.endswith(" 17") else None


def leaks(text):
    if text.endswith("7"):
        raise ValueError(text)


def returns_what_it_reads(text):
    return text


def test_a_sample_is_cleared_column_by_column():
    sealed = SealedRows(ROWS, CLEARANCE)
    sample = sealed.sample("ann", 12, seed=3)
    assert sample.names == ["text", "phone", "name"]
    assert set(sample.values("phone")) == {"+99 999 9999"}
    assert all(text in ROWS["text"] for text in sample.values("text"))
    codes = dict(zip(sample.values("text"), sample.values("name"), strict=True))
    for text, code in codes.items():
        name = ROWS["name"][ROWS["text"].index(text)]
        assert (code is None) == (name is None)
        assert code is None or (len(code) == 16 and name not in code)
    assert len({code for code in codes.values() if code}) == 2
    assert SealedRows(ROWS, CLEARANCE).sample("ann", 12, seed=3).values("text") == sample.values("text")
    other = SealedRows(ROWS, Clearance(["ann"], {"name": "pseudonym"}, key=b"another")).sample("ann", 12, seed=3)
    assert not set(other.values("name")) & {code for code in codes.values() if code}


def test_only_readers_and_only_as_many_rows():
    sealed = SealedRows(ROWS, CLEARANCE)
    with pytest.raises(ConfigError, match="'bo' is not cleared"):
        sealed.sample("bo", 1)
    sealed.sample("ann", 15)
    with pytest.raises(ConfigError, match="20 of 200 are cleared, 15 were drawn"):
        sealed.sample("ann", 6)
    assert sealed.readings == (("ann", 15),)


def test_nothing_shows_the_rows():
    sealed = SealedRows(ROWS, CLEARANCE)
    assert "secret" not in f"{sealed!r} {sealed}"
    with pytest.raises(ConfigError, match="not serialised"):
        pickle.dumps(sealed)


def test_applied_blind_votes_and_large_counts_come_back():
    sealed = SealedRows(ROWS, CLEARANCE)
    votes, found = sealed.apply([even, rare], classes=["ham", "spam"])
    assert votes.matrix.tolist() == apply([even, rare], ROWS, classes=["ham", "spam"]).matrix.tolist()
    first, second = found.functions
    assert (first.votes, first.coverage, first.polarity) == (100, 0.5, ("ham",))
    assert (second.votes, second.polarity) == (-1, ())
    assert math.isnan(second.coverage)
    assert found.coverage == 0.505
    assert math.isnan(found.functions[0].overlap) or found.functions[0].overlap == 0.0


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_do_not_print_values(workers):
    sealed = SealedRows(ROWS, CLEARANCE)
    for function in (leaks, returns_what_it_reads):
        with pytest.raises(DataError) as error:
            sealed.apply([function], classes=["ham", "spam"], workers=workers)
        shown = f"{error.value!r} {error.value.__cause__} {error.value.__context__} {vars(error.value)}"
        assert "secret" not in shown
    votes, _ = sealed.apply([leaks], classes=["ham", "spam"], on_error="abstain", workers=workers)
    assert votes.failures[0].count == 20
    assert "secret" not in f"{votes.failures} {votes.notes}"


def test_few_failures_are_not_counted_out():
    sealed = SealedRows(ROWS, Clearance([], {}, minimum=50))
    votes, _ = sealed.apply([leaks], classes=["ham", "spam"], on_error="abstain")
    assert (votes.failures[0].count, votes.failures[0].row) == (-1, -1)
    assert votes.notes == ("labelling function 'leaks' failed: fewer than 50 rows.",)


def test_masks_keep_the_shape():
    assert masked("Ann Müller, +49 171") == "Xxx Xxxxxx, +99 999"
    assert masked("日本_a") == "xx_x"


def test_clearances_that_make_no_sense():
    for arguments, match in (
        (("ann", {}), "sequence of texts"),
        ((["ann"], {"a": "open"}), "no handling 'open'"),
        ((["ann"], {"a": "pseudonym"}), "needs a secret"),
        ((["ann"], {}, -1), "at_most"),
    ):
        with pytest.raises(ConfigError, match=match):
            Clearance(*arguments)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="Did you mean 'phone'"):
        SealedRows(ROWS, Clearance([], {"phon": "clear"}))
    votes, found = SealedRows([], Clearance([], {})).apply([even], classes=["ham"])
    assert len(votes) == found.rows == 0
