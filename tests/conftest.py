"""Fixtures for every test: no network but loopback, a home folder, a tiny seeded encoder made on the spot."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import socket_allow_hosts

TINY_WORDS = """
the a of and is for in to if then theorem lemma formula sum product prime number integer triangle circle angle
side area graph path vertex edge function limit integral derivative matrix group probability sequence series
polynomial root equation inequality set permutation combination square cube
"""


def pytest_runtest_setup() -> None:
    """Only loopback and unix sockets: a test that reaches for the network fails."""
    socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


def pytest_configure() -> None:
    """Jobs in the background ignore Ctrl-C, and so would every command that a test starts and interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty RADER_HOME."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def tiny_encoder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: a seeded two-layer BERT, 32 dimensions, 64 tokens, mean pooling.

    It knows no meaning; texts that share words are near each other because their embeddings share terms.
    """
    return make_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny", seed=0)


@pytest.fixture(scope="session")
def shipped_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the default models and the whole index, built once for all test processes."""
    from filelock import FileLock

    from ui.assemble import Studio
    from ui.settings import Settings, load_settings

    root = tmp_path_factory.getbasetemp()
    home = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "shipped"
    with FileLock(f"{home}.lock"):
        if not home.exists():
            pulled = Studio(load_settings())
            (home / "models").mkdir(parents=True)
            for name in (pulled.settings.model, pulled.settings.encoder):
                (home / "models" / name).symlink_to(pulled.weights(name), target_is_directory=True)
        studio = Studio(Settings(home=home))
        assert len(studio.retriever.index)
        studio.close()
    return home


def make_tiny_encoder(folder: Path, seed: int) -> Path:
    """Write a tiny encoder with its own vocabulary; another seed gives other weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    bert = folder.parent / f"{folder.name}-bert"
    bert.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    words += [word for word in TINY_WORDS.split() if word not in words]
    (bert / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(seed)
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(shape).save_pretrained(bert, safe_serialization=True)
    BertTokenizer(str(bert / "vocab.txt")).save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=64)
    modules = [transformer, Pooling(32, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_decoder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder: a seeded two-layer Qwen2, 32 dimensions, a token for each byte."""
    return make_tiny_decoder(tmp_path_factory.mktemp("decoder") / "tiny-qwen2", seed=0)


def make_tiny_decoder(folder: Path, seed: int, **config: Any) -> Path:
    """Write a tiny Qwen2 as decoder retrievers are published; ``config`` goes into its config.json.

    Its tokeniser adds no special token by itself, and like a chat model's it has a chat template.
    """
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Config, Qwen2Model, Qwen2Tokenizer

    folder.mkdir(parents=True)
    vocabulary = {character: number for number, character in enumerate(sorted(ByteLevel.alphabet()))}
    vocabulary |= {"<|endoftext|>": 256, "<|im_end|>": 257}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = "{% for message in messages %}chat: {{ message['content'] }}{% endfor %}"
    tokenizer.model_max_length = 256
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    shape = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        initializer_range=0.3,  # a spread at which another token changes the vector visibly
        **config,
    )
    Qwen2Model(shape).save_pretrained(folder)
    return folder


def make_tiny_adapter(folder: Path, base: Path, seed: int) -> Path:
    """Write a seeded LoRA adapter on all linear layers of a transformers folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    torch.manual_seed(seed)
    lora = LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(AutoModel.from_pretrained(base), lora).save_pretrained(folder)
    return folder
