"""From settings to working objects: the only place that puts weights, index, model and agent together."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.errors import BadInputError, IndexMissingError, RaderError, StorageError
from ui.settings import DEFAULT_ENCODER, Settings, with_agent

if TYPE_CHECKING:
    from agent.engine import LlamaCppEngine
    from agent.llm import ChatModel
    from agent.recording import RecordedModel
    from agent.solve import Solver
    from agent.state import AgentConfig
    from retriever.corpus import Corpus
    from retriever.encoder import Encoder
    from retriever.exact import ExactIndex
    from retriever.index import ChromaServer, IndexInfo
    from retriever.rerank import Reranker
    from retriever.search import Retriever
    from retriever.weights import ModelStore, PullProgress

# Told of every wait: what is being done, how far it is, and out of how much (bytes or passages).
Watcher = Callable[[str, int, int], None]


def _unwatched(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class Studio:
    """The parts of one installation, each made when it is first needed.

    Missing weights are pulled and a missing index is built on the way.

    Args:
        settings: The resolved settings.
        watch: Told of downloads and builds as they go on.
    """

    def __init__(self, settings: Settings, watch: Watcher = _unwatched) -> None:
        self.settings = settings
        self._watch = watch
        self._engine: LlamaCppEngine | None = None
        self._recorded: RecordedModel | None = None
        self._exact: dict[tuple[str, str], ExactIndex] = {}
        self._making = threading.RLock()  # the page asks for solvers from several threads

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
        self._watch(f"{progress.model}: {progress.stage} {progress.file}", progress.done, progress.total)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder that indexes and searches."""
        from retriever.presets import encoder_for

        settings = self.settings
        return encoder_for(
            settings.encoder,
            settings.home,
            max_passage_tokens=settings.passage_tokens,
            backend=settings.backend,
            listener=self._pulling,
        )

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

        def indexing(done: int, total: int) -> None:
            self._watch("indexing passages", done, total)

        return build_index(self.settings.home, corpus, self.encoder, indexing, server=self.chroma)

    @cached_property
    def retriever(self) -> Retriever:
        """Search over the index that serves; what ships is indexed where there is none.

        Raises:
            IndexMismatchError: The index was built with another encoder.
        """
        from retriever.index import open_index
        from retriever.search import Retriever
        from retriever.sources import default_corpus

        settings = self.settings
        try:
            index = open_index(settings.home, self.encoder, server=self.chroma)
        except IndexMissingError:
            self.build_index(default_corpus())
            index = open_index(settings.home, self.encoder, server=self.chroma)
        return Retriever(
            index,
            self.encoder,
            settings.agent.retriever,
            reranker=self.reranker,
            rerank_depth=settings.rerank_depth,
            **self._trained(),
        )

    def _trained(self) -> dict[str, Any]:
        """What a `Retriever` is told of an encoder that is not the untrained base."""
        settings = self.settings
        alone = settings.agent.retriever == "rader"
        return {"promoted": settings.encoder != DEFAULT_ENCODER, "label": settings.label if alone else ""}

    @cached_property
    def reranker(self) -> Reranker | None:
        """What orders the best hits anew; None where nothing was chosen."""
        name = self.settings.reranker
        if not name:
            return None
        if name == "llm":
            from retriever.llm_rerank import LLMReranker

            return LLMReranker(
                self.llm.as_langchain(), identity=self.llm.fingerprint, in_flight=self.settings.slots
            )
        from retriever.cross_encoder import CrossEncoderReranker

        if not Path(name).is_dir():
            raise BadInputError(f"there is no reranker {name!r}", 'Name a cross-encoder\'s folder, or "llm"')
        return CrossEncoderReranker(name)

    def exact(self, name: str, corpus: Corpus) -> Retriever:
        """Exact search of a corpus in memory, to evaluate a retriever by name or an encoder by its folder."""
        from retriever.exact import exact_index
        from retriever.search import Retriever

        settings = with_agent(self.settings, retriever=name)
        studio = self if settings.encoder == self.settings.encoder else Studio(settings, self._watch)
        encoder = studio.encoder
        key = encoder.fingerprint, corpus.sha256

        def encoding(done: int, total: int) -> None:
            self._watch(f"encoding passages with {encoder.name}", done, total)

        if key not in self._exact:
            self._exact[key] = exact_index(corpus, encoder, settings.home, encoding)
        return Retriever(
            self._exact[key],
            encoder,
            settings.agent.retriever,
            reranker=self.reranker,
            rerank_depth=settings.rerank_depth,
            **studio._trained(),
        )

    def play(self, folder: Path, *, ask: bool) -> None:
        """Keep the model's calls in ``folder``, and take from there those that it holds.

        Args:
            folder: Of the recording.
            ask: Off, the model is not even started: what the recording lacks fails.
        """
        from agent.recording import RecordedModel

        self._recorded = RecordedModel(folder, self._live() if ask else None)

    @cached_property
    def llm(self) -> ChatModel:
        """The language model: a recording, the server that ``llm_url`` names, or the embedded one."""
        return self._recorded or self._live()

    def _live(self) -> ChatModel:
        """The server that ``llm_url`` names, else the embedded one, started here."""
        settings = self.settings
        if settings.llm_url:
            return self._served()
        from agent.engine import LlamaCppEngine

        folder = self.weights(settings.model)
        files = sorted(folder.glob("*.gguf"))
        if not files:
            raise BadInputError(
                f"the model {settings.model} has no GGUF file", "Choose one that has: rader models list"
            )
        self._watch(f"loading {settings.model}", 0, 0)
        self._engine = LlamaCppEngine(
            files[0],
            name=settings.model,
            context=settings.context,
            slots=settings.slots,
            threads=settings.threads,
        )
        return self._engine.chat_model(self._identity(files[0]))

    def _identity(self, file: Path) -> str:
        from retriever.manifest import shipped_manifest

        known = shipped_manifest().models.get(self.settings.model)
        hashes = {entry.name: entry.sha256 for entry in known.files} if known else {}
        return f"{self.settings.model}@{hashes.get(file.name, 'unknown')}"

    def _served(self) -> ChatModel:
        from agent.llm import ChatModel, first_model

        settings, key = self.settings, self.llm_key
        model = settings.llm_model or first_model(settings.llm_url, key)
        return ChatModel(settings.llm_url, model, api_key=key, timeout=settings.llm_timeout)

    @property
    def llm_key(self) -> str:
        """The key of the server that ``llm_url`` names."""
        return self.settings.llm_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", "")

    def solver(
        self, config: AgentConfig | None = None, *, retrieves: bool = True, collecting: bool = False
    ) -> Solver:
        """The agent, logging to ``home/trajectories.jsonl``.

        Args:
            config: How it solves; default the settings'.
            retrieves: Off leaves the index alone.
            collecting: Whether a tree search may look at gold answers.
        """
        from agent.log import TrajectoryLog
        from agent.solve import Solver

        home, search = self.settings.home, self.settings.search
        with self._making:
            retriever = self.retriever if retrieves else None
            llm = self.llm
        return Solver(
            llm,
            retriever,
            config or self.settings.agent,
            log=TrajectoryLog(home / "trajectories.jsonl"),
            checkpoints=home / "checkpoints.sqlite",
            retriever_fingerprint=self._identity_of_retriever() if retriever else "",
            index_fingerprint=retriever.index.info.fingerprint if retriever else "",
            search=search.collecting() if collecting else search.blind(),
            samples=self.settings.samples,
        )

    def _identity_of_retriever(self) -> str:
        """What decides a search beside the index: the encoder, and the reranker where there is one."""
        ranker = self.reranker
        return f"{self.encoder.fingerprint}+{ranker.fingerprint}" if ranker else self.encoder.fingerprint

    def prepare(self) -> None:
        """Pull weights and build the index where they are missing; load nothing that can wait."""
        from retriever.versions import Versions

        if not self.settings.llm_url:
            self.weights(self.settings.model)
        self.weights(self.settings.encoder)
        if self.chroma or Versions(self.settings.home).current(self.encoder.fingerprint) is None:
            _ = self.retriever

    def warm_up(self) -> None:
        """Load model, encoder and index in the background, so that the first question finds them ready.

        What goes wrong is told to the one who asks: the question tries again and shows the error.
        """

        def load() -> None:
            with contextlib.suppress(RaderError):
                solver = self.solver()
                if solver.retriever is not None:
                    self.encoder.load()

        threading.Thread(target=load, daemon=True).start()

    def close(self) -> None:
        """Stop the embedded model."""
        if self._engine is not None:
            self._engine.close()


def writable(home: Path) -> None:
    """Make sure that ``home`` is a folder that can be written to.

    Raises:
        StorageError: it cannot.
    """
    import tempfile

    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"0" * 4096)
    except OSError as error:
        raise StorageError(
            f"the folder {home} cannot be written to ({error.strerror or error})",
            "Free some space or set RADER_HOME to a folder you may write to",
        ) from error
