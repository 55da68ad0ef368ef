"""``rader index`` and ``rader search`` over corpora of one's own, their filters and other encoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_tiny_encoder
from tests.ui.command import Done, Rader, one_line


@pytest.fixture
def own(rader: Rader, tmp_path: Path) -> Rader:
    """An empty home."""
    return Rader(tmp_path / "home", Path(rader.env["RADER_ENCODER"]))


def jsonl(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def indexed(rader: Rader, *arguments: str) -> dict[str, Any]:
    done = rader("index", "--no-shipped", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def ids(done: Done) -> list[str]:
    assert done.returncode == 0, done.stderr
    return sorted(hit["id"] for hit in json.loads(done.stdout)["hits"])


ROWS = (
    {"id": "a", "title": "Lemma", "text": "A prime divides the product.", "tags": ["number"], "source": "x"},
    {"id": "b", "title": "Sum", "text": "The sum of a series.", "tags": ["series", "sum"], "source": "y"},
)


def test_an_update_encodes_only_what_changed_and_says_so(own: Rader, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "c.jsonl", *ROWS)
    first = indexed(own, str(file))
    assert (first["passages"], first["encoded"], first["reused"]) == (2, 2, 0)
    jsonl(file, ROWS[0], ROWS[1] | {"text": "The sum of a geometric series."})
    second = indexed(own, str(file))
    assert (second["encoded"], second["reused"]) == (1, 1)


def test_filters_by_tag_and_source(own: Rader, tmp_path: Path) -> None:
    indexed(own, str(jsonl(tmp_path / "c.jsonl", *ROWS)))
    for retriever in ("bm25", "base", "hybrid"):
        common = ("search", "sum of a prime product", "--retriever", retriever, "--json")
        assert ids(own(*common, "--tag", "sum")) == ["b"]
        assert ids(own(*common, "--source", "x")) == ["a"]
        assert ids(own(*common, "--source", "x", "--tag", "sum")) == []


def test_a_folder_of_latex_and_markdown_is_a_corpus(own: Rader, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.tex").write_text(
        "\\begin{theorem}[Little]\\label{t:little} $a^p = a$ modulo a prime.\\end{theorem}", encoding="utf-8"
    )
    (folder / "b.md").write_text("**Lemma 1 (Zorn).** Every chain has a bound.\n", encoding="utf-8")
    assert indexed(own, str(folder))["passages"] == 2
    found = json.loads(own("search", "Every chain has a bound", "--retriever", "bm25", "--json").stdout)
    assert "Zorn" in found["hits"][0]["title"]


def test_another_encoder_has_an_index_of_its_own(own: Rader, tmp_path: Path) -> None:
    file, other = str(jsonl(tmp_path / "c.jsonl", *ROWS)), make_tiny_encoder(tmp_path / "other", seed=1)
    indexed(own, file)
    refused = own("search", "prime", "--retriever", str(other))
    assert refused.returncode == 1
    assert one_line(refused.stderr)
    assert "another encoder" in refused.stderr
    indexed(own, file, "--retriever", str(other))
    found = json.loads(own("search", "prime", "--retriever", str(other), "--json").stdout)
    assert found["retriever"] == str(other)
    assert "note" not in found
    assert ids(own("search", "prime", "--retriever", "base", "--json")) == ["a", "b"]


def test_list_verify_and_drop(own: Rader, tmp_path: Path) -> None:
    made = indexed(own, str(jsonl(tmp_path / "c.jsonl", *ROWS)))
    [listed] = json.loads(own("index", "--list", "--json").stdout)
    assert (listed["name"], listed["state"], listed["count"]) == (made["fingerprint"], "serving", 2)
    verified = own("index", "--verify", "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["faults"] == []
    kept = own("index", "--drop", made["fingerprint"][:8])
    assert (kept.returncode, "--force" in kept.stderr) == (1, True)
    assert own("index", "--drop", made["fingerprint"][:8], "--force").returncode == 0
    assert json.loads(own("index", "--list", "--json").stdout) == []


def test_what_ships_does_not_take_the_place_of_a_damaged_index(own: Rader, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "c.jsonl", *ROWS)
    made = indexed(own, str(file))
    lines = own.home / "index" / made["fingerprint"] / "rows" / "passages.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole.replace(b"prime", b"crime"))
    refused = own("search", "prime")
    assert (refused.returncode, one_line(refused.stderr)) == (1, True), refused.stderr
    assert "rows/passages.jsonl has changed" in refused.stderr
    lines.write_bytes(whole)
    assert ids(own("search", "prime", "--json")) == ["a", "b"]


def test_actions_exclude_each_other(own: Rader) -> None:
    done = own("index", "--list", "--verify")
    assert done.returncode == 1
    assert one_line(done.stderr)


def test_a_chroma_server_that_is_not_there_is_one_line(own: Rader) -> None:
    done = own("search", "x", "--chroma-url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert "127.0.0.1:9" in done.stderr
