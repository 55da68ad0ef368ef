"""Whether two answers are equal, through math-verify. Runs in the grader's workers: it may take for ever.

Text is read first (`agent.maths.readings`). Numbers are compared to thirty digits and expressions at random
points (`agent.maths.values`); everything else (sets, tuples, intervals, matrices, equations, inequalities) by
math-verify.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy
from latex2sympy2_extended.logic import And
from math_verify import verify

from agent.maths.parsing import MOST_CHARS, parse
from agent.maths.readings import Reading, read
from agent.maths.values import identical

_DIMENSIONLESS = (
    "percent",
    "degree",
    "base",
)  # marks that are factors: the number may be written without them


def equal(answer: str, gold: str) -> bool | None:
    """Whether ``answer`` equals ``gold``; None if one of them cannot be read or is too long.

    Raises:
        Exception: whatever a parser or a comparison raises for what it does not understand.
    """
    if max(len(answer), len(gold)) > MOST_CHARS:
        return None
    given, wanted = read(answer), read(gold)
    if not (given.legible and wanted.legible):
        return None
    if given == wanted:
        return True
    if given.choice or wanted.choice:
        return _same_choice(given, wanted)
    if given.words or wanted.words:
        return _same_words(given, wanted)
    return _same_quantity(given, wanted)


def _same_choice(given: Reading, wanted: Reading) -> bool | None:
    letters = [one.choice or (one.form.upper() if len(one.form) == 1 else "") for one in (given, wanted)]
    if all(letters) and not any(letter.isdigit() for letter in letters):
        return letters[0] == letters[1]
    return _same_quantity(replace(given, choice=""), replace(wanted, choice=""))


def _same_words(given: Reading, wanted: Reading) -> bool | None:
    if given.mark == wanted.mark == "time":
        return given.form == wanted.form and (given.half == wanted.half or not (given.half and wanted.half))
    if given.mark == "time" or wanted.mark == "time":  # the other is no time: this one may be a ratio
        given, wanted = (replace(one, form=one.digits or one.form, words=False) for one in (given, wanted))
        return _same(given.form, wanted.form)
    if given.phrase == wanted.phrase or given.form == wanted.form:
        return True
    if not wanted.words:
        parse(wanted.form)  # a gold answer that cannot be read grades nothing
    return False


def _same_quantity(given: Reading, wanted: Reading) -> bool | None:
    if given.mark == wanted.mark:
        if given.factor == wanted.factor:
            return _same(given.form, wanted.form)
        return _same(given.amount, wanted.amount)
    if given.mark and wanted.mark:
        bases = given.mark.startswith("base") and wanted.mark.startswith("base")
        return bases and _same(given.form, wanted.form)
    verdicts = [_same(given.bare, wanted.bare)]
    if (given.mark or wanted.mark).startswith(_DIMENSIONLESS) and not verdicts[0]:
        verdicts.append(_same(given.amount, wanted.amount))
    return True if True in verdicts else (None if None in verdicts else False)


def _same(given: str, wanted: str) -> bool | None:
    if given == wanted:
        return True
    if len(given) == len(wanted) == 1 and (given + wanted).isalpha():
        return given.casefold() == wanted.casefold()  # the letter of a choice
    if {given[0], wanted[0]} == {"(", "\\"} and (given + wanted).count(r"\{") == 1 and _whole(given, wanted):
        return False  # an ordered pair is no set
    return same(_parsed(given), _parsed(wanted))


def _whole(*forms: str) -> bool:
    """Whether each is one pair or set, brackets around all of it."""
    return all(
        form.startswith(("(", r"\{")) and form.endswith((")", r"\}")) and form.count("(") < 2
        for form in forms
    )


def _parsed(form: str) -> Any:
    if r"\lor" in form:
        return sympy.Union(*(parse(part.strip()).as_set() for part in form.split(r"\lor")))
    return parse(form)


def same(given: Any, wanted: Any) -> bool | None:
    """Whether two parsed answers are equal."""
    given, wanted = _computed(given), _computed(wanted)
    given, wanted = _aligned(given, wanted), _aligned(wanted, given)
    if isinstance(given, sympy.Expr) and isinstance(wanted, sympy.Expr):
        if given.has(sympy.oo) or wanted.has(sympy.oo):
            return bool(given == wanted)
        verdict = identical(given, wanted)
        if verdict is not None:
            return verdict
    if isinstance(given, And) and isinstance(wanted, And) and len(given.args) != len(wanted.args):
        return False
    if isinstance(given, sympy.Eq) and isinstance(wanted, sympy.Eq):
        return _same_equations(given, wanted)
    return _verified(given, wanted)


def _verified(given: Any, wanted: Any) -> bool:
    return bool(
        verify([wanted], [given], timeout_seconds=None, allow_set_relation_comp=True, raise_on_error=True)
    )


def _same_equations(given: sympy.Eq, wanted: sympy.Eq) -> bool:
    """Whether one is a multiple of the other, or both have the same solutions (math-verify): not none."""
    sides = [one.lhs - one.rhs for one in (given, wanted) if isinstance(one.lhs, sympy.Expr)]
    point = {
        symbol: sympy.Rational(17 + index, 7)
        for index, symbol in enumerate(sorted(given.free_symbols, key=str))
    }
    scales = [side.subs(point) for side in sides]
    if len(sides) == 2 and all(scale.is_number and scale for scale in scales):
        multiple = identical(sides[0] * scales[1], sides[1] * scales[0])
        if multiple:
            return True
    return _verified(given, wanted) and bool(sympy.solve(wanted, dict=True))


def _computed(one: Any) -> Any:
    """The value of an equation between numbers, ``0.56 = 56/100``: its last side."""
    if isinstance(one, And) and all(isinstance(each, sympy.Eq) for each in one._unsorted_args):
        return one if one.free_symbols else one._unsorted_args[-1].rhs
    return one if not isinstance(one, sympy.Eq) or one.free_symbols else one.rhs


def _aligned(one: Any, other: Any) -> Any:
    """``one`` as the kind of thing that ``other`` is, where the two are ways of writing the same."""
    pair = isinstance(other, sympy.Tuple) or (isinstance(other, sympy.Interval) and other.is_open)
    if isinstance(one, sympy.Interval) and one.is_open and isinstance(other, sympy.MatrixBase):
        return sympy.Tuple(one.start, one.end)
    if isinstance(one, sympy.MatrixBase) and one.cols == 1 and pair:
        return sympy.Tuple(*one)
    if isinstance(other, sympy.MatrixBase) and other.cols == 1 and isinstance(one, sympy.Tuple):
        return one
    if (
        isinstance(one, sympy.FiniteSet)
        and len(one) > 1
        and pair
        and all(isinstance(each, sympy.Eq) for each in one)
    ):
        named = {str(each.lhs): each.rhs for each in one}
        return sympy.Tuple(*(named[name] for name in sorted(named))) if len(named) == len(one) else one
    if isinstance(one, sympy.Eq) and one.lhs.is_number and isinstance(one.rhs, sympy.Symbol):
        return sympy.Eq(one.rhs, one.lhs, evaluate=False)
    return one
