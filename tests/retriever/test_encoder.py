"""The encoder, on a tiny seeded model."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retriever.encoder import Encoder
from retriever.errors import BadInputError, WeightsError
from retriever.passage import Passage
from tests.retriever.stubs import passages


@pytest.fixture(scope="module")
def encoder(tiny_encoder_path: Path) -> Encoder:
    return Encoder(tiny_encoder_path, batch_size=4, device="cpu")


def test_vectors_are_unit_float32_whatever_the_batch(encoder: Encoder, tiny_encoder_path: Path) -> None:
    many = [*passages(9), Passage(id="long", text="prime number " * 20)]
    vectors = encoder.encode_passages(many)
    assert (vectors.shape, vectors.dtype, encoder.dim, encoder.max_tokens) == ((10, 32), np.float32, 32, 64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([Encoder(tiny_encoder_path, batch_size=1).encode_passages([p]) for p in many[:2]])
    np.testing.assert_allclose(vectors[:2], alone, atol=1e-5)
    assert encoder.encode_queries([]).shape == (0, 32)


def test_progress_reaches_the_total(encoder: Encoder) -> None:
    seen: list[tuple[int, int]] = []
    encoder.encode_passages(passages(9), lambda done, total: seen.append((done, total)))
    assert seen == [(4, 9), (8, 9), (9, 9)]


def test_what_is_cut_is_counted(tiny_encoder_path: Path) -> None:
    encoder = Encoder(tiny_encoder_path, max_passage_tokens=16)
    text = "prime " * 30
    encoder.encode_queries([text, "prime " * 100, "prime"])
    cut = encoder.encode_passages([Passage(id="a", text=text), Passage(id="b", text="prime")])
    assert (encoder.cut_queries, encoder.cut_passages) == (1, 1)
    assert encoder.token_counts([text]) == [32]  # with [CLS] and [SEP]
    np.testing.assert_allclose(
        cut[0], encoder.encode_passages([Passage(id="c", text="prime " * 14)])[0], atol=1e-5
    )


def test_prompts_go_before_the_text(encoder: Encoder, tiny_encoder_path: Path) -> None:
    prompted = Encoder(tiny_encoder_path, query_prompt="theorem for ", passage_prompt="lemma ")
    plain = encoder.encode_queries(["theorem for prime", "lemma prime"])
    np.testing.assert_allclose(prompted.encode_queries(["prime"])[0], plain[0], atol=1e-5)
    np.testing.assert_allclose(
        prompted.encode_passages([Passage(id="a", text="prime")])[0], plain[1], atol=1e-5
    )


def test_the_fingerprint_follows_what_decides_vectors(tiny_encoder_path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_encoder_path, tmp_path / "copy"))
    for name in ("README.md", "verified.json"):
        (copy / name).write_text("other words")
    same = Encoder(copy).fingerprint
    assert same == Encoder(tiny_encoder_path).fingerprint
    others = [
        Encoder(copy, query_prompt="q"),
        Encoder(copy, max_tokens=8),
        Encoder(copy, max_passage_tokens=8),
    ]
    pooling = next(copy.glob("1_Pooling/config.json"))
    pooling.write_text(pooling.read_text() + " ")
    others.append(Encoder(copy))
    assert len({same, *(other.fingerprint for other in others)}) == 5


def test_a_vector_that_is_not_a_number_names_its_passage(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(texts: list[str], _: object) -> tuple[np.ndarray, list[bool]]:
        vectors = [[np.nan] * 32 if "bad" in text else [1.0] + [0.0] * 31 for text in texts]
        return np.array(vectors), [False] * len(texts)

    monkeypatch.setattr(encoder, "_forward", forward)
    with pytest.raises(BadInputError, match="'p/bad'"):
        encoder.encode_passages([Passage(id="p/good", text="good"), Passage(id="p/bad", text="bad")])


def test_a_folder_without_a_model(tmp_path: Path, tiny_encoder_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model"):
        Encoder(tmp_path / "none")
    broken = Path(shutil.copytree(tiny_encoder_path, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(WeightsError, match="cannot load"):
        Encoder(broken).load()


def test_many_threads_get_what_one_gets(encoder: Encoder) -> None:
    queries = [f"prime number {i} of a graph" for i in range(24)]
    alone = encoder.encode_queries(queries)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: encoder.encode_queries([query])[0], queries))
    np.testing.assert_allclose(np.stack(together), alone, atol=1e-5)


def test_a_fingerprint_is_for_ever(tmp_path: Path) -> None:
    """Indexes carry these: if this fails, every index that users have is refused. Add parts, change none."""
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "README.md").write_text("not hashed")
    plain = Encoder(folder).fingerprint
    assert plain == "9725c2c96024ae257a68e87bc091aaf6c55b300caafefebe2ef86ecb899448b7"
    chosen = Encoder(folder, query_prompt="q", passage_prompt="p", max_tokens=64, max_passage_tokens=32)
    assert chosen.fingerprint == "6ce8979116d4de245d640c11faf2d770a643d1b9a7dfc6b29da850134e6988ab"
    assert Encoder(folder, device="cpu", batch_size=1, cache=tmp_path).fingerprint == plain


def test_every_choice_that_decides_vectors_is_in_the_fingerprint(
    tiny_encoder_path: Path, tmp_path: Path
) -> None:
    adapters = []
    for number in range(2):
        adapter = tmp_path / f"adapter-{number}"
        adapter.mkdir()
        (adapter / "adapter_config.json").write_text("{}")
        (adapter / "adapter_model.safetensors").write_bytes(bytes([number]))
        adapters.append(adapter)
    choices: list[dict[str, Any]] = [
        {},
        {"passage_prompt": "q"},
        {"query_prompt": "q"},
        {"pooling": "mean"},
        {"pooling": "cls"},
        {"append_eos": True},
        {"causal": True},
        {"causal": False},
        {"dtype": "bfloat16"},
        {"adapter": adapters[0]},
        {"adapter": adapters[1]},
    ]
    prints = {Encoder(tiny_encoder_path, **choice).fingerprint for choice in choices}
    assert len(prints) == len(choices)


@pytest.mark.slow
def test_the_shipped_encoder_keeps_its_fingerprint() -> None:
    from retriever.weights import ModelStore
    from ui.settings import default_home

    folder = ModelStore(Path(os.environ.get("RADER_HOME") or default_home())).pull("all-minilm-l6-v2")
    whole = "7746aea6831ab351dbbc9935529ad3025632925921c166f3b334fdb3badeecfd"
    half = "17bf616255432bb371da8c98eb3b9b5c3ee92ebe8084fa3344c2c87d98e1cb41"
    assert Encoder(folder).fingerprint == whole
    assert Encoder(folder, max_passage_tokens=128).fingerprint == half
