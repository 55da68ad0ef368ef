"""The chat around a real solver, a real retriever and a scripted model server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest

from agent.solve import Solver
from agent.state import AgentConfig
from retriever.errors import IndexMissingError
from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.conftest import SolverFor
from ui.solve.chat import Chat, Screen, Visit
from ui.solve.choices import Choices
from ui.solve.conversations import Conversations
from ui.solve.queue import Queue
from ui.solve.runs import MakeSolver, Runs

LONG = "word " * 400
STEPS, COT = Choices(), Choices(strategy="cot")

ChatFor = Callable[..., Chat]


@pytest.fixture
async def chat_for(tmp_path: Path) -> AsyncIterator[ChatFor]:
    """Chats whose runs go on unseen for a second, over one file of conversations; at the end none runs."""
    kept, made = Conversations(tmp_path / "conversations.sqlite"), list[Runs]()

    def chat(make: MakeSolver, grace: float = 1.0) -> Chat:
        made.append(Runs(make, kept, grace=grace))
        return Chat(made[-1], kept, AgentConfig())

    yield chat
    while any(runs.under_way for runs in made):
        await asyncio.sleep(0.05)


async def watched(chat: Chat, visit: Visit) -> list[Screen]:
    """Every screen to the end."""
    return [screen async for screen in chat.watch(visit)]


async def run(chat: Chat, visit: Visit, text: str, choices: Choices = STEPS) -> list[Screen]:
    """Ask and read every screen to the end."""
    assert await chat.ask(visit, text, choices)
    return await watched(chat, visit)


async def until_it_says(chat: Chat, visit: Visit, word: str) -> None:
    """Watch until the block being written says ``word``, then look away."""
    async with aclosing(chat.watch(visit)) as screens:  # type: ignore[type-var]
        async for screen in screens:
            if word in screen.live:
                return


async def dropped(server: ScriptedServer) -> bool:
    """Whether the server sees its client leave."""
    return await asyncio.to_thread(server.dropped.wait, 15)


async def test_a_question_is_answered_step_by_step(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer(scripts.solve, delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        screens = await run(chat, visit, "What is $a+b$?")
    done, live, tree, status = screens[-1]
    assert (live, tree, status) == ("", "", "")
    order = [
        "rd-question",
        "Step 1",
        "Looking for:",
        "rd-relevant",
        "rd-irrelevant",
        "Recall",
        "Conclusion",
        "rd-result",
    ]
    positions = [done.index(part) for part in order]
    assert positions == sorted(positions)
    assert "\u2063[\\boxed{42}\u2063]" in done
    assert scripts.REASON in done
    assert "<script" not in done
    assert "Thinking" in "".join(screen.status for screen in screens)
    assert "look-up" in visit.blocks[-1]
    assert visit.last is not None
    assert visit.last.state == "finished"
    assert not chat.unfinished(visit)


async def test_finished_blocks_only_ever_grow_and_are_kept_as_they_were_shown(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve, delay=0.01) as server:
        screens = await run(chat_for(solver_for(server)), Visit("me"), "What is $a+b$?")
    for before, after in pairwise(screens):  # so that Gradio sends only what was added
        assert after.done.startswith(before.done)


async def test_the_page_is_told_at_most_ten_times_a_second(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer([LONG[:1000] + r"\boxed{1}"], delay=0.005) as server:
        started = time.perf_counter()
        screens = await run(chat_for(solver_for(server)), Visit("me"), "Q", COT)
    assert len(screens) <= 10 * (time.perf_counter() - started) + 3
    assert len(screens) > 5


@pytest.mark.parametrize("strategy", ["cot", "rag"])
async def test_other_strategies(solver_for: SolverFor, chat_for: ChatFor, strategy: str) -> None:
    with ScriptedServer(scripts.solve) as server:
        screens = await run(chat_for(solver_for(server)), Visit("me"), "Q", Choices(strategy=strategy))
    assert "Solution" in screens[-1].done
    assert ("rd-card" in screens[-1].done) == (strategy == "rag")


@pytest.mark.parametrize("strategy", ["mcts", "cot@3", "rag@3"])
async def test_many_attempts_are_folded_and_the_best_is_told(
    solver_for: SolverFor, chat_for: ChatFor, strategy: str
) -> None:
    with ScriptedServer(scripts.solve, delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        screens = await run(chat, visit, "What is $a+b$?", Choices(strategy=strategy))
        follow_up = await run(chat, visit, "And why?", COT)
        told = str(server.requests[-1]["messages"])
    done = screens[-1].done
    assert done.count('<details class="rd-fold">') == 4  # three attempts and the tree
    assert "Attempt 3 of 3" in done
    assert '<details class="rd-fold" open>' in done
    assert done.index("The solution with the most votes") < done.index("rd-result")
    assert any("rd-tree" in screen.tree for screen in screens[:-1])
    assert screens[-1].tree == ""
    assert done in follow_up[-1].done
    assert "answer is" in told


async def test_choices_reach_the_solver(solver_for: SolverFor, chat_for: ChatFor) -> None:
    seen: list[Choices] = []

    def make(choices: Choices) -> Solver:
        seen.append(choices)
        return solver_for(server)(choices)

    with ScriptedServer(scripts.solve) as server:
        chosen = Choices(depth=2, hits=1, retriever="bm25", model="m")
        visit = Visit("me")
        await run(chat_for(make), visit, "Q", chosen)
    assert seen == [chosen]
    assert visit.blocks[2].count("<details") == 1
    assert visit.last is not None
    assert visit.last.choices == chosen


async def test_stop_stops_the_model_and_keeps_what_is_written(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", STEPS)
        async for screen in chat.watch(visit):
            if "word" in screen.live:
                chat.stop(visit)
                chat.stop(visit)  # an impatient click
        assert await dropped(server)
    assert chat.running(visit) is None
    assert "word" in visit.blocks[1]
    assert "Stopped" in visit.blocks[-1]
    assert chat.unfinished(visit)


async def test_a_page_that_comes_back_joins_its_run(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer([LONG[:500] + r"\boxed{1}"], delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", COT)
        await until_it_says(chat, visit, "word")
        back = Visit("me")
        await chat.open(back, visit.conversation.id)
        first, *_, last = await watched(chat, back)
        assert len(server.requests) == 1
    assert "word" in first.live
    assert "rd-result" in last.done
    assert back.last is not None
    assert back.last.state == "finished"


async def test_a_run_that_nobody_looks_at_is_stopped(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", STEPS)
        await until_it_says(chat, visit, "word")
        assert chat.running(visit) is not None
        assert await dropped(server)
        while chat.running(visit) is not None:
            await asyncio.sleep(0.05)
    back = Visit("me")
    await chat.open(back, visit.conversation.id)
    assert "Stopped" in back.blocks[-1]


async def test_a_run_that_ended_before_anybody_watched_is_shown(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server), grace=60.0), Visit("me")
        assert await chat.ask(visit, "Q", COT)
        while chat.running(visit) is not None:
            await asyncio.sleep(0.05)
        assert "rd-result" in (await watched(chat, visit))[-1].done


async def test_two_pages_see_the_same_run(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer(scripts.solve, delay=0.01) as server:
        chat, one, other = chat_for(solver_for(server)), Visit("me"), Visit("me")
        assert await chat.ask(one, "Q", STEPS)
        await chat.open(other, one.conversation.id)
        screens = await asyncio.gather(watched(chat, one), watched(chat, other))
    assert screens[0][-1] == screens[1][-1]
    assert "rd-result" in screens[1][-1].done


async def test_nobody_opens_what_is_anothers(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, mine = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(mine, "my secret", STEPS)
        await until_it_says(chat, mine, "word")
        other = Visit("you")
        await chat.open(other, mine.conversation.id)
        assert (other.conversation.id, other.blocks) == ("", [])
        assert "there is no such conversation" in other.notice
        assert await chat.listed(other) == []
        other.conversation = mine.conversation  # as if a defect had let it in
        await chat.delete(other)
        assert not await chat.go_on(other)
        assert [one.title for one in await chat.listed(mine)] == ["my secret"]
        chat.stop(mine)
        await watched(chat, mine)


async def test_a_run_waits_in_line_and_can_be_stopped_there(solver_for: SolverFor, tmp_path: Path) -> None:
    kept = Conversations(tmp_path / "conversations.sqlite")
    with ScriptedServer([LONG], delay=0.02) as server:
        chat = Chat(Runs(solver_for(server), kept, queue=Queue(1)), kept, AgentConfig())
        first, second = Visit("me"), Visit("you")
        assert await chat.ask(first, "Q", STEPS)
        await until_it_says(chat, first, "word")
        assert await chat.ask(second, "Q2", STEPS)
        async for screen in chat.watch(second):
            if "Number 1 in line" in screen.status:
                chat.stop(second)
        chat.stop(first)
        await watched(chat, first)
        assert len(server.requests) == 1
    assert "Stopped" in second.blocks[-1]


async def test_a_follow_up_sees_the_conversation(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        await run(chat, visit, "The first question", COT)
        await run(chat, visit, "And why?", COT)
        messages = [(message["role"], message["content"]) for message in server.requests[-1]["messages"]]
    assert messages[1:] == [("user", "The first question"), ("assistant", scripts.LAST), ("user", "And why?")]


async def test_a_new_conversation_leaves_the_old_one_as_it_is(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        await run(chat, visit, "First", COT)
        old = visit.conversation.id
        chat.leave(visit)
        assert chat.screen(visit) == Screen("", "", "", "")
        await run(chat, visit, "Second", COT)
        assert len(server.requests[-1]["messages"]) == 2
        assert [one.title for one in await chat.listed(visit)] == ["Second", "First"]
        await chat.open(visit, old)
    assert "First" in visit.blocks[0]


async def test_leaving_ends_the_old_stream(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", STEPS)
        screens = []
        async for screen in chat.watch(visit):
            screens.append(screen)
            if "word" in screen.live:
                chat.leave(visit)
        assert all("rd-question" in screen.done for screen in screens)  # none of the new conversation
        assert await dropped(server)


# What goes wrong


async def test_a_server_that_dies_leaves_the_steps_and_the_run_goes_on(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")

        def die(body: dict[str, object]) -> str:
            server.break_after = 3
            return scripts.solve(body)

        server.script = lambda body: scripts.solve(body) if len(server.requests) < 3 else die(body)
        done = (await run(chat, visit, "My question"))[-1].done
        assert "rd-error" in done
        assert "Traceback" not in done
        assert chat.unfinished(visit)
        server.script, server.break_after = scripts.solve, None
        asked = len(server.requests)
        assert await chat.go_on(visit)
        whole = (await watched(chat, visit))[-1].done
        assert len(server.requests) - asked < 4  # the first thought and its query were not asked for again
    assert "rd-result" in whole
    assert "rd-error" not in whole
    assert whole.count("Step 1") == whole.count("Looking for:") == whole.count("rd-question") == 1
    assert not chat.unfinished(visit)


async def test_a_run_cut_off_by_a_kill_is_shown_as_such_and_goes_on(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve, delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", STEPS)
        await until_it_says(chat, visit, "So")
        live = chat.running(visit)
        assert live is not None
        cut_off = live.snapshot("running")
        chat.stop(visit)
        await watched(chat, visit)
        after = chat_for(solver_for(server))  # the server begins anew; its file is as the kill left it
        after._kept.keep(visit.conversation.id, cut_off)
        back = Visit("me")
        await after.open(back, visit.conversation.id)
        assert "Interrupted" in back.blocks[-1]
        assert after.unfinished(back)
        assert await after.go_on(back)
        done = (await watched(after, back))[-1].done
    assert "rd-result" in done
    assert "Interrupted" not in done
    assert done.count("Step 1") == 1


async def test_a_run_that_another_process_has_is_left_to_it(
    solver_for: SolverFor, chat_for: ChatFor, tmp_path: Path
) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        assert await chat.ask(visit, "Q", STEPS)
        await until_it_says(chat, visit, "word")
        other, back = chat_for(solver_for(server)), Visit("me")
        await other.open(back, visit.conversation.id)
        assert not await other.go_on(back)
        assert "another rader on this machine" in other.screen(back).status
        chat.stop(visit)
        await watched(chat, visit)
        assert list((tmp_path / "running").iterdir()) == []
        server.script = scripts.solve
        assert await other.go_on(back)
        assert "rd-result" in (await watched(other, back))[-1].done


async def test_nothing_is_asked_before_it_is_known_who_asks(chat_for: ChatFor) -> None:
    chat, nobody = chat_for(lambda _: pytest.fail("never made")), Visit()
    assert not await chat.ask(nobody, "Q", STEPS)
    assert "not loaded yet" in chat.screen(nobody).status


async def test_a_solver_that_cannot_be_made_is_one_line_and_may_be_tried_again(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    missing = [True]

    def make(choices: Choices) -> Solver:
        if missing.pop():
            raise IndexMissingError("there is no index yet", "Run: rader index")
        return solver_for(server)(choices)

    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(make), Visit("me")
        done = (await run(chat, visit, "Q"))[-1].done
        assert "there is no index yet. Run: rader index" in done
        missing.append(False)
        assert await chat.go_on(visit)
        assert "rd-result" in (await watched(chat, visit))[-1].done


async def test_a_defect_is_one_line_and_is_logged(
    caplog: pytest.LogCaptureFixture, chat_for: ChatFor
) -> None:
    def broken(_: Choices) -> Solver:
        raise ZeroDivisionError("secret")

    done = (await run(chat_for(broken), Visit("me"), "Q"))[-1].done
    assert "ZeroDivisionError" in done
    assert "secret" not in done
    assert "a run failed" in caplog.text


@pytest.mark.parametrize("text", ["", " \n ", "\x00\x01", "x" * 50_000])
async def test_what_cannot_be_asked_is_a_notice(chat_for: ChatFor, text: str) -> None:
    chat, visit = chat_for(lambda _: pytest.fail("never made")), Visit("me")
    assert not await chat.ask(visit, text, STEPS)
    assert visit.blocks == []
    assert 'role="alert"' in chat.screen(visit).status
    assert await chat.listed(visit) == []


async def test_one_question_at_a_time(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer(scripts.solve, delay=0.01) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        took = await asyncio.gather(*(chat.ask(visit, f"Q{n}", COT) for n in range(3)))
        assert sorted(took) == [False, False, True]
        assert not await chat.go_on(visit)
        assert not await chat.revise(visit, 1, "x")
        assert "One question at a time" in chat.screen(visit).status
        assert len(await chat.listed(visit)) == 1
        assert (await watched(chat, visit))[-1].status == ""
    assert await watched(chat, visit) == [chat.screen(visit)]


async def test_what_another_tab_deleted_makes_room_for_a_new_conversation(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, one, other = chat_for(solver_for(server)), Visit("me"), Visit("me")
        await run(chat, one, "Q", COT)
        await chat.open(other, one.conversation.id)
        await chat.delete(one)
        assert not await chat.ask(other, "And why?", COT)
        assert "there is no such conversation" in chat.screen(other).status
        assert (other.conversation.id, other.blocks) == ("", [])
        await run(chat, other, "And why?", COT)
    assert [found.title for found in await chat.listed(one)] == ["And why?"]


async def test_a_conversation_deleted_in_mid_answer_stops_the_model(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, one, other = chat_for(solver_for(server)), Visit("me"), Visit("me")
        assert await chat.ask(one, "Q", STEPS)
        await chat.open(other, one.conversation.id)
        await until_it_says(chat, one, "word")
        await chat.delete(other)
        last = (await watched(chat, one))[-1]
        assert await dropped(server)
    assert "there is no such conversation" in last.status
    assert "word" in last.done  # nothing vanishes before one's eyes


async def test_renaming(solver_for: SolverFor, chat_for: ChatFor) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        await run(chat, visit, "Q", COT)
    await chat.rename(visit, "A better title")
    assert [one.title for one in await chat.listed(visit)] == ["A better title"]
    await chat.rename(visit, "  ")
    assert "the title is empty" in visit.notice
    assert visit.conversation.title == "A better title"


# A step is changed


async def test_a_changed_step_begins_a_run_that_takes_the_place_of_the_old_one(
    solver_for: SolverFor, chat_for: ChatFor
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        await run(chat, visit, "Q")
        before = visit.last
        assert before is not None
        assert await chat.revise(visit, 1, "Let us square it: $3+4=8$.")
        screens = await watched(chat, visit)
        told = [str(request["messages"]) for request in server.requests[-3:]]
        after = visit.last
    assert after is not None
    assert "changed by you" in screens[0].done
    assert screens[-1].done.count("rd-question") == 1
    assert scripts.FIRST[:20] not in screens[-1].done
    assert "do not hold" in screens[-1].done  # what a person claims is checked too
    assert all("Let us square it" in one for one in told)
    assert after.trajectory is not None
    assert after.trajectory.continues == after.continues
    assert (after.continues.trajectory, after.given) == (before.id, 1) if after.continues else False
    assert len(visit.conversation.exchanges) == 2  # the old one is kept
    assert await chat.revise(visit, 1, "Once more.")
    assert "Once more." in (await watched(chat, visit))[-1].done


@pytest.mark.parametrize(("n", "text"), [(0, "x"), (99, "x"), (3, "x"), (1, " "), (1, r"\boxed{1}")])
async def test_what_cannot_be_changed_is_a_notice(
    solver_for: SolverFor, chat_for: ChatFor, n: int, text: str
) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, visit = chat_for(solver_for(server)), Visit("me")
        await run(chat, visit, "Q")
        asked = len(server.requests)
        assert not await chat.revise(visit, n, text)
        assert 'role="alert"' in chat.screen(visit).status
        assert len(server.requests) == asked
