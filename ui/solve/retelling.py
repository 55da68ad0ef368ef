"""An exchange that was kept, told again: its view, its blocks, what a follow-up needs of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.events import Finished
from agent.given import Given
from agent.records import Turn
from agent.state import parse_strategy
from ui.page import render
from ui.solve.conversations import Exchange
from ui.solve.search import SearchView
from ui.solve.transcript import RunView, turns

STOPPED = "Stopped. The steps so far are kept."
INTERRUPTED = "Interrupted: the server was restarted. The steps so far are kept."


def opening(exchange: Exchange) -> RunView:
    """The view of an exchange whose run begins, with the steps that it begins with."""
    kind = SearchView if parse_strategy(exchange.choices.strategy).votes else RunView
    view = kind(run=exchange.id, changed=exchange.given)
    planned = exchange.trajectory.planned if exchange.trajectory else None
    view.restore(exchange.steps, exchange.passages, planned)
    return view


def whole(exchange: Exchange) -> RunView:
    """The view of an exchange whose run is over."""
    view = opening(exchange)
    if exchange.trajectory is not None:
        view.apply(Finished(exchange.trajectory))
    else:
        view.stop(exchange.error)
    return view


def question(exchange: Exchange) -> str:
    """The block that begins an exchange."""
    return render.question(exchange.question)


def blocks(exchange: Exchange) -> list[str]:
    """All blocks of an exchange whose run is over, or was cut off."""
    told = [question(exchange), *whole(exchange).blocks]
    if exchange.state in ("stopped", "running"):
        told.append(render.footer(STOPPED if exchange.state == "stopped" else INTERRUPTED))
    return told


def history(exchanges: Iterable[Exchange], chars: int) -> tuple[Turn, ...]:
    """Exchanges as the model reads them in a follow-up, each cut to ``chars`` characters."""
    return tuple(
        turn for exchange in exchanges for turn in turns(exchange.question, whole(exchange).solution(), chars)
    )


def given_again(exchange: Exchange) -> Given | None:
    """The steps that an exchange's run began with, for the run to go on."""
    if exchange.continues is None:
        return None
    return Given(continues=exchange.continues, steps=exchange.steps[: exchange.given])
