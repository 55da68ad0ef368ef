"""Decoder retrievers: vectors are those of a plain transformers computation, one text at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from retriever.encoder import Encoder
from retriever.errors import WeightsError
from retriever.passage import Passage
from tests.conftest import make_tiny_adapter, make_tiny_decoder, make_tiny_encoder

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

TEXTS = ["x", "a prime number divides", "∫ sin x dx = −cos x", "every even number " * 9, "graph " * 30]
RADER: dict[str, Any] = {
    "query_prompt": "Query: ",
    "passage_prompt": "Passage: ",
    "pooling": "last",
    "append_eos": True,
    "device": "cpu",
}


def plainly(
    folder: Path, texts: list[str], prompt: str, adapter: Path | None = None, limit: int = 256, **config: Any
) -> npt.NDArray[np.float32]:
    """What transformers and PEFT give: no batch, no padding, EOS put at the end, the last token's state."""
    import torch
    from peft import PeftModel
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder, **config)
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter))
    vectors = []
    for text in texts:
        ids = tokenizer(prompt + text, add_special_tokens=False)["input_ids"][: limit - 1]
        with torch.inference_mode():
            states = model.eval()(input_ids=torch.tensor([[*ids, tokenizer.eos_token_id]])).last_hidden_state
        vectors.append(torch.nn.functional.normalize(states[0, -1].float(), dim=0).numpy())
    return np.stack(vectors)


def passages(texts: list[str]) -> list[Passage]:
    """One passage a text; stripped, as passages are."""
    return [Passage(id=str(number), text=text) for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def adapter(tiny_decoder_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_adapter(tmp_path_factory.mktemp("adapter") / "lora", tiny_decoder_path, seed=1)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_vectors_are_those_of_transformers(
    tiny_decoder_path: Path, tmp_path: Path, side: str, batch_size: int
) -> None:
    folder = Path(shutil.copytree(tiny_decoder_path, tmp_path / "model"))
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"padding_side": side}))
    encoder = Encoder(folder, batch_size=batch_size, **RADER)
    texts = [text.strip() for text in TEXTS]
    np.testing.assert_allclose(encoder.encode_queries(texts), plainly(folder, texts, "Query: "), atol=1e-5)
    found = encoder.encode_passages(passages(texts))
    np.testing.assert_allclose(found, plainly(folder, texts, "Passage: "), atol=1e-5)
    assert encoder.cut_queries == encoder.cut_passages == 0


def test_an_adapter_merged_is_the_adapter_unmerged(tiny_decoder_path: Path, adapter: Path) -> None:
    adapted = Encoder(tiny_decoder_path, adapter=adapter, batch_size=2, **RADER).encode_queries(TEXTS)
    unmerged = plainly(tiny_decoder_path, TEXTS, "Query: ", adapter)
    np.testing.assert_allclose(adapted, unmerged, atol=1e-5)
    base = Encoder(tiny_decoder_path, **RADER).encode_queries(TEXTS)
    assert (np.sum(adapted * base, axis=1) < 0.99).all()


def test_an_adapter_on_a_sentence_transformers_folder(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from sentence_transformers import SentenceTransformer

    base = make_tiny_encoder(tmp_path / "base", seed=3)
    lora = make_tiny_adapter(tmp_path / "lora", base, seed=4)
    encoder = Encoder(base, adapter=lora, batch_size=2, device="cpu")
    assert encoder.name == "lora"
    words = ["prime number", "graph path edge vertex", "integral"]
    unmerged: Any = SentenceTransformer(str(base), device="cpu")
    unmerged[0].model = PeftModel.from_pretrained(unmerged[0].model, str(lora))
    with torch.inference_mode():
        wanted = unmerged.encode(words, batch_size=1)
    np.testing.assert_allclose(encoder.encode_queries(words), wanted, atol=1e-5)
    assert np.abs(encoder.encode_queries(words) - Encoder(base).encode_queries(words)).max() > 0.01


def test_an_adapter_for_another_model_is_refused(
    tiny_decoder_path: Path, adapter: Path, tmp_path: Path
) -> None:
    other = make_tiny_encoder(tmp_path / "bert", seed=5)
    with pytest.raises(WeightsError, match="cannot load the model"):
        Encoder(other, adapter=adapter).load()
    wider = make_tiny_decoder(tmp_path / "longer", seed=0)
    config = json.loads((wider / "config.json").read_text())
    (wider / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1, "layer_types": None}))
    with pytest.raises(WeightsError, match="is not for it"):
        Encoder(wider, adapter=adapter).load()


def test_an_adapter_needs_its_files_and_a_base(
    tiny_decoder_path: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=r"lacks adapter_config\.json"):
        Encoder(tiny_decoder_path, adapter=tmp_path)
    with pytest.raises(WeightsError, match="an adapter, not a model"):
        Encoder(adapter)
    pickled = Path(shutil.copytree(adapter, tmp_path / "pickled"))
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(WeightsError, match=r"lacks adapter_model\.safetensors"):
        Encoder(tiny_decoder_path, adapter=pickled)


def test_what_is_cut_still_ends_with_eos(tiny_decoder_path: Path) -> None:
    encoder = Encoder(tiny_decoder_path, max_tokens=64, max_passage_tokens=40, batch_size=3, **RADER)
    # a token is a byte: 7 of the prompt, 56 of the text, 1 EOS
    texts = ["a" * 56, "a" * 57, "b" * 10, "c" * 300]
    wanted = plainly(tiny_decoder_path, texts, "Query: ", limit=64)
    np.testing.assert_allclose(encoder.encode_queries(texts), wanted, atol=1e-5)
    assert encoder.cut_queries == 2
    assert encoder.token_counts(texts, "Query: ") == [64, 65, 18, 308]
    found = encoder.encode_passages(passages(["d" * 30, "e" * 31]))
    wanted = plainly(tiny_decoder_path, ["d" * 30, "e" * 31], "Passage: ", limit=40)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert encoder.cut_passages == 1


def test_one_eos_is_enough(tiny_decoder_path: Path, tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(tiny_decoder_path, tmp_path / "model"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    end = TemplateProcessing(single=["$A", "<|im_end|>"], special_tokens=[("<|im_end|>", 257)])
    tokenizer.backend_tokenizer.post_processor = end
    tokenizer.save_pretrained(folder)
    encoder = Encoder(folder, **RADER)
    assert encoder.token_counts(["abc"]) == [4]
    np.testing.assert_allclose(
        encoder.encode_queries(TEXTS), plainly(tiny_decoder_path, TEXTS, "Query: "), atol=1e-5
    )


def test_a_tokeniser_without_eos_is_refused(tiny_encoder_path: Path) -> None:
    with pytest.raises(WeightsError, match="no end-of-sequence token"):
        Encoder(tiny_encoder_path, append_eos=True).load()


def test_the_direction_of_attention_is_chosen(tmp_path: Path) -> None:
    """RaDeR looks back only, although the config.json it inherited from gte-Qwen2 says otherwise."""
    both_ways = make_tiny_decoder(tmp_path / "gte", seed=0, is_causal=False)
    back = make_tiny_decoder(tmp_path / "qwen", seed=0)
    text = ["the last token sees the others either way, the one before it does not"]
    causal, full = plainly(back, text, "Query: "), plainly(both_ways, text, "Query: ")
    assert np.abs(causal - full).max() > 1e-3
    for folder, direction, wanted in (
        (both_ways, True, causal),
        (both_ways, None, full),
        (back, False, full),
        (back, None, causal),
    ):
        encoder = Encoder(folder, causal=direction, batch_size=2, **RADER)
        found = encoder.encode_queries([*text, "padded"])[:1]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_only_a_decoder_looks_back(tiny_encoder_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no decoder"):
        Encoder(tiny_encoder_path, causal=True).load()


def test_a_plain_folder_is_pooled_by_its_kind(tiny_decoder_path: Path, tmp_path: Path) -> None:
    words = ["prime number", "graph path edge"]
    ended = Encoder(tiny_decoder_path, append_eos=True).encode_queries(words)
    np.testing.assert_allclose(ended, plainly(tiny_decoder_path, words, ""), atol=1e-5)
    saved = make_tiny_encoder(tmp_path / "st", seed=0)
    plain = Path(shutil.copytree(saved, tmp_path / "plain"))
    (plain / "modules.json").unlink()
    np.testing.assert_allclose(
        Encoder(plain, max_tokens=64).encode_queries(words), Encoder(saved).encode_queries(words), atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_pooling_is_that_of_transformers(tiny_encoder_path: Path, pooling: Any) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder_path)
    model = AutoModel.from_pretrained(tiny_encoder_path).eval()
    words = ["prime number", "graph path edge vertex limit", "sum"]
    found = Encoder(tiny_encoder_path, pooling=pooling, device="cpu").encode_queries(words)
    for text, vector in zip(words, found, strict=True):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        wanted = {"mean": states.mean(0), "last": states[-1], "cls": states[0]}[pooling]
        np.testing.assert_allclose(vector, torch.nn.functional.normalize(wanted, dim=0).numpy(), atol=1e-5)


def test_half_precision_gives_unit_vectors(tiny_decoder_path: Path) -> None:
    full = Encoder(tiny_decoder_path, **RADER).encode_queries(TEXTS)
    half = Encoder(tiny_decoder_path, dtype="bfloat16", **RADER)
    vectors = half.encode_queries(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (np.sum(vectors * full, axis=1) > 0.99).all()
    assert np.abs(vectors - full).max() > 1e-5
