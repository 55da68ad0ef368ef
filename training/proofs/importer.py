"""Trajectories from written proofs: verified human reasoning in the format that the agent's own runs have.

    report = import_proofs(Path("statements.jsonl"), Path("proofs.jsonl"), Path("links.jsonl"), Path("out"))

The problem is the statement to prove. A proof's text is cut into units; where one cites a statement by name,
it becomes a `query` step and the cited statements the relevant hits of a `retrieve` step. Names of cited
statements are taken out of problem, thoughts and queries alike: a theorem is to be found by what it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.records import Fingerprints, Step, Trajectory, Usage
from retriever.corpus import Corpus
from retriever.errors import BadInputError, StorageError
from training.proofs.files import LinkLine, ProofLine, hash_of, read_lines, write_whole
from training.proofs.steps import split_proofs
from training.proofs.trajectory import Page, Statements

STRATEGY = "proof"  # of the trajectories
FORMAT = 1  # raised whenever the same input gives other trajectories
Progress = Callable[[int], None]


class ProofReport(BaseModel):
    """What an import came to.

    ``pairs`` are (step, cited statement) pairs; ``links`` says what became of each premise link and
    ``dropped`` why a page of proofs, or one proof of it, gave no trajectory. ``skipped`` are bad lines.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    statements: int
    proofs: int
    trajectories: int
    queries: int
    pairs: int
    links: dict[str, int]
    dropped: dict[str, int]
    skipped: tuple[str, ...] = ()
    fingerprint: str


def import_proofs(
    statements: Path,
    proofs: Path,
    premises: Path,
    out: Path,
    *,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ProofReport:
    """Write ``OUT/trajectories.jsonl`` and ``OUT/report.json``; the same input gives the same bytes.

    The file appears when it is whole; what has been done on the same input is not done again.

    Args:
        statements: JSONL of ``{"id", "title", "text", "kind", "aliases"?}``.
        proofs: JSONL of ``{"id", "proof"}``, ``id`` that of the statement proved.
        premises: JSONL of ``{"id", "premises": [id, …]}``.
        out: Folder to write to.
        skip_bad: Leave bad lines out and count them, instead of stopping at the first.
        progress: Told how many proofs have been read.

    Raises:
        BadInputError: A file cannot be read, a line is bad, an id is there twice, nothing is left, or ``out``
            holds trajectories from elsewhere.
        StorageError: ``out`` cannot be written to.
    """
    fingerprint = hash_of(FORMAT, statements, proofs, premises)
    done = _finished(out, fingerprint)
    if done and (skip_bad or not done.skipped):
        return done
    run = _Import(statements, premises, fingerprint, skip_bad=skip_bad)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "trajectories.jsonl", (one.to_json() for one in run.trajectories(proofs, progress)))
        report = run.report()
        write_whole(out / "report.json", [report.model_dump_json(indent=2)])
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write to {out}: {reason}", "Choose another folder") from error
    return report


class _Import:
    """One import at work: what has been read, and the counts so far."""

    def __init__(self, statements: Path, premises: Path, fingerprint: str, *, skip_bad: bool) -> None:
        corpus = Corpus.from_file(statements, skip_bad=skip_bad)
        self.skipped: list[str] = list(corpus.skipped)
        self._bad = self.skipped if skip_bad else None
        self.statements = Statements(corpus)
        self.links = {line.id: line.premises for line in read_lines(premises, LinkLine, self._bad)}
        self.prints = Fingerprints(llm="", retriever="", index="", prompts="", config=fingerprint)
        self.counts, self.links_seen = Counter[str](), Counter[str]()
        self.dropped = Counter[str]()

    def trajectories(self, proofs: Path, progress: Progress | None) -> Iterator[Trajectory]:
        read: set[str] = set()
        for line in read_lines(proofs, ProofLine, self._bad):
            read.add(line.id)
            yield from self._of_page(line)
            if progress:
                progress(len(read))
        if not self.counts["trajectories"]:
            raise BadInputError(
                f"no proof in {proofs} cites a statement by name",
                "Check that the three files belong together",
            )
        self.counts["proofs"] = len(read)
        unread = sum(len(set(links)) for one, links in self.links.items() if one not in read)
        self.links_seen += Counter({"of a statement without a proof": unread})

    def _of_page(self, line: ProofLine) -> Iterator[Trajectory]:
        if line.id not in self.statements:
            self.dropped["pages: no such statement"] += 1
            return
        page = Page(self.statements, line.id, self.links.get(line.id, ()))
        if not page.problem:
            self.dropped["pages: no statement apart from its proof"] += 1
            self.links_seen += Counter({"of a page that is left out": len(set(self.links.get(line.id, ())))})
            return
        for number, proof in enumerate(split_proofs(line.proof), 1):
            if steps := page.steps(proof):
                yield self._trajectory(line.id, number, page.problem, steps)
            else:
                self.dropped["proofs: nothing cited by name"] += 1
        self.links_seen.update(page.links())

    def _trajectory(self, identity: str, number: int, problem: str, steps: list[Step]) -> Trajectory:
        hits = [len(step.hits) for step in steps if step.action == "retrieve"]
        self.counts.update(trajectories=1, queries=len(hits), pairs=sum(hits))
        return Trajectory(
            id=f"proof:{identity}:{number}",
            problem=problem,
            problem_id=identity,
            strategy=STRATEGY,
            steps=tuple(steps),
            answer=None,
            grade="correct",  # people have checked a published proof
            reward=1,
            fingerprints=self.prints,
            seed=0,
            usage=Usage(),
            created="",  # the same input gives the same bytes
        )

    def report(self) -> ProofReport:
        return ProofReport(
            statements=len(self.statements),
            proofs=self.counts["proofs"],
            trajectories=self.counts["trajectories"],
            queries=self.counts["queries"],
            pairs=self.counts["pairs"],
            links=dict(sorted(self.links_seen.items())),
            dropped=dict(sorted(self.dropped.items())),
            skipped=tuple(self.skipped),
            fingerprint=self.prints.config,
        )


def _finished(out: Path, fingerprint: str) -> ProofReport | None:
    """The report of this same import, if it is already there; refuses to write over what is not an import."""
    try:
        with (out / "trajectories.jsonl").open("rb") as file:
            first = Trajectory.model_validate_json(file.readline())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        first = None
    if first is None or first.strategy != STRATEGY:
        raise BadInputError(f"{out} holds trajectories that are not from proofs", "Name another folder")
    try:
        report = ProofReport.model_validate_json((out / "report.json").read_bytes())
    except (OSError, ValidationError):
        return None
    same = report.fingerprint == first.fingerprints.config == fingerprint
    return report if same else None
