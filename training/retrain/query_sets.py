"""What can be compared on without a benchmark: steps of trajectories that training does not see, and titles.

Of trajectories of proofs, theorems are held out, with every problem that uses one (`training.proofs.splits`);
of others, problems with their twins (`training.triples.ledger`).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.records import Trajectory
from retriever.corpus import Corpus
from retriever.passage import Passage
from retriever.queries import Query
from training.leakage.normal import words
from training.proofs.files import write_whole
from training.proofs.splits import SplitPlan, split_of
from training.trajectories.episodes import PROOF, Episode, episodes
from training.trajectories.files import NAME, TrajectoryFiles
from training.triples.held_out import held_out_plan
from training.triples.ledger import Ledger
from training.triples.queries import drafts

TRAINING, QUERIES, TITLES = f"training/{NAME}", "steps.jsonl", "titles.jsonl"


class HoldOut:
    """Parts trajectories into those to train on and queries to compare on.

    Args:
        sources: The trajectories; read three times, never held.
        corpus: The passages that they name.
        share: Held out, 0 to 1: of the problems, and of the theorems of proofs.
        seed: Of the split.
        approved: Also take what a person approved.
    """

    def __init__(
        self, sources: TrajectoryFiles, corpus: Corpus, share: float, seed: int = 0, *, approved: bool = False
    ) -> None:
        self._sources, self._corpus, self._share, self._seed = sources, corpus, share, seed
        self._approved = approved
        self._plan: SplitPlan = held_out_plan(sources, [corpus], share, seed)
        self._ids = {passage.id for passage in corpus}

    def write(self, out: Path, titles: int) -> dict[str, Any]:
        """Write ``training/trajectories.jsonl``, ``steps.jsonl`` and ``titles.jsonl`` into a folder.

        Args:
            out: The folder.
            titles: At most so many queries by title.

        Returns:
            Counts, and ``theorems``: ids of the passages that training must not see.
        """
        (out / "training").mkdir(parents=True, exist_ok=True)
        queries: dict[str, Query] = {}
        trained = 0
        with tempfile.TemporaryDirectory(dir=out) as work, Ledger(Path(work) / "ledger.sqlite") as ledger:
            for one in self._sources.read():
                ledger.add(one.problem_id, one.problem, ())
            ledger.settle()

            def training() -> Iterator[str]:
                nonlocal trained
                for one in self._sources.read():
                    if self._trains(one, ledger):
                        trained += 1
                        yield one.to_json()
                    else:
                        queries.update((query.query, query) for query in self._queries(one))

            write_whole(out / TRAINING, training())
        named = titles_of(self._corpus, titles)
        write_whole(
            out / QUERIES, (query.model_dump_json(exclude_defaults=True) for query in queries.values())
        )
        write_whole(out / TITLES, (query.model_dump_json(exclude_defaults=True) for query in named))
        held = [one for one in sorted(self._ids) if self._plan.group(one) in self._plan.theorems]
        return {"trajectories": trained, "steps": len(queries), "titles": len(named), "theorems": held}

    def _trains(self, one: Trajectory, ledger: Ledger) -> bool:
        if one.strategy == PROOF:
            return self._plan.fate(one) == "train"
        # Another key than the one that parts off the validation rows: else these would all be held out.
        key = f"compared on: {ledger.name(one.problem_id)}"
        return split_of(key, self._share, self._seed) == "train"

    def _queries(self, one: Trajectory) -> Iterator[Query]:
        for episode in episodes(one, approved=self._approved):
            held = [self._plan.group(gold) in self._plan.theorems for gold in episode.positives]
            gold = [key for key in episode.positives if key in self._ids]
            text = next((draft.text for draft in drafts(episode) if draft.name == "step"), "")
            if gold and text.strip() and (one.strategy != PROOF or all(held)):
                yield Query(
                    id=episode.key, query=text, gold_ids=tuple(gold), excluded_ids=self._own(episode, gold)
                )

    def _own(self, episode: Episode, gold: list[str]) -> tuple[str, ...]:
        """The problem's own statement, where the corpus has it: it would be found at once."""
        own = episode.problem_id
        return (own,) if own in self._ids and own not in gold else ()


def titles_of(corpus: Corpus, count: int) -> list[Query]:
    """Plain queries of search words: titles, that of a passage asks for all passages with this title.

    Which ones, the hash of their words decides: a larger corpus has many of the same.
    """
    same: defaultdict[str, list[Passage]] = defaultdict(list)
    for passage in corpus:
        if key := " ".join(words(passage.title)):
            same[key].append(passage)
    chosen = sorted(same, key=lambda key: hashlib.sha256(key.encode()).digest())[:count]
    return [
        Query(
            id=f"title:{same[key][0].id}"[:500],
            query=same[key][0].title,
            gold_ids=tuple(p.id for p in same[key]),
        )
        for key in chosen
    ]
