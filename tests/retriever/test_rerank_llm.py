"""The language model as reranker, behind a real OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from retriever.passage import Passage
from retriever.reranking.llm_rerank import PASSAGE_CHARS, QUERY_CHARS, LLMReranker, render
from tests.scripted import ScriptedServer

PASSAGES = [Passage(id=f"p{row}", title=f"Title {row}", text=f"statement {row}") for row in range(6)]
Reply = Callable[[str], str]


def reranker(url: str, **settings: Any) -> LLMReranker:
    chat = ChatOpenAI(
        base_url=url, model="scripted", api_key=SecretStr("none"), streaming=True, max_retries=0, timeout=30
    )
    return LLMReranker(chat, identity="scripted@1", **settings)


def serve(reply: Reply) -> ScriptedServer:
    """A server that answers by the number of the passage that it is asked about."""

    def answer(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        return reply(re.findall(r"statement (\d+)", asked)[-1])

    return ScriptedServer(answer)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve(lambda number: json.dumps({"score": int(number)})) as running:
        yield running


def test_an_integer_for_each_passage_in_their_order(server: ScriptedServer) -> None:
    scores = reranker(server.url).score("which one?", PASSAGES)
    assert scores == [0, 1, 2, 3, 4, 5]
    assert scores.note == ""
    assert len(server.requests) == 6


def test_the_form_of_the_reply_is_asked_for(server: ScriptedServer) -> None:
    reranker(server.url).score("which one?", PASSAGES[:1])
    body = server.requests[0]
    form = body["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert form["json_schema"]["schema"]["properties"]["score"]["enum"] == [0, 1, 2, 3, 4, 5]
    assert form["json_schema"]["schema"]["required"] == ["score"]
    assert "maxLength" not in json.dumps(form)
    assert (
        body["temperature"],
        body["max_tokens"] if "max_tokens" in body else body["max_completion_tokens"],
    ) == (
        0,
        32,
    )


def test_a_reply_that_cannot_be_read_is_no_opinion() -> None:
    replies = {"1": "I would say 4", "2": '{"score": 9}', "3": '{"score": "high"}', "4": ""}
    with serve(lambda number: replies.get(number, '{"score": 2}')) as server:
        judge = reranker(server.url)
        scores = judge.score("which one?", PASSAGES)
    assert scores == [2, None, None, None, None, 2]
    assert "no readable score for 4 of 6 passages" in scores.note
    assert judge.unread == 4


def test_a_server_that_is_away_is_no_opinion_either() -> None:
    with ScriptedServer(["x"]) as server:
        url = server.url
    scores = reranker(url).score("which one?", PASSAGES[:2])
    assert scores == [None, None]
    assert "no readable score for 2 of 2" in scores.note
    with ScriptedServer(["x"], status=500) as failing:
        assert reranker(failing.url).score("which one?", PASSAGES[:1]) == [None]


def test_requests_are_in_flight_together() -> None:
    met = threading.Barrier(3, timeout=30)

    def meet(number: str) -> str:
        met.wait()
        return '{"score": 1}'

    with serve(meet) as server:
        assert reranker(server.url, in_flight=3).score("which one?", PASSAGES) == [1] * 6


def test_what_is_too_long_is_cut_and_counted(server: ScriptedServer) -> None:
    judge = reranker(server.url)
    book = Passage(id="book", text="statement 5 " + "proof " * 5000)
    assert judge.score("which one?", [PASSAGES[0], book]).note == (
        "the reranker read the beginning of 1 of 2 pairs: they are too long"
    )
    assert judge.score("why " * QUERY_CHARS, PASSAGES[:2]).note.startswith(
        "the reranker read the beginning of 2"
    )
    assert judge.cut_pairs == 3
    sent = server.requests[-1]["messages"][-1]["content"]
    assert len(sent) < QUERY_CHARS + PASSAGE_CHARS + 3000


def test_text_is_put_in_once_and_query_and_passage_come_last() -> None:
    prompt = render("is {{passage}} a slot?", "{{query}} and {{nothing}}")
    assert prompt.endswith("Query: is {{passage}} a slot?\n\nPassage: {{query}} and {{nothing}}")
    assert prompt.count('{"score": ') == 4


def test_the_fingerprint_names_the_model(server: ScriptedServer) -> None:
    first, same = reranker(server.url), reranker(server.url, in_flight=1, alpha=0.3)
    chat = ChatOpenAI(base_url=server.url, model="other", api_key=SecretStr("none"))
    other = LLMReranker(chat, identity="other")
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert (first.name, first.alpha, same.alpha) == ("scripted@1", 0.5, 0.3)


@pytest.mark.slow
def test_the_real_small_model_follows_the_form() -> None:
    from agent.engine import LlamaCppEngine
    from ui.assemble import Studio
    from ui.settings import load_settings

    folder = Studio(load_settings()).weights("smollm2-135m-instruct")
    engine = LlamaCppEngine(next(folder.glob("*.gguf")), name="small", context=8192, slots=2)
    try:
        chat = ChatOpenAI(base_url=engine.url, model="small", api_key=SecretStr("none"), timeout=300)
        scores = LLMReranker(chat, identity="small", in_flight=2).score(
            "the sides of a triangle from its angles",
            [
                Passage(id="sines", title="Law of sines", text=r"\frac{a}{\sin A} = \frac{b}{\sin B}"),
                Passage(id="caesar", text="Caesar crossed the Rubicon."),
            ],
        )
    finally:
        engine.close()
    assert scores.note == ""
    assert set(scores) <= {0, 1, 2, 3, 4, 5}
