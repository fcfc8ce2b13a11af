"""A project over time: counts that end where progress is, stretches that know how far people agreed then."""

from __future__ import annotations

import pytest
from labelling_aids import MINUTE, fresh_key, make, say, wait

from hindcast.labelling import Item, Stretch, Timeline


def test_nothing_yet(tmp_path):
    with make(tmp_path / "p") as project:
        assert project.timeline() == Timeline()


def test_counts_grow_to_what_progress_says(tmp_path):
    with make(tmp_path / "p", items=30) as project:
        project.add_items([Item("gold", "x", gold="ham")])
        project.add_annotator("Jo", role="adjudicator")
        say(project, "Ann", "gold")
        moments = []
        for n in range(20):
            wait(project, MINUTE)
            say(project, "Ann", f"i{n}", "spam")
            if n < 15:
                moments.append(project._book.state.at_us)
                say(project, "Bo", f"i{n}", "spam" if n < 5 else "ham")
        project.undo("Bo")
        project.adjudicate("Jo", "i25", "ham", key=fresh_key())
        told, progress = project.timeline(), project.progress()
        assert (told.answers[-1], told.done[-1]) == (progress.answers, progress.done) == (34, 15)
        assert list(told.answers) == sorted(told.answers)
        assert list(told.done) == sorted(told.done)
        assert told.at_us[0] <= moments[0]
        at = told.at_us[30]
        assert told.answers[30] == sum(
            one.at_us <= at
            for state in project._book.state.items.values()
            if state.item.gold is None
            for one in state.counted()
        )
        assert told.stretches == (), "fourteen items are too few to say"


@pytest.mark.parametrize(("items", "stretches"), [(20, 1), (39, 1), (61, 3), (400, 8)])
def test_agreement_of_each_stretch(tmp_path, items, stretches):
    """The first half of the items is agreed on, the second is not."""
    with make(tmp_path / "p", items=0, people=()) as project:
        lines = ["item,annotator,label,at,content"]
        for n in range(items):
            at = f"2024-01-{1 + n // 20:02d}T00:{n % 20:02d}:00Z"
            lines += [f"i{n},Ann,spam,{at},t", f"i{n},Bo,{'spam' if 2 * n < items else 'ham'},{at},t"]
        (tmp_path / "a.csv").write_text("\n".join(lines))
        project.import_(tmp_path / "a.csv", "long")
        found = project.timeline().stretches
        assert len(found) == stretches
        assert sum(one.items for one in found) == items
        assert max(one.items for one in found) - min(one.items for one in found) <= 1
        assert all(isinstance(one, Stretch) and one.low <= one.value <= one.high for one in found)
        agreed = sum(one.value * one.items for one in found)
        assert agreed == pytest.approx((items + 1) // 2)
        assert [one.from_us for one in found] == sorted(one.from_us for one in found)
        if stretches == 8:
            assert [one.value for one in found] == [1.0] * 4 + [0.0] * 4
