r"""What an answer may mean, told from its text alone.

An answer is LaTeX for the parser (``form``) and what stands around it: a unit, a per cent sign, a base, the
letter of a choice; or nothing but words. Such marks are often left out, so that ``50\%`` must equal both 50
and 1/2; but two of them must agree, so that 12 cm is not 12 m.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.maths.forms import AND_OR, form_of
from agent.maths.notation import closing, fraction, tidy, unspaced
from agent.maths.units import measure

_WORDS_FOR = {
    r"\emptyset": "no solution/no solutions/none/empty set/the empty set/no real solution/no real solutions/"
    "no such number/no solution exists",
    r"\infty": "infinity/infinite/infinitely many/inf",
    r"\mathbb{R}": "all real numbers/all reals/real numbers/the real numbers",
    "does not exist": "does not exist/dne",
}
_SAME = {phrase: form for form, phrases in _WORDS_FOR.items() for phrase in phrases.split("/")}
_COUNT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_SAME |= {word: str(number) for number, word in enumerate(_COUNT.split())}
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_SPACE = r"(?:\\[,;:! ]|\s|~)"
_AROUND = re.compile(rf"^{_SPACE}+|(?:{_SPACE}|\\\\)+$")
_DELIMITED = re.compile(r"^\\\((.*)\\\)$|^\\\[(.*)\\\]$|^\$+((?:\\.|[^$\\])+)\$+$", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{|\{")
_CHOICE = re.compile(r"^\(([A-Za-z])\)\s*(?![=+\-*/^,(_]|\\(?:cdot|times|div))(.*)$", re.DOTALL)
_TIME = re.compile(r"^(\d{1,2})\s*:\s*([0-5]\d)\s*(?:([ap])\.?\s?m\.?)?$", re.IGNORECASE)
_BASE = re.compile(r"^([0-9A-Z]+)\s*_\s*\{?\s*(\d{1,2})\s*\}?$")
_MONEY = re.compile(r"^(-?)\s*(?:\\?\$|\\text\{(euros|pounds sterling)\})\s*(?=[\d.])")
_ANGULAR = re.compile(r"\\?(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?")
_UNIT = re.compile(
    r"(?<=[\d}\)A-Za-z])\s*(?:\\text\s*\{(?P<text>[^{}]*)\}|(?<=[\d}\)\s])\s*(?P<bare>[A-Za-z][A-Za-z./ ]*))"
    r"\s*(?P<power>\^\s*\{?[23]\}?)?$"
)


@dataclass(frozen=True)
class Reading:
    r"""How an answer is read.

    Attributes:
        form: LaTeX; words where ``words`` is true.
        mark: What goes with the number: ``percent``, ``degree``, ``base 8``, ``time``, dimensions of a unit.
        factor: LaTeX of what one of its mark is.
        digits: The number as it is written in its base, or the time.
        choice: The letter that stands before the form: ``(B) 12``.
        half: The half of the day of a time, ``a`` or ``p``, where it is given.
        phrase: The whole answer in plain small letters.
    """

    form: str
    words: bool = False
    mark: str = ""
    factor: str = "1"
    digits: str = ""
    choice: str = ""
    half: str = ""
    phrase: str = ""

    @property
    def legible(self) -> bool:
        """Whether there is anything to compare."""
        return bool(re.search(r"\w|\\\{", self.form)) and self.form.count("{") == self.form.count("}")

    @property
    def bare(self) -> str:
        """The number without its mark."""
        return self.digits or self.form

    @property
    def amount(self) -> str:
        """The number times what one of its mark is."""
        return self.form if self.factor == "1" else rf"({self.form})\cdot {self.factor}"


def read(text: str) -> Reading:
    """The reading of an answer as it was boxed."""
    text = _bare(tidy(text))
    phrase = _phrase(text)
    if phrase in _SAME:
        return Reading(_SAME[phrase], words=" " in _SAME[phrase], phrase=phrase)
    if choice := _CHOICE.match(unspaced(text)):
        letter, rest = choice[1].upper(), choice[2].removeprefix(":").strip()
        return replace(read(rest), choice=letter) if rest else Reading(letter, phrase=phrase)
    found = _timed(phrase) or _based(text) or _measured(_unnamed(text))
    return replace(found, phrase=phrase)


def _bare(text: str) -> str:
    r"""Without what stands around an answer: space, dollars, a box, ``\text{…}``, a full stop."""
    before = None
    while before != text:
        before = text
        text = re.sub(r"(?<!\\)\\[,;: ](?!\d)|~", " ", _AROUND.sub("", text))
        text = _DELIMITED.sub(lambda match: match[match.lastindex or 0], text)
        opened = _BOX.match(text)
        if opened and closing(text, opened.end()) == len(text) - 1:
            text = text[opened.end() : -1]
        inside = _TEXT.fullmatch(text)
        if inside and not re.search(r"[^\W\d_]{2}", inside[1]):
            text = inside[1]
        if re.match(r"\\text\s*\{\s*\(?[A-Z]\)?\s*\}", text):  # the letter of a choice
            text = _TEXT.sub(lambda match: match[1].strip(), text, count=1)
        text = re.sub(r"(?<=[^.\s])\s*\.$", "", text)
    return re.sub(r"\\text\s*\{\s*([\d.,:/]*)\s*\}", r"\1", text)


def _phrase(text: str) -> str:
    plain = _TEXT.sub(lambda match: f" {match[1]} ", unspaced(text))
    return " ".join(plain.casefold().replace("-", " ").split()).strip(" .!")


def _timed(phrase: str) -> Reading | None:
    clock = _TIME.match(phrase)
    if clock is None:
        return None
    hour, half = int(clock[1]), clock[3] or ""
    if hour > 12 and not half:
        half = "p"
    digits = f"{clock[1]}:{clock[2]}"
    return Reading(f"{hour % 12}:{clock[2]}", words=True, digits=digits, mark="time", half=half)


def _based(text: str) -> Reading | None:
    number = _BASE.match(_TEXT.sub(r"\1", text).replace(" ", ""))
    try:
        value = int(number[1], int(number[2])) if number else None
    except ValueError:  # a subscript that is no base: X_1, 19_8
        return None
    return Reading(str(value), mark=f"base {number[2]}", digits=number[1]) if number else None


def _unnamed(text: str) -> str:
    r"""A tuple without the names of its parts, ``\langle…\rangle`` and ``{…}`` in brackets that are read."""
    text = text.replace(r"\langle", "(").replace(r"\rangle", ")")
    text = re.sub(r"^\(\s*[a-z]\s*(?:,\s*[a-z]\s*)+\)\s*=\s*(?=\()", "", text)
    text = re.sub(r"^\{(.*,.*)\}$", r"\\{\1\\}", text)
    return re.sub(r"(?<!\\);", ",", text)


def _measured(text: str) -> Reading:
    """The number and its mark, or words."""
    text, mark, factor = _signed(text)
    found = None if mark else _UNIT.search(text)
    if found and found.start():
        noun, in_text = (found["text"] or found["bare"] or "").strip(), found["text"] is not None
        known = measure(noun + (found["power"] or "").replace(" ", ""))
        if known and (in_text or len(noun) > 1):
            mark, factor, text = str(known[0]), fraction(known[1]), text[: found.start()]
        elif _is_noun(noun, in_text) and re.search(r"\d", text[: found.start()]):
            text = text[: found.start()]
    if _are_words(text):
        return Reading(_phrase(text), words=True)
    return Reading(form_of(text), mark=mark, factor=factor)


def _signed(text: str) -> tuple[str, str, str]:
    """``text`` without a sign of currency, per cent or degrees; the mark and what one of it is."""
    if money := _MONEY.match(text):
        unit = measure(money[2] or "$")
        return money[1] + text[money.end() :], str(unit and unit[0]), "1"
    text = re.sub(r"\\text\{\s*per ?cent\s*\}|\bper ?cent\b", r"\\%", text)
    if "%" in text:
        return re.sub(r"\\?%", "", text), "percent", r"\frac{1}{100}"
    text = re.sub(r"(?:\\text\{\s*degrees?\s*\}|\bdegrees?\b)\s*[CF]?$", r"^\\circ ", text)
    if r"^\circ" not in text:
        return text, "", "1"
    if _ANGULAR.search(text):
        return re.sub(r"(\d+(?:\.\d+)?)\s*\^\\circ", r"(\\frac{\1\\pi}{180})", text), "", "1"
    return re.sub(r"\^\\circ\s*(?:\\text\{\s*[CF]\s*\}|[CF]\b)?", "", text), "degree", r"\frac{\pi}{180}"


def _is_noun(noun: str, in_text: bool) -> bool:
    words = noun.split()
    linked = {"and", "or", "if", "for", "where"} & set(words)
    return bool(words) and not linked and (in_text or all(len(word) > 2 for word in words))


def _are_words(text: str) -> bool:
    """Whether ``text`` is a phrase and no formula: it has a word of four letters, or of two in ``\\text``."""
    if re.search(r"[=<>]|\\(?:le|ge|ne|in)(?![A-Za-z])", text):
        return False
    plain = re.sub(r"\\(?:begin|end)\{\w*\}|\\(?!text)[A-Za-z]+", " ", AND_OR.sub(",", text))
    inside = " ".join(match[1] for match in _TEXT.finditer(plain))
    outside = _TEXT.sub(" ", plain).replace(r"\text", " ")
    return bool(re.search(r"[^\W\d_]{4}", outside) or re.search(r"[^\W\d_]{2}", inside))
