"""Whether a claim holds. Runs in the grader's workers.

``holds`` and ``fails`` are said of numbers, exactly or to the digits shown; of variables only that two sides
are the same for all their values. Whatever may be meant in another way is ``unknown``: a false *fails* is
worse than silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any, NamedTuple

import sympy

from agent.maths.claims import Claim, find_claims
from agent.maths.formulas import Formula
from agent.maths.values import UndecidedError, build, identical, is_zero
from agent.records import Decided

_CONSTANTS = {"i": sympy.I, "e": sympy.E}  # variables that may be these numbers
_CONVERSIONS = {12, 24, 60, 100, 1000, 3600}  # factors between units that are often left out
_FAR = 0.25  # relative difference at which an approximation is none
_NEAR = 0.01  # relative difference that may come from rounding on the way


class Decision(NamedTuple):
    """A verdict and the reason for it, in a few words."""

    verdict: Decided
    reason: str = ""


UNTOLD = Decision("unknown", "a definition, or an equation to solve")


def decide(claim: Claim) -> Decision:
    """The verdict on ``claim``."""
    if claim.doubt:
        return Decision("unknown", claim.doubt)
    left, right = claim.left.cautions, claim.right.cautions
    harmless = {"degrees"} if "degrees" in left & right else set()
    cautions = [claim.caution, *sorted((left | right) - harmless)]
    try:
        decision = _decide(claim)
    except UndecidedError:
        return Decision("unknown", "it is no number or too large to compute")
    except Exception:  # sympy meets every kind of formula; a crash is "cannot tell"
        return Decision("unknown", "it could not be computed")
    if decision.verdict == "fails" and any(cautions):
        return Decision("unknown", f"it does not hold as it stands, but: {next(filter(None, cautions))}")
    return decision


def _decide(claim: Claim) -> Decision:
    if claim.left.variables or claim.right.variables:
        return _with_variables(claim)
    left, right = build(claim.left.tree), build(claim.right.tree)
    decisions = [
        _on_numbers(_Numbers(claim, left.subs(values), right.subs(values), spread))
        for values, spread in _readings(claim, left - right)
    ]
    return next((one for one in decisions if one.verdict == "holds"), decisions[0])


def _with_variables(claim: Claim) -> Decision:
    if claim.relation != "=" or any(_only_names(*sides) for sides in _both_ways(claim)):
        return UNTOLD
    left, right = build(claim.left.tree), build(claim.right.tree)
    values = next(_readings(claim, left - right))[0]
    symbols = (left - right).free_symbols
    constants = {each: _CONSTANTS[each.name] for each in symbols if each.name in _CONSTANTS}
    for known in ({}, constants):
        sides = [side.subs(values | known) for side in (left, right)]
        if identical(*sides):
            return Decision("holds", "for all values" if symbols - set(values) - set(known) else "")
    return UNTOLD


def _both_ways(claim: Claim) -> tuple[tuple[Formula, Formula], tuple[Formula, Formula]]:
    return (claim.left, claim.right), (claim.right, claim.left)


def _only_names(side: Formula, other: Formula) -> bool:
    """Whether ``side`` is a mere name of which ``other`` says nothing, as in x = 3."""
    return not side.operations and not side.variables <= other.variables | set(_CONSTANTS)


def _readings(claim: Claim, difference: Any) -> Iterator[tuple[dict[Any, Any], float]]:
    """What the literals may be, and by how much the difference of the sides changes if they were rounded."""
    literals, halves = claim.left.literals | claim.right.literals, claim.left.half | claim.right.half
    symbols = [sympy.Symbol(name, real=True) for name in literals]
    for drawn in islice(product(*literals.values()), 16):
        values = {symbol: sympy.Rational(value) for symbol, value in zip(symbols, drawn, strict=True)}
        moved = [
            difference.subs(values | {symbol: values[symbol] + sympy.Rational(halves[symbol.name])})
            for symbol in symbols
            if symbol.name in halves
        ]
        still = difference.subs(values)
        rounding = [each - still for each in moved]
        yield values, float(sum(abs(complex(each.evalf(10))) for each in rounding if each.is_number))


class _Numbers:
    """Two sides that are numbers."""

    def __init__(self, claim: Claim, left: Any, right: Any, spread: float) -> None:
        self.claim, self.left, self.right, self.spread = claim, left, right, spread
        self.same = is_zero(left - right)
        self.real = bool(left.is_real and right.is_real)
        self.gap, self.size = (abs(complex(value.evalf(15))) for value in (left - right, left))

    @property
    def operations(self) -> int:
        """How many operations both sides hold."""
        return self.claim.left.operations + self.claim.right.operations

    @property
    def close(self) -> bool:
        """Whether a side is the other one rounded, or cut off, to the digits that it shows."""
        sides = ((self.claim.left, self.left, self.right), (self.claim.right, self.right, self.left))
        return any(self._shown(*each) for each in sides if not each[0].operations)

    def _shown(self, formula: Formula, shown: Any, other: Any) -> bool:
        about = self.claim.relation == "~"
        if not formula.half:
            return about and self.gap <= _last_unit(shown) / 2
        unit = 2 * sympy.Rational(next(iter(formula.half.values())))
        return (about or not (other / unit).is_integer) and self.gap < float(unit) * 1.0000001


def _last_unit(value: Any) -> int:
    """The place value of the last digit that is not zero: 100 for 2300."""
    text = str(abs(value))
    return 10 ** (len(text) - len(text.rstrip("0"))) if text.isdigit() and value else 1


def _on_numbers(numbers: _Numbers) -> Decision:
    relation = numbers.claim.relation
    if numbers.same is None:
        return Decision("unknown", "it cannot be computed")
    if numbers.same and relation == "=":
        units = "units" in numbers.claim.left.cautions | numbers.claim.right.cautions
        stated = units and not numbers.operations
        return Decision("unknown", "only the numbers are the same") if stated else Decision("holds")
    if not numbers.real:
        return Decision("unknown", "a complex number")
    if relation == "=":
        return _equated(numbers)
    return _approximated(numbers) if relation == "~" else _compared(numbers)


def _compared(numbers: _Numbers) -> Decision:
    same, more = numbers.same, bool((numbers.left - numbers.right).evalf(30) > 0)
    truth = {
        "<": not same and not more,
        ">": not same and more,
        "<=": same or not more,
        ">=": same or more,
        "!=": not same,
    }
    if truth[numbers.claim.relation]:
        return Decision("holds")
    if not numbers.operations:
        return Decision("unknown", "two numbers, nothing computed")
    return Decision("fails", f"left {_shown(numbers.left)}, right {_shown(numbers.right)}")


def _approximated(numbers: _Numbers) -> Decision:
    if numbers.same or numbers.close or numbers.gap <= _NEAR * numbers.size:
        return Decision("holds", "to the digits shown")
    if numbers.gap <= _FAR * numbers.size:
        return Decision("unknown", "a rough approximation")
    return Decision("fails", f"left {_shown(numbers.left)}, right {_shown(numbers.right)}")


def _equated(numbers: _Numbers) -> Decision:
    """Two numbers that differ: an error, unless something says that they were not meant to be equal."""
    if numbers.close:
        return Decision("holds", "to the digits shown")
    excuse = next((reason for reason, applies in _excuses(numbers) if applies), "")
    if excuse:
        return Decision("unknown", excuse)
    return Decision("fails", f"left {_shown(numbers.left)}, right {_shown(numbers.right)}")


def _excuses(numbers: _Numbers) -> Iterator[tuple[str, bool]]:
    left, right, gap, size = numbers.left, numbers.right, numbers.gap, numbers.size
    lead = numbers.claim.right.lead
    inexact = bool(numbers.spread) or not (left.is_rational and right.is_rational)
    yield "two numbers, nothing computed", not numbers.operations
    yield "a calculation that runs on", bool(lead) and bool(is_zero(left - sympy.Rational(lead)))
    yield "perhaps in another unit", bool(left and right and {left / right, right / left} & _CONVERSIONS)
    yield "within the rounding of its decimals", gap <= 1.5 * numbers.spread
    yield "near, perhaps rounded on the way", inexact and gap <= _NEAR * size
    rounded = left.is_integer != right.is_integer and gap < 1 and size >= 10
    yield "perhaps rounded to a whole number", rounded


def _shown(value: Any) -> str:
    return str(value) if value.is_Rational and len(str(value)) <= 20 else str(value.evalf(8))


def check(text: str) -> list[dict[str, Any]]:
    """The claims of ``text``, each with its verdict, as `agent.records.Check` holds them."""
    return [
        {"claim": claim.text, "span": (claim.start, claim.end), **decide(claim)._asdict()}
        for claim in find_claims(text)
    ]
