"""The command line by DESIGN's contracts, with a scripted model behind HTTP and a real index."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripted import ScriptedServer
from tests.ui.command import Rader, one_line

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("retriever", ["bm25", "base", "rader", "hybrid"])
def test_search_prints_the_contract(rader: Rader, retriever: str) -> None:
    done = rader("search", "sum of the roots", "-k", "2", "--retriever", retriever, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["query"] == "sum of the roots"
    assert result["retriever"] == retriever
    assert set(result["ms"]) == {"encode", "search", "rerank", "total"}
    assert 1 <= len(result["hits"]) <= 2
    assert all(set(hit) == {"id", "title", "score", "parts"} for hit in result["hits"])


def test_search_for_people_names_rank_score_and_title(rader: Rader) -> None:
    done = rader("search", "right triangle", "--retriever", "bm25")
    assert "1." in done.stdout
    assert "Pythagorean Theorem" in done.stdout


def test_search_keeps_to_a_kind(rader: Rader) -> None:
    done = rader("search", "gcd", "--kind", "code", "--json")
    assert [hit["id"] for hit in json.loads(done.stdout)["hits"]] == ["gcd"]


def test_solve_prints_a_trajectory_and_logs_it(rader: Rader) -> None:
    with ScriptedServer(["The sum is \\boxed{5}."]) as server:
        done = rader(
            "solve", "What is 2+3?", "--strategy", "cot", "--answer", "5", "--llm-url", server.url, "--json"
        )
    assert done.returncode == 0, done.stderr
    trajectory = json.loads(done.stdout)
    assert (trajectory["schema"], trajectory["answer"], trajectory["grade"]) == (1, "5", "correct")
    keys = {
        "schema",
        "id",
        "problem",
        "strategy",
        "steps",
        "answer",
        "grade",
        "reward",
        "fingerprints",
        "seed",
        "usage",
    }
    assert keys <= set(trajectory)
    logged = (rader.home / "trajectories.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(logged[-1])["id"] == trajectory["id"]


def test_solve_reads_standard_input(rader: Rader) -> None:
    with ScriptedServer(["\\boxed{5}"]) as server:
        rader("solve", "-", "--strategy", "cot", "--llm-url", server.url, stdin="2+3 from a pipe")
        assert "2+3 from a pipe" in json.dumps(server.requests)


def test_a_dead_model_server_is_one_line_and_keeps_the_steps(rader: Rader) -> None:
    with ScriptedServer(["The sum is five"], break_after=2) as server:
        done = rader("solve", "2+3?", "--strategy", "cot", "--llm-url", server.url, "--json")
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "broke off" in done.stderr
    assert json.loads(done.stdout)["steps"][0]["text"] == "The sum"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("solve", "  "), "empty"),
        (("solve", "x" * 50_000), "50,000 characters"),
        (("search", " "), "empty"),
        (("solve", "1+1", "--llm-url", "http://127.0.0.1:9/v1"), "127.0.0.1:9"),
        (("solve", "1+1", "--config", "no-such.toml"), "no-such.toml"),
        (("index", "no-such.jsonl"), "no-such.jsonl"),
        (("index", "--code", "no_such_package"), "no_such_package"),
        (("models", "pull", "no-such-model"), "no-such-model"),
        (("search", "x", "--retriever", "nonsense"), "nonsense"),
    ],
)
def test_bad_input_is_one_line(rader: Rader, arguments: tuple[str, ...], says: str) -> None:
    done = rader(*arguments)
    assert done.returncode == 1
    assert one_line(done.stderr), done.stderr
    assert says in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("search",), ("solve", "x", "--strategy", "magic"), ("search", "x", "-k", "0"), ("nonsense",)],
)
def test_wrong_usage_exits_with_2_and_shows_the_usage(rader: Rader, arguments: tuple[str, ...]) -> None:
    done = rader(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_a_home_that_is_a_file_is_one_line_with_the_remedy(rader: Rader, tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("")
    done = rader("search", "x", RADER_HOME=str(home))
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "RADER_HOME" in done.stderr


def test_a_busy_port_is_one_line_with_another_port(rader: Rader) -> None:
    with ScriptedServer([""]) as server:
        port = server.url.split(":")[2].split("/")[0]
        done = rader("chat", "--port", port, "--llm-url", server.url)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert f"--port {int(port) + 1}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "Add --auth FILE"),  # noqa: S104
        (("--auth", "no-such-file"), "Check --auth"),
        (("--root-path", "rader"), "the setting root_path"),
    ],
)
def test_chat_refuses_before_it_loads_anything(rader: Rader, arguments: tuple[str, ...], says: str) -> None:
    done = rader("chat", "--port", "0", *arguments)
    assert (done.returncode, one_line(done.stderr)) == (1, True), done.stderr
    assert says in done.stderr


def test_models_list_and_doctor_speak_json(rader: Rader) -> None:
    models = json.loads(rader("models", "list", "--json").stdout)
    assert {"qwen2.5-coder-1.5b-instruct", "all-minilm-l6-v2"} <= {model["name"] for model in models}
    report = json.loads(rader("doctor", "--json").stdout)
    missing = [finding for finding in report["findings"] if not finding["ok"]]
    assert any("rader models pull qwen" in finding["remedy"] for finding in missing)
    assert all(finding["remedy"] for finding in missing)


def test_eval_answers_reports_and_resumes(rader: Rader, tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    rows = [{"id": f"p{n}", "problem": f"What is {n}+1?", "answer": str(n + 1)} for n in range(3)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = (
        "eval",
        "answers",
        "--problems",
        str(problems),
        "--strategy",
        "cot",
        "--limit",
        "2",
        "--json",
    )
    with ScriptedServer(["\\boxed{1}"]) as server:
        first = json.loads(rader(*arguments, "--llm-url", server.url).stdout)
        asked = len(server.requests)
        again = json.loads(rader(*arguments, "--llm-url", server.url).stdout)
        assert len(server.requests) == asked
    assert (first["n"], first["correct"], first["wrong"], first["ungradable"]) == (2, 1, 1, 0)
    assert first["accuracy"] == 0.5
    assert {"tokens", "seconds"} <= set(first)
    assert again["correct"] == first["correct"]


def test_help_teaches_and_stays_light(rader: Rader) -> None:
    done = rader("--help")
    assert "rader solve" in done.stdout
    heavy = ("torch", "chromadb", "gradio", "langgraph")
    probe = f"import sys, ui.cli; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
