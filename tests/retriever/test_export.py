"""An export is read by plain sentence-transformers and gives the same vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from retriever.encoding.presets import encoder_for
from retriever.errors import BadInputError
from retriever.passage import Passage
from retriever.registry import Registry
from retriever.trained.export import export_retriever
from retriever.trained.release import faults
from tests.retriever.trained import make_run, make_shipped

# PEFT asks transformers by a name that is going to change.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
TEXTS = ["the sum of a prime number", "triangle", "a graph path with an edge " * 5]


def test_same_vectors_as_in_the_product(home: Path, tmp_path: Path, tiny_encoder_path: Path) -> None:
    version = Registry(home, tmp_path / "none").add(
        make_run(tmp_path / "run", tiny_encoder_path, 1), card="# {}\n".format
    )
    release = export_retriever("rader-1", tmp_path / "export", home)
    model = SentenceTransformer(str(tmp_path / "export"), device="cpu", local_files_only=True)
    encoder = encoder_for(version.path, home, backend="torch")
    found, wanted = model.encode(TEXTS), encoder.encode_queries(TEXTS)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    base = encoder_for(tiny_encoder_path, home, backend="torch").encode_queries(TEXTS)
    assert np.abs(base - wanted).max() > 1e-2  # the adapter does something
    assert (release.form, release.encode.max_passage_tokens) == ("model", 48)
    assert faults(tmp_path / "export", release) == []
    assert {path.suffix for path in (tmp_path / "export").rglob("*.*")} <= {
        ".json",
        ".md",
        ".safetensors",
        ".txt",
    }
    card = (tmp_path / "export" / "README.md").read_text()
    assert card.startswith("# rader-1")
    assert 'SentenceTransformer("export")' in card
    assert "Formulas" not in card


def test_prompts_limits_and_formulas_go_with_it(home: Path, tmp_path: Path, tiny_encoder_path: Path) -> None:
    how = {"query_prompt": "prime ", "passage_prompt": "lemma ", "max_tokens": 12, "latex": "plain"}
    lora = make_shipped(tmp_path / "lora", tiny_encoder_path, 2, **how)
    export_retriever(lora, tmp_path / "export", home)
    model = SentenceTransformer(str(tmp_path / "export"), device="cpu", local_files_only=True)
    encoder = encoder_for(lora, home, backend="torch")
    np.testing.assert_allclose(
        model.encode(TEXTS, prompt_name="query"), encoder.encode_queries(TEXTS), atol=1e-5
    )
    passages = [Passage(id=str(n), text=text) for n, text in enumerate(TEXTS)]
    np.testing.assert_allclose(
        model.encode(TEXTS, prompt_name="document"), encoder.encode_passages(passages), atol=1e-5
    )
    assert "Formulas must be written as words first" in (tmp_path / "export" / "README.md").read_text()
    ours = encoder_for(tmp_path / "export", home, backend="torch")  # which needs no telling
    formula = [r"the $\sum$ of $\sqrt{n}$"]
    assert ours.latex == "plain"
    np.testing.assert_allclose(ours.encode_queries(formula), encoder.encode_queries(formula), atol=1e-5)


def test_a_decoder_with_its_last_token(home: Path, tmp_path: Path, tiny_decoder_path: Path) -> None:
    lora = make_shipped(tmp_path / "lora", tiny_decoder_path, 2, pooling="last", append_eos=True, causal=True)
    export_retriever(lora, tmp_path / "export", home)
    model = SentenceTransformer(str(tmp_path / "export"), device="cpu", local_files_only=True)
    encoder = encoder_for(lora, home, backend="torch", device="cpu")
    np.testing.assert_allclose(model.encode(TEXTS), encoder.encode_queries(TEXTS), atol=1e-5)


def test_nothing_is_written_over(home: Path, tmp_path: Path, tiny_encoder_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInputError, match="is there already"):
        export_retriever(tiny_encoder_path, tmp_path / "full", home)
    with pytest.raises(BadInputError, match="no encoder is called 'nonsense'"):
        export_retriever("nonsense", tmp_path / "new", home)
    assert not (tmp_path / "new").exists()
