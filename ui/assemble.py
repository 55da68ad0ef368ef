"""From settings to working objects: the only place that puts weights, index, model and agent together."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from retriever.errors import BadInputError, IndexMissingError, RaderError, StorageError
from ui.settings import Settings

if TYPE_CHECKING:
    from agent.engine import LlamaCppEngine
    from agent.llm import ChatModel
    from agent.solve import Solver
    from agent.state import AgentConfig
    from retriever.corpus import Corpus
    from retriever.encoder import Encoder
    from retriever.index import IndexInfo
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
        from retriever.encoder import Encoder

        settings = self.settings
        return Encoder(self.weights(settings.encoder), max_passage_tokens=settings.passage_tokens)

    def build_index(self, corpus: Corpus) -> IndexInfo:
        """Build the index of ``corpus`` and let it serve."""
        from retriever.index import build_index

        def indexing(done: int, total: int) -> None:
            self._watch("indexing passages", done, total)

        return build_index(self.settings.home, corpus, self.encoder, indexing)

    @cached_property
    def retriever(self) -> Retriever:
        """Search over the index that serves; what ships is indexed where there is none.

        Raises:
            IndexMismatchError: The index was built with another encoder.
        """
        from retriever.index import open_index
        from retriever.search import Retriever
        from retriever.sources import default_corpus

        home = self.settings.home
        try:
            index = open_index(home, self.encoder)
        except IndexMissingError:
            self.build_index(default_corpus())
            index = open_index(home, self.encoder)
        return Retriever(index, self.encoder, self.settings.agent.retriever)

    @cached_property
    def llm(self) -> ChatModel:
        """The language model: the server that ``llm_url`` names, else the embedded one, started here."""
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

    def solver(self, config: AgentConfig | None = None, *, retrieves: bool = True) -> Solver:
        """The agent, logging to ``home/trajectories.jsonl``. ``retrieves`` off leaves the index alone."""
        from agent.log import TrajectoryLog
        from agent.solve import Solver

        home = self.settings.home
        with self._making:
            retriever = self.retriever if retrieves else None
            llm = self.llm
        return Solver(
            llm,
            retriever,
            config or self.settings.agent,
            log=TrajectoryLog(home / "trajectories.jsonl"),
            checkpoints=home / "checkpoints.sqlite",
            retriever_fingerprint=self.encoder.fingerprint if retriever else "",
            index_fingerprint=retriever.index.info.fingerprint if retriever else "",
        )

    def prepare(self) -> None:
        """Pull weights and build the index where they are missing; load nothing that can wait."""
        from retriever.versions import Versions

        if not self.settings.llm_url:
            self.weights(self.settings.model)
        self.weights(self.settings.encoder)
        if Versions(self.settings.home).current() is None:
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
