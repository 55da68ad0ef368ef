"""A search as an outline: the shape of its lists, what stands at a node, the vote."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import Grown
from agent.records import Step, StepHit, Trajectory
from agent.tree import Rollout, Tree
from tests.agent.test_records import trajectory
from ui.solve.tree import growing, rollouts, tree_of

HITS = (
    StepHit(id="vieta", title="Vieta", score=0.83, verdict="relevant"),
    StepHit(id="am-gm", title="AM-GM", score=0.41, verdict="irrelevant"),
)
LONG = "We look at the roots of $x^2-5x+6$ and at what is known of them: " + "more " * 30 + "$y$."
# root ─ 1 answer 6
#      ├ 2 query ─ 5 retrieve ─ 6 reflect ─ 7 theorem ─┬ 8 answer 5
#      │                                               └ 9 think (pruned)
#      ├ 3 think ─ 10 answer 5.0
#      └ 4 think, never visited
STEPS = (
    Step(n=1, action="answer", text=r"\boxed{6}"),
    Step(n=2, action="query", text="sum of the roots"),
    Step(n=3, action="think", text=LONG),
    Step(n=4, action="think", text="Try $x=1$."),
    Step(n=5, action="retrieve", text="2 passages", parent=2, hits=HITS),
    Step(n=6, action="reflect", text="1 of 2 relevant", parent=5, hits=HITS),
    Step(n=7, action="summarise", text="Minus b.", parent=6, hits=HITS[:1]),
    Step(n=8, action="answer", text=r"\boxed{5}", parent=7),
    Step(n=9, action="think", text="Again", parent=7, pruned="repeats step 3"),
    Step(n=10, action="answer", text=r"\boxed{5.0}", parent=3),
)
BALLOTS = [
    Rollout(n=1, answer="6", group=1, correct=None),
    Rollout(n=8, answer="5", group=8, correct=None),
    Rollout(n=10, answer="5.0", group=8, correct=None),
]


def marked(ballots: list[Rollout], steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """The steps as a search of these rollouts marks them."""
    marks = Tree([step.model_dump() for step in steps], ballots).result()["marks"]
    return tuple(step.model_copy(update=mark) for step, mark in zip(steps, marks, strict=True))


def searched(planned: int | None = 3, ballots: list[Rollout] = BALLOTS, **changes: object) -> Trajectory:
    steps = marked(ballots)
    return trajectory(strategy="mcts", steps=steps, planned=planned, answer="5", **changes)


class Outline(HTMLParser):
    """The nodes with their depth in lists of branches; every tag must close in its order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.nodes: list[tuple[int, str]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = dict(attrs).get("class") or ""
        self.open.append(f"{tag}.{style}")
        if style.startswith("rd-node"):
            depth = sum(one == "ul.rd-branches" for one in self.open)
            self.nodes.append((depth, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1].startswith("strong") and any("rd-counts" in one for one in self.open):
            self.nodes[-1] = self.nodes[-1][0], data


def test_only_branches_are_indented_and_a_look_up_is_one_node() -> None:
    assert Outline(tree_of(searched())).nodes == [
        (1, "Answer 1"),
        (1, "Look-up 2"),
        (1, "Theorem 7"),
        (2, "Answer 8"),
        (2, "Thought 9"),
        (1, "Thought 3"),
        (1, "Answer 10"),
        (1, "Thought 4"),
    ]


def test_a_node_tells_its_visits_its_value_and_what_became_of_it() -> None:
    html = tree_of(searched())
    assert "\n" not in html
    look_up = html[html.index("Look-up 2") : html.index("Theorem 7")]
    assert "1 visit" in look_up
    assert "value 1/1" in look_up
    assert "width:100%" in look_up
    assert "chosen" in look_up
    assert re.search(r'rd-relevant">Vieta <span>0.83, relevant', look_up)
    assert re.search(r'rd-irrelevant">AM-GM <span>0.41, not relevant', look_up)
    assert "Not followed: repeats step 3" in html
    assert "0 visits" in html[html.index("Thought 4") :]
    assert "reward 0" in html[html.index("Answer 1<") : html.index("Look-up 2")]


def test_a_long_step_unfolds_and_its_beginning_cuts_no_formula() -> None:
    html = tree_of(searched())
    beginning = re.search(r"<details><summary>(.*?)</summary>", html)
    assert beginning is not None
    assert beginning.group(1).endswith("more …")
    assert "\u2063(x^2-5x+6\u2063)" in beginning.group(1)
    assert "\u2063(y\u2063)" in html


def test_the_vote_counts_equal_answers_together() -> None:
    html = tree_of(searched())
    assert "2 of 3" in html[html.index("boxed{5}") : html.index("boxed{6}")]
    assert html.count("wins") == html.count("rd-wins") + 1
    assert "All rollouts were made." in html
    assert "boxed{5.0}" not in html[: html.index("</table>")]
    assert "3 of 3 rollouts" in html


@pytest.mark.parametrize(
    ("planned", "outcome", "says"),
    [
        (3, "finished", "All rollouts were made."),
        (None, "finished", "All rollouts were made."),
        (4, "finished", "Ended 1 before the last"),
        (4, "stopped", ""),
    ],
)
def test_why_a_search_ended(planned: int | None, outcome: str, says: str) -> None:
    html = tree_of(searched(planned, outcome=outcome))
    assert (
        (f'<p class="rd-note">{says}' in html) if says else ("rd-note" not in html.split("</table>")[1][:20])
    )


def test_a_vote_that_nothing_could_change_says_so() -> None:
    agreed = [{**one, "answer": "5", "group": 1} for one in BALLOTS]
    html = tree_of(searched(5, agreed))  # type: ignore[arg-type]
    assert "Stopped early, 2 before the last" in html


def test_rollouts_without_a_box_are_counted_apart() -> None:
    steps = (Step(n=1, action="answer", text="who knows"), Step(n=2, action="answer", text=r"\boxed{5}"))
    ballots = [
        Rollout(n=1, answer=None, group=None, correct=None),
        Rollout(n=2, answer="5", group=2, correct=None),
    ]
    html = tree_of(trajectory(steps=marked(ballots, steps), strategy="cot@2"))
    assert "no boxed answer</td><td>1 of 2" in html


def test_logs_from_before_votes_were_kept_count_by_the_letter() -> None:
    old = [step.model_copy(update={"vote": None}) for step in marked(BALLOTS)]
    assert [one["group"] for one in rollouts(old)] == [1, 8, 10]
    assert [one["group"] for one in rollouts(marked(BALLOTS))] == [1, 8, 8]


def test_a_run_without_branches_is_a_plain_list() -> None:
    html = tree_of(trajectory())
    assert {depth for depth, _ in Outline(html).nodes} == {1}
    assert "rollouts" not in html
    assert "visit" not in html
    assert "Steps</span>" in html


def test_a_tree_that_grows_has_the_names_of_the_finished_one() -> None:
    before = growing(Grown(STEPS[:5], 3), "r1")
    assert "Search tree" in before
    assert "rd-vote" not in before
    assert set(re.findall(r'id="([^"]*)"', growing(Grown(marked(BALLOTS), 3), "r1"))) == {"rd-r1-2"}
    assert 'id="rd-r1-2"' in tree_of(searched())


def test_what_was_written_becomes_no_markup() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    hits = (StepHit(id=evil, title=evil, score=1.0, reason=evil),)
    steps = (
        Step(n=1, action="query", text=evil, hits=hits, pruned=evil),
        Step(n=2, action="answer", text=rf"{evil}\boxed{{{evil}}}", reward=1, visits=1, value=1),
    )
    html = tree_of(trajectory(id=evil, steps=steps, strategy="mcts", planned=1))
    assert "<script" not in html
    assert "<img" not in html


numbers = st.none() | st.integers(1, 12)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), numbers, st.sampled_from(["think", "query", "reflect", "answer"])))
)
def test_any_steps_make_an_outline(rows: list[tuple[int, int | None, str]]) -> None:
    steps = [Step(n=n, action=action, text="x", parent=parent) for n, parent, action in rows]  # type: ignore[arg-type]
    nodes = Outline(growing(Grown(tuple(steps)), "r")).nodes
    assert len(nodes) <= len({step.n for step in steps})


def test_a_tree_of_any_depth_is_drawn() -> None:
    steps = [Step(n=1, action="think", text="x")]
    for n in range(2, 4000, 2):  # a branch at every level
        steps += [Step(n=one, action="think", text="x", parent=n - 1) for one in (n, n + 1)]
    assert max(depth for depth, _ in Outline(growing(Grown(tuple(steps)), "r")).nodes) == 2000
