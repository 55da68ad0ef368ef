"""What the words around a claim do to it: after *if*, *not* or *mod 5* a claim that fails proves nothing."""

from __future__ import annotations

import re

_OTHER_ARITHMETIC = re.compile(
    r"\b(?:mod|modulo|modulus|modular|congruen\w+|residues?|bases?|binary|octal|hexadecimal|ternary)\b"
    r"|\\[pb]?mod\b|\\equiv\b|≡|\bremainders?\b|\bclock\b|\boperation\b|\bdefined?\b|\bdefinition\b"
    r"|\b(?:units?|ones|last|final|rightmost) digits?\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|suppose|supposing|assum\w+|whether|unless|would|could|should|were|might|may|try|trying|tried|guess\w*|"
    r"hypothe\w+|instead|rather|wants?|wanted|need|needs|must|cannot|can't|never|neither|nor|no|none|not|"
    r"\w+n't|impossible|contradict\w*|absurd\w*|false\w*|wrong\w*|incorrect\w*|mistake\w*|errors?|"
    r"about|approximat\w*|roughly|nearly|almost|around|round\w*|estimat\w*|extraneous|invalid|"
    r"let(?!'s|\s+us))\b|\?|≈|\\approx|\\ne\b|\\neq|≠|\\not\b",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:contradict\w*|impossible|absurd|false|wrong|incorrect|not true|not possible|no solutions?|cannot|"
    r"can't|doesn't|does not|isn't|is not|mistake|invalid|extraneous|wait|actually|however)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z$\\*(]|\s*\Z)|\n\s*\n|\n\s*(?=[-*•]\s|\d{1,2}[.)]\s)")
_GROWS = re.compile(
    r"(?:\d\s+and|\b(?:of|times|twice|thrice|half|double|triple|third|quarter|plus|minus|less|more|than|over|by|dozen|"
    r"hundred|thousand|million|billion|percent|square|cube|root|sum|from|between|to|"
    r"day|week|month|year|step|number|page|chapter|level|grade|question|figure|part|case|round|problem|line|row)|%)\s*\$?\s*$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*\$?\s*(?:\\?%|percent|per cent|hundred|thousand|million|billion|trillion|dozen|cents?\b|remainder|"
    r"r(?:em)?\.?\s*\d|(?:\(?\s*mod)|base\b|degrees?\b|\\circ|°|times\b|more than|less than|plus\b|minus\b|"
    r"squared|cubed|[\w$]*\s+and\s+(?:a half|\$?\d))",
    re.IGNORECASE,
)


class Surroundings:
    """The text around claims, read once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._other = bool(_OTHER_ARITHMETIC.search(text))
        self._ends = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]

    def caution(self, left: int, start: int, end: int) -> str:
        """Why a claim that fails need not be an error; empty if nothing says so.

        Args:
            left: Where its left side begins.
            start, end: Where its right side begins and ends.
        """
        if self._other:
            return "the text speaks of remainders, another base or an operation of its own"
        if not self.text[end:].strip():
            return "the text may be cut off here"
        first = max(place for place in self._ends if place <= start)
        after = [place for place in self._ends if place >= end]
        following = self.text[after[0] : after[1] if len(after) > 1 else after[0]]
        if _SUPPOSED.search(self.text[first : after[0]]):
            return "the sentence supposes, denies or estimates"
        if _TAKEN_BACK.search(following):
            return "the next sentence takes it back"
        if _GROWS.search(self.text[:left][-40:]) or _GOES_ON.match(self.text, end):
            return "the words beside it belong to it"
        return ""
