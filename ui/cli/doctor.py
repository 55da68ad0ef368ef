"""``rader doctor``."""

from __future__ import annotations

from ui.cli import options
from ui.output import JsonFlag, Reporter


def doctor(
    llm_url: options.LlmUrl = None,
    chroma_url: options.ChromaUrl = None,
    home: options.Home = None,
    config: options.Config = None,
    as_json: JsonFlag = False,
) -> None:
    """What is installed, pulled, indexed and reachable, and what to run for each thing that is not."""
    from ui.doctor import examine, line
    from ui.settings import load_settings

    settings = load_settings(config, llm_url=llm_url, chroma_url=chroma_url, home=home)
    findings = examine(settings)
    well = all(finding.ok for finding in findings)
    record = {"ok": well, "home": str(settings.home), "findings": [one.model_dump() for one in findings]}
    Reporter(as_json).result(record, "\n".join(line(finding) for finding in findings))
