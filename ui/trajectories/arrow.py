"""Records as Arrow's types, so that Parquet keeps steps, hits and checks as nested columns.

A dictionary of any keys is a list of ``{"key", "value"}``: readers of Parquet disagree about maps.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    import pyarrow as pa


def schema(record: type[BaseModel]) -> pa.Schema:
    """The columns of a record, named as its JSON names them."""
    import pyarrow as pa

    return pa.schema(_fields(record))


def _fields(record: type[BaseModel]) -> list[pa.Field]:
    import pyarrow as pa

    return [
        pa.field(field.alias or name, _type(field.annotation)) for name, field in record.model_fields.items()
    ]


def _type(annotation: Any) -> pa.DataType:
    import pyarrow as pa

    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _type(type(inner[0]))
    if origin in (Union, types.UnionType):
        return _type(next(each for each in inner if each is not type(None)))
    if origin is tuple:
        return pa.list_(_type(inner[0]))
    if origin is dict:
        return _dictionary(*inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(_fields(annotation))
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[annotation]


def _dictionary(key: Any, value: Any) -> pa.DataType:
    import pyarrow as pa

    if get_origin(key) is Literal:
        return pa.struct([pa.field(name, _type(value)) for name in get_args(key)])
    return pa.list_(pa.struct([pa.field("key", _type(key)), pa.field("value", _type(value))]))
