"""Drawing: a trajectory's tree as text and as Mermaid, whatever was written in it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.draw import mermaid, text_tree
from agent.records import Step, StepHit, Trajectory
from tests.agent.test_records import trajectory

HITS = (
    StepHit(id="vieta", title="Vieta", score=1.0, verdict="relevant"),
    StepHit(id="am-gm", score=0.5, verdict="irrelevant"),
)
TREE = (
    Step(n=1, action="answer", text="Six", visits=1, value=0, reward=0),
    Step(n=2, action="query", text="sum of roots", visits=1, value=1, chosen=True),
    Step(n=3, action="think", text="", visits=0, value=0, pruned="empty"),
    Step(n=4, action="retrieve", text="2 passages", parent=2, hits=HITS, visits=1, value=1, chosen=True),
    Step(n=5, action="reflect", text="1 of 2", parent=4, hits=HITS, visits=1, value=1, chosen=True),
    Step(n=6, action="answer", text="Five", parent=5, visits=1, value=1, reward=1, chosen=True),
)


def drawn(*steps: Step, problem: str = "How many?") -> Trajectory:
    return trajectory(steps=steps, problem=problem)


def test_a_tree_as_text() -> None:
    assert text_tree(drawn(*TREE)).splitlines() == [
        "How many?",
        "├─ 1 answer 0/1 reward 0  Six",
        "├─*2 query 1/1  sum of roots",
        "│ *4 retrieve 1/1  2 passages",
        "│ *5 reflect 1/1  +Vieta, −am-gm",
        "│ *6 answer 1/1 reward 1  Five",
        "└─ 3 think 0/0 (empty)",
    ]


def test_a_run_without_branches_is_a_list() -> None:
    steps = (Step(n=1, action="think", text="One"), Step(n=2, action="answer", text="Two", parent=1))
    assert text_tree(drawn(*steps)).splitlines() == ["How many?", " 1 think  One", " 2 answer  Two"]


def test_branches_within_branches_are_indented() -> None:
    steps = [Step(n=n, action="think", text=f"t{n}", parent=parent) for n, parent in [(1, None), (2, None)]]
    steps += [
        Step(n=n, action="think", text=f"t{n}", parent=parent) for n, parent in [(3, 1), (4, 1), (5, 2)]
    ]
    assert text_tree(drawn(*steps)).splitlines()[1:] == [
        "├─ 1 think  t1",
        "│ ├─ 3 think  t3",
        "│ └─ 4 think  t4",
        "└─ 2 think  t2",
        "   5 think  t5",
    ]


def test_a_tree_as_mermaid() -> None:
    lines = mermaid(drawn(*TREE)).splitlines()
    assert lines[0] == "flowchart TD"
    assert '  n6["6 answer 1#47;1 reward 1<br/>Five"]' in lines
    assert {"  n0 --> n1", "  n0 --> n2", "  n0 --> n3", "  n2 --> n4", "  n4 --> n5", "  n5 --> n6"} <= set(
        lines
    )
    assert lines[-2:] == ["  class n2,n4,n5,n6 chosen", "  class n3 pruned"]


@pytest.mark.parametrize("draw", [text_tree, mermaid])
def test_nothing_and_a_very_long_line_can_be_drawn(draw: object) -> None:
    assert callable(draw)
    chain = [Step(n=n, action="think", text="x", parent=n - 1 or None) for n in range(1, 5001)]
    assert len(draw(drawn(*chain)).splitlines()) >= 5001
    assert draw(drawn())


def test_a_parent_that_is_not_there_is_the_problem() -> None:
    lost = Step(n=7, action="think", text="lost", parent=99)
    assert "7 think  lost" in text_tree(drawn(lost))
    assert "n0 --> n7" in mermaid(drawn(lost))


LABEL = r"(?:[^\W_]|[ .,()=+-]|[^\x00-\x7f]|#\d+;)*"
NODE = re.compile(rf'  n\d+\["{LABEL}(?:<br/>{LABEL})?"\]')
REST = re.compile(r"flowchart TD|  n\d+ --> n\d+|  classDef .*|  class [n\d,]+ \w+")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60), st.text(max_size=60))
@pytest.mark.parametrize(
    "hostile",
    [
        '"]; click n0 "javascript:alert(1)"',
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "a\nb\r\n  n0 --> n9\u2028c",
        "`code` **bold** %%{init: {}}%% --> end #quot; &quot; $$x$$",
        "\x1b[31mred\x1b[0m \u202etxt.exe \x07",
    ],
)
def test_hostile_text_stays_text(hostile: str, text: str, reason: str) -> None:
    one = Step(n=1, action="query", text=hostile + text, pruned=reason)
    judged = Step(
        n=2, action="reflect", text="", parent=1, hits=(StepHit(id=text or "x", score=1, title=hostile),)
    )
    given_ = drawn(one, judged, problem=text + hostile)
    lines = text_tree(given_).splitlines()
    assert len(lines) == 3
    assert not any(unicodedata.category(char)[0] == "C" for line in lines for char in line)
    flowchart = mermaid(given_).split("\n")
    assert all(NODE.fullmatch(line) or REST.fullmatch(line) for line in flowchart)
    assert sum(bool(NODE.fullmatch(line)) for line in flowchart) == 3
