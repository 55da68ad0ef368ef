"""The forms that start a collection and a retraining: what they ask for, checked, as a ``rader`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from retriever.errors import BadInputError
from ui.jobs import Jobs
from ui.page import render
from ui.page.frame import QUIET
from ui.trajectories import reports
from ui.trajectories.logs import Logs, name_for
from ui.trajectories.panel import Panel

STRATEGIES = ["steps", "rag", "cot", "mcts", "cot@8", "rag@8"]
MOST_BYTES = 50 * 2**20
UPLOAD_TYPES = [".jsonl", ".json", ".txt"]

Command = tuple[str, list[str]]  # what the job is called, and the arguments of rader


class Starters:
    """Collecting and retraining out of the page.

    Args:
        jobs: Where they run.
        logs: Where collections go.
    """

    def __init__(self, jobs: Jobs, logs: Logs) -> None:
        self._jobs, self._logs = jobs, logs

    def lay_out_collect(self, blocks: gr.Blocks) -> None:
        """The form of a collection; called within its tab."""
        gr.HTML(
            "<p>Solve many problems and keep every trajectory; it goes on when this page is closed. A line "
            'is {"id": …, "problem": …, "answer": …}, or as MATH, GSM8K and NuminaMath are published.</p>'
        )
        file = gr.File(
            label="Problems, JSONL, 50 MB at most", file_types=UPLOAD_TYPES, type="filepath", height=120
        )
        checked = gr.HTML(elem_id="rd-collect-checked")
        with gr.Row():
            strategy = gr.Dropdown(STRATEGIES, value="steps", label="Strategy", min_width=140)
            limit = gr.Number(label="Only the first (0: all)", value=0, precision=0, minimum=0, min_width=140)
            seed = gr.Number(label="Seed", value=0, precision=0, minimum=0, min_width=140)
            name = gr.Textbox(label="Name", placeholder="of the file", max_length=64, min_width=140)
        skip_bad = gr.Checkbox(label="Leave out lines that are no problems")
        start = gr.Button("Collect", variant="primary", elem_id="rd-collect")
        for changed in (file.change, skip_bad.change):
            changed(self._check, [file, skip_bad], checked, **QUIET)
        form: list[Any] = [file, strategy, limit, seed, name, skip_bad]
        Panel("collect", self._jobs, reports.collected).build(blocks, self.collect, form, start)

    def lay_out_retrain(self, blocks: gr.Blocks) -> None:
        """The form of a retraining; called within its tab."""
        gr.HTML(
            "<p>Learn from trajectories. The new retriever serves only where it is better on step queries, "
            "and nowhere worse; else it is refused, and what serves goes on serving. It takes some hundred "
            "solved problems, and hours without a GPU.</p>"
        )
        sources = gr.CheckboxGroup([], label="Learn from", elem_id="rd-sources")
        approved = gr.Checkbox(label="Also from those that a person approved, whatever their answer")
        start = gr.Button("Retrain", variant="primary", elem_id="rd-retrain")
        blocks.load(lambda: gr.CheckboxGroup(self._sources()), None, sources, **QUIET)
        Panel("retrain", self._jobs, reports.retrained).build(
            blocks, self.retrain, [sources, approved], start
        )

    def collect(
        self, file: str | None, strategy: str, limit: float, seed: float, name: str, skip_bad: bool
    ) -> Command:
        """The command of a collection; its problems are kept beside what comes of them.

        Raises:
            BadInputError: The file holds no problems, or the name is none.
            StorageError: The folder cannot be written to.
        """
        if not file:
            raise BadInputError("no problems were chosen", 'Choose a file; a line is {"id": …, "problem": …}')
        self._read(Path(file), skip_bad)
        name = name.strip() or name_for(file, strategy)
        folder = self._logs.folder_for(name, Path(file))
        arguments = ["collect", str(self._logs.problems(folder)), "--out", str(folder), "--json"]
        arguments += ["--strategy", strategy, "--seed", str(int(seed or 0))]
        arguments += ["--limit", str(int(limit))] if limit else []
        arguments += ["--skip-bad"] if skip_bad else []
        return f"Collection {name}, {strategy}", arguments

    def retrain(self, sources: list[str], approved: bool) -> Command:
        """The command of a retraining.

        Raises:
            BadInputError: No log was chosen, or one is gone.
        """
        paths = [self._logs.path(key) for key in sources]
        if not paths or None in paths:
            told = "a chosen log is gone" if paths else "no log was chosen"
            raise BadInputError(told, "Choose at least one; load the page again to see what there is")
        arguments = ["retrain", *map(str, paths), "--json", *(["--approved"] if approved else [])]
        return f"Retraining from {render.counted(len(paths), 'log')}", arguments

    def _sources(self) -> list[tuple[str, str]]:
        return [(log.name, log.key) for log in self._logs.all()]

    def _check(self, file: str | None, skip_bad: bool) -> str:
        """What a chosen file holds, told before anything is started."""
        if not file:
            return ""
        try:
            return self._read(Path(file), skip_bad)
        except BadInputError as error:
            return render.notice(str(error))

    @staticmethod
    def _read(file: Path, skip_bad: bool) -> str:
        from agent.problems import read_problems

        if file.stat().st_size > MOST_BYTES:
            raise BadInputError("the file is larger than 50 MB", "Split it, or use: rader collect")
        found = read_problems(file, skip_bad=skip_bad)
        answers = sum(problem.answer is not None for problem in found.problems)
        told = f"{render.counted(len(found.problems), 'problem')}, {answers:,} with a gold answer"
        left = f", {len(found.skipped):,} bad left out" if found.skipped else ""
        return f"<p>{told}{left}.</p>"
