"""Run files in TREC's format."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from retriever.errors import BadInputError, StorageError
from training.evaluation.runs import Run, read_run, trec_order, trec_scores, write_run, write_runs

RUN = {"q 1": [("a b", 2.5), ("c%20d", 1.0)], "q2": [("é", 0.125)]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some" / "run.trec"


def test_the_six_columns(file: Path) -> None:
    write_run(file, RUN, "my run")
    assert file.read_text(encoding="utf-8").splitlines() == [
        "q%201 Q0 a%20b 1 2.5 my%20run",
        "q%201 Q0 c%20d 2 1 my%20run",
        "q2 Q0 é 1 0.125 my%20run",
    ]


def test_what_is_written_can_be_read(file: Path) -> None:
    write_run(file, RUN, "r")
    assert read_run(file, ["q 1", "q2"], ["a b", "c%20d", "é", "other"]) == RUN
    unknown = read_run(file, [], [])
    assert unknown == {"q%201": [("a%20b", 2.5), ("c%20d", 1.0)], "q2": RUN["q2"]}


def order(run: Run) -> dict[str, list[str]]:
    return {query: [key for key, _ in ranking] for query, ranking in run.items()}


IDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=6)
SCORES = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.5, 0.5 + 1e-9, 0.0])


@given(
    st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=8), max_size=4), st.integers(0, 7)
)
@settings(max_examples=80, deadline=None)
def test_trec_eval_sees_the_order_that_was_written(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[str, dict[str, float]], gold: int
) -> None:
    run = {query: sorted(found.items(), key=lambda hit: (-hit[1], hit[0])) for query, found in scores.items()}
    assume(run)
    file = tmp_path_factory.mktemp("run") / "run.trec"
    try:
        write_run(file, run, "x")
        again = read_run(file, run, {key for ranking in run.values() for key, _ in ranking})
    except BadInputError:  # ids that cannot be told apart: see below
        reject()
    assert order(again) == order(run)
    theirs = pytrec_eval.parse_run(file.read_text(encoding="utf-8").split("\n")[:-1])
    for written, original in zip(theirs.values(), run.values(), strict=True):
        place = gold % len(original)
        judged = {"q": {list(written)[place]: 1}}
        rank = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate({"q": written})
        assert rank["q"]["recip_rank"] == pytest.approx(1 / (place + 1), abs=1e-6)


def test_another_s_run_is_sorted_as_trec_eval_does(file: Path) -> None:
    file.parent.mkdir()
    lines = ["q Q0 a 1 0.5 t", "q Q0 b 2 0.5000000001 t", "q Q0 c 3 0.5 t", "", "q\tQ0\td\t9\t7e-1\tt"]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert [key for key, _ in read_run(file, ["q"], "abcd")["q"]] == ["d", "c", "b", "a"]


@given(st.lists(st.tuples(IDS, SCORES), unique_by=lambda hit: hit[0]))
def test_scores_fall_and_stay_where_they_were(hits: list[tuple[str, float]]) -> None:
    ranking = sorted(hits, key=lambda hit: -hit[1])
    found = trec_scores(ranking)
    assert trec_order(found) == found
    assert [key for key, _ in found] == [key for key, _ in ranking]
    assert all(first > second for (_, first), (_, second) in pairwise(found))
    assert [s for _, s in found] == pytest.approx([s for _, s in ranking], rel=1e-5, abs=1e-30)
    assert all(float(np.float32(score)) == score for _, score in found)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"q Q0 a 1 0.5", "5 columns"),
        (b"q Q0 a b 1 0.5 t", "7 columns"),
        (b"q Q0 a 1 high t", "'high' is not a number"),
        (b"q Q0 a 1 nan t", "the score is nan"),
        (b"q Q0 a 1 inf t", "the score is inf"),
        (b"q Q0 \xff 1 0.5 t", "not UTF-8"),
        (b"q Q0 ok 2 0.4 t", "'ok' is there twice for 'q'"),
    ],
)
def test_bad_lines_are_refused_by_name(tmp_path: Path, line: bytes, reason: str) -> None:
    file = tmp_path / "bad.trec"
    file.write_bytes(b"\xef\xbb\xbfq Q0 ok 1 0.5 t\n\n" + line + b"\n")
    with pytest.raises(BadInputError) as caught:
        read_run(file, ["q"], ["ok"])
    assert caught.value.message == f"{file}, line 3: {caught.value.message.split(': ', 1)[1]}"
    assert reason in caught.value.message


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "run"
    file.write_bytes(data)
    with suppress(BadInputError):
        assert all(trec_order(ranking) == ranking for ranking in read_run(file, [], []).values())


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n\n", encoding="utf-8")
    for name in ("none", "empty", ".", "nul\0"):
        with pytest.raises(BadInputError):
            read_run(tmp_path / name, [], [])
    with pytest.raises(StorageError):
        write_run(tmp_path / "empty" / "x", RUN, "t")


def test_ids_that_cannot_be_told_apart(file: Path) -> None:
    with pytest.raises(BadInputError, match="same id"):
        write_run(file, {"q": [("a b", 2.0), ("a%20b", 1.0)]}, "t")
    with pytest.raises(BadInputError, match="same id"):
        read_run(file, [], ["a b", "a%20b"])
    assert not file.exists()


def test_one_run_into_a_file_several_into_a_folder(tmp_path: Path) -> None:
    run = {"q": [("a", 1.0)]}
    assert write_runs(tmp_path / "one.run", {"bm25": run}) == [tmp_path / "one.run"]
    folder = tmp_path / "many"
    files = write_runs(folder, {"bm25": run, "models/mine": run})
    assert files == [folder / "bm25.trec", folder / "models%2Fmine.trec"]
    assert write_runs(folder, {"base": run}) == [folder / "base.trec"]
    assert all(read_run(file, ["q"], ["a"]) == run for file in files)
    with pytest.raises(BadInputError, match="is a file"):
        write_runs(tmp_path / "one.run", {"bm25": run, "base": run})
