"""Trajectories as files: what they hold, and that text in them stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import Step, StepHit, Trajectory
from tests.agent.test_records import trajectory
from tests.ui.solve.test_tree import searched
from tests.ui.tex.engine import complaints, needs_tex
from ui.solve.export import to_json, to_latex, to_markdown

EVIL = (
    "<script>alert(1)</script> [a](javascript:alert(2)) ![b](http://a.example/x)\n[c]: http://example.com\n"
    "# Title\n===\n| a | b |\n$x<img src=y>$ `<b>` &amp; costs $5 and $7 "
    "\\input{/etc/passwd} \\end{document}\n"
    "```\n<i> \\end{verbatim}\n````\n"
)


def test_markdown_tells_the_whole_run() -> None:
    text = to_markdown([trajectory(grade="correct")])
    parts = [
        "# Question\n\n$x$?",
        "## Step 1\n\nLook.",
        "## Looking for\n\nroots",
        "- **Vieta** (` vieta `) score 0.70, dense 0.50, BM25 2.00; relevant: fits",
        "## Recall: Vieta\n\nThe sum.",
        "## Conclusion\n\n$\\boxed{5}$",
        "## Answer\n\n$\\boxed{5}$",
        "Strategy steps; model m; 0.5 s, 2 tokens",
        "graded correct",
    ]
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)


def test_of_a_search_the_chosen_path_is_told() -> None:
    text = to_markdown([searched()])
    assert "sum of the roots" in text
    assert "Try $x=1$" not in text
    assert "5 further steps of the search are in the JSON" in text


def test_several_answers_are_one_document() -> None:
    both = [trajectory(problem="First?"), trajectory(problem="Second?", answer=None, error="the server died")]
    assert re.findall(r"^# Question\n\n(.*)$", to_markdown(both), re.MULTILINE) == ["First?", "Second?"]
    assert "## Stopped by an error\n\nthe server died" in to_markdown(both)
    latex = to_latex(both)
    assert latex.count(r"\section*{Question}") == 2
    assert latex.count(r"\begin{document}") == latex.count(r"\end{document}") == 1


def test_json_is_what_the_log_holds() -> None:
    both = [trajectory(), searched(feedback={"answer": "up"})]
    lines = to_json(both).splitlines()
    assert [Trajectory.model_validate_json(line) for line in lines] == both
    assert json.loads(lines[1])["feedback"] == {"answer": "up"}


def evil() -> Trajectory:
    """A trajectory in which everything that is written is an attack."""
    hits = (StepHit(id=EVIL, title=EVIL, score=1.0, verdict="relevant", reason=EVIL),)
    steps = (
        Step(n=1, action="think", text=EVIL),
        Step(n=2, action="query", text=EVIL),
        Step(n=3, action="retrieve", text=EVIL, hits=hits),
        Step(n=4, action="summarise", text=EVIL, hits=hits),
        Step(n=5, action="answer", text=EVIL),
    )
    return trajectory(problem=EVIL, steps=steps, answer=EVIL, error=EVIL, strategy=EVIL)


def test_text_becomes_no_markup_in_markdown() -> None:
    text = to_markdown([evil()])
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert not re.search(r"<\w|</", outside)
    assert not re.search(r"\]\s*[(\[:]", outside)
    ours = {"# Question", "## Step 1", "## Looking for", "## Conclusion", "## Answer", "## About this run"}
    headings = {line for line in outside.splitlines() if line.startswith("#")}
    assert {line for line in headings if not line.startswith("## Recall: ")} <= ours | {
        "## Stopped by an error"
    }
    assert r"\$5 and \$7" in outside


def test_a_fence_closes_where_it_should() -> None:
    text = to_markdown([trajectory(problem="before\n```\na\n````\nb\n```\nafter")])
    assert "before\n\n`````\na\n````\nb\n`````\n\nafter" in text


def test_text_becomes_no_command_in_latex() -> None:
    text = to_latex([evil()])
    assert r"\input" not in text
    assert text.count(r"\end{document}") == 1
    assert r"\textless{}script\textgreater{}" in text


@needs_tex
@pytest.mark.parametrize("one", [trajectory(), searched(), evil()], ids=["steps", "mcts", "evil"])
def test_documents_compile(one: Trajectory, tmp_path: Path) -> None:
    assert complaints(to_latex([one, one]), tmp_path) == []
    assert (tmp_path / "it.pdf").stat().st_size > 1000


@settings(deadline=None)
@given(st.text(alphabet="<>[]()!:$`#&\\ax\n =-*~", max_size=80))
def test_no_tag_and_no_link_survives(text: str) -> None:
    written = to_markdown([trajectory(problem=text, steps=(), answer=None)])
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", written, flags=re.DOTALL)
    assert not re.search(r"<[a-z/!]", outside)
    assert not re.search(r"\]\s*[(\[:]", outside)
