r"""The little of LaTeX's syntax that finding environments takes: comments, verbatim text, braces, macros."""

from __future__ import annotations

import re

# What may hide a \begin or an \end. Escapes come first: in \\% the percent sign begins a comment, in \% not.
_OPAQUE = re.compile(
    r"""\\[\\%{}\[\]]
      | (?P<comment>%[^\n]*)
      | \\begin\{(?P<env>verbatim\*?|Verbatim\*?|lstlisting|minted|comment|filecontents\*?)\}
      | \\verb\*?(?P<mark>[^\w\s*])
      | (?P<false>\\iffalse)\b
      | \\(?:(?:re)?new|provide)(?P<new>command|environment)\b\*?
      | \\(?:New|Renew|Provide|Declare)Document(?P<document>Command|Environment)\b
      | (?P<primitive>\\[gex]?def)\b
      | (?P<stop>\\end\{document\})
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"\s*(?:\{\s*\\?[^{}\\]*\}|\\(?:[A-Za-z@]+|.))")
_PARAMETERS = re.compile(r"[^{}\\\n]*")
_BRACKET = re.compile(r"\\.|[{}\[\]]", re.DOTALL)
_MOST_GROUP = 2_000  # characters in a group: without a bound, unclosed ones would take quadratic time
_CITATION = re.compile(r"\\(?:[A-Za-z]*cite[A-Za-z]*\*?|label|footnote)\s*(?:\[[^\[\]]*\]\s*){0,2}\{[^{}]*\}")
_MARKUP = re.compile(r"\\(?:text(?:bf|it|sc|rm|sf|tt|up)?|emph|mbox)\s*\{([^{}]*)\}")


def group(text: str, at: int, bracket: str) -> tuple[str, int] | None:
    """What is in the braces (or brackets) at a position, past blanks, and the position after them.

    Brackets inside braces do not count. None where there is no such group, or it does not end within
    `_MOST_GROUP` characters.
    """
    start = at
    while text[start : start + 1] in (" ", "\t", "\n"):
        start += 1
    if text[start : start + 1] != bracket or text.count("\n", at, start) > 1:
        return None
    braces = squares = 0
    for match in _BRACKET.finditer(text, start, start + _MOST_GROUP):
        braces += {"{": 1, "}": -1}.get(match[0], 0)
        if bracket == "[" and not braces:
            squares += {"[": 1, "]": -1}.get(match[0], 0)
        if braces < 0:
            return None
        if not braces and not squares:
            return text[start + 1 : match.start()], match.end()
    return None


def visible(text: str) -> str:
    r"""The text with blanks for whatever hides environments, every other character at its place.

    Hidden are comments, verbatim text, ``\iffalse`` blocks, what macros are defined as, and all that comes
    after ``\end{document}``.
    """
    pieces: list[str] = []
    at = 0
    for start, end in _hidden(text):
        pieces += text[at:start], re.sub(r"[^\n]", " ", text[start:end])
        at = end
    return "".join(pieces) + text[at:]


def without_comments(text: str) -> str:
    """The text without comments; a line that is nothing but a comment goes whole."""
    if "%" not in text:
        return text
    lines = []
    for line in text.split("\n"):
        kept = re.sub(r"((?<!\\)(?:\\\\)*)%.*", r"\1", line)
        if kept.strip() or kept == line:
            lines.append(kept)
    return "\n".join(lines)


def plain(title: str) -> str:
    """A title as people would say it: no citations, labels, markup of text or ties; formulas stay."""
    title = _MARKUP.sub(r"\1", _CITATION.sub("", title)).replace("~", " ").replace("\\\\", " ")
    title = " ".join(title.replace("{}", "").split())
    while title.startswith("{") and title.endswith("}"):
        title = title[1:-1].strip()
    return title.strip(" ,;")


def _hidden(text: str) -> list[tuple[int, int]]:
    """Spans that hide environments, in order."""
    spans: list[tuple[int, int]] = []
    absent: set[str] = set()  # closers that do not come any more: looked for once, not at every opening
    at = 0
    while match := _OPAQUE.search(text, at):
        at = match.end()
        if match["comment"]:
            spans.append(match.span())
        elif match["stop"]:
            spans.append((at, len(text)))
            break
        elif match["new"] or match["document"] or match["primitive"]:
            at = _after_definition(text, match)
            spans.append((match.end(), at))
        elif match["mark"]:  # ends on its line
            line_end = text.find("\n", at)
            end = text.find(match["mark"], at, line_end if line_end >= 0 else len(text))
            if end >= 0:
                spans.append((match.start(), at := end + 1))
        elif (closer := _closer(match)) and closer not in absent:
            end = text.find(closer, at)
            if end >= 0:
                spans.append((match.start(), at := end + len(closer)))
            else:
                absent.add(closer)
    return spans


def _closer(match: re.Match[str]) -> str:
    if match["env"]:
        return rf"\end{{{match['env']}}}"
    return r"\fi" if match["false"] else ""


def _after_definition(text: str, match: re.Match[str]) -> int:
    r"""The position after a definition: the name, parameters, and the groups it is made of.

    ``\newcommand`` has one group after its optional arguments, ``\newenvironment`` two, and xparse's
    ``\NewDocumentCommand`` and ``\NewDocumentEnvironment`` one more each, for the arguments.
    """
    name = _NAME.match(text, match.end())
    if name is None:
        return match.end()
    at = name.end()
    what = match["new"] or match["document"] or ""
    groups = 1 + bool(match["document"]) + (what.lower() == "environment")
    if match["primitive"] and (parameters := _PARAMETERS.match(text, at)):
        at = parameters.end()
    for bracket in ("[", "[", *"{" * groups):
        if found := group(text, at, bracket):
            at = found[1]
    return at
