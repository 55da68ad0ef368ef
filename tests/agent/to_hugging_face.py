"""A GGUF file as a Hugging Face folder, which vLLM wants; run by the Python that has vLLM.

python to_hugging_face.py FILE.gguf FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    """Weights in float32, tokenizer and chat template."""
    file, folder = Path(sys.argv[1]), sys.argv[2]
    where = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    model.hf_quantizer, model.is_quantized = None, False  # it was quantized in the file, here it no longer is
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


main()
