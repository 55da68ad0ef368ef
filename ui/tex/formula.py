"""A formula as LaTeX that compiles, pure: it is read with a small grammar and written anew.

Every command must be on the list of `ui.tex.commands` and have its arguments, every group, fence and
environment must close, no script may come twice, no row may have too many columns. What is read is written
with all braces in place; so nothing but what is understood reaches the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ui.page import markup
from ui.page.latex import renderable
from ui.tex import chars, commands
from ui.tex.tokens import SPACE, RefusedError, Tokens

MAX_DEPTH = 60
MAX_WRAPS = 4

_LENGTH = re.compile(r"-?\d*\.?\d+\s*(?:em|ex|pt|mm|cm|in|mu)\Z")
_COLUMNS = re.compile(r"[lcr|]{1,40}\Z")
_TEXT = re.compile(r"\\([%&_$#{} ])")
_SCRIPTS = ("^", "_", "'")


@dataclass
class _Place:
    """Where a list of items stands: what ends it, and what may stand in it beside items."""

    ends: tuple[str, ...]
    rows: bool = False
    columns: int | None = 1  # None: any number
    middle: bool = False
    broken: bool = False
    infix: bool = False


def translate(formula: str) -> str | None:
    """A formula without its delimiters as LaTeX for amsmath and amssymb; None where it is not understood."""
    clean = " ".join(markup.clean(formula).split())
    if not clean or not renderable(clean):
        return None
    try:
        return _Reader(clean).whole()
    except RefusedError:
        return None


class _Reader:
    """Reads a formula once, from its beginning to its end."""

    def __init__(self, formula: str) -> None:
        self._tokens = Tokens(formula)
        self._depth = self._wraps = 0

    def whole(self) -> str:
        """The formula as it is written."""
        place = _Place((), rows=True)
        body = self._items(place)
        return rf"\begin{{gathered}}{{}}{body}\end{{gathered}}" if place.broken else body

    def _items(self, place: _Place) -> str:
        """Items one after another up to one of ``place.ends``, which is left to be read."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedError("too deep")
        parts, column = [], 1
        while (word := self._tokens.peek()) not in (place.ends or ("",)):
            if word == "&":
                column += 1
                if place.columns is not None and column > place.columns:
                    raise RefusedError("too many columns")
            elif word in ("\\\\", r"\cr", r"\newline"):
                column = 1
            parts.append(self._item(place))
        self._depth -= 1
        body = "".join(parts)
        return f"{{{body}}}" if place.infix else body  # the command around it may be a fraction too

    def _item(self, place: _Place) -> str:
        word = self._tokens.peek()
        if SPACE.match(word):
            self._tokens.next()
            return " "
        if word == "&" and place.columns != 1:
            return self._tokens.next()
        if word in ("\\\\", r"\cr", r"\newline"):
            return self._row(place)
        if word == r"\middle" and place.middle:
            self._tokens.next()
            return rf"\middle{self._delimiter()}"
        if word[1:] in commands.INFIX and word[0] == "\\":
            return self._infix(place)
        return self._atom() + self._scripts()

    def _row(self, place: _Place) -> str:
        if not place.rows or place.infix:
            raise RefusedError("a row where there are none")
        self._tokens.next()
        place.broken = True
        at, option = self._tokens.at, self._tokens.option()
        if option is not None and not _LENGTH.match(option):
            self._tokens.at = at  # no length: it belongs to the next row
        return r"\\{}"

    def _infix(self, place: _Place) -> str:
        if place.infix or place.broken or place.columns != 1:
            raise RefusedError("two fractions in one group")
        place.infix = True
        return f"{self._tokens.next()} "

    def _scripts(self) -> str:
        """Primes, a superscript, a subscript: each once."""
        primes, found = "", dict[str, str]()
        while True:
            at = self._tokens.at
            self._tokens.skip()
            sign = self._tokens.peek()
            if sign not in _SCRIPTS:
                self._tokens.at = at
                break
            self._tokens.next()
            if sign == "'":
                if "^" in found:
                    raise RefusedError("a prime after a superscript")
                primes += "'"
            elif sign in found:
                raise RefusedError("two scripts")
            else:
                found[sign] = self._argument()
        return primes + "".join(f"{sign}{{{found[sign]}}}" for sign in "^_" if sign in found)

    def _argument(self) -> str:
        """A group without its braces, or one word with what belongs to it."""
        self._tokens.skip()
        if self._tokens.peek() == "{":
            return self._group()
        if self._tokens.peek() in ("", "}", "&", *_SCRIPTS):
            raise RefusedError("an argument is missing")
        return self._atom()

    def _group(self) -> str:
        self._tokens.next()
        inner = self._items(_Place(("}",)))
        self._tokens.next()
        return inner

    def _atom(self) -> str:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedError("too deep")
        word = self._tokens.peek()
        if word in _SCRIPTS:
            made = "{}"
        elif word == "{":
            made = f"{{{self._group()}}}"
        elif len(word) > 1:
            made = self._command(self._tokens.next()[1:])
        else:
            made = _char(self._tokens.next())
        self._depth -= 1
        return made

    def _command(self, name: str) -> str:
        name = commands.RENAMED.get(name, name)
        if name in commands.WRITTEN:
            return commands.WRITTEN[name]
        if name in commands.SYMBOLS:
            return rf"\{name} "
        if name in commands.OPERATORS:
            return rf"\{name}{self._limits()} "
        if name in commands.ONE or name == "operatorname*":
            return self._wrapped(name)
        if name in commands.TWO:
            return rf"\{name}{{{self._argument()}}}{{{self._argument()}}}"
        return self._special(name)

    def _wrapped(self, name: str) -> str:
        self._wraps += 1
        if self._wraps > MAX_WRAPS or self._tokens.peek() == "[":
            raise RefusedError("too deep, or an option")
        inner = self._argument()
        self._wraps -= 1
        return rf"\{name}{{{inner}}}"

    def _special(self, name: str) -> str:
        """Commands with a grammar of their own."""
        if name in commands.TEXT:
            return rf"\{commands.TEXT[name]}{{{_text(self._tokens.raw())}}}"
        if name in commands.SIZES:
            return rf"\{name}{self._delimiter()}"
        if name in commands.DROPPED:
            self._tokens.raw()
            return ""
        special = {
            "sqrt": self._root,
            "left": self._fenced,
            "begin": self._environment,
            "not": self._negated,
            "substack": self._stack,
            "fbox": lambda: rf"\boxed{{\text{{{_text(self._tokens.raw())}}}}}",
            "tag": lambda: rf"\quad\text{{({_text(self._tokens.raw())})}}",
            "textcolor": self._coloured,
        }
        if name not in special:
            raise RefusedError(f"unknown: {name}")
        return special[name]()

    def _limits(self) -> str:
        at = self._tokens.at
        self._tokens.skip()
        if self._tokens.peek() in (r"\limits", r"\nolimits"):
            return self._tokens.next()
        self._tokens.at = at
        return ""

    def _root(self) -> str:
        degree = self._tokens.option()
        index = translate(degree) if degree and degree.strip() else None
        if degree and degree.strip() and index is None:
            raise RefusedError("the degree of a root")
        return rf"\sqrt{f'[{{{index}}}]' if index else ''}{{{self._argument()}}}"

    def _fenced(self) -> str:
        left = self._delimiter()
        inner = self._items(_Place((r"\right",), middle=True))
        self._tokens.next()
        return rf"\left{left}{inner}\right{self._delimiter()}"

    def _delimiter(self) -> str:
        self._tokens.skip()
        word = self._tokens.next()
        if word not in commands.DELIMITERS:
            raise RefusedError("no delimiter")
        return commands.DELIMITERS[word]

    def _environment(self) -> str:
        name = self._tokens.raw()
        if name.rstrip("*") not in commands.ENVIRONMENTS:
            raise RefusedError(f"unknown: {name}")
        written, columns = commands.ENVIRONMENTS[name.rstrip("*")]
        shape = ""
        if name.startswith("alignat"):
            self._tokens.raw()
        elif written == "array":
            layout = "".join(self._tokens.raw().split())
            columns = sum(letter in "lcr" for letter in layout)
            if not _COLUMNS.match(layout) or not columns:
                raise RefusedError("the columns of an array")
            shape = f"{{{layout}}}"
        inner = self._items(_Place((r"\end",), rows=True, columns=columns))
        self._tokens.next()
        if self._tokens.raw() != name:
            raise RefusedError("another end")
        return rf"\begin{{{written}}}{shape}{{}}{inner}\end{{{written}}}"

    def _negated(self) -> str:
        self._tokens.skip()
        word = self._tokens.next()
        if word not in ("=", "<", ">") and word[1:] not in commands.SYMBOLS:
            raise RefusedError("nothing to negate")
        return rf"\not{word} "

    def _stack(self) -> str:
        self._tokens.skip()
        if self._tokens.next() != "{":
            raise RefusedError("a brace is missing")
        inner = self._items(_Place(("}",), rows=True))
        self._tokens.next()
        return rf"\substack{{{inner}}}"

    def _coloured(self) -> str:
        self._tokens.raw()
        return f"{{{self._argument()}}}"


def _char(char: str) -> str:
    """One character of a formula that is no command."""
    if char in "#%":
        return rf"\{char}"
    if char == "~" or (char.isascii() and char.isprintable() and char not in "$&{}\\^_"):
        return char
    if char.isascii():
        raise RefusedError("not here")
    return chars.maths(char) or rf"\text{{{chars.escape(char)}}}"


def _text(text: str) -> str:
    """The text within a formula."""
    plain = _TEXT.sub(r"\1", text)
    if re.search(r"\\(?![%&_$#{} ])", text):
        raise RefusedError("a command within text")
    return chars.escape(plain)
