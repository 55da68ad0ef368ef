"""From settings to working objects: the only place that puts weights, index, model and agent together.

What searches is put together in `ui.retrieval`, the rest here.
"""

from __future__ import annotations

import contextlib
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from retriever.errors import BadInputError, RaderError, StorageError
from ui.retrieval import Retrieval, Watcher, unwatched
from ui.settings import Settings

if TYPE_CHECKING:
    from agent.engine import LlamaCppEngine
    from agent.llm import ChatModel
    from agent.nodes import Searcher
    from agent.recording import RecordedModel
    from agent.search_recording import SearchHead
    from agent.solve import Solver
    from agent.state import AgentConfig, RetrieverName
    from retriever.rerank import Reranker
    from retriever.search import Retriever


class Studio(Retrieval):
    """The parts of one installation, each made when it is first needed.

    Missing weights are pulled and a missing index is built on the way.

    Args:
        settings: The resolved settings.
        watch: Told of downloads and builds as they go on.
    """

    def __init__(self, settings: Settings, watch: Watcher = unwatched) -> None:
        super().__init__(settings, watch)
        self._engine: LlamaCppEngine | None = None
        self._recorded: RecordedModel | None = None
        self._recording: Path | None = None
        self._asks = True

    def _llm_reranker(self) -> Reranker:
        from retriever.llm_rerank import LLMReranker

        return LLMReranker(
            self.llm.as_langchain(), identity=self.llm.fingerprint, in_flight=self.settings.slots
        )

    def play(self, folder: Path, *, ask: bool) -> None:
        """Keep the model's calls and all searches in ``folder``, and take from there those that it holds.

        Args:
            folder: Of the recording.
            ask: Off, no model is started and no index opened: what the recording lacks fails.
        """
        from agent.recording import RecordedModel

        self._recorded = RecordedModel(folder, self._live() if ask else None)
        self._recording, self._asks = folder, ask

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
        self.watch(f"loading {settings.model}", 0, 0)
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
        config = config or self.settings.agent
        with self._making:
            retriever, found_by = self._searcher(config.retriever) if retrieves else (None, None)
            llm = self.llm
        return Solver(
            llm,
            retriever,
            config,
            log=TrajectoryLog(home / "trajectories.jsonl"),
            checkpoints=home / "checkpoints.sqlite",
            retriever_fingerprint=found_by.retriever if found_by else "",
            index_fingerprint=found_by.index if found_by else "",
            search=search.collecting() if collecting else search.blind(),
            samples=self.settings.samples,
        )

    def _searcher(self, mode: RetrieverName) -> tuple[Searcher, SearchHead]:
        """What the agent searches with, and what tells it from others; recorded where calls are."""
        from agent.search_recording import SEARCHES, RecordedSearcher, SearchHead

        folder = self._recording
        if folder and not self._asks and (folder / SEARCHES).exists():
            recorded = RecordedSearcher(folder)
            return recorded, recorded.head
        live = self.retriever_for(mode)
        head = SearchHead(mode=mode, retriever=self._identity_of(live), index=live.index.info.fingerprint)
        return (RecordedSearcher(folder, (live, head)) if folder and self._asks else live), head

    def _identity_of(self, retriever: Retriever) -> str:
        """What decides a search beside the index: the encoder, and the reranker where there is one."""
        ranker, encoder = self.reranker, retriever.encoder.fingerprint
        return f"{encoder}+{ranker.fingerprint}" if ranker else encoder

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
                _ = self.solver()
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
