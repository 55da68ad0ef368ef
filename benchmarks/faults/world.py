"""What all scenarios stand on: a tiny encoder, two corpora, a home with the first indexed, a model."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.faults.zygote import Running, Zygote
from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.encoding.presets import encoder_for
from retriever.index import build_index, open_index
from retriever.passage import Passage
from retriever.search import Retriever
from tests.conftest import TINY_WORDS, make_tiny_encoder
from tests.scripted import ScriptedServer
from ui.settings import PASSAGE_TOKENS

QUERIES = (
    "prime number",
    "area of a triangle",
    "limit of a series",
    "edge of a graph",
    "roots of a polynomial",
)
PASSAGES = 400
DELAY = 0.004  # seconds that the model takes for a token


class World:
    """The fixtures, below ``folder``; made where they are missing.

    Args:
        folder: Of the whole run.
        zygote: Starts commands.
        server: The model.
    """

    def __init__(self, folder: Path, zygote: Zygote, server: ScriptedServer) -> None:
        self.folder, self.zygote, self.server = folder, zygote, server
        self.encoder_path = folder / "encoder" / "tiny"
        if not (folder / "home").exists():
            self._make()

    def _make(self) -> None:
        shutil.rmtree(self.folder / "encoder", ignore_errors=True)
        make_tiny_encoder(self.encoder_path, seed=0)
        write(self.folder / "old.jsonl", made_passages(0))
        write(self.folder / "new.jsonl", made_passages(PASSAGES // 4))
        draft = self.folder / "home.draft"
        shutil.rmtree(draft, ignore_errors=True)
        build_index(draft, Corpus.from_file(self.folder / "old.jsonl"), self.encoder)
        draft.rename(self.folder / "home")

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder as commands have it, in this process."""
        return encoder_for(
            str(self.encoder_path), self.folder, backend="torch", usual_passage_tokens=PASSAGE_TOKENS
        )

    def fresh(self, home: Path) -> None:
        """Make ``home`` a home with the old corpus indexed."""
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.folder / "home", home)

    def rader(self, arguments: Sequence[str], home: Path, **order: Any) -> Running:
        """Begin ``rader``."""
        return self.zygote.start(arguments, home, **order)

    def found(self, home: Path) -> dict[str, Any]:
        """What searches find in a home: ids and scores of vectors and words, and the passages found.

        With a filter, so that it is exact: the graph that Chroma builds differs a little from build to build.

        Raises:
            RaderError: Nothing can be found.
        """
        index = open_index(home, self.encoder)
        vectors = self.encoder.encode_queries(QUERIES)
        try:
            near = [hit for one in vectors for hit in index.search(one, 5, {"kind": ["theorem"]})]
            words = [hit for query in QUERIES for hit in index.lexical.search(query, 5)]
            graph = bool(Retriever(index, self.encoder).search(QUERIES[0]).hits)
        finally:
            index.close()
        scores = [(passage.id, round(score, 3)) for passage, score in near]
        passages = {passage.id: passage for passage, _ in near}
        return {"near": scores, "words": words, "passages": passages, "graph": graph}


def made_passages(start: int) -> list[dict[str, Any]]:
    """`PASSAGES` rows of seeded words, numbered from ``start``: two starts share what overlaps."""
    return [_row(number) for number in range(start, start + PASSAGES)]


def _row(number: int) -> dict[str, Any]:
    draw = random.Random(number)  # noqa: S311
    words = draw.choices(TINY_WORDS.split(), k=40)
    passage = Passage(id=f"p{number}", title=" ".join(words[:3]), text=" ".join(words[3:]))
    return passage.model_dump(mode="json", exclude_defaults=True)


def write(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Lines of JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file
