"""What searches, put together: weights, encoders, the index, rerankers."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from retriever.errors import (
    BadInputError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    RaderError,
)
from retriever.trained.release import RELEASE_FILE
from ui.encoders import Chosen, choose
from ui.settings import PASSAGE_TOKENS, Settings, with_agent

if TYPE_CHECKING:
    from retriever.corpus import Corpus
    from retriever.encoder import Encoder
    from retriever.index import ChromaServer, Index, IndexInfo
    from retriever.indexing.exact import ExactIndex
    from retriever.passage import Passage
    from retriever.rerank import Reranker
    from retriever.search import Mode, Retriever
    from retriever.weights import ModelStore, PullProgress

# Told of every wait: what is being done, how far it is, and out of how much (bytes or passages).
Watcher = Callable[[str, int, int], None]
_INDEXING = "indexing passages"


def unwatched(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


_Made = tuple[str, int]


def _made(name: str) -> _Made:
    """An encoder's name, and when a trained one was made: once removed, another may have its name."""
    release = Path(name) / RELEASE_FILE
    return name, release.stat().st_mtime_ns if release.is_file() else 0


class Retrieval:
    """The parts that search, each made when it is first needed.

    Args:
        settings: The resolved settings.
        watch: Told of downloads and builds as they go on.
    """

    def __init__(self, settings: Settings, watch: Watcher = unwatched) -> None:
        self.settings = settings
        self.watch = watch
        self._encoders: dict[_Made, Encoder] = {}
        self._indexes: dict[_Made, Index] = {}
        self._read_from: Index | None = None
        self._exact: dict[tuple[str, str], ExactIndex] = {}
        # The page asks for solvers and searches from several threads. These are taken in this order: an index
        # may take minutes to build, and only those who search by its encoder wait for it.
        self._making = threading.RLock()
        self._opening: dict[_Made, threading.Lock] = {}
        self._loading = threading.Lock()

    @cached_property
    def store(self) -> ModelStore:
        """The model store in ``RADER_HOME``."""
        from retriever.weights import ModelStore

        return ModelStore(self.settings.home)

    def weights(self, name: str) -> Path:
        """The folder of a model, pulled where it is missing; an existing folder stands for itself."""
        if os.sep in name and Path(name).is_dir():
            return Path(name)
        return self.store.pull(name, self._pulling)

    def _pulling(self, progress: PullProgress) -> None:
        self.watch(f"{progress.model}: {progress.stage} {progress.file}", progress.done, progress.total)

    @property
    def encoder(self) -> Encoder:
        """The encoder that indexes and searches as the settings say."""
        return self.encoder_of(choose(self.settings).name)

    def encoder_of(self, name: str) -> Encoder:
        """The encoder of that name or folder."""
        from retriever.encoding.presets import encoder_for

        settings = self.settings
        made = _made(name)
        with self._loading:
            if made not in self._encoders:
                self._encoders[made] = encoder_for(
                    name,
                    settings.home,
                    max_passage_tokens=settings.passage_tokens,
                    usual_passage_tokens=PASSAGE_TOKENS,
                    backend=settings.backend,
                    listener=self._pulling,
                )
            return self._encoders[made]

    @cached_property
    def chroma(self) -> ChromaServer | None:
        """The Chroma server that keeps the index; None where it lies in ``home``."""
        from retriever.index import ChromaServer

        settings = self.settings
        token = settings.chroma_token.get_secret_value()
        return ChromaServer(settings.chroma_url, token) if settings.chroma_url else None

    def build_index(self, corpus: Corpus) -> IndexInfo:
        """Build the index of ``corpus`` and let it serve."""
        from retriever.index import build_index

        return build_index(self.settings.home, corpus, self.encoder, self._indexing, server=self.chroma)

    def follow(self, encoder: Encoder, watch: Watcher | None = None) -> IndexInfo | None:
        """The index of another encoder of the passages that are indexed, built beside; None without any."""
        from retriever.indexing.follow import follow

        told = partial(watch or self.watch, _INDEXING)
        return follow(self.settings.home, encoder, self.encoder.fingerprint, told, server=self.chroma)

    def _indexing(self, done: int, total: int) -> None:
        self.watch(_INDEXING, done, total)

    @property
    def retriever(self) -> Retriever:
        """Search over the index that serves; what ships is indexed where there is none.

        Raises:
            IndexMismatchError: The index was built with another encoder.
        """
        return self.retriever_for(self.settings.agent.retriever)

    def retriever_for(self, mode: Mode, settings: Settings | None = None) -> Retriever:
        """`retriever` with the encoder of a mode, which is another one once another is promoted.

        Args:
            mode: How to search.
            settings: In place of the installation's own, to name a trained encoder.
        """
        from retriever.search import Retriever

        settings = settings or self.settings
        chosen = choose(settings, mode)
        made = _made(chosen.name)
        with self._opening.setdefault(made, threading.Lock()):
            if made not in self._indexes:
                self._indexes[made] = self._opened(chosen)
            index = self._indexes[made]
        return Retriever(
            index,
            self.encoder_of(chosen.name),
            mode,
            reranker=self.reranker,
            rerank_depth=self.settings.rerank_depth,
            promoted=chosen.trained,
            label=self._label(settings),
        )

    def _opened(self, chosen: Chosen) -> Index:
        from retriever.index import open_index
        from retriever.sources import default_corpus

        home, encoder = self.settings.home, self.encoder_of(chosen.name)
        try:
            return open_index(home, encoder, server=self.chroma)
        except IndexDamagedError:  # somebody's own, perhaps: what ships must not take its place
            raise
        except IndexMissingError:
            self.build_index(default_corpus())
        except IndexMismatchError:
            if not chosen.follows or self.follow(encoder) is None:
                raise
        return open_index(home, encoder, server=self.chroma)

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages of these ids, as far as an index holds them; no encoder is needed for that."""
        from retriever.index import Index, backend_of
        from retriever.indexing.follow import serving_index

        home, server = self.settings.home, self.chroma
        with self._making, contextlib.suppress(RaderError):
            info = serving_index(home, server=server)
            if info is None:
                return {}
            if self._read_from is None or self._read_from.info != info:
                self._read_from = Index(backend_of(home, server), info)
            return {passage.id: passage for passage in self._read_from.get(ids)}
        return {}

    @staticmethod
    def _label(settings: Settings) -> str:
        """What results are called that a named encoder found alone."""
        return settings.label if settings.agent.retriever == "rader" else ""

    @cached_property
    def reranker(self) -> Reranker | None:
        """What orders the best hits anew; None where nothing was chosen.

        Raises:
            BadInputError: There is none of that name, or none is promoted.
        """
        name = self.settings.reranker
        if not name:
            return None
        if name == "llm":
            return self._llm_reranker()
        from retriever.registry import Registry
        from retriever.reranking.rerankers import reranker_for

        registry = Registry(self.settings.home)
        trained = registry.serving("reranker").version if name == "rader" else registry.find(name)
        if name == "rader" and trained is None:
            raise BadInputError("no reranker is promoted", "Promote one: rader models promote NAME")
        return reranker_for(trained.path if trained else name, self.settings.home, listener=self._pulling)

    def _llm_reranker(self) -> Reranker:
        """The language model as a reranker."""
        raise BadInputError("there is no language model here", "Name a cross-encoder's folder")

    def exact(self, name: str, corpus: Corpus) -> Retriever:
        """Exact search of a corpus in memory, to evaluate a retriever by name or an encoder by its folder."""
        from retriever.indexing.exact import exact_index
        from retriever.search import Retriever

        settings = with_agent(self.settings, retriever=name)
        chosen = choose(settings)
        encoder = self.encoder_of(chosen.name)
        key = encoder.fingerprint, corpus.sha256

        def encoding(done: int, total: int) -> None:
            self.watch(f"encoding passages with {encoder.name}", done, total)

        if key not in self._exact:
            self._exact[key] = exact_index(corpus, encoder, settings.home, encoding)
        return Retriever(
            self._exact[key],
            encoder,
            settings.agent.retriever,
            reranker=self.reranker,
            rerank_depth=settings.rerank_depth,
            promoted=chosen.trained,
            label=self._label(settings),
        )
