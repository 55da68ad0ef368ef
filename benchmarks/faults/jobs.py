"""Long-running commands, each with a home to run in, what must serve meanwhile, and what it comes to."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.log import TrajectoryLog
from agent.records import Trajectory
from benchmarks.faults.world import World, write
from benchmarks.faults.zygote import Running
from retriever.encoding.loading import file_sha256
from retriever.errors import RaderError

ADAPTER = "adapter_model.safetensors"


class Job(ABC):
    """A command that can be begun again until it is done.

    Args:
        world: What it stands on.
    """

    name: str

    def __init__(self, world: World) -> None:
        self.world = world

    def prepare(self, home: Path) -> None:
        """Make a home in which nothing of it is done yet."""
        self.world.fresh(home)

    @abstractmethod
    def start(self, home: Path, **order: Any) -> Running:
        """Begin it, or go on with it."""

    def served(self, home: Path, wanted: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """What serves wrongly now, whatever moment it is."""
        return []

    @abstractmethod
    def result(self, home: Path) -> dict[str, Any]:
        """What it came to, without what may differ from run to run."""


class Collect(Job):
    """``rader collect``: every attempt once, as if nothing had been."""

    def __init__(self, world: World, strategy: str = "steps") -> None:
        super().__init__(world)
        self.name, self._strategy = f"collect ({strategy})", strategy
        rows = [{"id": f"q{n}", "problem": f"What is {n} + {n}?", "answer": str(40 + n)} for n in range(8)]
        self._problems = write(world.folder / "problems.jsonl", rows)

    def start(self, home: Path, *, url: str = "", more: Sequence[str] = (), **order: Any) -> Running:
        """In ``home/out``; ``url`` names another server, ``more`` are more flags."""
        arguments = ["collect", str(self._problems), "--out", str(home / "out"), "--strategy", self._strategy]
        arguments += ["--rollouts", "2"] if self._strategy == "mcts" else []
        arguments += ["--llm-url", url or self.world.server.url, "--parallel", "3", "--json", *more]
        return self.world.rader(arguments, home, **order)

    def result(self, home: Path) -> dict[str, Any]:
        """The trajectories by id."""
        found: dict[str, Any] = {}
        for one in TrajectoryLog(home / "out" / "trajectories.jsonl").read():
            found[one.id + (" again" if one.id in found else "")] = essence(one)
        left = [path.name for path in (home / "out" / "checkpoints").glob("*")]
        return found | ({"states left": left} if left else {})


class BuildIndex(Job):
    """``rader index``: the old one serves until the new one does."""

    name = "index"

    def start(self, home: Path, **order: Any) -> Running:
        """Over the new corpus."""
        arguments = ["index", str(self.world.folder / "new.jsonl"), "--no-shipped", "--json"]
        return self.world.rader(arguments, home, **order)

    def served(self, home: Path, wanted: dict[str, Any]) -> list[str]:
        """Whether searches find what the old index or the new one has."""
        try:
            found = self.world.found(home)
        except RaderError as error:
            return [f"no search: {error}"]
        return [] if found in (wanted, self.world.found(self.world.folder / "home")) else ["a mixture"]

    def result(self, home: Path) -> dict[str, Any]:
        """What searches find."""
        return self.world.found(home)


class Train(Job):
    """``rader train retriever``: the same losses and the same bytes."""

    name = "train"

    def __init__(self, world: World) -> None:
        from tests.training.trainers.tiny import make_corpus, make_triples

        super().__init__(world)
        corpus = make_corpus()
        self._triples = make_triples(world.folder / "triples", corpus)
        write(self._triples / "corpus.jsonl", [passage.model_dump(mode="json") for passage in corpus])
        self._recipe = world.folder / "train.toml"
        self._recipe.write_text(
            f'base = "{world.encoder_path}"\ndevice = "cpu"\nbatch = 8\nmini_batch = 4\nlr = 5e-3\n'
            'epochs = 4\ndropout = 0.2\nevaluate_every = 4\nscheduler = "cosine"\n'
        )

    def start(self, home: Path, **order: Any) -> Running:
        """In ``home/run``."""
        arguments = ["train", "retriever", str(self._triples), "--config", str(self._recipe)]
        return self.world.rader([*arguments, "--out", str(home / "run"), "--json"], home, **order)

    def served(self, home: Path, wanted: dict[str, Any]) -> list[str]:
        """A run that says that it is done has its weights."""
        run = home / "run" / "run.json"
        done = run.exists() and json.loads(run.read_bytes())["state"] == "done"
        return ["a run that says it is done"] if done and self._weights(home) != wanted["weights"] else []

    def result(self, home: Path) -> dict[str, Any]:
        """Hash of the weights, the losses by step."""
        lines = map(json.loads, (home / "run" / "loss.jsonl").read_text().splitlines())
        curve = {
            f"step {line['step']} {key}": line[key]
            for line in lines
            for key in ("loss", "eval_loss")
            if key in line
        }
        left = {"checkpoints left": True} if (home / "run" / "checkpoints").exists() else {}
        return {"weights": self._weights(home), **curve, **left}

    def _weights(self, home: Path) -> str:
        file = home / "run" / "adapter" / ADAPTER
        return file_sha256(file) if file.exists() else ""


class Retrain(Job):
    """``rader retrain``: the same decision, and what serves is what it says."""

    name = "retrain"

    def __init__(self, world: World) -> None:
        from tests.training.retrain.samples import solved_problems
        from tests.training.samples import write as write_log

        super().__init__(world)
        self._log = write_log(world.folder / "log", solved_problems(100))
        self._recipe = world.folder / "retrain.toml"
        self._recipe.write_text(
            f'base = "{world.encoder_path}"\ndevice = "cpu"\nbatch = 16\nmini_batch = 16\nlr = 3e-3\n'
            "epochs = 3\nevaluate_every = 1000\nhard_negatives = 0\n[mix]\nlexical = 8\nquestion = 0\n"
        )

    def prepare(self, home: Path) -> None:
        """With the small world indexed in which there is something to learn."""
        import shutil

        from retriever.index import build_index
        from tests.training.retrain.samples import WORLD

        shutil.rmtree(home, ignore_errors=True)
        build_index(home, WORLD, self.world.encoder)

    def start(self, home: Path, **order: Any) -> Running:
        """In ``home/turn``."""
        arguments = ["retrain", str(self._log), "--recipe", str(self._recipe), "--out", str(home / "turn")]
        arguments += ["--held-out", "0.25", "--least", "20", "--json"]
        return self.world.rader(arguments, home, **order)

    def served(self, home: Path, wanted: dict[str, Any]) -> list[str]:
        """What serves is nothing trained, or the one that was promoted, whole."""
        return (
            [] if self._serving(home) in ("", wanted["serves"]) else ["another than the promoted one serves"]
        )

    def result(self, home: Path) -> dict[str, Any]:
        """The verdict, and hash of what serves."""
        verdict = json.loads((home / "turn" / "verdict.json").read_bytes())
        return {**verdict, "serves": self._serving(home)}

    def _serving(self, home: Path) -> str:
        from retriever.registry import Registry

        version, note = Registry(home, home / "nothing").serving()
        return note or (file_sha256(version.path / ADAPTER) if version else "")


def essence(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory without its times, and without checks, which a busy machine may leave out."""
    record = trajectory.model_dump(mode="json", exclude={"created"})
    record["usage"].pop("seconds")
    for step in record["steps"]:
        del step["ms"], step["checks"]
    return record
