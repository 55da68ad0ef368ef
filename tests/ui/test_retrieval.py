"""What searches, put together, asked from several threads."""

from __future__ import annotations

import threading
from pathlib import Path

from retriever.corpus import Corpus
from retriever.errors import IndexMismatchError
from retriever.index import Index
from tests.conftest import make_tiny_encoder
from tests.ui.conftest import PASSAGES
from ui.encoders import Chosen
from ui.retrieval import Retrieval
from ui.settings import Settings, load_settings


class Slow(Retrieval):
    """Opening the index of one encoder takes until it may."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.begun, self.may = threading.Event(), threading.Event()

    def _opened(self, chosen: Chosen) -> Index:
        if chosen.name == self.settings.encoder:
            self.begun.set()
            assert self.may.wait(60)
        return super()._opened(chosen)


def test_who_searches_by_another_encoder_does_not_wait_for_an_index(
    home: Path, tiny_encoder_path: Path, tmp_path: Path
) -> None:
    trained = make_tiny_encoder(tmp_path / "trained", seed=1)
    slow = Slow(load_settings(home=home, encoder=str(tiny_encoder_path), trained=str(trained)))
    slow.build_index(Corpus(PASSAGES))
    errors: list[Exception] = []

    def search_with_base() -> None:
        try:
            slow.retriever_for("base")
        except IndexMismatchError as error:
            errors.append(error)

    waiting = threading.Thread(target=search_with_base)
    waiting.start()
    assert slow.begun.wait(60)
    found = slow.retriever_for("hybrid").search("product of the roots")
    assert found.hits[0].passage.id == "vieta"
    assert waiting.is_alive()
    slow.may.set()
    waiting.join(60)
    assert len(errors) == 1  # the index is of the trained encoder
