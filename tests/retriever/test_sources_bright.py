"""BRIGHT from local copies, in every layout, through the real `datasets`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retriever.errors import BadInputError, MissingExtraError
from retriever.queries import Query
from retriever.sources import (
    SPLITS,
    bright_corpus,
    bright_queries,
    collect_corpus,
    collect_queries,
    split_and_root,
)
from retriever.sources.bright import EMPTY

DOCUMENTS = [
    {"id": "light/moth_0.txt", "content": "Moths turn towards light."},
    {"id": "light/moth_1.txt", "content": " "},
    {"id": "light/lamp_0.txt", "content": "Lamps are\nwarm."},
]
EXAMPLES = [
    {
        "query": "Why do moths fly to lamps?",
        "reasoning": "About moths.",
        "id": "0",
        "excluded_ids": ["N/A"],
        "gold_ids_long": ["light/moth.txt"],
        "gold_ids": ["light/moth_0.txt", "light/moth_0.txt"],
        "gold_answer": "They turn.",
    },
    {
        "query": "Why are lamps warm?",
        "reasoning": "",
        "id": "1",
        "excluded_ids": ["light/moth_0.txt"],
        "gold_ids_long": [],
        "gold_ids": ["light/lamp_0.txt"],
        "gold_answer": "",
    },
]
REASONED = [EXAMPLES[0] | {"query": "Think of moths."}]
TABLES = {"documents": DOCUMENTS, "examples": EXAMPLES, "gpt4_reason": REASONED}


def as_jsonl(root: Path) -> Path:
    for config, table in TABLES.items():
        (root / config).mkdir(parents=True)
        (root / config / "biology.jsonl").write_text("\n".join(map(json.dumps, table)))
    return root


def as_parquet(root: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    for config, table in TABLES.items():
        (root / config).mkdir(parents=True)
        parts = [table[:1], table[1:]] if len(table) > 1 else [table]
        for number, part in enumerate(parts):
            name = f"biology-{number:05}-of-{len(parts):05}.parquet"
            datasets.Dataset.from_list(part).to_parquet(str(root / config / name))
    return root


def as_snapshot(root: Path) -> Path:
    as_parquet(root / "snapshots" / "3066d29c9651a576c8aba4832d249807b181ecae")
    return root


def as_saved(root: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    for config, table in TABLES.items():
        splits = datasets.DatasetDict({"biology": datasets.Dataset.from_list(table)})
        splits.save_to_disk(str(root / config))
    return root


Layout = Callable[[Path], Path]
LAYOUTS = [as_jsonl, as_parquet, as_snapshot, as_saved]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_documents_become_a_corpus(tmp_path: Path, layout: Layout) -> None:
    corpus = bright_corpus("biology", layout(tmp_path / "BRIGHT"))
    assert [(passage.id, passage.text, passage.title) for passage in corpus] == [
        ("light/moth_0.txt", "Moths turn towards light.", ""),
        ("light/lamp_0.txt", "Lamps are\nwarm.", ""),
    ]
    assert {(passage.kind, passage.source) for passage in corpus} == {("document", "bright/biology")}
    assert corpus.notes == (f"bright:biology: 1 × {EMPTY}",)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_examples_become_queries(tmp_path: Path, layout: Layout) -> None:
    root = layout(tmp_path / "BRIGHT")
    first = Query(id="0", query="Why do moths fly to lamps?", gold_ids=("light/moth_0.txt",))
    second = Query(
        id="1",
        query="Why are lamps warm?",
        gold_ids=("light/lamp_0.txt",),
        excluded_ids=("light/moth_0.txt",),
    )
    assert bright_queries("biology", root=root) == [first, second]
    assert bright_queries("biology", "gpt4_reason", root) == [
        first.model_copy(update={"query": "Think of moths."})
    ]
    with_cot = bright_queries("biology", "cot", root)
    assert [query.text("cot") for query in with_cot] == ["Why do moths fly to lamps?\nThink of moths.", None]


@pytest.mark.parametrize(
    ("name", "split", "root"),
    [
        ("bright:biology", "biology", None),
        ("bright:copies/BRIGHT/biology", "biology", "copies/BRIGHT"),
        ("bright:/BRIGHT/biology", "biology", "/BRIGHT"),
        ("bright:/biology", "biology", "/"),
        ("bright:", "", None),
    ],
)
def test_names_of_splits(name: str, split: str, root: str | None) -> None:
    assert split_and_root(name) == (split, root)


def test_a_split_among_the_files_of_a_corpus(tmp_path: Path) -> None:
    root = as_jsonl(tmp_path / "BRIGHT")
    name = f"bright:{root}/biology"
    assert len(collect_corpus([name], shipped=False)) == len(collect_corpus([Path(name)], shipped=False)) == 2
    with pytest.raises(BadInputError, match="is a copy of BRIGHT") as caught:
        collect_corpus([root], shipped=False)
    assert f"bright:{root}/SPLIT" in caught.value.remedy


def test_queries_of_a_split_or_of_a_file(tmp_path: Path) -> None:
    name = f"bright:{as_jsonl(tmp_path / 'BRIGHT')}/biology"
    assert [query.query for query in collect_queries(name)] == [row["query"] for row in EXAMPLES]
    assert [query.query for query in collect_queries(Path(name), "gpt4_reason")] == ["Think of moths."]
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": "q", "query": "Why?", "gold_ids": ["a"], "cot": "So."}\nx')
    skipped: list[str] = []
    assert [query.text("cot") for query in collect_queries(file, "cot", skip_bad=True, skipped=skipped)] == [
        "Why?\nSo."
    ]
    assert len(skipped) == 1
    with pytest.raises(BadInputError, match="has no field 'gpt4_reason'"):
        collect_queries(file, "gpt4_reason")


def test_there_are_twelve_splits() -> None:
    assert len(set(SPLITS)) == 12


@pytest.mark.parametrize(
    ("split", "field", "reason"),
    [
        ("alchemy", "query", "BRIGHT has no split 'alchemy'"),
        ("", "query", "BRIGHT has no split ''"),
        ("../documents/biology", "query", "BRIGHT has no split"),
        ("biology", "gpt5_reason", "BRIGHT has no field 'gpt5_reason'"),
        ("pony", "query", "has no examples/pony-"),
        ("biology", "grit_reason", "has no grit_reason/biology-"),
    ],
)
def test_what_is_not_there(tmp_path: Path, split: str, field: str, reason: str) -> None:
    root = as_jsonl(tmp_path / "BRIGHT")
    with pytest.raises(BadInputError, match=reason):
        bright_queries(split, field, root)  # type: ignore[arg-type]


@pytest.mark.parametrize("root", ["missing", "a\0b", __file__])
def test_a_copy_that_cannot_be_read(root: str) -> None:
    with pytest.raises(BadInputError):
        bright_corpus("biology", root)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (EXAMPLES[0], "the id '0' is already taken"),
        (EXAMPLES[0] | {"id": "2", "gold_ids": []}, "gold_ids is empty"),
        (EXAMPLES[0] | {"id": "2", "gold_ids": [1]}, "gold_ids.0: input should be a valid string"),
        (EXAMPLES[0] | {"id": "2", "excluded_ids": ["light/moth_0.txt"]}, "is both gold and excluded"),
        (EXAMPLES[0] | {"id": "2", "query": None}, "query is missing"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, reason: str) -> None:
    root = as_jsonl(tmp_path / "BRIGHT")
    path = root / "examples" / "biology.jsonl"
    path.write_text("\n".join(map(json.dumps, [*EXAMPLES, row])))
    with pytest.raises(BadInputError) as caught:
        bright_queries("biology", root=root)
    assert caught.value.message.startswith(f"{path}, line 3: ")
    assert reason in caught.value.message


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 100, b"{}"])
def test_a_damaged_parquet_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("datasets")
    root = as_parquet(tmp_path / "BRIGHT")
    (root / "documents" / "biology-00001-of-00002.parquet").write_bytes(content)
    with pytest.raises(BadInputError, match="cannot read") as caught:
        bright_corpus("biology", root)
    assert "\n" not in caught.value.message


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints, which is not stopped by what this one has imported."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    return done.stdout or done.stderr


def test_without_datasets_the_extra_is_named_and_jsonl_still_works(tmp_path: Path) -> None:
    code = """import sys; sys.modules["datasets"] = None
from retriever.sources import bright_corpus
print(len(bright_corpus("biology", sys.argv[1]))) if sys.argv[1:] else bright_corpus("biology")"""
    assert MissingExtraError("bright").message in run(code)
    root = as_jsonl(tmp_path / "BRIGHT")
    assert run(code.replace("sys.argv[1:]", "True").replace("sys.argv[1]", repr(str(root)))) == "2\n"


def test_a_hub_out_of_reach_is_one_clear_line(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    code = """from retriever.sources import bright_corpus
from retriever.errors import BadInputError
try:
    bright_corpus("biology")
except BadInputError as error:
    print(error)"""
    told = run(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert told.startswith("cannot read xlangai/BRIGHT, documents/biology: ")
    assert told.endswith("or name a local copy: bright:FOLDER/SPLIT\n")
    assert told.count("\n") == 1
