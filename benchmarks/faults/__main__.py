"""Run the scenarios and print their table; stopped and run again with the same --out, it goes on."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.faults import families
from benchmarks.faults.record import Asked, Kept, table
from benchmarks.faults.world import DELAY, World
from benchmarks.faults.zygote import Zygote
from tests.scripted import ScriptedServer
from tests.ui import scripts

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def main() -> None:
    """Every scenario that --only asks for."""
    options = _options()
    _with_mounts_of_its_own()
    folder = options.folder.absolute()
    environment = {
        "RADER_ENCODER": str(folder / "encoder" / "tiny"),
        "RADER_BACKEND": "torch",
        "HF_HUB_OFFLINE": "1",
    }
    with ExitStack() as stack:
        server = stack.enter_context(ScriptedServer(scripts.solve, delay=DELAY))
        zygote = stack.enter_context(Zygote(folder / "commands", environment))
        kept = Kept(options.out or folder / "faults.jsonl")
        asked = Asked(options.kills, options.seed, kept)
        scenarios = [
            one for one in families.all_of(World(folder, zygote, server)) if re.search(options.only, one.name)
        ]
        for scenario in scenarios:
            for trial in scenario.run(asked):
                kept.add(trial)
                print(f"{time.strftime('%X')} {trial.model_dump_json()}", file=sys.stderr, flush=True)
    print(table([trial for scenario in scenarios for trial in kept.of(scenario.name)]))


def _with_mounts_of_its_own() -> None:
    """Go on where disks can be mounted that nobody else sees, if this machine lets us."""
    if os.environ.get("RADER_FAULTS_MOUNTS") is not None or shutil.which("unshare") is None:
        return
    may = subprocess.run([*NAMESPACE, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    os.environ["RADER_FAULTS_MOUNTS"] = "1" if may else ""
    if may:
        command = [*NAMESPACE, sys.executable, "-m", "benchmarks.faults", *sys.argv[1:]]
        os.execvp(command[0], command)  # noqa: S606


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=28, help="over all commands together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="scenarios whose names hold this (a regular expression)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/faults"), help="for everything; may be removed"
    )
    parser.add_argument("--out", type=Path, help="what was tried; default: faults.jsonl there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
