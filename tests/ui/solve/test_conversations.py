"""Conversations in their file: kept, apart, safe against other tabs, other processes and kills."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.records import Continues, Fingerprints, Problem, Step, StepHit, Trajectory, Usage
from retriever.errors import BadInputError, StorageError
from retriever.passage import Passage
from ui.solve.choices import Choices
from ui.solve.conversations import TITLE_CHARS, Conversations, Exchange, GoneError

THOUGHT = Step(n=1, action="think", text="Half a thought")
FOUND = Step(n=2, action="retrieve", text="1 passages", hits=(StepHit(id="am-gm", score=1.5),), parent=1)


@pytest.fixture
def kept(tmp_path: Path) -> Conversations:
    """An empty file in a folder that is not there yet."""
    return Conversations(tmp_path / "home" / "conversations.sqlite")


def exchange(name: str, **more: object) -> Exchange:
    """An exchange named ``name``."""
    problem = Problem(id=f"p-{name}", problem=f"Question {name}?")
    return Exchange.model_validate({"id": name, "problem": problem, "choices": Choices(), **more})


def trajectory(name: str) -> Trajectory:
    """A finished run."""
    prints = Fingerprints(llm="m", retriever="r", index="i", prompts="p", config="c")
    return Trajectory(
        id=name,
        problem="Question?",
        problem_id="p",
        strategy="steps",
        steps=(THOUGHT, FOUND),
        answer="4",
        fingerprints=prints,
        seed=0,
        usage=Usage(),
        created="2026-01-01T00:00:00+00:00",
    )


def test_what_is_kept_is_read_again(kept: Conversations) -> None:
    made = kept.begin("me", "  What is\n $x^2$?  ")
    running = exchange("a", written=(THOUGHT,), passages={"am-gm": Passage(id="am-gm", text="t")})
    kept.keep(made, running)
    kept.keep(made, exchange("b"))
    over = running.model_copy(update={"state": "finished", "written": (), "trajectory": trajectory("a")})
    kept.keep(made, over)
    read = Conversations(kept.path).read("me", made)
    assert read.title == "What is $x^2$?"
    assert read.exchanges == (over, exchange("b"))
    assert read.exchanges[0].steps == (THOUGHT, FOUND)
    assert running.model_copy(update={"tail": FOUND}).steps == (THOUGHT, FOUND)


def test_nobody_sees_or_touches_what_is_anothers(kept: Conversations) -> None:
    mine = kept.begin("me", "mine")
    assert kept.list("you") == []
    for other in ("you", "", "%", "me'--"):
        for touch in (kept.read, kept.delete):
            with pytest.raises(GoneError):
                touch(other, mine)
        with pytest.raises(GoneError):
            kept.rename(other, mine, "stolen")
    assert [(one.id, one.title) for one in kept.list("me")] == [(mine, "mine")]


def test_the_last_changed_comes_first(kept: Conversations) -> None:
    first, second = kept.begin("me", "first"), kept.begin("me", "second")
    assert [one.title for one in kept.list("me")] == ["second", "first"]
    kept.keep(second, exchange("b"))
    kept.keep(first, exchange("a"))
    assert kept.list("me")[0].changed >= kept.list("me")[1].changed
    assert {one.id for one in kept.list("me")} == {first, second}


def test_renamed_and_deleted(kept: Conversations) -> None:
    made = kept.begin("me", "old")
    kept.keep(made, exchange("a"))
    assert kept.rename("me", made, "n" * 500) == "n" * (TITLE_CHARS - 1) + "…"
    with pytest.raises(BadInputError, match="empty"):
        kept.rename("me", made, " \n")
    kept.delete("me", made)
    assert kept.list("me") == []
    for touch in (lambda: kept.keep(made, exchange("a")), lambda: kept.delete("me", made)):
        with pytest.raises(GoneError, match="begin a new one"):
            touch()
    again = kept.begin("me", "another")
    kept.keep(again, exchange("a"))  # the old exchange went with its conversation
    assert len(kept.read("me", again).exchanges) == 1


def test_what_was_gone_on_from_is_not_shown(kept: Conversations) -> None:
    made = kept.begin("me", "t")
    for one in (exchange("a"), exchange("b"), exchange("c", continues=Continues(trajectory="b", step=1))):
        kept.keep(made, one)
    read = kept.read("me", made)
    assert [one.id for one in read.shown()] == ["a", "c"]
    assert len(read.exchanges) == 3


def test_many_at_once_lose_nothing(kept: Conversations) -> None:
    made = kept.begin("me", "t")

    def write(worker: int) -> None:
        for number in range(5):
            kept.keep(made, exchange(f"{worker}-{number}"))

    workers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(kept.read("me", made).exchanges) == 20


KILLED = """
import os, sys
from pathlib import Path
from tests.ui.solve.test_conversations import exchange
from ui.solve.conversations import Conversations
kept = Conversations(Path(sys.argv[1]))
made = kept.begin("me", "killed")
for number in range(1000):
    kept.keep(made, exchange(str(number)))
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_kept(kept: Conversations) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(kept.path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20)]
        writer.kill()
    [listed] = kept.list("me")
    assert len(kept.read("me", listed.id).exchanges) >= len(said)


def test_a_damaged_file_is_one_line(kept: Conversations) -> None:
    kept.path.parent.mkdir()
    kept.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="moved away"):
        kept.list("me")


def test_a_row_of_another_version_is_one_line(kept: Conversations) -> None:
    made = kept.begin("me", "t")
    strange = exchange("a").model_copy(update={"state": "dreaming"})
    kept.keep(made, strange)
    with pytest.raises(StorageError, match="another version"):
        kept.read("me", made)
