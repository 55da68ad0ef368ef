"""A whole turn of the loop on a tiny model: promoted, refused, killed and taken up again, bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from retriever.corpus import Corpus
from retriever.encoder import Encoder
from retriever.errors import BadInputError
from retriever.index import build_index, open_index
from retriever.queries import Query, read_queries
from retriever.registry import Registry
from retriever.trained.release import read_release
from tests.training.retrain.samples import SUBJECTS, WORLD, config, solved_problems, tools
from tests.training.samples import lines, write
from training.retrain.gate import QuerySet
from training.retrain.loop import Retraining, RetrainReport
from training.trainers.data import TRAIN
from training.trajectories.files import TrajectoryFiles

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(autouse=True)
def nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is another matter."""
    monkeypatch.setattr("retriever.registry.SHIPPED", tmp_path / "nothing")


def turn(home: Path, out: Path, log: Path, base: Path, **changes: object) -> RetrainReport:
    sources = TrajectoryFiles([log])
    return Retraining(sources, WORLD, out, config(base, **changes), tools(home, base)).run()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that teaches."""
    return write(tmp_path_factory.mktemp("log"), solved_problems(180))


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, log: Path, tiny_encoder_path: Path
) -> tuple[Path, RetrainReport]:
    """A home with an index, and what a turn in it gave."""
    folder = tmp_path_factory.mktemp("done")
    build_index(folder / "home", WORLD, Encoder(tiny_encoder_path, max_passage_tokens=128))
    return folder, turn(folder / "home", folder / "run", log, tiny_encoder_path)


def test_what_is_better_is_promoted(done: tuple[Path, RetrainReport], tiny_encoder_path: Path) -> None:
    folder, report = done
    assert (report.promoted, report.name, report.reasons) == (True, "rader-1", ())
    assert report.steps
    n, delta, (low, _) = report.steps
    assert n >= 20
    assert delta > low > 0
    assert set(report.compared) == {"steps", "titles"}
    assert "promoted" in report.table.splitlines()[-1]
    version = Registry(folder / "home").serving().version
    assert version
    assert version.release.scores["steps"]["ndcg@10"] == report.compared["steps"]["new"]["ndcg@10"]
    assert report.indexed == len(WORLD)
    encoder = tools(folder / "home", tiny_encoder_path).encoder(str(version.path))
    assert len(open_index(folder / "home", encoder)) == len(WORLD)
    assert len(open_index(folder / "home", Encoder(tiny_encoder_path, max_passage_tokens=128))) == len(WORLD)


def test_the_card_says_what_it_is(done: tuple[Path, RetrainReport]) -> None:
    folder, report = done
    card = (folder / "home" / "retrievers" / "rader-1" / "README.md").read_text(encoding="utf-8")
    assert "# rader-1" in card
    for part in ("Scores", "Training data", "Leakage", "Configuration", "Environment", "Limits"):
        assert f"## {part}" in card
    assert f"| steps | {report.compared['steps']['n']} |" in card
    assert "texts were compared with these" in card
    assert '"epochs": 3' in card


def test_nothing_held_out_is_trained_on(done: tuple[Path, RetrainReport]) -> None:
    folder, _ = done
    asked = {query.query for query in read_queries(folder / "run" / "data" / "steps.jsonl")}
    trained = {row["query"] for row in lines(folder / "run" / "triples" / TRAIN)}
    assert len(asked) >= 20
    assert not asked & trained
    assert not any(step in query for step in asked for query in trained)


def test_run_again_nothing_is_done_again(
    done: tuple[Path, RetrainReport], log: Path, tiny_encoder_path: Path
) -> None:
    folder, report = done
    losses = (next((folder / "run").glob("model-*")) / "loss.jsonl").stat().st_mtime_ns
    with pytest.raises(BadInputError, match="rader-1 was promoted meanwhile"):
        turn(folder / "home", folder / "run", log, tiny_encoder_path)
    other = folder / "other-home"  # where the same run can still be promoted
    again = turn(other, folder / "run", log, tiny_encoder_path)
    assert again.skipped == ("split", "triples", "compared-steps", "compared-titles")
    assert (again.promoted, again.compared) == (True, report.compared)
    assert (next((folder / "run").glob("model-*")) / "loss.jsonl").stat().st_mtime_ns == losses


def test_what_is_worse_somewhere_is_refused_with_the_table(
    done: tuple[Path, RetrainReport], tmp_path: Path, home: Path, log: Path, tiny_encoder_path: Path
) -> None:
    """Queries by the same clues, for which all passages are right but the one that was learned."""
    out = Path(shutil.copytree(done[0] / "run", tmp_path / "run"))
    others = [
        Query(
            id=one.id,
            query=one.steps[0].text,
            gold_ids=tuple(key for key in SUBJECTS if key not in {hit.id for hit in one.steps[4].hits}),
        )
        for one in solved_problems(324)[300:]
    ]
    opposite = QuerySet("opposite", others, WORLD)
    own, settings = tools(home, tiny_encoder_path), config(tiny_encoder_path)
    report = Retraining(TrajectoryFiles([log]), WORLD, out, settings, own, [opposite]).run()
    assert (report.promoted, report.name) == (False, "")
    [reason] = report.reasons
    assert reason.startswith("worse on opposite: -")
    assert report.table.splitlines()[-1] == f"refused: {reason}"
    assert Registry(home).serving().version is None
    assert json.loads((out / "verdict.json").read_text())["promoted"] is False
    assert (out / "README.md").is_file()


def test_killed_while_it_compares_it_goes_on(
    done: tuple[Path, RetrainReport],
    tmp_path: Path,
    home: Path,
    log: Path,
    tiny_encoder_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Path(shutil.copytree(done[0] / "run", tmp_path / "run"))
    for file in out.glob("compared-*.stage.json"):
        file.unlink()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.retrain.arena.evaluate_retrieval", killed)
        with pytest.raises(KeyboardInterrupt):
            turn(home, out, log, tiny_encoder_path)
    assert Registry(home).serving().version is None
    monkeypatch.setattr("training.trainers.bi_encoder.carry_out", killed)  # training again would fail
    report = turn(home, out, log, tiny_encoder_path)
    assert report.skipped == ("split", "triples")
    assert report.compared == done[1].compared
    assert report.name == "rader-1"


def test_sets_of_others_count_too(tmp_path: Path, home: Path, tiny_encoder_path: Path) -> None:
    """One whose names say steps gives step queries; without enough of them nothing is trained."""
    log, out = write(tmp_path / "log", solved_problems(60)), tmp_path / "run"
    settings = config(tiny_encoder_path, held_out=0.0, titles=0)
    sources, own = TrajectoryFiles([log]), tools(home, tiny_encoder_path)
    few = QuerySet("steps-few", [Query(id="q", query="the prime", gold_ids=("prime",))], WORLD)
    with pytest.raises(BadInputError, match="1 step queries are held out, and 20 are needed"):
        Retraining(sources, WORLD, out, settings, own, [few]).run()
    with pytest.raises(BadInputError, match="two sets of queries are called 'steps-few'"):
        Retraining(sources, WORLD, out, settings, own, [few, few]).run()
    assert not list(out.glob("model-*"))


@pytest.mark.parametrize(
    ("count", "corpus", "says"),
    [
        (10, WORLD, "step queries are held out|triples to train on are too few"),
        (90, Corpus(one for one in WORLD if one.id not in SUBJECTS[1:]), "step queries are held out|too few"),
    ],
)
def test_too_little_is_one_line_and_what_serves_goes_on(
    tmp_path: Path, home: Path, tiny_encoder_path: Path, count: int, corpus: Corpus, says: str
) -> None:
    sources = TrajectoryFiles([write(tmp_path / "log", solved_problems(count))])
    settings = config(tiny_encoder_path, least=100)
    with pytest.raises(BadInputError, match=says) as caught:
        Retraining(sources, corpus, tmp_path / "run", settings, tools(home, tiny_encoder_path)).run()
    assert "\n" not in str(caught.value)
    assert Registry(home).serving().version is None


def test_two_runs_in_one_folder_exclude_each_other(
    tmp_path: Path, home: Path, log: Path, tiny_encoder_path: Path
) -> None:
    from training.retrain.stages import Stages

    with Stages(tmp_path / "run").held(), pytest.raises(BadInputError, match="another process works in"):
        turn(home, tmp_path / "run", log, tiny_encoder_path)


def test_the_adapters_folder_says_how_it_was_trained(done: tuple[Path, RetrainReport]) -> None:
    folder, _ = done
    release = read_release(next((folder / "run").glob("model-*")) / "adapter")
    assert release
    assert release.encode.max_passage_tokens == 128
