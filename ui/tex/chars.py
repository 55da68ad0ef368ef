"""Characters as LaTeX prints them with the fonts that every installation has, pure."""

from __future__ import annotations

import unicodedata

_ASCII = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": "`{}",
    "'": "'{}",
    "-": "-{}",
    "\t": " ",
    "\n": " ",
}
_TYPOGRAPHY = {
    "“": "``{}",
    "”": "''{}",
    "„": '"{}',
    "‘": "`{}",
    "’": "'{}",
    "–": "--{}",
    "—": "---{}",
    "‐": "-{}",
    "‑": "-{}",
    "…": r"\ldots{}",
    "•": r"\textbullet{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "©": r"\copyright{}",
    "£": r"\pounds{}",
    "¿": "?`{}",
    "¡": "!`{}",
}
_LETTERS = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĀāĂăĆćĈĉĊċČčĎďĒēĔĕĖėĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭİıĴĵĶķĹĺĻļĽľŁłŃńŅņ"
    "ŇňŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŴŵŶŷŸŹźŻżŽž"
)
# Characters and the commands of mathematics that print them.
_NAMED = """
α alpha β beta γ gamma δ delta ε varepsilon ϵ epsilon ζ zeta η eta θ theta ϑ vartheta ι iota κ kappa λ
lambda μ mu µ mu ν nu ξ xi π pi ϖ varpi ρ rho ϱ varrho σ sigma ς varsigma τ tau υ upsilon φ varphi ϕ phi
χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega ×
times ÷ div ± pm ∓ mp · cdot ⋅ cdot ∗ ast ∘ circ ≤ le ≥ ge ≠ ne ≈ approx ≡ equiv ∼ sim ≃ simeq ≅ cong ∝
propto ≪ ll ≫ gg ⩽ leqslant ⩾ geqslant ≺ prec ≻ succ ∞ infty ∂ partial ∇ nabla ∑ sum ∏ prod ∐ coprod ∫
int ∬ iint ∮ oint √ surd ∈ in ∉ notin ∋ ni ⊂ subset ⊆ subseteq ⊃ supset ⊇ supseteq ⊄ not\\subset ∪ cup ∩
cap ∖ setminus ∅ emptyset ∀ forall ∃ exists ∄ nexists ¬ neg ∧ wedge ∨ vee ⊕ oplus ⊗ otimes ⊥ perp ∥
parallel ∣ mid ∤ nmid ∠ angle △ triangle □ square ■ blacksquare ∎ blacksquare → to ← gets ↔
leftrightarrow ⇒ Rightarrow ⇐ Leftarrow ⇔ Leftrightarrow ⟹ Longrightarrow ⟸ Longleftarrow ⟺
Longleftrightarrow ↦ mapsto ↑ uparrow ↓ downarrow ∴ therefore ∵ because ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉
rceil ⟨ langle ⟩ rangle ‖ Vert ℓ ell ℵ aleph ℏ hbar ℜ Re ℑ Im † dagger ‡ ddagger ✓ checkmark ✔ checkmark
⋯ cdots ⋮ vdots ⋱ ddots ⊢ vdash ⊨ models ⊤ top
"""
_BLACKBOARD = {"ℝ": "R", "ℕ": "N", "ℤ": "Z", "ℚ": "Q", "ℂ": "C", "ℙ": "P", "ℍ": "H", "𝔽": "F", "𝔼": "E"}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙᵢ", "0123456789+-=()ni", strict=True))

_MARKS = "\ue000\ue001"  # of `ui.page.markup.Slots`, which takes them out of all text
_WRITTEN: dict[str, str] = _ASCII | _TYPOGRAPHY | {char: char for char in (*_LETTERS, *_MARKS)}
_words = _NAMED.split()
_MATHS = {
    **{char: rf"\{name} " for char, name in zip(_words[::2], _words[1::2], strict=True)},
    **{char: rf"\mathbb{{{letter}}}" for char, letter in _BLACKBOARD.items()},
    **{char: f"{{^{{{plain}}}}}" for char, plain in _RAISED.items()},
    **{char: f"{{_{{{plain}}}}}" for char, plain in _LOWERED.items()},
    "°": r"{^{\circ}}",
    "′": r"{^{\prime}}",
    "″": r"{^{\prime\prime}}",
    "−": "-",
    "½": r"\tfrac{1}{2}",
    "¼": r"\tfrac{1}{4}",
    "¾": r"\tfrac{3}{4}",
}

KNOWN = frozenset(_MATHS)  # characters that a formula can print


def escape(text: str) -> str:
    """``text`` so that LaTeX prints it and obeys nothing in it."""
    return "".join(_written(char) for char in text)


def maths(char: str) -> str | None:
    """What prints a character beyond ASCII within a formula; None where nothing is known."""
    return _MATHS.get(char)


def _written(char: str) -> str:
    if char in _WRITTEN:
        return _WRITTEN[char]
    if char.isascii():
        return char if char.isprintable() else ""
    if char in _MATHS:
        return rf"\ensuremath{{{_MATHS[char]}}}"
    if char.isspace():
        return "~" if char == "\u00a0" else " "
    return _nearest(char)


def _nearest(char: str) -> str:
    """The letters a character is made of, where ASCII has them; else its number."""
    if unicodedata.category(char)[0] in "MC":
        return ""
    plain = "".join(one for one in unicodedata.normalize("NFKD", char) if one.isascii() and one.isprintable())
    return escape(plain) if plain else f"[U+{ord(char):04X}]"
