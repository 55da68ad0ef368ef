"""The ``rader`` command as tests run it."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from ui.cli import main


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Rader:
    """Runs ``rader`` in this process, as its entry point does, in a home of its own with the tiny encoder."""

    def __init__(self, home: Path, encoder: Path) -> None:
        self.home = home
        self.env = {"RADER_HOME": str(home), "RADER_ENCODER": str(encoder), "HF_HUB_OFFLINE": "1"}

    def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.env | env),
            patch.object(sys, "argv", ["rader", *arguments]),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def one_line(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text
