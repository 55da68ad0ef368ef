"""Units of measure at the end of an answer: which dimension, and how many base units.

Only what school mathematics uses. An unknown noun (``7 apples``) is no unit: it says nothing of the number.
"""

from __future__ import annotations

import re
from fractions import Fraction

# dimension → base unit first, with the size of each in it
_TABLE: dict[str, dict[str, str]] = {
    "length": {
        "m meter meters metre metres": "1",
        "mm millimeter millimeters millimetre millimetres": "1/1000",
        "cm centimeter centimeters centimetre centimetres": "1/100",
        "km kilometer kilometers kilometre kilometres": "1000",
        "in inch inches": "0.0254",
        "ft foot feet": "0.3048",
        "yd yard yards": "0.9144",
        "mi mile miles": "1609.344",
    },
    "time": {
        "s sec second seconds": "1",
        "min mins minute minutes": "60",
        "h hr hrs hour hours": "3600",
        "day days": "86400",
        "week weeks": "604800",
        "month months": "2629800",
        "year years": "31557600",
    },
    "mass": {
        "g gram grams": "1",
        "kg kilogram kilograms": "1000",
        "mg milligram milligrams": "1/1000",
        "lb lbs pound pounds": "453.59237",
        "oz ounce ounces": "28.349523125",
    },
    "volume": {
        "l L liter liters litre litres": "1",
        "ml mL milliliter milliliters millilitre millilitres": "1/1000",
        "gal gallon gallons": "3.785411784",
    },
    "dollars": {"$ dollar dollars": "1", "cent cents": "1/100"},
    "euros": {"euro euros": "1"},
    "sterling": {"pounds sterling": "1"},
}
_UNITS = {
    name: (dimension, Fraction(size))
    for dimension, sizes in _TABLE.items()
    for names, size in sizes.items()
    for name in ([names] if names == "pounds sterling" else names.split())
}
_PLAIN = re.compile(r"\b(square|sq|cubic|cu)\b\.?\s*", re.IGNORECASE)
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}

Measure = tuple[tuple[tuple[str, int], ...], Fraction]


def measure(text: str) -> Measure | None:
    """Dimensions (name and power, sorted) and size in base units of ``text``; None if it is no unit.

    ``cm^2`` is ``((("length", 2),), 1/10000)``, ``km/h`` is ``((("length", 1), ("time", -1)), 5/18)``.
    """
    text = re.sub(r"\bmph\b", "miles/hour", text.strip().rstrip("."))
    dimensions: dict[str, int] = {}
    size = Fraction(1)
    for index, part in enumerate(re.split(r"\s*/\s*|\s+per\s+", text)):
        found = _single(part)
        if found is None:
            return None
        dimension, factor, power = found
        power = -power if index else power
        dimensions[dimension] = dimensions.get(dimension, 0) + power
        size *= factor**power
    return tuple(sorted(dimensions.items())), size


def _single(text: str) -> tuple[str, Fraction, int] | None:
    power = 1
    if adjective := _PLAIN.match(text):
        power, text = _POWERS[adjective[1].lower()], text[adjective.end() :]
    if raised := re.search(r"\s*\^\s*\{?([23])\}?$", text):
        power, text = int(raised[1]), text[: raised.start()]
    unit = _UNITS.get(text.strip()) or _UNITS.get(text.strip().lower())
    return None if unit is None else (*unit, power)
