"""A trained retriever as a folder of its own, which plain sentence-transformers loads.

    export_retriever("rader-minilm", Path("export"), home)
    SentenceTransformer("export").encode(["a theorem"])

The adapter is merged into the weights; prompts, pooling and limits stand in the folder's own configuration.
Safetensors only. ``rader.json`` beside them tells our own loader what sentence-transformers cannot do.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from retriever.errors import BadInputError
from retriever.files import storage_errors
from retriever.trained.release import Encode, Release, read_release, seal

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from retriever.encoder import Encoder

CARD = "README.md"
_USE = """
## Use

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{folder}")
queries = model.encode(["…"], prompt_name="query")
passages = model.encode(["…"], prompt_name="document")
scores = queries @ passages.T
```

Vectors have length 1. A text is read up to {tokens} tokens{passage}. LangChain takes the folder as
`HuggingFaceEmbeddings(model_name=…)`, vLLM as `vllm serve FOLDER --runner pooling`.
"""
_PASSAGE = ", a passage up to {tokens} where it searches in RaDeR Studio"
_PLAIN = """
**Formulas must be written as words first.** This model was trained on text whose LaTeX had been replaced by
words; sentence-transformers does not do that by itself. `retriever.mathtext.plain(text)` of RaDeR Studio
does, and RaDeR Studio itself needs no telling (`"latex": "plain"` in `rader.json`). Text without LaTeX is
encoded the same either way.
"""


def export_retriever(name: str | Path, folder: Path, home: str | Path) -> Release:
    """Write a trained retriever, merged, to a new folder.

    Args:
        name: A version of the registry, a preset, or a folder.
        folder: Where to; it appears when it is whole.
        home: The product's folder.

    Raises:
        BadInputError: The folder is there and not empty, or nothing has that name.
        MissingExtraError: There is an adapter and PEFT is not installed.
        WeightsError: It is damaged, or no encoder.
        StorageError: The folder cannot be written to.
    """
    from retriever.encoding.loading import open_torch
    from retriever.encoding.presets import encoder_for

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInputError(f"{folder} is there already", "Name a new folder")
    encoder = encoder_for(name, home, backend="torch", device="cpu")
    model = open_torch(encoder.recipe, "cpu")
    model.max_seq_length = min(encoder.max_tokens, model.max_seq_length or encoder.max_tokens)
    model.prompts = {"query": encoder.query_prompt, "document": encoder.passage_prompt}
    draft = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    with storage_errors(folder.parent):
        try:
            draft.mkdir(parents=True)
            _with_unit_length(model).save(str(draft), create_model_card=False)
            (draft / CARD).write_text(_card(encoder, folder.name), encoding="utf-8")
            release = seal(draft, _release(encoder))
            if folder.is_dir():
                folder.rmdir()
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return release


def _with_unit_length(model: SentenceTransformer) -> SentenceTransformer:
    """Our encoder gives vectors of length 1 whatever the folder says; the export must say it."""
    from sentence_transformers.base.modules import Normalize

    if not any(isinstance(module, Normalize) for module in model):
        model.append(Normalize())
    model.similarity_fn_name = "cosine"
    return model


def _release(encoder: Encoder) -> Release:
    """What is known of the exported model: as before, now a model of its own."""
    source = encoder.recipe.adapter or encoder.path
    known = read_release(source) or Release(name=source.name)
    encode = Encode(
        query_prompt=encoder.query_prompt,
        passage_prompt=encoder.passage_prompt,
        max_passage_tokens=encoder.max_passage_tokens,
        latex=encoder.latex,
    )
    return known.model_copy(update={"form": "model", "encode": encode, "files": {}})


def _card(encoder: Encoder, folder: str) -> str:
    """The model's own card, and how the export is used."""
    source = encoder.recipe.adapter or encoder.path
    card = source / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {encoder.name}\n"
    less = encoder.max_passage_tokens < encoder.max_tokens
    use = _USE.format(
        folder=folder,
        tokens=encoder.max_tokens,
        passage=_PASSAGE.format(tokens=encoder.max_passage_tokens) if less else "",
    )
    return text.rstrip() + "\n" + use + (_PLAIN if encoder.latex == "plain" else "")
