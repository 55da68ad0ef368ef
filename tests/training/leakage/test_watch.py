"""Leakage: what repeats a benchmark is found however it is dressed, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.errors import BadInputError
from training.leakage.benchmarks import Benchmark, found_benchmarks, read_benchmark
from training.leakage.overlap import OverlapIndex, Reference
from training.leakage.watch import LeakageError, Watch, check, prompt_texts, refuse

SHORT = "How many marbles does the miller keep?"
QUESTION = (
    "A miller grinds seventeen sacks of barley every morning and sells eleven of them at the market; after "
    "how many days does his barn hold more than two hundred sacks, if it held $\\frac{7}{2}$ at the start?"
)
STORY = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(300))
TEXTS = {"short": SHORT, "question": QUESTION, "story": STORY}
INDEX = OverlapIndex(Reference("bench", key, text) for key, text in TEXTS.items())


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        (SHORT.upper().replace("?", " !!"), "same", "short"),
        (QUESTION.replace(" ", "\n  ").replace("\\frac", "\\left. \\dfrac"), "same", "question"),
        (QUESTION.replace("miller", "baker").replace("barley", "rye"), "near", "question"),
        (f"Consider this first.\n{QUESTION}\nNow we think about it step by step.", "near", "question"),
        (f"He says: {STORY[: len(STORY) // 4]} and so on for a while", "run", "story"),
    ],
)
def test_a_benchmarks_text_is_found_in_any_dress(text: str, kind: str, found: str) -> None:
    overlap = INDEX.find(text)
    assert overlap is not None
    assert (overlap.kind, overlap.reference.id) == (kind, found)
    assert 0 < overlap.share <= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$x^2$",
        "How many marbles does she keep?",
        "A miller grinds sacks of barley every morning, and the market is near.",
        f"He says: {' '.join(STORY.split()[:14])} and no more of it",
        "At the start the barn held two hundred sacks; how many days does he grind?",
    ],
)
def test_what_only_speaks_of_the_same_is_not_found(text: str) -> None:
    assert INDEX.find(text) is None


def test_formulas_and_phrases_that_everyone_writes_say_nothing() -> None:
    phrase = "Let f be a continuous real function on the closed interval from zero to one"
    index = OverlapIndex(
        [Reference("b", str(n), f"{phrase} such that property number{chr(97 + n)} holds") for n in range(25)]
        + [Reference("b", "sum", "Compute $\\sum_{k=1}^n k^2 + 3 k + 1 + 2 k^3 + 5 k^4 + 6$")]
    )
    assert index.find(f"{phrase} whose integral vanishes") is None
    assert index.find("$\\sum_{k=1}^n k^2 + 3 k + 1 + 2 k^3 + 5 k^4 + 6$ is found by induction") is None
    assert len(index) == 26


def benchmark(**texts: str) -> Benchmark:
    return Benchmark("bench", "0" * 64, tuple(Reference("bench", key, text) for key, text in texts.items()))


def test_the_report_counts_by_kind_and_shows_the_first() -> None:
    near = QUESTION.replace("miller", "baker")
    texts = [("a", SHORT), ("b", near), ("c", "nothing like it at all"), *(("d", SHORT) for _ in range(9))]
    report = check(texts, [benchmark(**TEXTS), Benchmark("clean", "", (Reference("clean", "1", "other"),))])
    found = report.benchmarks["bench"]
    assert (found.texts, found.same, found.near, found.run) == (3, 10, 1, 0)
    assert [leak.place for leak in found.examples] == ["a", "b", "d", "d", "d"]
    assert (report.checked, report.hits, report.benchmarks["clean"].hits) == (12, 11, 0)
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_a_hit_is_refused_in_one_line_that_names_it_and_the_flag() -> None:
    report = check([("t1:question", SHORT)], [benchmark(**TEXTS)])
    with pytest.raises(LeakageError, match=r"t1:question \(same\) of short.*--allow-leakage") as told:
        refuse(report)
    assert "\n" not in str(told.value)
    refuse(report, allow=True)
    refuse(check([("t", "a clean text")], [benchmark(**TEXTS)]))


def test_the_products_own_prompts_are_looked_at() -> None:
    texts = list(prompt_texts())
    assert {place.split("/")[0] for place, _ in texts} == {"agent", "training", "retriever"}
    example = max((text for place, text in texts if place == "training/prompts/llm_query.md"), key=len)
    watch = Watch([benchmark(stolen=example)])
    assert [place for place, text in texts if watch.found(place, text)] == ["training/prompts/llm_query.md"]


# Benchmarks


def test_queries_and_problems_of_any_benchmark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    rows = [
        {"id": "q", "query": "ask", "cot": "think", "gold_ids": ["g"]},
        {"problem": "solve"},
        {"Question": "say", "Answer": 3},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    read = read_benchmark(path)
    assert [(one.id, one.text) for one in read.references] == [
        ("q", "ask"),
        ("q", "think"),
        ("2", "solve"),
        ("3", "say"),
    ]
    path.write_text('{"query": "other"}\n')
    assert read_benchmark(path).sha256 != read.sha256


@pytest.mark.parametrize(
    ("content", "told"),
    [('{"title": "x"}\n', "nothing to stay away from"), ("no json\n", "line 1: not JSON")],
)
def test_a_file_without_questions_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(BadInputError, match=told):
        read_benchmark(path)


def test_bright_is_found_in_the_hubs_cache_with_its_reasoning(tmp_path: Path) -> None:
    snapshot = tmp_path / "cache" / "datasets--xlangai--BRIGHT" / "snapshots" / "abc"
    for config, query in (("examples", "Why do moths fly?"), ("gpt4_reason", "Think of moths.")):
        (snapshot / config).mkdir(parents=True)
        row = {"id": "0", "query": query, "gold_ids": ["m"], "excluded_ids": ["N/A"]}
        (snapshot / config / "biology.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "mine.jsonl").write_text('{"query": "q"}\n')
    mine, bright = found_benchmarks(tmp_path, tmp_path / "cache")
    assert mine.endswith("mine.jsonl")
    assert bright.endswith("/biology")
    assert [one.text for one in read_benchmark(bright).references] == ["Why do moths fly?", "Think of moths."]
    assert found_benchmarks(tmp_path / "empty", tmp_path / "none") == []
