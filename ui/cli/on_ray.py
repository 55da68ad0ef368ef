"""``rader collect --ray``: what Ray's workers are given, and how its flag is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from retriever.errors import BadInputError
from ui.settings import Settings

if TYPE_CHECKING:
    from agent.collection import Attempt, Collection, Counts, Progress
    from agent.solve import Solver

Address = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Spread attempts over a Ray cluster: local (or nothing) starts one on this machine; auto or "
        "HOST:PORT joins one that you trust. Its machines need this version of rader-studio, and RADER_HOME "
        "at the same path; with --out on a shared disk, an attempt goes on on another machine.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="With --ray: processes that each hold the retriever and one endpoint.",
        min=1,
        show_default="one an endpoint; without --llm-url, one a machine",
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--llm-url",
        help="OpenAI-compatible server to use instead of the embedded model, such as "
        "http://127.0.0.1:8000/v1; with --ray several, by commas or by giving it again.",
        show_default=False,
    ),
]


class Command(TyperCommand):
    """A command whose ``--ray`` may stand without a value, which Typer has no way to say."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the flags."""
        following = [*args[1:], "--"]
        bare = [one == "--ray" and then.startswith("-") for one, then in zip(args, following, strict=True)]
        return super().parse_args(
            ctx, ["--ray=local" if alone else one for one, alone in zip(args, bare, strict=True)]
        )


def endpoints_of(settings: Settings) -> list[str]:
    """The servers that ``llm_url`` names, one empty where there is none."""
    return [url.strip() for url in settings.llm_url.split(",") if url.strip()] or [""]


def check(settings: Settings, address: str | None, workers: int | None, recording: bool) -> None:
    """Refuse flags that do not go together.

    Raises:
        BadInputError: They do not.
    """
    if address is None and workers is not None:
        raise BadInputError("--workers is for --ray", "Add --ray, or use --parallel")
    if address is None and len(endpoints_of(settings)) > 1:
        raise BadInputError("several --llm-url need --ray", "Add --ray, or name one")
    if address is not None and recording:
        raise BadInputError("--ray cannot be recorded or replayed", "Leave out --ray")


def collected(
    settings: Settings,
    wanted: Sequence[Attempt],
    collection: Collection,
    *,
    address: str,
    workers: int | None,
    parallel: int,
    retry_failed: bool,
    retrieves: bool,
    progress: Progress,
) -> Counts:
    """Make the attempts that are missing on the Ray cluster at ``address``."""
    from agent.ray_collect import collect_on_ray
    from ui.assemble import Studio

    given = {name: getattr(settings, name) for name in Settings.model_fields}
    given |= {"home": settings.home.resolve(), "llm_key": Studio(settings).llm_key}  # workers stand elsewhere
    return collect_on_ray(
        partial(solver, given, retrieves),
        endpoints_of(settings),
        workers,
        wanted,
        collection,
        address=address,
        parallel=parallel,
        retry_failed=retry_failed,
        progress=progress,
    )


def solver(settings: dict[str, Any], retrieves: bool, endpoint: str) -> Solver:
    """What a worker solves with; run there.

    Args:
        settings: The driver's, resolved.
        retrieves: Off leaves the index alone.
        endpoint: A model's server; empty: the embedded model, a copy in every worker.
    """
    from ui.assemble import Studio

    studio = Studio(Settings(**(settings | {"llm_url": endpoint})))
    return studio.solver(retrieves=retrieves, collecting=True)
