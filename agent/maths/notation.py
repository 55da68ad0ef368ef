r"""One way of writing for the many ways in which people and models write the same mathematics.

`tidy` takes away what only changes looks (``\dfrac``, ``\left``, ``\,``, Unicode) and puts every argument in
braces; `numbers` makes each number an exact one. Text in, text out: what it means is the parser's business.
"""

from __future__ import annotations

import re
from fractions import Fraction

_SIGNS = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ", "∗": "*",
    "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "∞": r"\infty ", "√": r"\sqrt ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ",
    "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "°": r"^\circ ", "²": "^2",
    "³": "^3",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "…": r"\ldots ", "’": "'", "€": r"\text{euros}", "£": r"\text{pounds sterling}",
}  # fmt: skip
_TRANSLATION = str.maketrans(_SIGNS)
_SYNONYMS = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), r"\frac"),
    **dict.fromkeys(("dbinom", "tbinom"), r"\binom"),
    **dict.fromkeys(("leq", "leqslant", "leqq"), r"\le"),
    **dict.fromkeys(("geq", "geqslant", "geqq"), r"\ge"),
    "neq": r"\ne",
    "varnothing": r"\emptyset",
    "lbrace": r"\{",
    "rbrace": r"\}",
    **dict.fromkeys(("lvert", "rvert", "vert"), "|"),
    **dict.fromkeys(("dots", "dotsc", "dotsb", "cdots"), r"\ldots"),
    **dict.fromkeys(("mathrm", "mbox", "textrm", "textbf", "textit", "textnormal", "hbox"), r"\text"),
    **dict.fromkeys(("mathbf", "boldsymbol", "mathit", "bm", "mathsf"), ""),
    **dict.fromkeys(("displaystyle", "textstyle", "limits", "quad", "qquad", "hfill", "thinspace"), " "),
    **dict.fromkeys(("left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr"), ""),
}
_SYNONYM = re.compile(r"\\(" + "|".join(sorted(_SYNONYMS, key=len, reverse=True)) + r")(?![A-Za-z])")
_ARGUMENTS = {"frac": 2, "binom": 2, "sqrt": 1}
_COMMAND = re.compile(r"\\(frac|binom|sqrt)(?![A-Za-z])\s*")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_COLUMNS = r"(?:,(?!\s)|\{,\}|\\[,;:!]|\\ )"  # what may stand between thousands
_THOUSANDS = re.compile(rf"(?<![\d.])\d{{1,3}}(?:{_COLUMNS}\s?\d{{3}})+(?!\d)")
_SPACED = re.compile(r"^[+-]?\d{1,3}(?: \d{3})+(?:\.\d+)?$")
_MIXED = re.compile(
    r"(?<![\d.^_{}A-Za-z])(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}|(?<![\d./^])(\d+)\s+(\d+)/(\d+)(?![\d.])"
)
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{(\d+)\}|(\d))")
_ELLIPSIS = re.compile(r"(\d*)\.(\d*?)(\d+?)\3{2,}(?:\.\.\.|\s*\\ldots)")
_SCIENTIFIC = re.compile(r"(?<![A-Za-z\\])(\d+(?:\.\d*)?|\.\d+)[eE]([+-]?\d+)(?![A-Za-z\d])")
_DECIMAL = re.compile(r"\d+\.\d*|\.\d+")


def tidy(text: str) -> str:
    r"""``text`` without what only changes its looks, and with the arguments of commands in braces."""
    text = text.translate(_TRANSLATION).replace("\\!", "")
    text = re.sub(r"\\(?:left|right)\s*\.", " ", text)
    text = _SYNONYM.sub(lambda match: _SYNONYMS[match[1]], text)
    text = re.sub(r"(?<![A-Za-z\\])sqrt\s*(?=[({])", r"\\sqrt", text)
    text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
    text = re.sub(r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![A-Za-z])", r"^\\circ ", text)
    return braced(text)


def unspaced(text: str) -> str:
    r"""``text`` with plain spaces for ``\,``, ``\ `` and their like, and without ``\!``."""
    return re.sub(r"(?<!\\)\\[,;: ]|~", " ", text)


def braced(text: str) -> str:
    r"""``text`` with the arguments of ``\frac``, ``\binom`` and ``\sqrt`` in braces: ``\frac12`` is
    ``\frac{1}{2}``. A command without its arguments is left as it stands."""
    parts, at = [], 0
    while match := _COMMAND.search(text, at):
        parts.append(text[at : match.start()] + f"\\{match[1]}")
        at = match.end()
        if match[1] == "sqrt" and text[at : at + 1] == "[" and (end := text.find("]", at)) > 0:
            parts.append(text[at : end + 1])
            at = end + 1
        for _ in range(_ARGUMENTS[match[1]]):
            given, at = _argument(text, at)
            parts.append(given)
    return "".join(parts) + text[at:]


def _argument(text: str, at: int) -> tuple[str, int]:
    """The argument that begins at ``at``, in braces, and where it ends."""
    while text[at : at + 1].isspace():
        at += 1
    if text[at : at + 1] == "{":
        end = closing(text, at + 1)
        return ("", at) if end is None else ("{" + braced(text[at + 1 : end]) + "}", end + 1)
    token = _TOKEN.match(text, at)
    if token is None or token[0] in "}])&" or token[0] in (r"\\", r"\frac", r"\sqrt", r"\binom"):
        return "", at
    return "{" + token[0] + "}", token.end()


def closing(text: str, start: int) -> int | None:
    """Index of the brace that closes the one opened just before ``start``; None if nothing does."""
    depth, escaped = 1, False
    for index in range(start, len(text)):
        char = text[index]
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return index
    return None


def numbers(text: str, *, grouped: bool = True) -> str:
    r"""``text`` with every number exact and written plainly.

    Thousands lose their separators (a bare comma counts as one where ``grouped``); mixed numbers become sums,
    ``1e3`` a power of ten, repeating and other decimals fractions: ``0.1\overline{6}`` is ``\frac{1}{6}``,
    ``0.50`` is ``\frac{1}{2}``. A decimal is the number that it writes, not one near it.
    """
    text = text.replace(" ", "") if _SPACED.match(text.strip()) else text
    text = unspaced(ungrouped(text, grouped=grouped))
    text = _MIXED.sub(lambda match: _sum(*(part for part in match.groups() if part)), text)
    text = _REPEATING.sub(lambda match: repeating(match[1], match[2], match[3] or match[4]), text)
    text = _ELLIPSIS.sub(lambda match: repeating(*match.groups()), text)
    text = _SCIENTIFIC.sub(r"\1\\cdot 10^{\2}", text)
    return _DECIMAL.sub(lambda match: fraction(Fraction(match[0].rstrip(".") or "0")), text)


def ungrouped(text: str, *, grouped: bool = True) -> str:
    """``text`` with the separators of thousands taken out of its numbers."""
    return _THOUSANDS.sub(lambda match: _joined(match[0], grouped=grouped), text)


def _joined(number: str, *, grouped: bool) -> str:
    plain = re.sub(_COLUMNS if grouped else r"\{,\}|\\[,;:! ]", "", number)
    return plain.replace(" ", "") if plain.replace(" ", "").isdigit() else number


def _sum(whole: str, top: str, bottom: str) -> str:
    return rf"({whole}+\frac{{{top}}}{{{bottom}}})"


def repeating(whole: str, fixed: str, period: str) -> str:
    r"""The fraction of a repeating decimal: ``("0", "1", "6")`` is 0.1666…, ``\frac{1}{6}``."""
    shift, nines = 10 ** len(fixed), 10 ** len(period) - 1
    return fraction(
        int(whole or "0") + Fraction(int(fixed or "0"), shift) + Fraction(int(period), shift * nines)
    )


def fraction(value: Fraction) -> str:
    r"""``\frac{p}{q}``, or the integer."""
    if value.denominator == 1:
        return str(value.numerator)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
