"""Tiny seeded rerankers made on the spot: a cross-encoder like MiniLM's, and decoders like RaDeR's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

END, PAD = "<|im_end|>", "<|endoftext|>"


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A two-layer BERT with a linear head and a vocabulary of letters, in plain transformers format."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=labels,
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    return folder


def make_decoder(folder: Path, *, head: bool = True, pad: str = PAD, side: str = "right") -> Path:
    """A two-layer Qwen2 that reads bytes.

    Args:
        folder: Where to.
        head: A linear head, as a trained reranker has, or a plain language model.
        pad: The padding token; some tokenisers pad with the end-of-sequence token.
        side: The padding side that the folder names.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2ForSequenceClassification

    tokenizer = byte_tokenizer(pad=pad, side=side)
    torch.manual_seed(2)
    shape = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        num_labels=1,
        initializer_range=0.3,  # so that the two layers matter
    )
    (Qwen2ForSequenceClassification if head else Qwen2ForCausalLM)(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(folder: Path, base: Path) -> Path:
    """A LoRA adapter of a decoder, its linear head saved with it, as RaDeR publishes its reranker."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2ForSequenceClassification

    torch.manual_seed(3)
    model = Qwen2ForSequenceClassification.from_pretrained(base, num_labels=1)
    lora = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["q_proj", "down_proj"])
    tuned = get_peft_model(model, lora)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                weight.normal_(std=0.2)  # as if trained: new adapters change nothing
    tuned.save_pretrained(folder)
    return folder


def byte_tokenizer(*, pad: str = PAD, side: str = "right") -> Any:
    """A tokeniser of the kind of Qwen2's, whose tokens are single bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={byte: row for row, byte in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=END, pad_token=pad, padding_side=side, model_max_length=1_000_000
    )
