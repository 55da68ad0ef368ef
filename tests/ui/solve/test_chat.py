"""The chat's handlers around a real solver, a real retriever and a scripted model server."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from agent.solve import Solver
from agent.state import AgentConfig
from retriever.errors import IndexMissingError
from tests.scripted import ScriptedServer
from tests.ui import scripts
from tests.ui.conftest import SolverFor
from ui.solve.chat import Chat, Conversation, Screen
from ui.solve.queue import Queue

LONG = "word " * 400


async def run(chat: Chat, conversation: Conversation, text: str, strategy: Any = "steps") -> list[Screen]:
    """Ask and read every screen to the end."""
    assert chat.ask(conversation, text)
    return [screen async for screen in chat.answer(conversation, strategy, 6, 3)]


async def dropped(server: ScriptedServer) -> bool:
    """Whether the server sees its client leave."""
    return await asyncio.to_thread(server.dropped.wait, 15)


async def test_a_question_is_answered_step_by_step(solver_for: SolverFor) -> None:
    with ScriptedServer(scripts.solve, delay=0.02) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        screens = await run(chat, conversation, "What is $a+b$?")
    done, live, status = screens[-1]
    assert (live, status) == ("", "")
    order = [
        "rd-question",
        "Step 1",
        "Looking for:",
        "rd-relevant",
        "rd-irrelevant",
        "Recall",
        "Step 2",
        "rd-result",
    ]
    positions = [done.index(part) for part in order]
    assert positions == sorted(positions)
    assert "\u2063[\\boxed{42}\u2063]" in done
    assert scripts.REASON in done
    assert "<script" not in done
    assert "Thinking" in "".join(status for _, _, status in screens)
    assert "look-up" in conversation.blocks[-1]


async def test_finished_blocks_only_ever_grow(solver_for: SolverFor) -> None:
    with ScriptedServer(scripts.solve, delay=0.01) as server:
        screens = await run(Chat(solver_for(server), AgentConfig()), Conversation(), "What is $a+b$?")
    for (before, _, _), (after, _, _) in pairwise(screens):
        assert after.startswith(before)  # so that Gradio sends only what was added


async def test_the_page_is_told_at_most_ten_times_a_second(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG[:1000] + r"\boxed{1}"], delay=0.005) as server:
        started = time.perf_counter()
        screens = await run(Chat(solver_for(server), AgentConfig()), Conversation(), "Q", "cot")
    assert len(screens) <= 10 * (time.perf_counter() - started) + 2
    assert len(screens) > 5


@pytest.mark.parametrize("strategy", ["cot", "rag"])
async def test_other_strategies(solver_for: SolverFor, strategy: str) -> None:
    with ScriptedServer(scripts.solve) as server:
        screens = await run(Chat(solver_for(server), AgentConfig()), Conversation(), "Q", strategy)
    assert "Solution" in screens[-1][0]
    assert ("rd-card" in screens[-1][0]) == (strategy == "rag")


async def test_settings_reach_the_solver(solver_for: SolverFor) -> None:
    seen: list[AgentConfig] = []

    def make(config: AgentConfig) -> Solver:
        seen.append(config)
        return solver_for(server)(config)

    with ScriptedServer(scripts.solve) as server:
        chat, conversation = Chat(make, AgentConfig(temperature=0.5)), Conversation()
        assert chat.ask(conversation, "Q")
        async for _ in chat.answer(conversation, "steps", 2, 1):
            pass
    assert (seen[0].depth, seen[0].hits, seen[0].temperature) == (2, 1, 0.5)
    assert conversation.blocks[2].count("<details") == 1


async def test_stop_stops_the_model_and_keeps_what_is_written(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        assert chat.ask(conversation, "Q")
        async for _, live, _ in chat.answer(conversation, "steps", 6, 3):
            if "word" in live and conversation.run is not None:
                conversation.run.stop()
        assert await dropped(server)
    assert conversation.run is None
    assert "word" in conversation.blocks[1]
    assert "Stopped" in conversation.blocks[-1]
    assert conversation.turns[1].content.startswith("word")


async def test_closing_the_handler_stops_the_model(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        assert chat.ask(conversation, "Q")
        async with aclosing(chat.answer(conversation, "steps", 6, 3)) as screens:  # type: ignore[type-var]
            async for _, live, _ in screens:
                if "word" in live:
                    break
        assert await dropped(server)
    assert conversation.run is None


async def test_cancelling_the_handler_stops_the_model(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        handler = asyncio.create_task(run(chat, conversation, "Q"))
        while not server.requests:
            await asyncio.sleep(0.05)
        handler.cancel()
        await asyncio.wait({handler})
        assert await dropped(server)


async def test_a_run_stopped_while_it_waits_in_line_never_begins(solver_for: SolverFor) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        assert chat.ask(conversation, "Q")
        assert conversation.run is not None
        conversation.run.stop()
        async for _ in chat.answer(conversation, "steps", 6, 3):
            pass
        assert server.requests == []
    assert "Stopped" in conversation.blocks[-1]


async def test_a_follow_up_sees_the_conversation(solver_for: SolverFor) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        await run(chat, conversation, "The first question", "cot")
        await run(chat, conversation, "And why?", "cot")
        messages = [(message["role"], message["content"]) for message in server.requests[-1]["messages"]]
    assert messages[1:] == [("user", "The first question"), ("assistant", scripts.LAST), ("user", "And why?")]


async def test_a_new_conversation_forgets_and_stops(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG], delay=0.02) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        assert chat.ask(conversation, "Q")
        screens = []
        async for screen in chat.answer(conversation, "steps", 6, 3):
            screens.append(screen)
            if "word" in screen[1]:
                conversation.clear()
        assert await dropped(server)
    assert screens[-1] == ("", "", "")
    assert conversation == Conversation()


async def test_a_server_that_dies_leaves_the_steps_and_one_line(solver_for: SolverFor) -> None:
    with ScriptedServer(["one two three four five"], break_after=3) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        done = (await run(chat, conversation, "My question"))[-1][0]
    assert "one two three" in done
    assert "rd-error" in done
    assert "Traceback" not in done
    assert conversation.again == "My question"


async def test_a_solver_that_cannot_be_made_is_one_line() -> None:
    def missing(_: AgentConfig) -> Solver:
        raise IndexMissingError("there is no index yet", "Run: rader index")

    conversation = Conversation()
    done = (await run(Chat(missing, AgentConfig()), conversation, "Q"))[-1][0]
    assert "there is no index yet. Run: rader index" in done
    assert conversation.again == "Q"


async def test_a_defect_is_one_line_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: AgentConfig) -> Solver:
        raise ZeroDivisionError("secret")

    done = (await run(Chat(broken, AgentConfig()), Conversation(), "Q"))[-1][0]
    assert "ZeroDivisionError" in done
    assert "secret" not in done
    assert "a run failed" in caplog.text


@pytest.mark.parametrize("text", ["", " \n ", "\x00\x01", "x" * 50_000])
def test_what_cannot_be_asked_is_a_notice(text: str) -> None:
    conversation = Conversation()
    assert not Chat(lambda _: pytest.fail("never made"), AgentConfig()).ask(conversation, text)
    assert conversation.blocks == []
    assert 'role="alert"' in conversation.screen()[2]


async def test_one_question_at_a_time(solver_for: SolverFor) -> None:
    with ScriptedServer(scripts.solve) as server:
        chat, conversation = Chat(solver_for(server), AgentConfig()), Conversation()
        assert chat.ask(conversation, "Q")
        assert not chat.ask(conversation, "Q again")
        assert "One question at a time" in conversation.screen()[2]
        assert [screen async for screen in chat.answer(conversation, "cot", 6, 3)][-1][2] == ""
    assert [screen async for screen in chat.answer(conversation, "cot", 6, 3)] == [conversation.screen()]


async def test_a_question_in_line_is_told_its_place_and_can_be_taken_back(solver_for: SolverFor) -> None:
    with ScriptedServer([LONG], delay=0.01) as server:
        chat = Chat(solver_for(server), AgentConfig(), Queue(1))
        running, waiting = Conversation(), Conversation()
        assert chat.ask(running, "Q")
        assert chat.ask(waiting, "Q")
        async with aclosing(chat.answer(running, "cot", 6, 3)) as first:
            await anext(first)
            await anext(first)
            second = [anext(screens := chat.answer(waiting, "cot", 6, 3)), anext(screens)]
            statuses = [(await screen)[2] for screen in second]
            assert "Waiting: 1st in line" in statuses[1]
            assert waiting.run is not None
            waiting.run.stop()
            assert [screen async for screen in screens]
            assert "Stopped" in waiting.blocks[-1]
        assert len(server.requests) == 1
