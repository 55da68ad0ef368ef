r"""The mathematical part of an answer, rewritten until the parser reads it as people do.

latex2sympy reads ``2(3)`` as the mixed number 5, ``I^2`` as I, and no ``\pm`` within a fraction; `form_of`
writes the sign of the product, an imaginary unit that keeps its power, and both values.
"""

from __future__ import annotations

import re
from fractions import Fraction

from agent.maths.notation import fraction, numbers

AND_OR = re.compile(
    r"\s*,?\s*(?:\\text\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*"
)
OR = r"\lor"  # between inequalities that are taken together
_INEQUALITY = re.compile(r"[<>]|\\(?:le|ge|ne)(?![A-Za-z])")
_BRACKETED = re.compile(r"^\s*(?:\\\{|\(|\[).*(?:\\\}|\)|\])\s*$", re.DOTALL)
_RATIO = re.compile(r"^\s*\d+(?:\s*:\s*\d+){2,}\s*$")
_MATRIX = re.compile(r"\[?\\begin\{[pb]?matrix\}(.*?)\\end\{[pb]?matrix\}\]?", re.DOTALL)
_PRODUCT = re.compile(r"(?<=\d)\s*(?=\((?![^()]*,))|(?<=\))\s*(?=\d)|\)\s*\((?![^()]*,)")
_SIGN = re.compile(r"\\(pm|mp)(?![A-Za-z])")
_PIECE = re.compile(
    r"\\(?:begin|end|text|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|_\s*\{[^{}]*\}|_\s*.|.", re.DOTALL
)


def form_of(text: str) -> str:
    r"""LaTeX that latex2sympy reads as ``text`` is meant.

    Numbers are exact (`notation.numbers`); ``a:b:c`` is a tuple that starts with 1; ``and`` and ``or`` are
    commas, or `OR` between inequalities; every matrix is a pmatrix; ``a \pm b`` is two values.
    """
    text = numbers(text, grouped=not _BRACKETED.match(text))
    if _RATIO.match(text):
        return _ratio(text)
    either = _INEQUALITY.search(text) and re.search(r"(?<![A-Za-z])or(?![A-Za-z])", text)
    text = AND_OR.sub(lambda _: OR + " " if either else ",", text)
    text = _MATRIX.sub(lambda match: rf"\begin{{pmatrix}}{match[1]}\end{{pmatrix}}", text)
    text = _PRODUCT.sub(lambda match: r")\cdot (" if match[0].strip() else r"\cdot ", _both_signs(text))
    return _imaginary(text).strip()


def _ratio(text: str) -> str:
    parts = [Fraction(part.strip()) for part in text.split(":")]
    first = next((part for part in parts if part), Fraction(1))
    return "(" + ", ".join(fraction(part / first) for part in parts) + ")"


def _both_signs(text: str) -> str:
    """Each piece of a list with the upper signs and with the lower ones."""
    if not _SIGN.search(text):
        return text
    pieces = text.split(",") if "(" not in text else [text]
    return ",".join(
        piece.replace(rf"\{plus}", "+").replace(r"\mp" if plus == "pm" else r"\pm", "-")
        for piece in pieces
        for plus in (("pm", "mp") if _SIGN.search(piece) else ("pm",))
    )


def _imaginary(text: str) -> str:
    """``i`` as ``I``, the parser's name for it; an index (``x_i``) stays."""
    return "".join("(I)" if piece == "i" else piece for piece in _PIECE.findall(text))
