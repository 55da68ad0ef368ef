"""``rader doctor``: what is installed, pulled, indexed and reachable, and what to run for what is not."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from pydantic import BaseModel

from retriever.errors import RaderError
from ui.assemble import Studio, writable
from ui.settings import Settings

PACKAGES = ("torch", "sentence-transformers", "chromadb", "bm25s", "langgraph", "gradio", "xllamacpp")


class Finding(BaseModel):
    """One thing that was looked at; ``remedy`` is what to run where it is not well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that solving needs, in the order in which it is needed."""
    studio = Studio(settings)
    packages = [_package(name) for name in PACKAGES]
    return [*packages, _home(settings), *_weights(studio), _trained(settings), _index(studio), _model(studio)]


def line(finding: Finding) -> str:
    """The finding as a line, and what to run on a second one."""
    text = f"{'ok' if finding.ok else 'NOT OK':<7}{finding.name}: {finding.detail}"
    return f"{text}\n       → {finding.remedy}" if finding.remedy else text


def _package(name: str) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=version(name))
    except PackageNotFoundError:
        return Finding(name=name, ok=False, detail="not installed", remedy=f"pip install {name}")


def _home(settings: Settings) -> Finding:
    try:
        writable(settings.home)
        return Finding(name="home", ok=True, detail=str(settings.home))
    except RaderError as error:
        return Finding(name="home", ok=False, detail=error.message, remedy=error.remedy)


def _weights(studio: Studio) -> list[Finding]:
    settings = studio.settings
    wanted = [settings.encoder] if settings.llm_url else [settings.model, settings.encoder]
    return [_pulled(studio, name) for name in wanted]


def _pulled(studio: Studio, name: str) -> Finding:
    try:
        state = studio.store.status(name).state
    except RaderError as error:
        return Finding(name=name, ok=False, detail=error.message, remedy=error.remedy)
    remedy = "" if state == "pulled" else f"rader models pull {name}"
    return Finding(name=name, ok=state == "pulled", detail=state, remedy=remedy)


def _trained(settings: Settings) -> Finding:
    from retriever.registry import Registry
    from ui.encoders import serving

    note = Registry(settings.home).serving().note
    if note:
        return Finding(name="trained retriever", ok=False, detail=note, remedy="rader models rollback")
    version = serving(settings)
    detail = version.name if version else "none is promoted, the untrained base searches"
    return Finding(name="trained retriever", ok=True, detail=detail)


def _index(studio: Studio) -> Finding:
    from retriever.indexing.versions import Versions

    info = Versions(studio.settings.home).current()
    if info is None:
        return Finding(name="index", ok=False, detail="there is none", remedy="rader index")
    return Finding(name="index", ok=True, detail=f"{info.count:,} passages, {info.fingerprint[:12]}")


def _model(studio: Studio) -> Finding:
    url = studio.settings.llm_url
    if not url:
        return Finding(name="language model", ok=True, detail=f"embedded, {studio.settings.model}")
    from agent.llm import served_models

    try:
        detail = f"{served_models(url, studio.llm_key)[0]} at {url}"
        return Finding(name="language model", ok=True, detail=detail)
    except RaderError as error:
        return Finding(name="language model", ok=False, detail=error.message, remedy=error.remedy)
