"""Resolves the names of a query as Trino does: DuckDB would find some that Athena does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from embedded_aws.athena.errors import QueryFailedError

# Trino's hidden column: the URI of the object that a row came from.
PATH_COLUMN = "$path"


@dataclass(frozen=True)
class Relation:
    """A table or view of the Glue catalog as DuckDB sees it.

    Attributes:
        view: the name of the DuckDB view, whose last column is `PATH_COLUMN`.
        columns: the columns in order, lower case, and their Hive types.
        size: the bytes of a table's objects as stored, compressed where they are.
        definition: the SQL of the DuckDB view.
        is_table: whether it has objects; a view of the catalog's has none, and no path.
    """

    view: str
    columns: dict[str, exp.DataType]
    size: int
    definition: str = ""
    is_table: bool = True


Relations = dict[int, Relation]
"""The relation of each table of a query, by the id of its node."""

Columns = dict[str, exp.DataType | None]
"""A source's columns, lower case, and their types where they are known."""


def _columns(source: exp.Expr | Scope, relations: Relations) -> Columns | None:
    """The columns of one source of a FROM clause; None when only DuckDB can tell."""
    if isinstance(source, exp.Table):
        relation = relations[id(source)]
        path = {PATH_COLUMN: exp.DataType.build("text")} if relation.is_table else {}
        return {**relation.columns, **path}
    if not isinstance(source, Scope):
        return None
    parent = source.expression.parent
    names: Sequence[str] = parent.alias_column_names if isinstance(parent, exp.DerivedTable) else []
    if not names and isinstance(source.expression, exp.Query):
        names = source.expression.named_selects
    return None if not names or "*" in names else {name.lower(): None for name in names}


def _path(column: exp.Column) -> Iterator[exp.Identifier]:
    """The identifiers of `source.column.field.field`, through the Dots around the Column."""
    yield from cast("list[exp.Identifier]", column.parts)
    node: exp.Expr = column
    while isinstance(node.parent, exp.Dot) and node.parent.this is node:
        node = node.parent
        if not isinstance(node.expression, exp.Identifier):
            return
        yield node.expression


def check_columns(scope: Scope, relations: Relations) -> None:
    """Refuse a column or field that Trino would not find.

    Raises:
        QueryFailedError: there is one.
    """
    aliases = [name.lower() for name in cast("exp.Query", scope.expression).named_selects]
    for column in scope.find_all(exp.Column):
        if isinstance(column.this, exp.Star):
            continue
        parts = list(_path(column))
        names = [part.name.lower() for part in parts]
        clause = column.find_ancestor(exp.Order, exp.Window, exp.Select)
        if isinstance(clause, exp.Order) and names[0] in aliases:
            continue
        resolved = _resolve(names, scope, relations)
        if resolved is None:
            _not_found(parts)
        kind, fields = resolved
        for position, field in enumerate(fields, start=len(parts) - len(fields) + 1):
            if kind is None:
                break
            kind = fields_of(kind).get(field)
            if kind is None:
                _not_found(parts[:position])


def _resolve(
    names: list[str], scope: Scope, relations: Relations
) -> tuple[exp.DataType | None, list[str]] | None:
    """The type of the column that a path starts with, where it is known, and the fields after it.

    None where there is no such column, in this query or in the one around a subquery.
    """
    inner: Scope | None = scope
    while inner:
        sources = {
            name.lower(): _columns(source, relations)
            for name, (_, source) in inner.selected_sources.items()
        }
        if len(names) > 1 and names[0] in sources:
            columns = sources[names[0]]
            if columns is None:
                return None, []
            if names[1] in columns:
                return columns[names[1]], names[2:]
        for columns in sources.values():
            if columns is None:
                return None, []
            if names[0] in columns:
                return columns[names[0]], names[1:]
        inner = inner.parent if inner.is_subquery else None
    return None


def _not_found(parts: list[exp.Identifier]) -> NoReturn:
    first = parts[0]
    column = first.meta["col"] - (first.meta["end"] - first.meta["start"])
    name = ".".join(part.name for part in parts)
    raise QueryFailedError(
        f"COLUMN_NOT_FOUND: line {first.meta['line']}:{column}: Column '{name}' cannot be resolved "
        "or requester is not authorized to access requested resources"
    )


def check_unnest(scope: Scope, relations: Relations) -> None:
    """Trino makes a column of each field of the rows that it unnests; DuckDB makes one of them."""
    for unnest in scope.find_all(exp.Unnest):
        for column in unnest.find_all(exp.Column):
            kind = _type_of(column, scope, relations)
            if kind and kind.is_type("array") and kind.expressions[0].is_type("struct"):
                raise QueryFailedError(
                    "NOT_SUPPORTED: The embedded Athena does not unnest an array of rows; "
                    "transform it to an array of one of their fields first"
                )


def _type_of(node: exp.Expr, scope: Scope, relations: Relations) -> exp.DataType | None:
    """The type of a column or of a field of one, where it is known."""
    column = node.find(exp.Column)
    names = [part.name.lower() for part in _path(column)] if column else []
    kind, fields = _resolve(names, scope, relations) or (None, []) if names else (None, [])
    for field in fields:
        kind = kind and fields_of(kind).get(field)
    return kind


def fields_of(kind: exp.DataType) -> dict[str, exp.DataType]:
    """The fields of a struct type, lower case; empty for any other type."""
    if not kind.is_type("struct"):
        return {}
    return {field.name.lower(): field.args["kind"] for field in kind.expressions}


_MOST_DIVISIONS = 5  # in one expression: each copies what it divides


def divide_as_trino(division: exp.Div, scope: Scope, relations: "Relations") -> None:
    """A double that is divided by zero is infinite, or not a number; any other is an error."""
    if not (_is_double(division, scope, relations)):
        return
    if sum(1 for _ in division.find_all(exp.Div)) > _MOST_DIVISIONS:
        return
    dividend, divisor = exp.paren(division.this.copy()), exp.paren(division.expression.copy())
    infinite = exp.Mul(this=dividend, expression=exp.cast(exp.Literal.string("Infinity"), "double"))
    zero = exp.EQ(this=divisor, expression=exp.Literal.number(0))
    division.replace(exp.paren(exp.Case().when(zero, infinite).else_(division.copy())))


def _is_double(node: exp.Expr, scope: Scope, relations: "Relations") -> bool:
    """Whether a value is a double, as far as its literals, casts and columns show."""
    if isinstance(node, exp.Literal):
        return not node.is_string and "e" in node.name.lower()
    if isinstance(node, exp.Cast):
        return node.to.is_type("double", "float")
    if isinstance(node, (exp.Column, exp.Dot)):
        kind = _type_of(node, scope, relations)
        return kind is not None and kind.is_type("double", "float")
    if isinstance(node, (exp.Paren, exp.Neg, exp.Binary)):
        return any(_is_double(it, scope, relations) for it in node.iter_expressions())
    return False
