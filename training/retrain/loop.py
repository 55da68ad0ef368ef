"""The loop: trajectories → triples → training → comparison with what serves → gate → index → promotion.

    report = Retraining(sources, corpus, Path("run"), config, tools).run()

OUT/
├── split.stage.json …       what each stage was made of and gave: of the same input it is not done again
├── data/                    trajectories to train on; steps.jsonl and titles.jsonl to compare on
├── triples/, model-…/       of `training.triples` and `training.trainers`, which goes on by itself
└── verdict.json, README.md  of the gate; the model card

Until the last step everything is beside what serves; whatever fails before leaves it serving.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retriever.corpus import Corpus
from retriever.encoding.loading import file_sha256
from retriever.errors import BadInputError
from retriever.files import write_atomically
from retriever.queries import read_queries
from retriever.registry import Registry
from retriever.trained.release import Release, encode_of, seal
from retriever.trained.training_output import TrainingOutput
from training.leakage.benchmarks import Benchmark
from training.leakage.watch import Watch
from training.retrain.arena import Arena, as_benchmark, searcher
from training.retrain.gate import LEAST_STEPS, OLD, STEPS, QuerySet, Verdict
from training.retrain.model_card import model_card
from training.retrain.query_sets import QUERIES, TITLES, TRAINING, HoldOut
from training.retrain.records import RetrainConfig, RetrainReport, Tools
from training.retrain.stages import Stages
from training.trajectories.files import TrajectoryFiles
from training.triples.records import FILES

if TYPE_CHECKING:
    from retriever.encoder import Encoder
    from training.triples.pending import Helpers

__all__ = ["RetrainConfig", "RetrainReport", "Retraining", "Tools"]

VERDICT, CARD = "verdict.json", "README.md"


class Retraining:
    """One turn of the loop.

    Args:
        sources: Trajectories.
        corpus: The passages that they name.
        out: Folder of the run, which is taken up where it was killed.
        config: How.
        tools: With what.
        benchmarks: More sets to compare on; those whose names begin with ``steps`` are of step queries.
        avoid: More texts that training must stay away from.
    """

    def __init__(
        self,
        sources: TrajectoryFiles,
        corpus: Corpus,
        out: Path,
        config: RetrainConfig,
        tools: Tools,
        benchmarks: Sequence[QuerySet] = (),
        avoid: Sequence[Benchmark] = (),
    ) -> None:
        self._sources, self._corpus, self._out = sources, corpus, out
        self._config, self._tools = config, tools
        self._benchmarks, self._avoid = list(benchmarks), list(avoid)
        self._stages = Stages(out)

    def run(self) -> RetrainReport:
        """Go round once.

        Raises:
            BadInputError: The data cannot be used or is too little, or another process works in the folder.
            RaderError: A stage failed; what serves goes on serving, and so does the run, if it is run again.
        """
        from training.trainers.model import require_extra

        require_extra()
        self._tools.encoder(self._config.training.base)  # a wrong name is refused before any work is done
        with self._stages.held():
            held = self._split()
            sets = self._sets(held)
            triples = self._triples(held, sets)
            model = self._train()
            verdict = self._judge(model, sets)
            write_atomically(self._out / CARD, self._card(model.name, model, verdict))
            name, indexed = self._switch(model, verdict) if verdict.promoted else ("", 0)
        return RetrainReport(
            promoted=verdict.promoted,
            name=name,
            over=self._tools.serving,
            reasons=verdict.reasons,
            steps=verdict.steps,
            compared={
                key: each.model_dump(exclude={"differences"}) for key, each in verdict.compared.items()
            },
            triples=triples["triples"],
            indexed=indexed,
            folder=str(self._out),
            skipped=tuple(self._stages.done),
            table=verdict.table(),
        )

    def _split(self) -> dict[str, Any]:
        config = self._config
        inputs = {
            "trajectories": self._sources.sha256(),
            "corpus": self._corpus.sha256,
            "held_out": config.held_out,
            "titles": config.titles,
            "approved": config.triples.approved,
            "seed": config.triples.seed,
        }

        def work() -> dict[str, Any]:
            self._tools.watch("holding out queries to compare on", 0, 0)
            split = HoldOut(
                self._sources,
                self._corpus,
                config.held_out,
                config.triples.seed,
                approved=config.triples.approved,
            )
            return split.write(self._out / "data", config.titles)

        files = [f"data/{name}" for name in (TRAINING, QUERIES, TITLES)]
        return dict(self._stages.run("split", inputs, work, files))

    def _sets(self, held: dict[str, Any]) -> list[QuerySet]:
        """All that is compared on; refuses before anything is trained where it could not be judged."""
        own = [(STEPS, QUERIES, held["steps"]), ("titles", TITLES, held["titles"])]
        made = [
            QuerySet(name, read_queries(self._out / "data" / file), self._corpus)
            for name, file, n in own
            if n
        ]
        sets = [*made, *self._benchmarks]
        names = [each.name for each in sets]
        if both := {name for name in names if names.count(name) > 1}:
            raise BadInputError(f"two sets of queries are called {min(both)!r}", "Give one another name")
        if (count := sum(len(each.queries) for each in sets if each.of_steps)) < LEAST_STEPS:
            raise BadInputError(
                f"{count} step queries are held out, and {LEAST_STEPS} are needed to tell what is better",
                "Give more trajectories, a larger --held-out, or --benchmark steps-NAME=QUERIES:CORPUS",
            )
        return sets

    @cached_property
    def _old(self) -> Encoder:
        return self._tools.encoder(self._tools.old)

    def _triples(self, held: dict[str, Any], sets: Sequence[QuerySet]) -> dict[str, Any]:
        from training.triples.build import make_triples

        config, theorems = self._config.triples, set(held["theorems"])
        corpus = Corpus(passage for passage in self._corpus if passage.id not in theorems)
        avoid = [*map(as_benchmark, sets), *self._avoid]
        inputs = {
            "trajectories": self._mark(f"data/{TRAINING}"),
            "corpus": corpus.sha256,
            "config": config.model_dump(mode="json"),
            "avoid": {each.name: each.sha256 for each in avoid},
            "miner": self._old.fingerprint,
        }

        def work() -> dict[str, Any]:
            sources = TrajectoryFiles([self._out / "data" / "training"])
            helpers = self._helpers(corpus, avoid)
            report = make_triples(
                sources, [corpus], self._out / "triples", config, helpers, self._tools.watch
            )
            return report.model_dump(mode="json")

        files = [
            f"triples/{name}" for name in (*FILES.values(), "corpus.jsonl", "report.json", "leakage.json")
        ]
        report = dict(self._stages.run("triples", inputs, work, files))
        if (count := sum(report["train"].values())) < self._config.least:
            raise BadInputError(
                f"{count} triples to train on are too few, {self._config.least} are needed",
                "Collect more: rader collect or rader import-proofs",
            )
        if not sum(report["validation"].values()):
            raise BadInputError("no problem is left to validate with", "Give more trajectories")
        return report

    def _helpers(self, corpus: Corpus, avoid: Sequence[Benchmark]) -> Helpers:
        """Mining by words and by what serves, which is wrong in its own ways."""
        from retriever.lexical import LexicalIndex
        from training.triples.negatives import by_search, by_words
        from training.triples.pending import Helpers

        words = LexicalIndex.build(corpus)
        miners = {
            "bm25": by_words(words),
            OLD: by_search(searcher(self._old, corpus, self._tools.home, self._tools.watch)),
        }
        return Helpers(miners=miners, lexical=words, leakage=Watch(avoid))

    def _train(self) -> Path:
        """The finished run's folder; the trainer itself goes on where it was killed."""
        from training.trainers.bi_encoder import train_retriever

        config, folder = self._config.training, self._out / "triples"
        marks = {name: self._mark(f"triples/{name}") for name in ("corpus.jsonl", *FILES.values())}
        plan = json.dumps([config.model_dump(mode="json"), marks], sort_keys=True)
        out = self._out / f"model-{hashlib.sha256(plan.encode()).hexdigest()[:12]}"
        train_retriever(
            config,
            folder,
            Corpus.from_file(folder / "corpus.jsonl"),
            out,
            home=self._tools.home,
            notes={"leakage": _json(folder / "leakage.json")},
            progress=lambda done, total, news: self._tools.watch(f"training: {news}", done, total),
        )
        found = TrainingOutput.of(out)
        if encode_of(found.folder) != found.encode:  # from here on the folder itself says how it was trained
            seal(found.folder, Release(form=found.form, base=found.base, encode=found.encode))
        return out

    def _judge(self, model: Path, sets: Sequence[QuerySet]) -> Verdict:
        new = self._tools.encoder(str(TrainingOutput.of(model).folder))
        arena = Arena(new, self._old, self._out, self._tools.home, self._tools.watch)
        verdict = arena.judge(sets, self._stages, self._config.triples.seed)
        write_atomically(self._out / VERDICT, verdict.model_dump_json(indent=2))
        shutil.rmtree(self._out / "vectors", ignore_errors=True)
        return verdict

    def _card(self, name: str, model: Path, verdict: Verdict) -> str:
        run, triples = _json(model / "run.json"), _json(self._out / "triples" / "report.json")
        return model_card(name, run, verdict, run.get("leakage"), triples, self._tools.serving)

    def _switch(self, model: Path, verdict: Verdict) -> tuple[str, int]:
        """Make it a version, build its index beside the old one, let it serve."""
        registry = Registry(self._tools.home)
        version = registry.add(
            model,
            scores={name: each.new for name, each in verdict.compared.items()},
            parent=self._tools.serving,
            card=lambda name: self._card(name, model, verdict),
        )
        info = self._tools.follow(self._tools.encoder(str(version.path)))
        registry.promote(version.name, over=self._tools.serving)
        return version.name, info.count if info else 0

    def _mark(self, name: str) -> str:
        return file_sha256(self._out / name)


def _json(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
