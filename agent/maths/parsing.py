"""LaTeX to sympy through latex2sympy2-extended, evaluated where that is safe."""

from __future__ import annotations

import re
from typing import Any

import sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy
from latex2sympy2_extended.logic import And
from latex2sympy2_extended.sets import FiniteSet

from agent.maths.values import MOST_DIGITS, UndecidedError, digits, factorial, power

MOST_CHARS = 2000  # of a formula; a longer one is not read
MOST_NESTED = 40
_LARGE_BINOMIAL = re.compile(r"\\binom\{[^{}]*(?:\d{5}|\^)")  # latex2sympy writes it out while it parses
_CONVERSION = ConversionConfig(lowercase_symbols=False)


def parse(latex: str) -> Any:
    """What latex2sympy reads in ``latex``; the order of lists and the sides of relations are kept.

    Raises:
        UndecidedError: it is empty, too long, too deep or would evaluate to an immense number.
        Exception: whatever the parser raises for what it cannot read.
    """
    if not latex or len(latex) > MOST_CHARS or nesting(latex) > MOST_NESTED or _LARGE_BINOMIAL.search(latex):
        raise UndecidedError
    real = None if "I" in latex else True
    return settled(latex2sympy(latex, is_real=real, normalization_config=None, conversion_config=_CONVERSION))


def nesting(text: str) -> int:
    """How deep brackets are nested in ``text``."""
    depth = deepest = 0
    for char in text:
        depth += (char in "({[") - (char in ")}]")
        deepest = max(deepest, depth)
    return deepest


def settled(parsed: Any) -> Any:
    """``parsed`` with the expressions in it evaluated."""
    if isinstance(parsed, sympy.FiniteSet):
        return FiniteSet(*map(settled, getattr(parsed, "_unsorted_args", parsed.args)))
    if isinstance(parsed, And | sympy.Tuple):
        return parsed.func(*map(settled, getattr(parsed, "_unsorted_args", parsed.args)))
    if isinstance(parsed, sympy.core.relational.Relational):
        return parsed.func(*map(settled, parsed.args), evaluate=False)
    if isinstance(parsed, sympy.MatrixBase):
        return parsed.applyfunc(settled)
    return _computed(parsed) if isinstance(parsed, sympy.Expr) else parsed


def _computed(expression: Any) -> Any:
    value = _evaluated(expression)
    if value.has(sympy.nan, sympy.zoo):
        raise UndecidedError
    return value


def _evaluated(expression: Any) -> Any:
    """``expression.doit()``, from the inside out, each number looked at before it is written out."""
    if not expression.args or isinstance(
        expression, sympy.Integral | sympy.Sum | sympy.Product | sympy.Limit
    ):
        return expression.doit()
    arguments = [_evaluated(each) if isinstance(each, sympy.Expr) else each for each in expression.args]
    if isinstance(expression, sympy.Pow):
        return power(*arguments)
    if isinstance(expression, sympy.factorial):
        return factorial(*arguments)
    if sum(map(digits, arguments)) > MOST_DIGITS:
        raise UndecidedError
    return expression.func(*arguments).doit(deep=False)
