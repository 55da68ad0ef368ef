"""What another retriever would have found: hits kept, lost and gained, and no call of a model."""

from __future__ import annotations

from typing import Any

import pytest

from agent.state import SearchConfig
from agent.what_if import summed, what_if
from tests.agent.helpers import AM_GM, FERMAT, VIETA, WordRetriever, config, outcome, solver, usual_mind
from tests.agent.search_helpers import SearchMind
from tests.scripted import ScriptedServer


@pytest.mark.parametrize(
    ("strategy", "mind"), [("rag", usual_mind), ("steps", usual_mind), ("mcts", SearchMind)]
)
async def test_the_same_retriever_changes_nothing(strategy: str, mind: Any) -> None:
    with ScriptedServer(mind()) as server:
        done = await outcome(solver(server, search=SearchConfig(rollouts=4)), strategy=strategy)
        asked = len(server.requests)
        changes = what_if([done], WordRetriever(), config())
        assert len(server.requests) == asked
    assert len(changes) == sum(step.action == "retrieve" for step in done.steps) > 0
    assert not [change for change in changes if change.changed]
    assert summed(changes).unjudged == summed(changes).lost == 0


async def test_a_worse_retriever_loses_the_relevant_passage() -> None:
    with ScriptedServer(usual_mind()) as server:
        done = await outcome(solver(server, config=config(hits=1), retriever=WordRetriever([VIETA])))
    [change] = what_if([done], WordRetriever([AM_GM, FERMAT]), config(hits=1))
    assert change.changed
    assert (change.kept, change.lost, change.relevant_lost) == ((), ("vieta",), ("vieta",))
    assert len(change.gained) == 1
    assert change.query == "the sum of the roots of a quadratic and its product"


async def test_a_better_retriever_keeps_it_and_what_it_adds_has_no_verdict() -> None:
    with ScriptedServer(usual_mind(reflect='{"verdicts": [{"reason": "r", "relevant": true}]}')) as server:
        done = await outcome(solver(server, config=config(), retriever=WordRetriever([VIETA])))
    report = summed(what_if([done], WordRetriever(), config()))
    assert (report.searches, report.changed, report.kept, report.lost) == (1, 1, 1, 0)
    assert (report.unjudged, report.relevant_kept, report.relevant_lost) == (2, 1, 0)
