"""Cross-encoders: the scores of a plain computation, whatever the batch; nothing cut or wrong in silence."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

from retriever.errors import BadInputError, WeightsError
from retriever.passage import Passage
from retriever.reranking.cross_encoder import CrossEncoderReranker
from tests.retriever.tiny_rerankers import (
    END,
    PAD,
    byte_tokenizer,
    make_adapter,
    make_cross_encoder,
    make_decoder,
)

# PEFT asks transformers for a property by a name that is about to go.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
QUERY = "the sum of two squares"
PASSAGES = [
    Passage(id=f"p{row}", title=f"Theorem {row}", text=text)
    for row, text in enumerate(
        ["a prime", "Every prime of the form 4k+1 is one. " * 3, "x", "√2 is irrational", "of squares " * 9]
    )
]


def pair(query: str, passage: Passage) -> str:
    return f"query: {query} document: {passage.content}"


def one_by_one(folder: Path, texts: list[str], limit: int = 256, adapter: Path | None = None) -> list[float]:
    """The head's number at the end-of-sequence token, a text at a time, by transformers alone."""
    from peft import PeftModel
    from transformers import Qwen2ForSequenceClassification

    tokenizer = byte_tokenizer()
    model = Qwen2ForSequenceClassification.from_pretrained(folder, num_labels=1)
    decoder = PeftModel.from_pretrained(model, adapter).merge_and_unload() if adapter else model
    scores = []
    for text in texts:
        ids = [*tokenizer(text, verbose=False)["input_ids"][: limit - 1], tokenizer.eos_token_id]
        with torch.no_grad():
            last = decoder.model(torch.tensor([ids])).last_hidden_state[0, -1]
            scores.append(float(last @ decoder.score.weight[0]))
    return scores


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_decoder(tmp_path_factory.mktemp("decoder") / "qwen2")


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("cross") / "bert")


@pytest.mark.parametrize("batch_size", [1, 2, 32])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pad", [PAD, END])
def test_a_decoder_reads_its_last_token_whatever_the_batch(
    tmp_path: Path, pad: str, side: str, batch_size: int
) -> None:
    folder = make_decoder(tmp_path / "qwen2", pad=pad, side=side)
    scores = CrossEncoderReranker(folder, batch_size=batch_size).score(QUERY, PASSAGES)
    expected = one_by_one(folder, [pair(QUERY, passage) for passage in PASSAGES])
    assert scores == pytest.approx(expected, abs=1e-5)
    assert np.std(expected) > 1e-2
    assert scores.note == ""


def test_an_adapter_brings_its_own_head(tmp_path: Path) -> None:
    base = make_decoder(tmp_path / "base", head=False)
    adapter = make_adapter(tmp_path / "adapter", base)
    scores = CrossEncoderReranker(base, adapter=adapter).score(QUERY, PASSAGES)
    expected = one_by_one(base, [pair(QUERY, passage) for passage in PASSAGES], adapter=adapter)
    assert scores == pytest.approx(expected, abs=1e-5)


def test_what_sentence_transformers_saved_says_itself_how_it_wants_pairs(
    decoder: Path, tmp_path: Path
) -> None:
    other = "{{ messages | map(attribute='content') | join(' | ') }}{{ eos_token }}"
    CrossEncoderReranker(decoder, template=other)._model.save_pretrained(str(tmp_path / "saved"))
    scores = CrossEncoderReranker(tmp_path / "saved").score(QUERY, PASSAGES)
    assert scores == pytest.approx(
        one_by_one(decoder, [f"{QUERY} | {p.content}" for p in PASSAGES]), abs=1e-5
    )


def test_any_cross_encoder_gives_the_numbers_of_the_library(cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder

    library = CrossEncoder(str(cross_encoder), activation_fn=torch.nn.Identity())
    expected = library.predict([(QUERY, passage.content) for passage in PASSAGES])
    reranker = CrossEncoderReranker(cross_encoder, batch_size=2)
    assert reranker.score(QUERY, PASSAGES) == pytest.approx(expected.tolist(), abs=1e-5)
    assert reranker.score(QUERY, []) == []


def test_a_long_pair_is_cut_before_its_last_token_and_counted(decoder: Path) -> None:
    reranker = CrossEncoderReranker(decoder, max_tokens=64)
    long = Passage(id="long", text="a long proof " * 50)
    scores = reranker.score("q", [PASSAGES[0], long, PASSAGES[2]])
    texts = [pair("q", passage) for passage in (PASSAGES[0], long, PASSAGES[2])]
    assert scores == pytest.approx(one_by_one(decoder, texts, limit=64), abs=1e-5)
    assert (reranker.cut_pairs, reranker.max_tokens) == (1, 64)
    assert scores.note == "the reranker read 64 tokens of 1 pairs that have more"
    reranker.score("q", [long])
    assert reranker.cut_pairs == 2


def test_a_long_query_leaves_room_for_the_passage(decoder: Path) -> None:
    reranker = CrossEncoderReranker(decoder, max_tokens=64)
    scores = reranker.score("because " * 100, [Passage(id="a", text="one"), Passage(id="b", text="two")])
    texts = [f"query: {('because ' * 100)[:32]} document: {text}" for text in ("one", "two")]
    assert scores == pytest.approx(one_by_one(decoder, texts, limit=64), abs=1e-5)
    assert scores[0] != scores[1]
    assert reranker.cut_pairs == 2


def test_a_long_pair_of_a_cross_encoder_is_counted(cross_encoder: Path) -> None:
    reranker = CrossEncoderReranker(cross_encoder)
    reranker.score("q", [Passage(id="book", text="a whole book " * 50_000), PASSAGES[0]])
    assert (reranker.cut_pairs, reranker.max_tokens) == (1, 128)


def test_a_score_that_is_no_number_names_the_passage(decoder: Path) -> None:
    reranker = CrossEncoderReranker(decoder)
    weights = reranker._model.transformers_model.model.embed_tokens.weight  # type: ignore[union-attr]
    with torch.no_grad():
        weights[byte_tokenizer()("%")["input_ids"][0]] = float("nan")
    with pytest.raises(BadInputError, match=r"1 score.*'broken'"):
        reranker.score("q", [PASSAGES[0], Passage(id="broken", text="100% sure")])


def test_the_same_from_many_threads(cross_encoder: Path) -> None:
    reranker = CrossEncoderReranker(cross_encoder)
    queries = [f"query {row}" for row in range(8)]
    alone = [list(reranker.score(query, PASSAGES)) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: reranker.score(query, PASSAGES), queries))
    assert together == [pytest.approx(each, abs=1e-6) for each in alone]


def test_the_fingerprint_tells_all_that_decides_a_score(decoder: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", decoder)
    other = copytree(decoder, tmp_path / "other")
    config = (other / "config.json").read_text(encoding="utf-8")
    (other / "config.json").write_text(config.replace("256", "255"), encoding="utf-8")
    rerankers = [
        CrossEncoderReranker(decoder),
        CrossEncoderReranker(decoder, adapter=adapter),
        CrossEncoderReranker(decoder, template="{{ messages[0].content }}"),
        CrossEncoderReranker(decoder, max_tokens=99),
        CrossEncoderReranker(other),
    ]
    assert len({each.fingerprint for each in rerankers}) == 5
    assert rerankers[0].fingerprint == CrossEncoderReranker(str(decoder), batch_size=3).fingerprint
    assert [rerankers[0].name, rerankers[1].name] == ["qwen2", "adapter"]


def test_what_is_no_reranker_is_refused(decoder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no model with safetensors"):
        CrossEncoderReranker(tmp_path)
    with pytest.raises(WeightsError, match="no model with safetensors"):
        CrossEncoderReranker(decoder, adapter=tmp_path)
    three = CrossEncoderReranker(make_cross_encoder(tmp_path / "three", labels=3))
    with pytest.raises(WeightsError, match="3 numbers a pair"):
        three.score("q", PASSAGES)
    language_model = make_decoder(tmp_path / "qwen2", head=False)
    with pytest.raises(WeightsError, match="no reranker but Qwen2ForCausalLM"):
        CrossEncoderReranker(language_model)
    headless = copytree(make_adapter(tmp_path / "adapter", language_model), tmp_path / "headless")
    config = json.loads((headless / "adapter_config.json").read_text(encoding="utf-8"))
    (headless / "adapter_config.json").write_text(json.dumps(config | {"modules_to_save": None}))
    with pytest.raises(WeightsError, match="brings no head"):
        CrossEncoderReranker(language_model, adapter=headless)
    damaged = copytree(decoder, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="cannot load"):
        CrossEncoderReranker(damaged).score("q", PASSAGES)


def test_an_encoder_is_no_reranker(tiny_encoder_path: Path) -> None:
    with pytest.raises(WeightsError, match="no reranker but BertModel"):
        CrossEncoderReranker(tiny_encoder_path)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = make_decoder(tmp_path / "base", head=False)
    adapter = make_adapter(tmp_path / "adapter", base)
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(
        {key.replace("layers.1", "layers.7"): value for key, value in weights.items()},
        adapter / "adapter_model.safetensors",
    )
    with pytest.raises(WeightsError, match="is not for it"):
        CrossEncoderReranker(base, adapter=adapter).score("q", PASSAGES)
