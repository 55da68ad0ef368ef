"""Problem files in every format, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.problems import Format, read_problems
from retriever.errors import BadInputError

PUBLISHED: dict[Format, dict[str, Any]] = {
    "rader": {"id": "a", "problem": "What is 3+4?", "answer": 7, "solution": "Add.", "level": 2},
    "math": {
        "problem": "What is 3+4?",
        "level": "Level 2",
        "type": "Prealgebra",
        "solution": "It is \\boxed{7}.",
    },
    "gsm8k": {"question": "What is 3+4?", "answer": "3+4 = <<3+4=7>>7 apples\n#### 7"},
    "numina": {"problem": "What is 3+4?", "solution": "So $\\boxed{7}$.", "source": "amc"},
}


def written(folder: Path, *rows: Any) -> Path:
    file = folder / "p.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_each_format_gives_problem_answer_and_solution(tmp_path: Path, kind: Format, named: bool) -> None:
    found = read_problems(written(tmp_path, PUBLISHED[kind]), kind=kind if named else "auto")
    [problem] = found.problems
    assert (problem.problem, problem.answer) == ("What is 3+4?", "7")
    assert problem.solution
    assert "<<" not in problem.solution


def test_a_line_without_id_keeps_its_name_wherever_it_stands(tmp_path: Path) -> None:
    rows = [{"question": text, "answer": "#### 1"} for text in ("one?", "two?")]
    names = {one.problem: one.id for one in read_problems(written(tmp_path, *rows)).problems}
    again = {one.problem: one.id for one in read_problems(written(tmp_path, *rows[::-1])).problems}
    assert names == again
    assert len(set(names.values())) == 2


def test_thousands_lose_their_commas_in_gsm8k(tmp_path: Path) -> None:
    row = {"question": "How many?", "answer": "Many.\n#### 1,250"}
    assert read_problems(written(tmp_path, row)).problems[0].answer == "1250"


def test_levels_select_and_a_repeated_text_is_counted(tmp_path: Path) -> None:
    rows = [{"id": str(n), "problem": f"p{n % 3}", "level": n % 3} for n in range(5)]
    file = written(tmp_path, *rows)
    assert [one.id for one in read_problems(file, levels=frozenset({2})).problems] == ["2"]
    found = read_problems(file)
    assert ([one.id for one in found.problems], found.duplicates) == (["0", "1", "2"], 2)


def test_one_id_for_two_problems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="'a' is there twice"):
        read_problems(written(tmp_path, {"id": "a", "problem": "x"}, {"id": "a", "problem": "y"}))


@pytest.mark.parametrize(
    "line", ["{", '{"id": "1"}', "[]", '{"id": "1", "problem": null}', "\xff", '{"x": 1}']
)
def test_a_bad_line_names_file_and_number_or_is_left_out(tmp_path: Path, line: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"id": "0", "problem": "a"}\n' + line + "\n", encoding="latin-1")
    with pytest.raises(BadInputError, match=r"p\.jsonl, line 2"):
        read_problems(file)
    found = read_problems(file, skip_bad=True)
    assert len(found.problems) == len(found.skipped) == 1


@pytest.mark.parametrize("content", [None, "", "\n\n"])
def test_a_file_without_a_problem_says_so(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "p.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadInputError, match=r"p\.jsonl"):
        read_problems(file)
