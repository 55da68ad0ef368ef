"""Steps become cards, blocks and lines; a run becomes blocks as its events come in."""

from __future__ import annotations

from agent.events import Finished, StepDone, StepStarted, Token
from agent.records import Action, Check, Fingerprints, Step, StepHit, Trajectory, Usage
from retriever.passage import Passage
from ui import terminal
from ui.page import render
from ui.solve import transcript
from ui.solve.transcript import RunView

PASSAGES = {
    "vieta": Passage(id="vieta", title="Vieta", text="$r+s=-b/a$", use_when="roots are summed"),
    "gcd": Passage(id="gcd", title="gcd", text="def gcd(a, b):\n\n    return $a$ < b", kind="code"),
}
HITS = (
    StepHit(id="vieta", title="Vieta", score=1.234, parts={"dense": 0.812, "bm25": 12.44}),
    StepHit(id="gcd", title="gcd <b>", score=-0.5),
    StepHit(id="gone", score=0.1),
)
JUDGED = (
    HITS[0].model_copy(update={"verdict": "relevant", "reason": "sums $r+s$"}),
    HITS[1].model_copy(update={"verdict": "irrelevant", "reason": "code"}),
)
PRINTS = Fingerprints(llm="m", retriever="r", index="i", prompts="p", config="c")


def done(action: Action, text: str = "", hits: tuple[StepHit, ...] = (), ms: float = 1500.0) -> StepDone:
    return StepDone(Step(n=1, action=action, text=text, hits=hits, ms=ms, tokens=9), PASSAGES)


def finished(**more: object) -> Finished:
    fields: dict[str, object] = {
        "id": "t",
        "problem": "p",
        "problem_id": "p",
        "strategy": "steps",
        "steps": (),
        "answer": None,
        "fingerprints": PRINTS,
        "seed": 0,
        "usage": Usage(completion_tokens=1234, seconds=65.2),
        "created": "now",
    }
    return Finished(Trajectory.model_validate(fields | more))


def test_a_card_holds_title_statement_scores_verdict_and_reason() -> None:
    first, second, gone = render.cards((*JUDGED, HITS[2]), PASSAGES)
    assert first.scores == (("score", "1.23"), ("dense", "0.81"), ("BM25", "12.4"))
    assert (first.open, second.open, gone.open) == (True, False, False)
    assert (gone.title, gone.statement) == ("gone", "")
    shown = render.card(first)
    for part in (
        "<details",
        " open>",
        "Vieta",
        "\u2063(r+s=-b/a\u2063)",
        "Relevant",
        "\u2063(r+s\u2063)",
        "12.4",
    ):
        assert part in shown
    assert "roots are summed" in shown


def test_an_irrelevant_card_is_folded_and_code_stays_code() -> None:
    shown = render.card(render.cards(JUDGED, PASSAGES)[1])
    assert " open>" not in shown
    assert "Not relevant" in shown
    assert "gcd &lt;b&gt;" in shown
    assert "<pre><code>def gcd(a, b):&#10;&#10;    return &#36;a&#36; &lt; b</code></pre>" in shown


def test_an_unjudged_card_has_no_badge() -> None:
    assert "rd-badge" not in render.card(render.cards(HITS, PASSAGES)[0])


def test_numbers_durations_and_counts() -> None:
    assert [render.number(value) for value in (0.8123, -1.05, 12.44)] == ["0.81", "-1.05", "12.4"]
    assert [render.duration(value) for value in (0.44, 12.3, 59.7, 185)] == [
        "0.4 s",
        "12 s",
        "1 min 00 s",
        "3 min 05 s",
    ]
    assert [render.counted(1, "step"), render.counted(1200, "token")] == ["1 step", "1,200 tokens"]


def test_every_block_is_one_line() -> None:
    blocks = [
        render.question("a\n\nb"),
        render.error("no\n\nserver"),
        render.result("4"),
        render.thought(render.Thought("Step 1", "a\n\nb\n\n```\n\n\nx\n```")),
        render.lookup(render.Lookup("q\n\nr", render.cards(JUDGED, PASSAGES), "s\n\nt")),
        render.notice("a\n\nb"),
    ]
    assert all("\n" not in block for block in blocks)


def test_the_result_is_boxed_and_falls_back_to_text() -> None:
    assert "\u2063[\\boxed{\\frac12}\u2063]" in render.result(r"\frac12")
    assert "\u2063" not in render.result(r"\href{x}{y}")
    assert "<script" not in render.result("<script>")


def test_the_status_reads_out_its_phase_only() -> None:
    shown = render.status("Thinking", 12.7, 340)
    assert '<span role="status">Thinking</span><span aria-hidden="true">12 s · 340 tokens</span>' in shown
    assert render.notice("") == ""
    assert "&#123;&#123;x&#125;&#125;&#36;&#123;y&#125;" in render.notice("{{x}}${y}")


def test_a_thought_grows_and_is_then_kept() -> None:
    view = RunView()
    view.apply(StepStarted(1, "think"))
    assert (view.phase, view.blocks) == ("Thinking", [])
    for piece in ("So $x", "=1", "$ holds"):
        view.apply(Token(1, piece))
    assert "So \u2063(x=1\u2063) holds" in view.live()
    assert view.written == 3
    view.apply(done("think", "So $x=1$ holds."))
    assert view.live() == ""
    assert "Step 1" in view.blocks[0]
    assert "1.5 s · 9 tokens" in view.blocks[0]
    assert (view.written, view.solution()) == (9, "So $x=1$ holds.")


CHECKS = (
    Check(claim="3+4=7", verdict="holds", span=(0, 5)),
    Check(claim="1 < 2", verdict="holds", span=(6, 11)),
    Check(claim="3+4=8 <b>$x$</b>", verdict="fails", span=(12, 17), reason="left 7, right 8"),
    Check(claim="x=3", verdict="unknown", span=(18, 21), reason="cannot read <i>"),
)


def test_a_thought_shows_which_of_its_claims_fail() -> None:
    step = Step(n=1, action="think", text="So $3+4=8$.", checks=CHECKS)
    view = RunView()
    view.apply(StepStarted(1, "think"))
    view.apply(Token(1, "So $3+4=8$."))
    assert "Checked" not in view.live()
    view.apply(StepDone(step))
    assert 'rd-holds">✓' in view.blocks[0]
    assert "Checked: 2 hold · 1 do not hold · 1 cannot be told" in view.blocks[0]
    assert "3+4=8 &lt;b&gt;" in view.blocks[0]
    assert "does not hold: left 7, right 8" in view.blocks[0]
    assert "<b>" not in view.blocks[0]
    assert "<i>" not in view.blocks[0]
    assert "\n" not in view.blocks[0]


def test_claims_of_which_nothing_can_be_told_are_not_mentioned() -> None:
    assert render.checks(CHECKS[3:]) == ""
    assert render.checks(()) == ""
    assert "Checked: 2 hold</p>" in render.checks(CHECKS[:2])


def test_a_claim_that_fails_is_typeset_where_it_can_be() -> None:
    failed = Check(claim=r"\frac{6}{4} = 2", verdict="fails", span=(0, 5), reason="left 3/2, right 2")
    assert "\u2063(\\frac{6}{4} = 2\u2063)" in render.checks([failed])


def test_the_terminal_shows_which_claims_fail() -> None:
    shown = terminal.describe(StepDone(Step(n=1, action="think", text="…", checks=CHECKS)))
    assert shown == "\n    = checked: 2 hold\n    ! fails: 3+4=8 <b>$x$</b> (left 7, right 8)\n"
    assert "\x1b" not in terminal.describe(
        StepDone(
            Step(n=1, action="answer", text="…", checks=(CHECKS[2].model_copy(update={"claim": "\x1b[2J"}),))
        )
    )


def test_a_formula_that_is_still_open_is_held_back() -> None:
    view = RunView()
    view.apply(StepStarted(1, "think"))
    view.apply(Token(1, "So $x"))
    assert "<p>So</p>" in view.live()


def test_a_look_up_is_one_block_from_query_to_recall() -> None:
    view = RunView()
    view.apply(StepStarted(2, "query"))
    view.apply(Token(2, "Vieta's formulas"))
    assert "Vieta&#x27;s formulas" in view.live()
    view.apply(done("query", "Vieta's formulas"))
    view.apply(StepStarted(3, "retrieve"))
    view.apply(done("retrieve", "2 passages", HITS[:2]))
    assert "rd-unjudged" in view.live()
    view.apply(StepStarted(4, "reflect"))
    view.apply(done("reflect", "1 of 2 relevant", JUDGED))
    assert "rd-relevant" in view.live()
    view.apply(StepStarted(5, "summarise"))
    view.apply(Token(5, "The sum is $-b"))
    assert "The sum is </p>" in view.live()
    view.apply(done("summarise", "The sum is $-b/a$.", JUDGED[:1]))
    assert view.blocks == []
    view.apply(StepStarted(6, "think"))
    assert "<strong>Recall (Vieta):</strong> The sum is \u2063(-b/a\u2063)." in view.blocks[0]


def test_a_query_that_wants_nothing_is_never_shown() -> None:
    view = RunView()
    view.apply(StepStarted(1, "query"))
    for piece in ("NO", "NE", "."):
        view.apply(Token(1, piece))
        assert view.live() == ""
    view.apply(done("query", ""))
    view.apply(StepStarted(2, "think"))
    assert view.blocks == []


def test_a_search_without_hits_says_so() -> None:
    view = RunView()
    view.apply(StepStarted(1, "query"))
    view.apply(done("query", "a b"))
    view.apply(StepStarted(2, "retrieve"))
    view.apply(done("retrieve", "0 passages"))
    assert "Nothing new was found." in view.live()


def test_a_finished_run_ends_in_its_answer_and_its_cost() -> None:
    view = RunView()
    view.apply(StepStarted(1, "answer"))
    view.apply(done("answer", r"\boxed{4}"))
    steps = (Step(n=1, action="answer", text="x"), Step(n=2, action="retrieve", text="y"))
    view.apply(finished(answer="4", steps=steps))
    assert "Solution" in view.blocks[0]
    assert "rd-result" in view.blocks[1]
    assert "1 min 05 s · 1,234 tokens · 1 step · 1 look-up" in view.blocks[2]


def test_a_failed_run_keeps_what_was_written_and_says_why() -> None:
    view = RunView()
    view.apply(StepStarted(1, "think"))
    view.apply(Token(1, "Half a thou"))
    view.apply(finished(outcome="failed", error="the server died. Start it again"))
    assert "Half a thou" in view.blocks[0]
    assert "the server died. Start it again" in view.blocks[1]


def test_a_run_without_a_box_shows_no_answer() -> None:
    view = RunView()
    view.apply(finished())
    assert len(view.blocks) == 1
    assert "rd-footer" in view.blocks[0]


def test_a_stopped_run_keeps_what_was_written() -> None:
    view = RunView()
    view.apply(StepStarted(1, "query"))
    view.apply(Token(1, "Vieta"))
    view.stop("why")
    assert ["Vieta" in view.blocks[0], "why" in view.blocks[1]] == [True, True]


def test_turns_keep_the_end_of_a_long_solution() -> None:
    asked, answered = transcript.turns("q" * 10, "s" * 90 + "END", 50)
    assert (asked.role, answered.role) == ("user", "assistant")
    assert answered.content.startswith("…s")
    assert answered.content.endswith("END")
    assert len(asked.content + answered.content) == 50
    assert transcript.turns("q", "", 50) == []
    assert transcript.turns("q", "s", 0) == []


def test_a_place_in_line_is_told_with_its_wait() -> None:
    assert "Waiting: 1st in line" in render.waiting(1, None)
    assert "about" not in render.waiting(1, None)
    assert [
        render.waiting(place, 1).split("Waiting: ")[1].split(" ")[0] for place in (2, 3, 11, 12, 23, 112)
    ] == [
        "2nd",
        "3rd",
        "11th",
        "12th",
        "23rd",
        "112th",
    ]
    assert "about 5.0 s" in render.waiting(2, 0.2)
    assert "about 40 s" in render.waiting(2, 41.9)
