"""Steps written by a scripted model behind a real endpoint."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from agent.solve import Solver
from agent.state import AgentConfig
from tests.scripted import ScriptedServer
from tests.ui.conftest import SolverFor
from ui.compare.draft import Draft
from ui.solve.queue import Queue, Ticket

SOLUTION = "First we add.\n\nThen we halve. \\boxed{2}"


async def test_the_text_grows_until_it_is_whole(solver_for: SolverFor) -> None:
    with ScriptedServer([SOLUTION], delay=0.05) as server:
        draft = Draft(partial(solver_for(server), AgentConfig()), Queue(1))
        texts = [text async for text in draft.write("1+3 halved?")]
    assert len(texts) > 1
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert texts[-1] == draft.text == SOLUTION
    assert draft.whole
    assert draft.fault == ""


async def test_a_server_that_breaks_leaves_what_was_written(solver_for: SolverFor) -> None:
    with ScriptedServer([SOLUTION], break_after=3) as server:
        draft = Draft(partial(solver_for(server), AgentConfig()), Queue(1))
        texts = [text async for text in draft.write("P?")]
    assert texts[-1] == draft.text == "First we add.\n\nThen"
    assert not draft.whole
    assert draft.fault.endswith("What was written is kept: go on by hand, or empty the box.")


async def test_a_problem_that_cannot_be_asked_is_one_line(solver_for: SolverFor) -> None:
    with ScriptedServer([SOLUTION]) as server:
        draft = Draft(partial(solver_for(server), AgentConfig()), Queue(1))
        assert [text async for text in draft.write(" ")] == []
        assert server.requests == []
    assert draft.fault.startswith("the problem is empty. ")
    assert not draft.whole


async def test_a_defect_is_one_line_and_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Solver:
        raise ZeroDivisionError("secret")

    draft = Draft(broken, Queue(1))
    assert [text async for text in draft.write("P?")] == []
    assert draft.fault == "Something went wrong (ZeroDivisionError). The log has the details."
    assert "writing steps failed" in caplog.text


@pytest.mark.parametrize("how", ["stop", "leave"])
async def test_stopping_and_leaving_stop_the_model(solver_for: SolverFor, how: str) -> None:
    with ScriptedServer(["word " * 400], delay=0.02) as server:
        draft = Draft(partial(solver_for(server), AgentConfig()), Queue(1))
        writing = draft.write("P?")
        async for _ in writing:
            if how == "leave":
                break
            draft.stop()
        await writing.aclose()
        assert server.dropped.wait(15)
    assert draft.text.startswith("word")
    assert not draft.whole
    assert draft.fault == ""


async def test_a_draft_waits_for_its_turn_and_says_its_place(solver_for: SolverFor) -> None:
    queue = Queue(1)
    with ScriptedServer([SOLUTION]) as server:
        draft = Draft(partial(solver_for(server), AgentConfig()), queue)
        seen = []
        async with queue.place(Ticket()):
            writing = draft.write("P?")
            assert await anext(writing) == ""
            assert draft.ticket.place == 1
            assert server.requests == []
        async for text in writing:
            seen.append((draft.ticket.place, text))
    assert draft.error == ""
    assert seen[-1] == (0, SOLUTION)
