"""Verdicts: read from whatever the model wrote; what cannot be read is not relevant and says so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import StepHit
from agent.reflection import UNREADABLE, Judgement, judgement_schema, read_judgements, write_judgements

FITS, FAILS = '{"reason": "it fits", "relevant": true}', '{"reason": "no prime here", "relevant": false}'
YES, NO = Judgement(reason="it fits", relevant=True), Judgement(reason="no prime here", relevant=False)
MISSING = Judgement(reason=UNREADABLE, relevant=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"verdicts": [{FITS}, {FAILS}]}}', [YES, NO]),
        (json.dumps(json.loads(f'{{"verdicts": [{FITS}, {FAILS}]}}'), indent=2), [YES, NO]),
        (f"```json\n[{FITS},\n{FAILS}]\n```", [YES, NO]),
        (f"{FITS}\n{FAILS}", [YES, NO]),
        (f'[{{"relevant": true, "reason": "it fits"}}, {FAILS}]', [YES, NO]),
        (f'{{"verdicts": [{FITS}, {{"reason": "no pri', [YES, MISSING]),
        (f'{{"verdicts": [{FITS}, {{"reason": "no prime here", "relev', [YES, MISSING]),
        (f'{{"verdicts": [{FITS}', [YES, MISSING]),
        (f'{{"verdicts": [{FITS}]}}', [YES, MISSING]),
        (f'{{"verdicts": [{FITS}, {FAILS}, {FITS}, {FITS}]}}', [YES, NO]),
        (f'{{"verdicts": [{{"reason": "no verdict"}}, {FITS}]}}', [MISSING, YES]),
        ('{"verdicts": []}', [MISSING, MISSING]),
        ("Both entries are relevant.", [MISSING, MISSING]),
        ("", [MISSING, MISSING]),
        ("{{{{", [MISSING, MISSING]),
        ('{"reason": "', [MISSING, MISSING]),
        ("null", [MISSING, MISSING]),
    ],
)
def test_verdicts_are_read_in_order(text: str, expected: list[Judgement]) -> None:
    assert read_judgements(text, 2) == expected


@pytest.mark.parametrize(
    "reason",
    [
        r"needs $\frac{a}{b}$",
        r"the set $\{1, 2\}$",
        "a } alone",
        "a { alone",
        'says "{}"',
        "two\nlines",
        "\\",
    ],
)
def test_braces_and_quotes_within_a_reason_are_its_own(reason: str) -> None:
    one = json.dumps({"reason": reason, "relevant": True})
    assert read_judgements(f'{{"verdicts": [{one}, {FAILS}]}}', 2) == [
        Judgement(reason=reason, relevant=True),
        NO,
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(), st.integers(0, 5))
def test_any_text_gives_as_many_verdicts_as_asked_for(text: str, count: int) -> None:
    assert len(read_judgements(text, count)) == count


def test_long_garbage_is_read_quickly() -> None:
    assert read_judgements('{"' * 5000, 1) == [MISSING]
    assert read_judgements('{"a' + "\\" * 5000, 1) == [MISSING]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(), st.booleans()), max_size=4))
def test_what_is_written_is_read_back(said: list[tuple[str, bool]]) -> None:
    hits = [
        StepHit(id="x", score=1.0, verdict="relevant" if good else "irrelevant", reason=reason)
        for reason, good in said
    ]
    expected = [Judgement(reason=reason, relevant=good) for reason, good in said]
    assert read_judgements(write_judgements(hits), len(hits)) == expected


def test_the_schema_asks_for_as_many_verdicts_as_passages() -> None:
    array = judgement_schema(3)["properties"]["verdicts"]
    assert (array["minItems"], array["maxItems"]) == (3, 3)
    assert list(array["items"]["properties"]) == ["reason", "relevant"]  # the verdict follows from the reason
    assert json.loads(json.dumps(judgement_schema(3))) == judgement_schema(3)
