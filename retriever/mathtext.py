r"""LaTeX as words: what an encoder that knows English reads in place of commands, braces and dollars.

    plain(r"Let $n \in \N_{>0}$. Then $\dfrac n 2 \le \sqrt{n}$.")  # "Let n in natural numbers >0. Then …"

A tokeniser made for prose cuts ``\dfrac`` into five pieces that mean nothing; as words the same passage has
about two thirds of the tokens. Nothing is parsed, so that broken LaTeX and half a formula pass too.
"""

from __future__ import annotations

import re
from typing import Literal

Latex = Literal["raw", "plain"]

# Layout, fonts, sizes, and ProofWiki's macros for brackets: they say nothing about the mathematics.
_SILENT = frozenset(
    re.findall(
        r"\w+",
        """
        begin big Big bigg Bigg bigl bigr Bigl Bigr boldsymbol bf displaystyle ds end hskip hspace it
        label large Large left limits map mathbb mathbf mathcal mathfrak mathit mathop mathrm mathscr
        mathsf mbox nolimits nonumber operatorname paren phantom qquad quad right rm size small sqbrk
        struct tag text textbf textit textrm textstyle tuple vspace
        """,
    )
)
_WORDS = {
    "C": "complex numbers",
    "N": "natural numbers",
    "O": "empty set",
    "Q": "rational numbers",
    "R": "real numbers",
    "Z": "integers",
    "binom": "binomial",
    "bmod": "mod",
    "cap": "intersection",
    "cdot": "*",
    "cdots": "...",
    "circ": "o",
    "closedint": "closed interval",
    "cmod": "modulus",
    "cup": "union",
    "dbinom": "binomial",
    "deg": "degree",
    "det": "determinant",
    "dfrac": "frac",
    "dim": "dimension",
    "divides": "divides",
    "dots": "...",
    "dotsb": "...",
    "dotsc": "...",
    "emptyset": "empty set",
    "eqclass": "equivalence class",
    "equiv": "congruent",
    "exists": "there exists",
    "forall": "for all",
    "ge": ">=",
    "geq": ">=",
    "gt": ">",
    "hointl": "interval",
    "hointr": "interval",
    "infty": "infinity",
    "innerprod": "inner product",
    "int": "integral",
    "ker": "kernel",
    "land": "and",
    "lceil": "ceiling",
    "ldots": "...",
    "le": "<=",
    "leadsto": "implies",
    "leadstoandfrom": "iff",
    "leq": "<=",
    "lfloor": "floor",
    "lnot": "not",
    "lor": "or",
    "lt": "<",
    "lvert": "|",
    "lVert": "||",
    "mid": "divides",
    "nabla": "gradient",
    "ne": "!=",
    "neg": "not",
    "neq": "!=",
    "nmid": "does not divide",
    "notin": "not in",
    "openint": "open interval",
    "pmod": "mod",
    "powerset": "power set",
    "prod": "product",
    "rceil": "",
    "rd": "d",
    "rfloor": "",
    "rightarrow": "->",
    "rvert": "|",
    "rVert": "||",
    "setminus": "minus",
    "subset": "subset of",
    "subseteq": "subset of",
    "tfrac": "frac",
    "to": "->",
    "varepsilon": "epsilon",
    "varnothing": "empty set",
    "vdash": "proves",
}
_NUMBERS = re.compile(r"\\mathbb\s*\{?\s*([NZQRC])(?![A-Za-z])\s*\}?")
_COMMAND = re.compile(r"\\([a-zA-Z]+)\*?")
_MARKS = str.maketrans({"$": " ", "{": " ", "}": " ", "\\": " ", "~": " ", "_": " ", "&": " "})
_LAYOUT = re.compile(r"\\(?:[,;:!> ()\[\]]|\\)")
_POWER = re.compile(r"\s*\^\s*")
_BLANKS = re.compile(r"[ \t]+")


def plain(text: str) -> str:
    """The text with its LaTeX as words and symbols; a text without backslash and dollar as it is."""
    if "\\" not in text and "$" not in text:
        return text
    text = _NUMBERS.sub(r" \\\1 ", text)
    text = _LAYOUT.sub(" ", text).replace(r"\$", " dollars ").replace(r"\|", "||")
    text = _COMMAND.sub(lambda found: f" {_word(found[1])} ", text)
    words = _BLANKS.sub(" ", _POWER.sub("^", text.translate(_MARKS))).strip()
    return words or text  # of nothing but marks there is nothing better to read


def _word(command: str) -> str:
    return "" if command in _SILENT else _WORDS.get(command, command)
