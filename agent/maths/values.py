"""Numbers behind sympy expressions: how large an evaluation would be, whether a number is zero, whether two
expressions are the same for all values. Runs in the grader's workers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import sympy

from agent.maths.formulas import Tree

MOST_DIGITS = 20_000  # of a number that an evaluation would write out
MOST_FACTORIAL = 5_000
DIGITS = 30  # to which two numbers must agree
POINTS = 5  # at which two expressions must agree


class UndecidedError(Exception):
    """What is not computed: too large, or no number."""


def build(tree: Tree) -> Any:
    """The sympy expression of a `Formula`'s tree, evaluated as it is built.

    Raises:
        UndecidedError: it would be an immense number, or is none (1/0).
    """
    operation, *arguments = tree
    if operation == "number":
        return sympy.Rational(arguments[0])
    if operation == "name":
        return sympy.Symbol(arguments[0], real=True)
    if operation == "pi":
        return sympy.pi
    value = _OPERATIONS[operation](*map(build, arguments))
    if value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise UndecidedError
    return value


def power(base: Any, exponent: Any) -> Any:
    """``base`` to the ``exponent``.

    Raises:
        UndecidedError: the result would have more than `MOST_DIGITS` digits.
    """
    if exponent.is_number and digits(base) * min(_size(exponent), 1e9) > MOST_DIGITS:
        raise UndecidedError
    return base**exponent


def factorial(number: Any) -> Any:
    """The factorial of a number.

    Raises:
        UndecidedError: it is no number, or larger than `MOST_FACTORIAL`.
    """
    if not number.is_number or _size(number) > MOST_FACTORIAL:
        raise UndecidedError
    return sympy.factorial(number)


def _binomial(top: Any, bottom: Any) -> Any:
    if not (top.is_number and bottom.is_number) or max(_size(top), _size(bottom)) > MOST_FACTORIAL:
        raise UndecidedError
    return sympy.binomial(top, bottom)


def _root(number: Any, degree: Any) -> Any:
    odd = degree.is_Integer and degree % 2 == 1
    return sympy.real_root(number, degree) if odd and number.is_negative else power(number, 1 / degree)


def _logarithm(number: Any, base: Any = None) -> Any:
    return sympy.log(number, 10 if base is None else base)


def _size(number: Any) -> float:
    try:
        return abs(complex(number.evalf(5)))
    except (OverflowError, TypeError):
        return math.inf


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": power,
    "!": factorial,
    "neg": lambda a: -a,
    "abs": sympy.Abs,
    "floor": sympy.floor,
    "ceiling": sympy.ceiling,
    "root": _root,
    "binomial": _binomial,
    "log": _logarithm,
    "ln": sympy.log,
    "exp": sympy.exp,
    **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
}


def digits(expression: Any) -> float:
    """About how many digits the numbers in ``expression`` have."""
    return sum(
        max(int(number.p).bit_length(), int(number.q).bit_length()) * 0.302
        for number in expression.atoms(sympy.Rational)
    )


def is_zero(expression: Any) -> bool | None:
    """Whether a number is zero, to `DIGITS` digits of its terms; None if it is none or cannot be computed."""
    if expression.is_Rational:
        return bool(expression == 0)
    scale = sum(_size(term) for term in sympy.Add.make_args(expression)) or 1.0
    size = _size(expression.evalf(DIGITS, maxn=4 * DIGITS))
    if math.isnan(size + scale) or math.isinf(size + scale):
        return None
    return size <= scale * 10.0 ** (3 - DIGITS)


def identical(left: Any, right: Any) -> bool | None:
    """Whether two expressions have the same value whatever their symbols are.

    They are compared at `POINTS` seeded points, positive and negative. One difference proves that they are
    not the same; agreement at all of them is taken to say that they are. None if too few can be computed.
    """
    if left == right:
        return True
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    if not symbols:
        return is_zero(left - right)
    drawn, agreed = random.Random(0), 0  # noqa: S311
    for _ in range(2 * POINTS):
        # Floats: sympy would look for exact roots of a fraction, for minutes.
        point = {each: sympy.Float(f"{drawn.uniform(-9, 9):.15f}", 2 * DIGITS) for each in symbols}
        try:
            same = _agree(left, right, point)
        except (TypeError, ValueError, OverflowError):
            continue
        if not same:
            return False
        agreed += 1
        if agreed == POINTS:
            return True
    return None


def _agree(left: Any, right: Any, point: dict[Any, Any]) -> bool:
    terms = [term.subs(point).evalf(2 * DIGITS) for term in sympy.Add.make_args(left)]
    others = [term.subs(point).evalf(2 * DIGITS) for term in sympy.Add.make_args(right)]
    scale = max(abs(complex(term)) for term in (*terms, *others))
    gap = abs(complex(sum(terms) - sum(others)))
    if math.isnan(gap + scale) or math.isinf(gap + scale):
        raise ValueError
    return gap <= scale * 10.0**-DIGITS
