"""Theorems in Markdown: directives, headings, bold leads, block quotes, and LaTeX environments.

Blocks come from markdown-it-py with plugins of mdit-py-plugins (front matter, colon fences, dollar and AMS
mathematics), so that a ``#`` in a formula or in code is no heading. The text of a passage is the source as it
was written.
"""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from retriever.sources import latex
from retriever.sources.markdown_leads import (
    Lead,
    begins_proof,
    lead_of_callout,
    lead_of_directive,
    lead_of_heading,
    lead_of_paragraph,
    options,
)
from retriever.sources.statement import Fault, Statement

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FENCES = ("fence", "colon_fence")
_DEEPEST = 8  # directives and block quotes inside one another


class Block(NamedTuple):
    """A block of Markdown: its type, lines (from 1, the last one not included), source and content.

    ``inside`` is what a heading, a fence or a block quote holds, and the label of a target (MyST's ``(x)=``);
    ``info`` is the info string of a fence.
    """

    type: str
    line: int
    end: int
    source: str
    inside: str = ""
    info: str = ""


def statements(text: str) -> Iterator[Statement | Fault]:
    """The statements of a Markdown file, in order.

    A statement ends at its proof, which is left out, at the next heading or statement, or at a rule. Where no
    proof follows, one that began with bold words is its paragraph with the formulas, lists and tables after.
    """
    found = [*_Reader().statements(text, 1), *_environments(text)]
    yield from sorted(found, key=lambda item: item.line)


class _Reader:
    """Reads one file; ``section`` is the heading that the reading has come to."""

    def __init__(self) -> None:
        self.section = ""

    def statements(self, text: str, line: int, quoted: bool = False, depth: int = 0) -> Iterator[Statement]:
        """The statements of a text whose first line has the number ``line``, and those inside its blocks."""
        if depth > _DEEPEST:
            return
        blocks = _blocks(text, line)
        at, label = 0, ""
        while at < len(blocks):
            block = blocks[at]
            lead = _lead(block)
            at += 1
            if lead and lead.kind and lead.kind != "proof":
                if block.type in _FENCES:
                    yield from self._directive(block, lead, label, depth)
                else:
                    end = at + _extent(block, lead, blocks[at:], quoted)
                    parts = [lead.rest, *(one.source for one in blocks[at:end])]
                    yield from self._statement(block, lead, label, parts)
                    at = end
            if block.type == "quote":
                yield from self.statements(block.inside, block.line, quoted=True, depth=depth + 1)
            elif block.type in _FENCES and lead and lead.kind in ("", "proof"):
                yield from self.statements(block.inside, block.line + 1, depth=depth + 1)
            elif block.type == "heading" and not lead and not _is_proof(block):
                self.section = block.inside.partition("{#")[0].strip()
            label = block.inside if block.type == "target" else ""

    def _directive(self, block: Block, lead: Lead, label: str, depth: int) -> Iterator[Statement]:
        """The statement that a directive is, and those inside it."""
        lines = block.inside.split("\n")
        keys, count = options(lines)
        lines[:count] = [""] * count
        inner = _blocks("\n".join(lines), 1)
        name = lead.name or keys.get("name", "") or keys.get("title", "")
        if not name and inner and inner[0].type == "heading":  # where Quarto has the name
            name, lines[: inner[0].end - 1] = inner[0].inside, [""] * (inner[0].end - 1)
        lead = lead._replace(name=name.strip(), label=lead.label or keys.get("label", ""))
        within = "\n".join(lines)
        yield from self._statement(block, lead, label, ["\n".join(_before_proof(lines, inner))])
        yield from self.statements(within, block.line + 1, depth=depth + 1)

    def _statement(self, block: Block, lead: Lead, label: str, parts: list[str]) -> Iterator[Statement]:
        text = re.sub(r"\n{3,}", "\n\n", "\n\n".join(part for part in parts if part)).strip()
        if text:
            yield Statement(
                block.line, lead.kind, text, lead.name, lead.number, lead.label or label, self.section
            )


def _extent(first: Block, lead: Lead, following: list[Block], quoted: bool) -> int:
    """How many of the blocks that follow belong to the statement that the first one begins."""
    end = next((at for at, block in enumerate(following) if _ends_statement(block)), len(following))
    before_proof = end < len(following) and _is_proof(following[end])
    if first.type == "heading" or quoted or before_proof:
        return end
    previous = lead.rest.strip()
    for taken, block in enumerate(following[:end]):
        if block.type != "paragraph":
            previous = ","
            continue
        sentence_goes_on = previous.endswith(":") or (previous.endswith(",") and block.source[0].islower())
        if previous and not sentence_goes_on:
            return taken
        previous = block.source.strip()
    return end


def _ends_statement(block: Block) -> bool:
    if block.type in ("heading", "hr", "target") or _is_proof(block):
        return True
    lead = _lead(block)
    return lead is not None and lead.kind != ""


def _is_proof(block: Block) -> bool:
    if block.type in _FENCES:
        lead = lead_of_directive(block.info)
        return lead is not None and lead.kind == "proof"
    return block.type in ("paragraph", "heading", "quote") and begins_proof(block.inside or block.source)


def _lead(block: Block) -> Lead | None:
    if block.type in _FENCES:
        return lead_of_directive(block.info)
    if _is_proof(block):
        return None
    if block.type == "heading":
        return lead_of_heading(block.inside)
    if block.type == "paragraph":
        return lead_of_callout(block.source) or lead_of_paragraph(block.source)
    return None


def _before_proof(lines: list[str], blocks: list[Block]) -> list[str]:
    """Lines up to the proof among their blocks; a fenced proof is taken out, and what follows it stays."""
    for block in blocks:
        if _is_proof(block):
            if block.type not in _FENCES:
                return lines[: block.line - 1]
            lines[block.line - 1 : block.end - 1] = [""] * (block.end - block.line)
    return lines


def _environments(text: str) -> Iterator[Statement | Fault]:
    r"""LaTeX's ``\begin{theorem}`` as Pandoc and Obsidian know it, outside of code."""
    if r"\begin" not in text:
        return
    lines = text.split("\n")
    for block in _blocks(text, 1):
        if block.type in (*_FENCES, "code_block"):
            lines[block.line - 1 : block.end - 1] = [""] * (block.end - block.line)
    escaped = "\n".join(lines).replace("%", r"\%")  # in Markdown a percent sign begins no comment
    for item in latex.statements(escaped, latex.merged([latex.declared(escaped)])):
        yield item._replace(text=item.text.replace(r"\%", "%")) if isinstance(item, Statement) else item


def _blocks(text: str, line: int) -> list[Block]:
    """The outermost blocks of a text whose first line has the number ``line``."""
    lines = text.split("\n")
    tokens = _parser().parse(text)
    return [
        _block(token, following, lines[token.map[0] : token.map[1]], line)
        for token, following in zip_longest(tokens, tokens[1:])
        if not token.level and token.map
    ]


def _block(token: Token, following: Token | None, lines: list[str], line: int) -> Block:
    start, end = token.map or (0, 0)
    source = textwrap.dedent("\n".join(lines)).strip("\n")
    inside, name = "", token.type.removesuffix("_open").removeprefix("myst_")
    if name == "heading" and following:
        inside = following.content
    elif name in (*_FENCES, "target"):
        inside = token.content.removesuffix("\n")
    elif name == "blockquote":
        name = "quote"
        inside = "\n".join(row.lstrip().removeprefix(">").removeprefix(" ") for row in source.split("\n"))
    return Block(name, line + start, line + end, source, inside, token.info)


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.colon_fence import colon_fence_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin
    from mdit_py_plugins.myst_blocks import myst_block_plugin

    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    plugins = (front_matter_plugin, colon_fence_plugin, dollarmath_plugin, amsmath_plugin, myst_block_plugin)
    for plugin in plugins:
        parser.use(plugin)
    return parser
