"""Compare: the same steps asked of several retrievers, as a view of the app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import gradio as gr

from retriever.errors import RaderError
from ui.compare import render
from ui.compare.asked import Asked
from ui.compare.chart import chart
from ui.compare.draft import Draft, MakeSolver
from ui.compare.examples import example, examples
from ui.compare.gold import Gold
from ui.compare.layout import COPY, Visit, lay_out
from ui.compare.ranks import Comparison
from ui.compare.search import RetrieverFor, Search
from ui.page.frame import QUIET
from ui.page.render import notice, waiting
from ui.solve.queue import RUNS, Queue

AT_ONCE = 4  # comparisons over all visitors; more wait in line
SEARCHING: dict[str, Any] = {
    **QUIET, "concurrency_limit": AT_ONCE, "concurrency_id": "compare", "trigger_mode": "multiple",
}  # fmt: skip
# The page's address is that of the comparison it shows: a reload gives the same again.
ADDRESS = """(link) => { if (link) history.replaceState(history.state, "", new URL(link, location.href)); }"""
# Where the clipboard may not be used (a page that is not served to itself, nor by https), a dialog shows it.
COPY_ADDRESS = """async () => {
  const link = location.href;
  try { await navigator.clipboard.writeText(link); } catch { prompt("Copy this link", link); }
  return "Copied";
}"""

THERE_ALREADY = "There are steps already. Empty the box first, and the model writes its own."

Screen = tuple[Any, ...]  # status, link, its button, chart, results, gold, the accordion of examples
SAME: Screen = tuple(gr.skip() for _ in range(7))
UNFILLED: Screen = tuple(gr.skip() for _ in range(6))  # the form as it is


class Compare:
    """Ask retrievers the steps of a solution; nothing is loaded until then, and no language model at all.

    Args:
        retriever_for: The retriever of a mode; called in a thread, may block, may raise ``RaderError``.
        make_solver: Makes what writes steps where a visitor wants that; likewise.
        without: Kinds of passages that the agent does not ask for.
        queue: Where drafts wait for their turn, shared with whoever else has the model run.
    """

    name = "Compare"
    path = "compare"
    tagline = "Retrieval by reasoning: every step is a query, every retriever a column."
    wide = True

    def __init__(
        self,
        retriever_for: RetrieverFor,
        make_solver: MakeSolver,
        without: Sequence[str] = (),
        *,
        queue: Queue | None = None,
    ) -> None:
        self._search = Search(retriever_for, without)
        self._make_solver, self._queue = make_solver, queue or Queue(RUNS)

    def build(self, blocks: gr.Blocks) -> None:
        """Lay the view out and wire it."""
        page = lay_out()
        asked, filled = [page.visit, *page.form, page.gold], [*page.form, *page.screen]
        written = [page.steps, page.write, page.stop, page.written]
        draft = page.write.click(
            self._write, [page.visit, page.problem, page.steps], written, concurrency_limit=None, **QUIET
        )
        # An event of its own: a generator's last screen is sent twice and would undo what was typed between.
        ended = draft.then(_written, [page.visit], written, **QUIET)
        page.stop.click(_stop, [page.visit], None, **QUIET)
        begin = [page.compare.click, page.problem.submit, page.steps.submit]
        events = [
            gr.on(begin, self._compare, asked, page.screen, **SEARCHING),
            gr.on(page.choices, self._compare_again, asked, page.screen, **SEARCHING),
            ended.then(self._compare_written, asked, page.screen, **SEARCHING),
            blocks.load(self._load, [page.visit], filled, **SEARCHING),
        ]
        for button, each in zip(page.buttons, examples(), strict=True):
            events.append(button.click(partial(self._show, each.asked), [page.visit], filled, **SEARCHING))
        for event in events:
            event.then(None, page.link, None, js=ADDRESS, **QUIET)
        page.copy.click(None, None, page.copy, js=COPY_ADDRESS, **QUIET)

    async def _compare(self, visit: Visit, *form: Any) -> AsyncIterator[Screen]:
        try:
            asked = _asked(form)
        except RaderError as error:
            yield _refused(error)
            return
        async for screen in self._screens(visit, asked, asked.gold):
            yield screen

    async def _compare_again(self, visit: Visit, *form: Any) -> AsyncIterator[Screen]:
        """After a choice: only where there is a comparison that it changes."""
        if visit.asked is None or _same(form, visit.asked):
            yield SAME
            return
        async for screen in self._compare(visit, *form):
            yield screen

    async def _compare_written(self, visit: Visit, *form: Any) -> AsyncIterator[Screen]:
        """After the model wrote, if its text is whole."""
        if visit.draft is None or not visit.draft.whole:
            yield SAME
            return
        async for screen in self._compare(visit, *form):
            yield screen

    async def _load(self, visit: Visit, request: gr.Request) -> AsyncIterator[Screen]:
        """What the page's address asks for."""
        parameters = dict(request.query_params)
        try:
            name = parameters.get("example")
            asked = (Asked() if name is None else example(name).asked).changed_by(parameters)
        except RaderError as error:
            yield (*UNFILLED, *_refused(error))
            return
        if not asked.problem and not asked.steps:
            yield (*UNFILLED, *SAME)
            return
        async for filled in self._show(asked, visit):
            yield filled

    async def _show(self, asked: Asked, visit: Visit) -> AsyncIterator[Screen]:
        """Fill the form, then compare."""
        form: Screen = (asked.problem, asked.steps, list(asked.columns), asked.query, asked.code, asked.shown)
        async for screen in self._screens(visit, asked, None):
            yield (*form, *screen)
            form = UNFILLED

    async def _screens(
        self, visit: Visit, asked: Asked, named: tuple[str, ...] | None
    ) -> AsyncIterator[Screen]:
        """The screens of a comparison, until it is complete or the visitor asks for another.

        Gold's box says ``named`` so far. It is written to only where that is not what is shown, and once all
        is found that it may offer: what is written there counts as a change, which asks the server again.
        """
        visit.turn += 1
        turn = visit.turn
        try:
            gold = await self._search.gold(asked.gold)
            visit.asked = asked = asked.model_copy(update={"gold": gold.names})
            async for comparison in self._search.compare(asked, gold):
                if visit.turn != turn:
                    return
                box = gr.skip()
                if named != asked.gold:
                    box, named = gr.Dropdown(_offers(gold, comparison), value=list(asked.gold)), asked.gold
                elif comparison.complete:
                    box = gr.Dropdown(_offers(gold, comparison))
                yield _screen(asked, gold, comparison, box)
        except RaderError as error:
            yield _refused(error)

    async def _write(self, visit: Visit, problem: str, steps: str) -> AsyncIterator[Screen]:
        """Stream the model's steps into their box, which is nobody else's meanwhile."""
        if steps.strip():
            visit.draft = None
            yield gr.skip(), gr.skip(), gr.skip(), notice(THERE_ALREADY)
            return
        visit.draft = draft = Draft(self._make_solver, self._queue)
        yield gr.Textbox(interactive=False), gr.Button(interactive=False), gr.Button(interactive=True), ""
        async with aclosing(draft.write(problem)) as texts:
            async for text in texts:
                yield text, gr.skip(), gr.skip(), _place(draft)


async def _written(visit: Visit) -> Screen:
    """The box is the visitor's again."""
    if visit.draft is None:
        return tuple(gr.skip() for _ in range(4))
    box = gr.Textbox(visit.draft.text, interactive=True)
    return box, gr.Button(interactive=True), gr.Button(interactive=False), notice(visit.draft.fault)


# It touches a task of the event loop, so it runs there and not in a thread.
async def _stop(visit: Visit) -> None:
    if visit.draft is not None:
        visit.draft.stop()


def _place(draft: Draft) -> str:
    ticket = draft.ticket
    return waiting(ticket.place, ticket.seconds) if ticket.place else ""


def _asked(form: Sequence[Any]) -> Asked:
    names = ("problem", "steps", "columns", "query", "code", "shown", "gold")
    return Asked.of(**dict(zip(names, form, strict=True)))


def _same(form: Sequence[Any], asked: Asked) -> bool:
    """Whether a form still says what was asked for last; one that cannot be used says something else."""
    try:
        return _asked(form) == asked
    except RaderError:
        return False


def _refused(error: RaderError) -> Screen:
    return (notice(str(error)), *SAME[1:])


def _offers(gold: Gold, comparison: Comparison) -> list[tuple[str, str]]:
    """What gold may be chosen from: titles and ids."""
    passages = {one.id: one for one in (*gold.passages, *gold.offers, *comparison.passages)}
    return [(one.title or key, key) for key, one in passages.items()]


def _screen(asked: Asked, gold: Gold, comparison: Comparison, box: Any) -> Screen:
    link = asked.link()
    return (
        render.status(comparison, link),
        link or "?",
        gr.Button(COPY, visible=bool(link)),
        "".join(map(notice, gold.problems)) + chart(comparison),
        render.results(comparison),
        box,
        gr.Accordion(open=False),
    )
