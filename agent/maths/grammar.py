"""How a side of a claim is read: strictly, by recursive descent, into a tree (`agent.maths.formulas`)."""

from __future__ import annotations

from collections.abc import Callable

from agent.maths.formulas import Doubt, Formula, Tokens, Tree

MOST_NESTED = 30
_ANGULAR = ("sin", "cos", "tan", "cot", "sec", "csc")
_FUNCTIONS = (*_ANGULAR, "log", "ln", "exp")
_GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma "  # noqa: SIM905
    "tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega".split()
)
_MAY_BE_FUNCTIONS = frozenset("fgh")  # and capitals: P(A), T(n)
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_AROUND = {"|": "abs", r"\lfloor": "floor", r"\lceil": "ceiling"}
_PRODUCTS = (r"\cdot", r"\times", "*", "/", r"\div")
_STARTS = frozenset(("(", "[", "{", r"\frac", r"\sqrt", r"\pi", r"\binom", r"\lfloor", r"\lceil"))


def read_formula(text: str, side: str) -> Formula:
    """``text`` (LaTeX, `notation.tidy`) as a formula; ``side`` is a letter for the names of its literals.

    Raises:
        Doubt: it cannot be read, or in more than one way.
    """
    reader = _Reader(text, side)
    reader.formula.tree = reader.expression()
    if reader.ahead:
        raise Doubt(f"cannot read {reader.ahead}")
    return reader.formula


class _Reader(Tokens):
    """Every method reads a piece of the side and returns its tree."""

    def __init__(self, text: str, side: str) -> None:
        super().__init__(text, side)
        self._depth = 0

    def expression(self) -> Tree:
        """Terms with signs between them."""
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise Doubt("too deep")
        tree = self._signed(self._term)
        while self.ahead in ("+", "-"):
            self.operation()
            sign = self.take()
            term = self._signed(self._term)
            tree = ["+", tree, term if sign == "+" else ["neg", term]]
        self._depth -= 1
        return tree

    def _signed(self, read: Callable[[], Tree]) -> Tree:
        return ["neg", read()] if self.taken("-") else read()

    def _term(self) -> Tree:
        """Factors with signs between them, or without."""
        tree, divided = self._power(), False
        while True:
            if self.ahead in _PRODUCTS:
                operator = self.take()
                if operator == "*":
                    self.formula.cautions.add("operator")
                if divided and operator in ("/", r"\div"):
                    raise Doubt("two slashes")
                divided = operator in ("/", r"\div")
                tree = ["/" if divided else "*", tree, self._signed(self._power)]
            elif self._factor_ahead():
                if divided:
                    raise Doubt("a product after a slash")
                tree = ["*", tree, self._power()]
            else:
                return tree
            self.operation()

    def _factor_ahead(self) -> bool:
        ahead = self.ahead
        if ahead[:1].isdigit() or ahead[:1] == ".":
            raise Doubt("a number follows without a sign")
        return ahead in _STARTS or ahead.isalpha() or ahead[1:] in _FUNCTIONS or ahead[1:] in _GREEK

    def _power(self) -> Tree:
        tree = self._atom()
        while self.ahead in ("^", "!"):
            self.operation()
            if self.taken("!"):
                if self.ahead == "!":
                    raise Doubt("a double factorial")
                tree = ["!", tree]
            else:
                self.take()
                tree = ["^", tree, self._exponent()]
        return tree

    def _exponent(self) -> Tree:
        if self.ahead in (r"\circ", "'", r"\prime"):
            raise Doubt("a degree or a prime where no number stands")
        if len(self.ahead) > 1 and self.ahead.isdigit():
            raise Doubt("an exponent of two digits without braces")
        return self._group() if self.ahead == "{" else self._signed(self._atom)

    def _atom(self) -> Tree:
        if self.ahead in _CLOSING:
            around = _AROUND.get(self.ahead)
            return [around, self._group()] if around else self._group()
        piece = self.take()
        if piece[:1].isdigit() or piece[:1] == ".":
            return self.number(piece)
        if piece == r"\pi":
            return ["pi"]
        if piece.isalpha() or piece[1:] in _GREEK:
            tree = self.variable(piece)
            if self.ahead == "(" and (piece[0] in _MAY_BE_FUNCTIONS or piece[0].isupper()):
                raise Doubt("a function of unknown meaning")
            return tree
        return self._command(piece)

    def _command(self, piece: str) -> Tree:
        self.operation()
        if piece == r"\frac":
            return ["/", self._group(), self._group()]
        if piece == r"\binom":
            return ["binomial", self._group(), self._group()]
        if piece == r"\sqrt":
            root = self._group() if self.ahead == "[" else ["number", "2"]
            return ["root", self._group(), root]
        if piece[1:] in _FUNCTIONS:
            return self._function(piece[1:])
        raise Doubt(f"cannot read {piece}" if piece else "a side is missing")

    def _group(self) -> Tree:
        """What stands in brackets."""
        closing = _CLOSING.get(self.ahead)
        if closing is None:
            raise Doubt("an argument is missing")
        self.take()
        tree = self.expression()
        if self.take() != closing:
            raise Doubt("a bracket is not closed")
        return tree

    def _function(self, name: str) -> Tree:
        power, base = None, None
        while self.ahead in ("^", "_"):
            if self.take() == "^":
                power = self._exponent()
            else:
                base = self._group() if self.ahead == "{" else self._atom()
        if power is not None and power[0] != "number":
            raise Doubt("an inverse function or a power of a function")
        if name == "log" and base is None:
            self.formula.cautions.add("logarithm")
        tree = [name, self._argument(name), *([base] if base else [])]
        return ["^", tree, power] if power else tree

    def _argument(self, name: str) -> Tree:
        """What a function is applied to: brackets, or factors without brackets up to the next sign."""
        before, start = self._in_angle, self._at
        self._in_angle = name in _ANGULAR
        if self.ahead in ("(", "{", "["):
            tree = self._group()
        else:
            tree = self._power()
            while self.ahead.isalpha() or self.ahead == r"\pi" or self.ahead[1:] in _GREEK:
                self.operation()
                tree = ["*", tree, self._power()]
        if self._in_angle and not {r"\circ", r"\pi"} & set(self._tokens[start : self._at]):
            self.formula.cautions.add("angle")  # 30 may be degrees
        self._in_angle = before
        if self._factor_ahead() and self.ahead[1:] not in _FUNCTIONS:
            raise Doubt("the argument of a function may go on")
        return tree
