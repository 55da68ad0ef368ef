"""``rader import-proofs``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ui.command import Rader, one_line

STATEMENTS = [
    {"id": "even", "title": "Sum of Even Numbers", "text": "The sum of two even numbers is even."},
    {"id": "double", "title": "Characterisation of Even Numbers", "text": "Even is twice an integer."},
]
PROOFS = [
    {
        "id": "even",
        "proof": "Let $m$ and $n$ be even integers.\nBy Characterisation of Even Numbers:\n$m = 2 a$ and "
        "$n = 2 b$ for some integers $a, b$.\nThen $m + n = 2 (a + b)$.",
    }
]
LINKS = [{"id": "even", "premises": ["double"]}]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A statement with its proof, and the statement that it cites."""

    def jsonl(name: str, rows: list[dict[str, Any]]) -> str:
        file = tmp_path / name
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(file)

    return [jsonl("s.jsonl", STATEMENTS), jsonl("p.jsonl", PROOFS), jsonl("l.jsonl", LINKS)]


def test_a_cited_statement_becomes_what_a_step_retrieved(
    rader: Rader, files: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = rader("import-proofs", *files, "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pairs"] == 1
    [line] = (out / "trajectories.jsonl").read_text(encoding="utf-8").splitlines()
    hits = [hit["id"] for step in json.loads(line)["steps"] for hit in step.get("hits", [])]
    assert hits == ["double"]
    assert "Characterisation of Even Numbers" not in line.replace('"title": "Characterisation', "")


def test_a_missing_file_is_one_line(rader: Rader, files: list[str], tmp_path: Path) -> None:
    done = rader("import-proofs", files[0], "no-such.jsonl", files[2], "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert "no-such.jsonl" in done.stderr
