"""Triples in the making: two readings of the trajectories, a batch of queries at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from agent.records import Trajectory
from retriever.corpus import Corpus
from retriever.errors import BadInputError
from retriever.lexical import LexicalIndex
from retriever.passage import Passage
from training.proofs.splits import SplitPlan, groups_of, split_of
from training.trajectories.episodes import Episode, episodes, refusal
from training.trajectories.files import TrajectoryFiles
from training.triples.corpora import merged
from training.triples.held_out import held_out_plan
from training.triples.ledger import Ledger
from training.triples.llm_queries import Asked
from training.triples.negatives import Cosine, Guard, Miner, mine
from training.triples.queries import Draft, drafts, lexical_query, returns, tells
from training.triples.records import Side, Triple, TriplesConfig

if TYPE_CHECKING:
    from training.leakage.watch import Watch
    from training.triples.llm_queries import QueryWriter

Progress = Callable[[str, int, int], None]
BATCH = 256  # queries that are written, mined for and checked at once


@dataclass(frozen=True)
class Helpers:
    """What takes part beside trajectories and corpus; all of it may be missing.

    Attributes:
        miners: Retrievers over the corpus, by name, whose best hits become hard negatives.
        lexical: BM25 over the corpus, for the round trip; made when needed where it is None.
        cosine: Of two passages by id, for the guard.
        writer: A language model that writes ``llm`` and ``lexical`` queries.
        leakage: Benchmarks that no query may be like.
    """

    miners: Mapping[str, Miner] = field(default_factory=dict)
    lexical: LexicalIndex | None = None
    cosine: Cosine | None = None
    writer: QueryWriter | None = None
    leakage: Watch | None = None

    def settings(self) -> dict[str, object]:
        """Their names, for a report."""
        return {
            "mined_with": sorted(self.miners),
            "cosine": self.cosine is not None,
            "written_by": self.writer.fingerprint if self.writer else "",
            "benchmarks": self.leakage.names if self.leakage else [],
        }


class Pending(NamedTuple):
    """A query on its way to a triple."""

    draft: Draft
    episode: Episode
    positive: Passage

    @property
    def key(self) -> str:
        """The triple's id."""
        if self.draft.query_type == "lexical":
            return f"lexical:{self.positive.id}"
        return f"{self.episode.key}:{self.draft.name}:{self.positive.id}"


class Making:
    """One run of `training.triples.build.make_triples`.

    Attributes:
        counts: Triples by side and query type, once `count` has seen them.
        dropped: What was left out, by reason.
        merged: Passages whose id an earlier corpus has.
        named: Ids of all passages that the triples name.
        trajectories, problems, theorems, negatives, without, lost: Further counts for the report.
    """

    def __init__(
        self,
        sources: TrajectoryFiles,
        corpora: Sequence[Corpus],
        config: TriplesConfig,
        helpers: Helpers,
        ledger: Ledger,
        progress: Progress | None,
    ) -> None:
        self.corpus, self.merged = merged(corpora)
        self.helpers = helpers
        self._passages = {passage.id: passage for passage in self.corpus}
        self._sources, self._config, self._ledger, self._progress = sources, config, ledger, progress
        self._plan: SplitPlan | None = None
        if config.held_out:
            self._plan = held_out_plan(sources, corpora, config.held_out, config.seed)
        groups = self._plan.groups if self._plan else groups_of(chain.from_iterable(corpora))
        held = {one for one, group in groups.items() if self._plan and group in self._plan.theorems}
        self.guard = Guard(
            self._passages, groups, held, cosine=helpers.cosine, most_cosine=config.most_cosine
        )
        self.counts: dict[Side, Counter[str]] = {"train": Counter(), "validation": Counter()}
        self.dropped: Counter[str] = Counter()
        self.named: set[str] = set()
        self.trajectories = self.problems = self.theorems = self.negatives = self.without = self.lost = 0

    def survey(self) -> None:
        """The first reading: which problems there are, and what helped with each."""
        for trajectory in self._sources.read():
            self.trajectories += 1
            self._tell("reading trajectories", self.trajectories, 0)
            if reason := self._refusal(trajectory, "first"):
                self.dropped[f"trajectory: {reason}"] += 1
                continue
            found = episodes(trajectory, approved=self._config.approved)
            positives = {one for episode in found for one in episode.positives}
            self._ledger.add(trajectory.problem_id, trajectory.problem, positives)
        self.problems = self._ledger.settle()

    def triples(self) -> Iterator[tuple[Side, Triple]]:
        """The second reading: the triples, each with its side."""
        pending = chain.from_iterable(map(self._pending, self._episodes()))
        while batch := list(islice(pending, BATCH)):
            yield from self._finished(self._kept(self._with_texts(batch)))
        if self.lost and not self.theorems:
            raise BadInputError(
                f"the corpus holds none of the {self.lost:,} passages that helped",
                "Name the corpus that the trajectories were made with: --corpus",
            )

    def count(self, triples: Iterable[tuple[Side, Triple]]) -> None:
        """Count triples as they go by."""
        for side, triple in triples:
            self.counts[side][triple.query_type] += 1
            self.named.update((triple.positive, *triple.negatives))
            self.negatives += len(triple.negatives)
            self.without += not triple.negatives

    def _refusal(self, trajectory: Trajectory, reading: str) -> str:
        if not self._ledger.is_new(reading, trajectory.id):
            return "there twice"
        if self._plan and self._plan.fate(trajectory) != "train":
            return "its proof uses a held-out theorem"
        return refusal(trajectory, approved=self._config.approved)

    def _episodes(self) -> Iterator[Episode]:
        for done, trajectory in enumerate(self._sources.read(), start=1):
            self._tell("making triples", done, self.trajectories)
            if not self._refusal(trajectory, "second"):
                yield from episodes(trajectory, approved=self._config.approved)

    def _pending(self, episode: Episode) -> Iterator[Pending]:
        """Queries of an episode for each passage that helped; those that a model writes are still empty."""
        for one in episode.positives:
            if reason := self._unfit(one, episode):
                self.dropped[f"theorem: {reason}"] += 1
                continue
            passage = self._passages[one]
            self.theorems += (new := self._ledger.is_new("theorem", one))
            found = [_of_its_kind(draft, passage) for draft in drafts(episode)]
            if self.helpers.writer and not any(draft.query_type == "llm" for draft in found):
                found.append(Draft("llm", "llm", ""))
            if new:
                found.append(
                    Draft("lexical", "lexical", "" if self.helpers.writer else lexical_query(passage))
                )
            yield from (
                Pending(draft, episode, passage) for draft in found if draft.query_type in self._config.types
            )

    def _unfit(self, one: str, episode: Episode) -> str:
        """Why a passage cannot be a positive."""
        if one not in self._passages:
            self.lost += 1
            return "not in the corpus"
        if one in self.guard.excluded:
            return "held out"
        return (
            "the problem's own statement"
            if self.guard.states(one, episode.problem, episode.problem_id)
            else ""
        )

    def _with_texts(self, batch: list[Pending]) -> list[Pending]:
        """The batch with the queries that a model had to write."""
        empty = [each for each in batch if not each.draft.text]
        if not empty or not self.helpers.writer:
            return batch
        asked = [Asked(each.draft.query_type, each.episode, each.positive) for each in empty]
        texts = iter(self.helpers.writer.write(asked))
        return [
            each if each.draft.text else each._replace(draft=each.draft._replace(text=next(texts)))
            for each in batch
        ]

    def _kept(self, batch: Iterable[Pending]) -> Iterator[Pending]:
        for each in batch:
            reason = self._fault(each)
            if reason:
                self.dropped[f"{each.draft.query_type} query: {reason}"] += 1
            else:
                yield each

    def _fault(self, pending: Pending) -> str:
        """Why a query is not trained on."""
        (query_type, _, text), passage = pending.draft, pending.positive
        if not text.strip():
            return "the model wrote none"
        if query_type == "llm" and (reason := tells(text, passage)):
            return reason
        if query_type == "lexical" and not returns(self._lexical, text, passage.id):
            return "BM25 does not find the theorem with it"
        if not self._ledger.is_new("query", text, passage.id):
            return "there twice for the same theorem"
        return "too like a benchmark" if self._leaks(pending) else ""

    def _leaks(self, pending: Pending) -> bool:
        watch = self.helpers.leakage
        found = watch is not None and watch.found(pending.key, pending.draft.text)
        return found and not self._config.allow_leakage

    @cached_property
    def _lexical(self) -> LexicalIndex:
        return self.helpers.lexical or LexicalIndex.build(self.corpus)

    def _finished(self, batch: Iterable[Pending]) -> Iterator[tuple[Side, Triple]]:
        kept = list(batch)
        miners = self.helpers.miners.values() if self._config.negatives else ()
        mined = mine(miners, [each.draft.text for each in kept], self._config.depth)
        for each, found in zip(kept, mined, strict=True):
            triple = Triple(
                id=each.key,
                query=each.draft.text,
                query_type=each.draft.query_type,
                positive=each.positive.id,
                negatives=tuple(islice(self._negatives(each, found), self._config.negatives)),
                trajectory=each.episode.trajectory,
            )
            yield self._side(each.episode.problem_id), triple

    def _negatives(self, pending: Pending, mined: Sequence[str]) -> Iterator[str]:
        episode, positive = pending.episode, pending.positive.id
        if pending.draft.query_type == "lexical":  # from the theorem alone: the problem has no part in it
            return self.guard.allowed(mined, positive, frozenset(), "")
        helped = self._ledger.positives(episode.problem_id)
        return self.guard.allowed(
            chain(episode.rejected, mined), positive, helped, episode.problem, episode.problem_id
        )

    def _side(self, problem_id: str) -> Side:
        side = split_of(self._ledger.name(problem_id), self._config.validation, self._config.seed)
        return "train" if side == "train" else "validation"

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._progress:
            self._progress(what, done, total)


def _of_its_kind(draft: Draft, passage: Passage) -> Draft:
    """What a person asks for in the theorem's own words, or by its name, are search words."""
    easy = draft.query_type == "llm" and tells(draft.text, passage)
    return draft._replace(query_type="lexical") if easy else draft
