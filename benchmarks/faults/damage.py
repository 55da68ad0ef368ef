"""Files that are not as they were left: torn logs, files cut in half, flipped bits."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.faults.jobs import Collect, Job, Retrain
from benchmarks.faults.kills import finished, undisturbed
from benchmarks.faults.record import Asked, Scenario, Trial
from benchmarks.faults.world import World
from retriever.encoding.presets import encoder_for
from retriever.errors import RaderError
from retriever.registry import Registry

FLIPS = 3  # a file of the index
LARGE = 200  # bits of weights
CUTS = 5
GARBAGE = (b"\0" * 700, b"\xff\xfe{]\n", b'{"schema": 1, "id": "\xed\xa0\x80"}\n', b"[" * 5000 + b"\n")


def scenarios(collect: Collect, jobs: Sequence[Job], retrain: Retrain) -> Iterator[Scenario]:
    """Logs, all small files of each job, and bits of index, weights and adapter."""
    yield Scenario("torn log", partial(_torn_log, "torn log", collect))
    for job in jobs:
        yield Scenario(f"files cut in half: {job.name}", partial(_cut, f"files cut in half: {job.name}", job))
    for name, flips in (("index", _flip_index), ("encoder's weights", _flip_weights)):
        yield Scenario(f"flipped bit: {name}", partial(flips, f"flipped bit: {name}", collect.world))
    name = "flipped bit: promoted adapter"
    yield Scenario(name, partial(_flip_adapter, name, retrain))


def _torn_log(name: str, job: Collect, asked: Asked) -> Iterator[Trial]:
    """A log that is cut anywhere, or has nonsense in it: what is torn is made again, the rest stays."""
    begun, hits = len(asked.kept.of(name)), CUTS + len(GARBAGE)
    if begun == hits:
        return
    home = job.world.folder / "torn"
    wanted, _ = undisturbed(job, home)
    whole = (home / "out" / "trajectories.jsonl").read_bytes()
    for number in range(begun, hits):
        dice = random.Random(f"{asked.seed} {name} {number}")  # noqa: S311
        log = home / "out" / "trajectories.jsonl"
        place = dice.randrange(len(whole))
        line = whole.rindex(b"\n", 0, place) + 1 if b"\n" in whole[:place] else 0
        log.write_bytes(
            whole[:place] if number < CUTS else whole[:line] + GARBAGE[number - CUTS] + whole[line:]
        )
        lost, wrong = finished(job, home, wanted)
        yield Trial(scenario=name, number=number, tried=1, lost=tuple(lost), wrong=tuple(wrong))


def _cut(name: str, job: Job, asked: Asked) -> Iterator[Trial]:
    """Each small file that a half-done command has left, cut in half: it goes on, or says what to do."""
    home, copy = job.world.folder / "cut", job.world.folder / "cut-copy"
    if asked.kept.of(name):
        return
    wanted, seconds = undisturbed(job, home)
    job.prepare(home)
    running = job.start(home)
    running.wait(seconds * 0.7)
    running.kill()
    files = [path.relative_to(home) for path in home.rglob("*.json*") if path.stat().st_size]
    files += [path.relative_to(home) for path in home.rglob("*.sqlite*") if path.stat().st_size]
    lost, wrong, refused = list[str](), list[str](), 0
    for file in sorted(files):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy)
        os.truncate(copy / file, (copy / file).stat().st_size // 2)
        missing, more = finished(job, copy, wanted)
        told = [one for one in missing if "\nrader: " in f"\n{one}" and "Traceback" not in one]
        refused += len(told)
        lost += [f"{file}: {one}" for one in missing if one not in told]
        wrong += [f"{file}: {one}" for one in more]
    note = f"{refused} refused in one line" if refused else ""
    yield Trial(scenario=name, number=0, tried=len(files), lost=tuple(lost), wrong=tuple(wrong), note=note)


def _flip_index(name: str, world: World, asked: Asked) -> Iterator[Trial]:
    """A search finds what it found before, or refuses in one line."""
    if asked.kept.of(name):
        return
    home, dice = world.folder / "flipped", random.Random(asked.seed)  # noqa: S311
    wanted = world.found(world.folder / "home")
    root = world.folder / "home"
    files = sorted(
        path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.stat().st_size
    )
    wrong, refused = list[str](), 0
    for number, file in enumerate(files * FLIPS):
        copy = home / str(number)  # Chroma keeps what it has opened by its path
        shutil.copytree(root, copy)
        place = _flip(copy / file, dice)
        try:
            if world.found(copy) != wanted:
                wrong.append(f"{file}, byte {place}: other hits")
        except RaderError:
            refused += 1
        except Exception as error:
            wrong.append(f"{file}, byte {place}: {type(error).__name__} {str(error)[:200]}")
    shutil.rmtree(home)
    note = f"{refused} refused"
    yield Trial(scenario=name, number=0, tried=len(files) * FLIPS, wrong=tuple(wrong), note=note)


def _flip_weights(name: str, world: World, asked: Asked) -> Iterator[Trial]:
    """A damaged encoder is another encoder: it does not search the index of the whole one."""
    if asked.kept.of(name):
        return
    copy, dice, wrong = world.folder / "flipped", random.Random(asked.seed), list[str]()  # noqa: S311
    for _ in range(LARGE):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(world.encoder_path, copy)
        place = _flip(copy / "model.safetensors", dice)
        found = encoder_for(str(copy), world.folder, backend="torch").fingerprint
        if found == encoder_for(str(world.encoder_path), world.folder, backend="torch").fingerprint:
            wrong.append(f"byte {place}: taken for the whole one")
    shutil.rmtree(copy)
    yield Trial(scenario=name, number=0, tried=LARGE, wrong=tuple(wrong))


def _flip_adapter(name: str, job: Retrain, asked: Asked) -> Iterator[Trial]:
    """A promoted adapter that is damaged does not serve."""
    if asked.kept.of(name):
        return
    home, dice, wrong = job.world.folder / "adapter", random.Random(asked.seed), list[str]()  # noqa: S311
    wanted, _ = undisturbed(job, home)
    version = Registry(home, home / "nothing").serving().version
    assert version is not None, f"nothing was promoted: {json.dumps(wanted)[:300]}"
    files = sorted(path for path in version.path.rglob("*") if path.is_file() and path.suffix != ".md")
    for number in range(LARGE):
        file = files[number % len(files)]
        whole = file.read_bytes()
        place = _flip(file, dice)
        served = Registry(home, home / "nothing").serving()
        if served.version is not None and served.version.release == version.release:
            wrong.append(f"{file.name}, byte {place}: serves")
        file.write_bytes(whole)
    yield Trial(scenario=name, number=0, tried=LARGE, wrong=tuple(wrong))


def _flip(file: Path, dice: random.Random) -> int:
    """Flip one bit; the byte that it is in."""
    content = bytearray(file.read_bytes())
    place = dice.randrange(len(content))
    content[place] ^= 1 << dice.randrange(8)
    file.write_bytes(content)
    return place
