"""pdflatex, where there is one: whether a document compiles, and what it says if not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
PREAMBLE = "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\setcounter{MaxMatrixCols}{30}\n"


def document(lines: list[str]) -> str:
    """A document with these paragraphs."""
    return PREAMBLE + "\\begin{document}\n" + "\n\n".join(lines) + "\n\\end{document}\n"


def complaints(text: str, folder: Path) -> list[str]:
    """What the engine says against a document; the command line gives it every freedom."""
    (folder / "it.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-shell-escape", "-interaction=nonstopmode", "it.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    lines = text.split("\n")
    found = re.findall(r"^! (.*)\n(?:.*\n)*?l\.(\d+)", said, re.MULTILINE)
    errors = [f"{message}: {lines[int(line) - 1][:200]}" for message, line in found]
    return errors or ([said[-400:]] if done.returncode else [])
