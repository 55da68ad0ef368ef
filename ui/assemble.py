"""From settings to working objects: the only place that puts weights, index, model and agent together.

What searches is put together in `ui.retrieval`, the rest here.
"""

from __future__ import annotations

import contextlib
import os
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from agent.state import parse_strategy
from retriever.errors import BadInputError, RaderError, StorageError
from ui.retrieval import Retrieval, Watcher, unwatched
from ui.settings import Settings, with_agent

if TYPE_CHECKING:
    from agent.engine import LlamaCppEngine
    from agent.llm import ChatModel
    from agent.nodes import Searcher
    from agent.recording import RecordedModel
    from agent.search_recording import SearchHead
    from agent.solve import Solver
    from agent.state import AgentConfig, SearchConfig
    from retriever.rerank import Reranker
    from retriever.search import Retriever
    from ui.solve.choices import Choices


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
        self._model: ChatModel | None = None  # the one that was asked for last
        self._model_name = ""
        self._recorded: RecordedModel | None = None
        self._recording: Path | None = None
        self._asks = True

    def _llm_reranker(self) -> Reranker:
        from retriever.reranking.llm_rerank import LLMReranker

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

    @property
    def llm(self) -> ChatModel:
        """The language model: a recording, the server that ``llm_url`` names, or the embedded one."""
        return self._recorded or self._live()

    def _live(self, name: str = "") -> ChatModel:
        """A model of the server that ``llm_url`` names, else an embedded one; by default the settings'."""
        name = name or (self.settings.llm_model if self.settings.llm_url else self.settings.model)
        with self._making:
            if self._model is None or self._model_name != name:
                self._model = self._served(name) if self.settings.llm_url else self._embedded(name)
                self._model_name = name
            return self._model

    def _embedded(self, name: str) -> ChatModel:
        """An embedded model, started here; the one before makes room for it.

        Raises:
            BadInputError: The one before is answering.
        """
        from agent.engine import LlamaCppEngine

        settings, folder = self.settings, self.weights(name)
        files = sorted(folder.glob("*.gguf"))
        if not files:
            raise BadInputError(
                f"the model {name} has no GGUF file", "Choose one that has: rader models list"
            )
        if self._engine is not None:
            self._engine.retire()
            self._engine = self._model = None
        self.watch(f"loading {name}", 0, 0)
        self._engine = LlamaCppEngine(
            files[0], name=name, context=settings.context, slots=settings.slots, threads=settings.threads
        )
        return self._engine.chat_model(_identity(name, files[0]))

    def _served(self, name: str) -> ChatModel:
        from agent.llm import ChatModel, served_models

        settings, key = self.settings, self.llm_key
        model = name or served_models(settings.llm_url, key)[0]
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
        settings = self.settings.model_copy(update={"agent": config or self.settings.agent})
        search = settings.search.collecting() if collecting else settings.search.blind()
        return self._solver(settings, search, retrieves=retrieves)

    def solver_for(self, choices: Choices) -> Solver:
        """The agent as a person chose it on the page.

        Raises:
            BadInputError: Another embedded model is answering, or something chosen is gone.
        """
        plan = parse_strategy(choices.strategy)
        settings = with_agent(
            self.settings,
            retriever=choices.retriever or None,
            depth=choices.depth,
            hits=choices.hits,
            sources=choices.sources or None,
            without=() if choices.sources else None,  # who names a source wants what is in it
        )
        search = settings.search.model_copy(update={"depth": choices.depth, "hits": choices.hits}).blind()
        return self._solver(settings, search, retrieves=plan.graph != "cot", model=choices.model)

    def _solver(
        self, settings: Settings, search: SearchConfig, *, retrieves: bool, model: str = ""
    ) -> Solver:
        from agent.log import TrajectoryLog
        from agent.solve import Solver

        with self._making:
            retriever, found_by = self._searcher(settings) if retrieves else (None, None)
            llm = self._recorded or self._live(model)
            held = self._engine.held if self._engine else nullcontext
        return Solver(
            llm,
            retriever,
            settings.agent,
            log=TrajectoryLog(settings.home / "trajectories.jsonl"),
            checkpoints=settings.home / "checkpoints.sqlite",
            retriever_fingerprint=found_by.retriever if found_by else "",
            index_fingerprint=found_by.index if found_by else "",
            search=search,
            samples=settings.samples,
            held=held,
        )

    def _searcher(self, settings: Settings) -> tuple[Searcher, SearchHead]:
        """What the agent searches with, and what tells it from others; recorded where calls are."""
        from agent.search_recording import SEARCHES, RecordedSearcher, SearchHead

        folder = self._recording
        if folder and not self._asks and (folder / SEARCHES).exists():
            recorded = RecordedSearcher(folder)
            return recorded, recorded.head
        mode = settings.agent.retriever
        live = self.retriever_for(mode, settings)
        head = SearchHead(mode=mode, retriever=self._identity_of(live), index=live.index.info.fingerprint)
        return (RecordedSearcher(folder, (live, head)) if folder and self._asks else live), head

    def _identity_of(self, retriever: Retriever) -> str:
        """What decides a search beside the index: the encoder, and the reranker where there is one."""
        ranker, encoder = self.reranker, retriever.encoder.fingerprint
        return f"{encoder}+{ranker.fingerprint}" if ranker else encoder

    def prepare(self) -> None:
        """Pull weights and build the index where they are missing; load nothing that can wait."""
        from retriever.indexing.versions import Versions

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


def _identity(name: str, file: Path) -> str:
    """What an embedded model is called in trajectories."""
    from retriever.pulling.manifest import shipped_manifest

    known = shipped_manifest().models.get(name)
    hashes = {entry.name: entry.sha256 for entry in known.files} if known else {}
    return f"{name}@{hashes.get(file.name, 'unknown')}"


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
