"""One corpus out of everything that shall be searched: what ships, corpus files, Python packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retriever.corpus import Corpus, shipped_theorems
from retriever.errors import BadInputError
from retriever.sources import DEFAULT_CODE, code_passages


def gather(
    files: Sequence[Path] = (), packages: Sequence[str] = (), *, shipped: bool = True, skip_bad: bool = False
) -> Corpus:
    """The corpus of shipped theorems and code, ``files`` and the functions of ``packages``.

    Args:
        files: Corpus files (JSONL).
        packages: Installed Python packages or modules.
        shipped: Whether what comes with the product is part of it.
        skip_bad: Leave out bad lines of ``files`` and count them.

    Raises:
        BadInputError: nothing is to be indexed, a line or package is bad, or two passages have one id.
    """
    named = Corpus.from_files(files, skip_bad=skip_bad) if files else Corpus([])
    passages = [*shipped_theorems(), *named] if shipped else list(named)
    code = [*DEFAULT_CODE, *packages] if shipped else list(packages)
    unique = {passage.id: passage for passage in code_passages(tuple(dict.fromkeys(code)))} if code else {}
    corpus = Corpus([*passages, *unique.values()], named.skipped)
    if not len(corpus):
        remedy = "Name corpus files or packages, or leave out --no-shipped"
        raise BadInputError("there is nothing to index", remedy)
    return corpus
