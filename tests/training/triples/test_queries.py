"""What a trajectory teaches: which retrievals count, and what is asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import ServerDownError
from agent.llm import ChatModel
from agent.records import Trajectory
from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from tests.scripted import ScriptedServer
from tests.training.samples import (
    CORPUS,
    PASSAGES,
    QUESTION,
    THOUGHT,
    hit,
    looked_up,
    solved,
    step,
    trajectory,
)
from training.trajectories.episodes import Episode, episodes, refusal
from training.triples.llm_queries import Asked, QueryWriter, prompt, render
from training.triples.queries import (
    COT_CHARS,
    drafts,
    last_thoughts,
    lexical_query,
    names_it,
    overlap,
    returns,
    tells,
)


def episode_of(**more: Any) -> Episode:
    [found] = episodes(solved(**more))
    return found


# Episodes


def test_a_right_solution_gives_what_it_used_and_what_it_rejected() -> None:
    found = episode_of()
    assert (found.positives, found.rejected, found.thoughts) == (("parts",), ("ring",), (THOUGHT,))
    assert found.asked == ""


def test_of_two_relevant_passages_the_one_that_was_used_is_the_positive() -> None:
    assert episode_of(relevant=("parts", "angle")).positives == ("parts",)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (solved(reward=0), "wrong answer"),
        (solved(reward=None, gold=None), "answer not known to be right"),
        (solved(feedback={"training": "rejected"}), "rejected by a person"),
        (trajectory([step(1, "answer", "8")]), "nothing was found relevant"),
        (trajectory([]), "without steps"),
    ],
)
def test_what_teaches_nothing_says_why(one: Trajectory, reason: str) -> None:
    assert refusal(one) == reason
    assert list(episodes(one)) == []


@pytest.mark.parametrize("feedback", [{"training": "approved"}, {"answer": "up"}])
def test_what_a_person_approved_counts_only_where_it_is_asked_for(feedback: dict[str, str]) -> None:
    one = solved(reward=None, feedback=feedback)
    assert not list(episodes(one))
    assert [each.positives for each in episodes(one, approved=True)] == [("parts",)]


def test_a_persons_word_about_a_passage_replaces_the_models() -> None:
    one = solved(feedback={"hit:parts": "down", "hit:ring": "up"})
    [found] = episodes(one)
    assert (found.positives, found.rejected) == (("ring",), ("parts",))


def test_the_passage_that_a_person_called_the_right_one_replaces_all_others() -> None:
    [found] = episodes(solved(feedback={"right:2": "elsewhere"}))
    assert found.positives == ("elsewhere",)
    assert "elsewhere" not in found.rejected


def test_of_a_tree_only_paths_to_right_answers_teach() -> None:
    wrong = [step(6, "answer", "\\boxed{7}", parent=5, reward=0), *looked_up(7, ["angle"])]
    wrong[1] = step(7, "query", "", parent=None)
    right = step(12, "answer", "\\boxed{8}", parent=5, reward=1)
    lost = step(11, "answer", "\\boxed{3}", parent=10, reward=0)
    tree = trajectory([step(1, "think", THOUGHT), *looked_up(2, ["parts"]), *wrong, lost, right])
    assert [each.positives for each in episodes(tree)] == [("parts",)]


@pytest.mark.parametrize(("answer", "count"), [("\\boxed{8}", 1), ("\\boxed{9}", 0)])
def test_a_majoritys_reward_counts_where_the_gold_answer_agrees(answer: str, count: int) -> None:
    steps = [*looked_up(1, ["parts"]), step(5, "answer", answer, reward=1)]
    assert len(list(episodes(trajectory(steps, reward=0)))) == count


def test_a_retrieval_without_verdicts_teaches_nothing() -> None:
    steps = [step(1, "query", "q"), step(2, "retrieve", "", hit("parts")), step(3, "answer", "8")]
    assert list(episodes(trajectory(steps))) == []


# Queries


def test_each_type_is_asked_and_the_searchs_own_words_are_not() -> None:
    found = {draft.name: draft.text for draft in drafts(episode_of())}
    assert found["question"].startswith(QUESTION)
    assert found["cot"] == f"{found['question']}\n{THOUGHT}"
    assert found["step"] == THOUGHT
    assert set(found) == {"question", "cot", "step"}
    assert not any("words the search used" in text for text in found.values())


def test_without_steps_before_it_a_retrieval_has_only_its_question() -> None:
    [found] = episodes(trajectory([*looked_up(1, ["parts"]), step(5, "answer", "8")]))
    assert [draft.name for draft in drafts(found)] == ["question"]


def test_the_last_thoughts_are_kept_whole_and_old_ones_go_first() -> None:
    assert last_thoughts(("old" * 50, "newer", "newest"), 20) == "newer\nnewest"
    assert last_thoughts(("a", "long " * 50), 20) == ("long " * 50).strip()
    assert len(last_thoughts(("x" * 3 * COT_CHARS,), 20)) == COT_CHARS


def test_every_offline_lexical_query_is_the_theorems_own_words() -> None:
    for passage in PASSAGES:
        query = lexical_query(passage)
        assert query == lexical_query(passage)
        assert overlap(query, passage) == 1.0
    kinds = {lexical_query(Passage(id=str(n), title="A Title", text="One thing. Two.")) for n in range(40)}
    assert kinds == {"A Title", "One thing.", "A Title: One thing."}


def test_a_query_passes_the_round_trip_only_if_bm25_brings_the_theorem_back() -> None:
    index = LexicalIndex.build(CORPUS)
    assert returns(index, "map between rings", "ring")
    assert not returns(index, "map between rings", "angle")
    assert not returns(index, "angle on a circle, and rings", "ring", depth=1)


def test_a_query_that_names_or_repeats_the_theorem_is_told() -> None:
    angle = PASSAGES[2]
    assert names_it("By the inscribed angle we know", angle)
    assert not names_it("an angle that is inscribed", angle)
    assert tells("which inscribed angle rule", angle) == "it names the theorem"
    assert tells("angle on the circle half the central", angle) == "too many words of the theorem"
    assert tells("seen from the rim, how wide does a chord look compared with the middle?", angle) == ""


# Written by a model


def asked(number: int = 0) -> Asked:
    return Asked("llm", episode_of(number=number), PASSAGES[0])


def test_the_prompt_holds_question_steps_and_theorem_once() -> None:
    text = render(asked())
    for part in (QUESTION, THOUGHT, PASSAGES[0].text):
        assert part in text
    assert "{{" not in text
    assert "{{problem}}" in prompt("llm_query")


def test_what_the_model_wrote_is_cleaned_kept_and_not_asked_for_again(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    with ScriptedServer(['Question: "What is left after a part goes?"\n\nBecause']) as server:
        llm = ChatModel(server.url, "scripted").as_langchain().model_copy(update={"streaming": True})
        writer = QueryWriter(llm, identity="m", kept=kept)
        assert writer.write([asked(), asked(1)]) == ["What is left after a part goes?"] * 2
        assert len(server.requests) == 2
        kept.write_text(kept.read_text(encoding="utf-8") + '{"key": "torn', encoding="utf-8")
        again = QueryWriter(llm, identity="m", kept=kept)
        assert again.write([asked(1)]) == ["What is left after a part goes?"]
        assert len(server.requests) == 2


def test_a_model_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with ScriptedServer(["never"], status=400) as server:
        writer = QueryWriter(ChatModel(server.url, "scripted").as_langchain(), identity="m")
        with pytest.raises(ServerDownError, match="does not answer") as told:
            writer.write([asked()])
    assert "\n" not in str(told.value)
