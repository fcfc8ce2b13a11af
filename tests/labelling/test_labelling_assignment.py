"""Who is asked what: laws of overlap, leases and orders, under any sequence of what people do."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from labelling_aids import MINUTE, fresh_key, make, say, unsynced, wait

from hindcast.clock import ReplayClock
from hindcast.labelling import Item, Project
from hindcast.labelling.assignment import shuffled

PEOPLE = ("Ann", "Bo", "Cy")
LABELS = ("ham", "spam", "eggs")


@dataclass
class Kept:
    """An item kept for somebody: since which of their steps without a break, until when, under which guideline."""

    since: int
    until: int
    version: int


class Labelling(RuleBasedStateMachine):
    """People label, skip, doubt, change their minds, leave in the middle; the process dies and comes back.

    Beside the project runs a model that knows only what was acknowledged, and says of each ask what must be answered:

    1. what somebody took back and did not answer since, the latest first: it is theirs to mend, whoever else spoke;
    2. else what is kept for them, the earliest first, unless others have all its places: by answers that count, or
       because it has been kept for them longer. An item whose time ran out waits behind no one: it is asked again
       while it has a place that is free;
    3. else something new of the greatest priority that has a place neither taken nor kept for anybody else;
    4. nothing, only if there is no such item.
    """

    @initialize(
        overlap=st.sampled_from([1, 1, 2, 3]),
        items=st.sampled_from([1, 1, 2, 3, 5, 0]),
        gold=st.integers(0, 2),
        every=st.sampled_from([0, 2]),
    )
    def begin(self, overlap: int, items: int, gold: int, every: int) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.clock = ReplayClock(1_000)
        with Project.create(
            self.home / "p", name="p", classes=LABELS, overlap=overlap, gold_every=every, clock=self.clock
        ) as project:
            project.add_items([Item(f"i{n}", "text") for n in range(items)])
            project.add_items([Item(f"g{n}", "text", gold="ham") for n in range(gold)])
            for name in PEOPLE:
                project.add_annotator(name)
        self.project = unsynced(self.home / "p", self.clock)
        self.overlap, self.every, self.version, self.steps = overlap, every, 1, 0
        self.said: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
        self.order: dict[str, list[str]] = {name: [] for name in PEOPLE}
        self.kept: dict[str, dict[str, Kept]] = {name: {} for name in PEOPLE}
        self.mending: dict[str, dict[str, Kept]] = {name: {} for name in PEOPLE}
        self.more: dict[str, int] = {}
        self.priority: dict[str, float] = dict.fromkeys(self.project.items, 0.0)
        self.sent: list[tuple[str, str, str | None, str, str, int]] = []

    def teardown(self) -> None:
        if hasattr(self, "project"):
            self.everything_gets_done()
            self.project.close()
            shutil.rmtree(self.home)

    def everything_gets_done(self) -> None:
        """Once everybody goes on until nothing is left, an item has its answers, or everybody has spoken of it."""
        self.clock.advance(self.clock.now_us() + 31 * MINUTE)
        run_dry(self.project, PEOPLE)
        for item, state in self.project._book.state.items.items():
            assert (
                state.speakers() == set(PEOPLE)
                or (item.startswith("i") and state.done)
                or (item.startswith("g") and self.every)
            )

    # ---- what people do ---------------------------------------------------------------------------------

    @rule(who=st.sampled_from(PEOPLE))
    def ask(self, who: str) -> None:
        self.shown(who)

    def shown(self, who: str) -> str | None:
        due, wanted = self.due(who), self.wanted(who)
        task = self.project.next(who)
        if task is None:
            assert due is None
            assert not [item for item in wanted if item.startswith("i") or not self.every]
            return None
        item, now = task.item.id, self.clock.now_us()
        assert task.item.gold is None
        assert task.until_us > now
        assert item == due if due is not None else item in wanted
        if due is None and item.startswith("i"):
            assert self.priority[item] == max(self.priority[one] for one in wanted if one.startswith("i"))
        assert task.remaining == max(self.left(who), 1)
        kept = self.mending[who].get(item) or self.kept[who].get(item)
        assert not kept or task.seen_before
        assert task.guideline == self.version
        if kept is None or kept.until <= now or kept.version != self.version:
            self.keep(self.mending[who] if item in self.mending[who] else self.kept[who], who, item, task.until_us)
        else:
            assert task.until_us == kept.until, "kept on, though it is kept already"
        return item

    def keep(self, where: dict[str, Kept], who: str, item: str, until: int) -> None:
        """It is handed out, and what was handed out to them long ago and is no longer theirs is forgotten."""
        now, before = self.clock.now_us(), self.kept[who].pop(item, None) or self.mending[who].pop(item, None)
        self.kept[who] = {one: kept for one, kept in self.kept[who].items() if kept.until > now}
        self.steps += 1
        since = before.since if before is not None and before.until > now else self.steps
        where = self.mending[who] if where is self.mending[who] else self.kept[who]
        where[item] = Kept(since, until, self.version)

    @rule(
        who=st.sampled_from(PEOPLE), label=st.sampled_from(LABELS), action=st.sampled_from(["label", "skip", "unsure"])
    )
    def answer(self, who: str, label: str, action: str) -> None:
        item = self.shown(who)
        if item is not None:
            self.tell(who, item, None if action == "skip" else label, action)

    @rule(who=st.sampled_from(PEOPLE), place=st.integers(0, 6), label=st.sampled_from(LABELS))
    def answer_any(self, who: str, place: int, label: str) -> None:
        """From a link, from the history, or long after the item went to somebody else."""
        items = self.project.items
        if items:
            self.tell(who, items[place % len(items)], label, "label")

    def tell(self, who: str, item: str, label: str | None, action: str) -> None:
        key = fresh_key()
        event = self.project.answer(who, item, label, action=action, key=key)
        self.said.setdefault((who, item), []).append((action, label))
        self.order[who].append(item)
        self.sent.append((who, item, label, action, key, event.position))
        self.kept[who].pop(item, None)
        self.mending[who].pop(item, None)

    @precondition(lambda self: getattr(self, "sent", None))
    @rule(place=st.integers(0, 50))
    def send_again(self, place: int) -> None:
        who, item, label, action, key, position = self.sent[place % len(self.sent)]
        assert self.project.answer(who, item, label, action=action, key=key).position == position

    @rule(who=st.sampled_from(PEOPLE))
    def undo(self, who: str) -> None:
        until = self.clock.now_us() + 30 * MINUTE
        item = self.project.undo(who)
        assert item == (self.order[who].pop() if self.order[who] else None)
        if item is not None:
            self.said[who, item].pop()
            if not self.said[who, item]:
                del self.said[who, item]
            self.keep(self.mending[who], who, item, until)
            assert self.shown(who) == item, "what was taken back is not asked again"

    @rule(minutes=st.sampled_from([1, 31]))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(self.clock.now_us() + minutes * MINUTE)

    @rule()
    def another_guideline(self) -> None:
        self.version = self.project.set_guideline(f"# {self.version + 1}")

    @rule(place=st.integers(0, 6), priority=st.sampled_from([0.0, 1.0, 2.0]), answers=st.sampled_from([None, 1, 4]))
    def enqueue(self, place: int, priority: float, answers: int | None) -> None:
        items = [item for item in self.project.items if item.startswith("i")]
        if items:
            item = items[place % len(items)]
            if self.project.enqueue([item], reason="near the boundary", priority=priority, answers=answers):
                self.more[item] = max(self.need(item), answers or 0)
                self.priority[item] = priority

    @rule()
    def die_and_return(self) -> None:
        before = self.project.canonical()
        self.project.close()
        self.project = unsynced(self.home / "p", self.clock)
        assert self.project.canonical() == before

    # ---- the laws ---------------------------------------------------------------------------------------

    def need(self, item: str) -> int:
        return self.more.get(item, self.overlap)

    def takers(self, item: str) -> set[str]:
        """Who has taken a place; of more than there are, it does not matter who was first."""
        return {who for (who, one), said in self.said.items() if one == item and said[-1][0] != "skip"}

    def keepers(self, item: str, since: float = float("inf")) -> set[str]:
        """For whom it is kept now, and longer than `since`."""
        return {
            who
            for kept in (self.kept, self.mending)
            for who, items in kept.items()
            if item in items and items[item].until > self.clock.now_us() and items[item].since < since
        }

    def open_to(self, who: str, item: str, since: float = float("inf")) -> bool:
        """Whether it wants answers, of `who` too, and has a place for them."""
        if (who, item) in self.said:
            return False
        if item.startswith("g"):
            return True
        others = (self.takers(item) | self.keepers(item, since)) - {who}
        return len(self.takers(item)) < self.need(item) and len(others) < self.need(item)

    def due(self, who: str) -> str | None:
        """What they must be shown next, if that is certain."""
        if self.mending[who]:
            return list(self.mending[who])[-1]
        for item, kept in self.kept[who].items():
            if self.open_to(who, item, kept.since if kept.until > self.clock.now_us() else float("inf")):
                return item
        return None

    def wanted(self, who: str) -> list[str]:
        """What they could be shown that is new to them."""
        return [item for item in self.project.items if self.open_to(who, item)]

    def left(self, who: str) -> int:
        return sum(
            (who, item) not in self.said
            and (not self.every if item.startswith("g") else len(self.takers(item)) < self.need(item))
            for item in self.project.items
        )

    @invariant()
    def what_was_said_is_what_is_known(self) -> None:
        if not hasattr(self, "project"):
            return
        answers = self.project.answers(surplus=True)
        found = {
            (answers.annotators[a], answers.items[i]): answers.classes[c]
            for i, a, c in zip(answers.item, answers.annotator, answers.label, strict=True)
        }
        assert found == {pair: said[-1][1] for pair, said in self.said.items() if said[-1][0] != "skip"}

    @invariant()
    def never_more_answers_than_asked_for(self) -> None:
        if not hasattr(self, "project"):
            return
        for item, state in self.project._book.state.items.items():
            counted = state.counted()
            assert len({one.annotator for one in counted}) == len(counted)
            if item.startswith("i"):
                assert len(counted) == min(len(self.takers(item)), self.need(item))

    @invariant()
    def progress_adds_up(self) -> None:
        if not hasattr(self, "project"):
            return
        found = self.project.progress()
        ordinary = [item for item in self.project.items if item.startswith("i")]
        assert found.items == len(ordinary)
        assert found.done == sum(len(self.takers(item)) >= self.need(item) for item in ordinary)
        assert found.answers == sum(min(len(self.takers(item)), self.need(item)) for item in ordinary)
        assert self.project.disputed() == len(self.project.adjudication_queue()) == found.waiting
        for who in PEOPLE:
            assert self.project.reached(who) == (sum(one == who for one, _ in self.said), self.left(who))


Labelling.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLabelling = pytest.mark.slow(Labelling.TestCase)


def run_dry(project: Project, people: tuple[str, ...]) -> dict[str, list[str]]:
    """Everybody in turn answers what they are asked until nothing is left; who got what, in order."""
    got: dict[str, list[str]] = {name: [] for name in people}
    busy = True
    while busy:
        busy = False
        for name in people:
            task = project.next(name)
            if task is not None:
                busy = True
                got[name].append(task.item.id)
                say(project, name, task.item.id)
    return got


@pytest.mark.parametrize(("overlap", "people"), [(1, 1), (1, 3), (2, 2), (2, 3), (3, 2)])
def test_every_item_gets_done_by_different_people_and_nobody_sees_one_twice(tmp_path, overlap, people):
    names = ("Ann", "Bo", "Cy")[:people]
    with make(tmp_path / "p", items=7, people=names, overlap=overlap) as project:
        got = run_dry(project, names)
        counts = {item: sum(item in items for items in got.values()) for item in project.items}
        assert all(len(set(items)) == len(items) for items in got.values())
        assert set(counts.values()) == {min(overlap, people)}
        assert project.progress().share == (1.0 if people >= overlap else 0.0)


def test_orders_are_seeded_and_differ_per_annotator(tmp_path):
    orders = []
    for run, seed in enumerate((0, 0, 1)):
        with make(tmp_path / str(run), items=12, overlap=2, seed=seed) as project:
            orders.append(run_dry(project, ("Ann", "Bo")))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0]["Ann"] != orders[0]["Bo"]
    assert sorted(orders[0]["Ann"]) == sorted(orders[0]["Bo"])


def test_the_shuffle_is_uniform():
    """Each of 5 items comes first for a fifth of 5,000 annotators, give or take five standard errors."""
    items = "abcde"
    first = [min(items, key=lambda item: shuffled(3, f"person {n}", item)) for n in range(5_000)]
    for item in items:
        assert abs(first.count(item) - 1_000) < 5 * (5_000 * 0.2 * 0.8) ** 0.5


def test_priority_goes_before_the_shuffle(tmp_path):
    with make(tmp_path / "p", items=0, people=("Ann",), overlap=1) as project:
        project.add_items([Item(f"low{n}", "x") for n in range(4)])
        project.add_items([Item(f"high{n}", "x") for n in range(4)], reason="uncertain", priority=2)
        project.enqueue(["low2"], reason="asked for", priority=3.5)
        got = run_dry(project, ("Ann",))["Ann"]
        assert got[0] == "low2"
        assert {item[:4] for item in got[1:5]} == {"high"}


def test_what_moves_up_and_down_again_waits_with_the_others(tmp_path):
    with make(tmp_path / "p", items=8, people=("Ann",), overlap=1) as project:
        own = sorted(project.items, key=lambda item: shuffled(0, "Ann", item))
        assert project.next("Ann").item.id == own[0]
        project.enqueue(own[-2:], reason="urgent", priority=3)
        project.enqueue(own[-1:], reason="not urgent after all", priority=-1)
        assert run_dry(project, ("Ann",))["Ann"] == [own[0], own[-2], *own[1:-2], own[-1]]


def test_what_was_taken_back_goes_to_others_when_its_annotator_leaves(tmp_path):
    with make(tmp_path / "p", items=1, overlap=1) as project:
        say(project, "Ann", "i0")
        assert project.next("Bo") is None
        project.undo("Ann")
        assert project.next("Bo") is None
        project.revoke("Ann")
        assert project.next("Bo").item.id == "i0"


def test_what_was_taken_back_is_asked_again_though_others_have_answered_it(tmp_path):
    with make(tmp_path / "p", items=2, overlap=1) as project:
        say(project, "Ann", "i0")
        project.undo("Ann")
        project.set_guideline("# Another")
        assert project.next("Ann").item.id == "i0"
        say(project, "Bo", "i0")
        wait(project, 31 * MINUTE)
        assert project.next("Ann").item.id == "i0"
        say(project, "Ann", "i0")
        assert project.next("Ann").item.id == "i1"


def test_a_lease_keeps_an_item_and_runs_out(tmp_path):
    with make(tmp_path / "p", items=1, overlap=1, lease="10m") as project:
        assert project.next("Ann").item.id == "i0"
        assert project.next("Bo") is None
        wait(project, 9 * MINUTE)
        assert project.next("Bo") is None
        wait(project, 2 * MINUTE)
        assert project.next("Bo").item.id == "i0"
        assert project.next("Ann") is None
        say(project, "Ann", "i0", "ham")  # late, but the place is still free
        say(project, "Bo", "i0", "spam")
        assert [(one.annotator, one.label) for one in project._book.state.items["i0"].counted()] == [("Ann", "ham")]
        assert len(project.answers()) == 1
        assert len(project.answers(surplus=True)) == 2
        project.undo("Ann")
        assert [(one.annotator, one.label) for one in project._book.state.items["i0"].counted()] == [("Bo", "spam")]


def test_the_same_item_after_a_restart(tmp_path):
    with make(tmp_path / "p", items=50) as project:
        before = project.next("Ann")
        assert not before.seen_before
    with unsynced(tmp_path / "p", ReplayClock(2_000)) as project:
        say(project, "Bo", before.item.id)
        after = project.next("Ann")
        assert after.item == before.item
        assert after.seen_before


def test_a_revoked_annotator_frees_the_item(tmp_path):
    with make(tmp_path / "p", items=1, overlap=1) as project:
        project.next("Ann")
        assert project.next("Bo") is None
        project.revoke("Ann")
        assert project.next("Bo").item.id == "i0"


def test_control_items_go_to_everybody_and_count_for_nothing_else(tmp_path):
    with make(tmp_path / "p", items=8, overlap=1, gold_every=4) as project:
        project.add_items([Item(f"g{n}", "control", gold="ham") for n in range(2)])
        got = run_dry(project, ("Ann", "Bo"))
        for name in ("Ann", "Bo"):
            controls = [place for place, item in enumerate(got[name]) if item.startswith("g")]
            assert len(controls) <= 2
            assert all(place // 4 == block for block, place in enumerate(controls)), "more than one in a block"
        assert project.progress().items == 8
        assert project.progress().control_items == 2
        assert not project.adjudication_queue()


def test_control_items_without_a_rhythm_come_among_the_others(tmp_path):
    with make(tmp_path / "p", items=3, overlap=1) as project:
        project.add_items([Item("g", "control", gold="ham")])
        got = run_dry(project, ("Ann", "Bo"))
        assert all("g" in items for items in got.values())


def test_remaining_counts_down(tmp_path):
    with make(tmp_path / "p", items=4, people=("Ann",), overlap=1) as project:
        seen = []
        while task := project.next("Ann"):
            seen.append((task.position, task.remaining))
            say(project, "Ann", task.item.id)
        assert seen == [(1, 4), (2, 3), (3, 2), (4, 1)]


def test_more_answers_when_asked_for(tmp_path):
    with make(tmp_path / "p", items=1, people=("Ann", "Bo", "Cy"), overlap=1) as project:
        say(project, "Ann", "i0")
        assert project.next("Bo") is None
        project.enqueue(["i0"], reason="a second opinion", priority=1, answers=2)
        assert project.next("Bo").item.id == "i0"
        assert project.next("Cy") is None


def test_a_control_item_stays_with_whom_it_was_shown_to_however_many_others_answer(tmp_path: Path) -> None:
    project = make(tmp_path / "p", items=0, people=PEOPLE, overlap=1)
    project.add_items([Item("g0", "x", gold="ham")])
    assert project.next("Ann").item.id == "g0"
    for who in ("Bo", "Cy"):
        say(project, who, "g0", "ham")
    project.add_items([Item("i0", "y")])
    project.enqueue(["i0"], reason="near the boundary", priority=1.0)
    assert project.next("Ann").item.id == "g0"
