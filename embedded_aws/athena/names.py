"""Resolves the names of a query as Trino does: DuckDB would find some that Athena does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, walk_in_scope

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


Columns = dict[str, exp.DataType | None]
"""A source's columns, lower case, and their types where they are known."""


class Relations(dict[int, Relation]):
    """The relation of each table of a query, by the id of its node.

    Attributes:
        of_queries: the columns of its subqueries as far as they were asked for, by the id of their
            scope; None where only DuckDB can tell. Each is worked out once: one may read another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_queries: dict[int, Columns | None] = {}


def _columns(source: exp.Expr | Scope, relations: Relations) -> Columns | None:
    """The columns of one source of a FROM clause; None when only DuckDB can tell."""
    if isinstance(source, exp.Table):
        relation = relations[id(source)]
        path = {PATH_COLUMN: exp.DataType.build("text")} if relation.is_table else {}
        return {**relation.columns, **path}
    if not isinstance(source, Scope):
        return None
    if id(source) not in relations.of_queries:
        relations.of_queries[id(source)] = _columns_of_query(source, relations)
    return relations.of_queries[id(source)]


def _columns_of_query(source: Scope, relations: Relations) -> Columns | None:
    parent = source.expression.parent
    names: Sequence[str] = parent.alias_column_names if isinstance(parent, exp.DerivedTable) else []
    if not names and isinstance(source.expression, exp.Query):
        names = source.expression.named_selects
    if not names or "*" in names:
        return None
    kinds: list[exp.DataType | None] = [None] * len(names)
    if isinstance(source.expression, exp.Select):
        kinds = [type_of(it.unalias(), source, relations) for it in source.expression.selects]
    return {name.lower(): kind for name, kind in zip(names, kinds, strict=False)}


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


_TYPE = "type"  # in a node's meta data, which its copies have too


def type_of(node: exp.Expr, scope: Scope, relations: Relations) -> exp.DataType | None:
    """Work out the type of a value, as far as its literals, casts, columns and functions show.

    It is kept for the value and for all that it is made of: see `known_type`.
    """
    for part in reversed(list(walk_in_scope(node))):  # what a value is made of comes first
        if _TYPE not in part.meta:
            part.meta[_TYPE] = _type(part, scope, relations)
    return known_type(node)


def known_type(node: exp.Expr) -> exp.DataType | None:
    """The type of a value as `type_of` has found it; None where it has not."""
    return cast("exp.DataType | None", node.meta.get(_TYPE))


def _type(node: exp.Expr, scope: Scope, relations: Relations) -> exp.DataType | None:
    kind = None
    if type(node) in _TYPES:
        kind = exp.DataType.build(_TYPES[type(node)])
    elif isinstance(node, exp.Cast):
        kind = node.to
    elif isinstance(node, exp.Literal):
        kind = exp.DataType.build("text" if node.is_string else _type_of_number(node.name))
    elif isinstance(node, exp.Column):
        names = [part.name.lower() for part in cast("list[exp.Identifier]", node.parts)]
        kind, fields = _resolve(names, scope, relations) or (None, [])
        for field in fields:
            kind = kind and fields_of(kind).get(field)
    elif isinstance(node, _AS_BOTH):
        kind = _of_both([it for it in map(known_type, node.iter_expressions()) if it], node)
    elif isinstance(node, (*_AS_FIRST, exp.Dot, exp.Bracket)) and isinstance(node.this, exp.Expr):
        kind = _of_this(node, known_type(node.this))
    elif isinstance(node, exp.Array) and node.expressions:
        first = known_type(node.expressions[0])
        kind = first and exp.DataType(this=exp.DType.ARRAY, expressions=[first.copy()], nested=True)
    return kind


def _of_this(node: exp.Expr, kind: exp.DataType | None) -> exp.DataType | None:
    """The type of what is made of one value, by its type."""
    if kind is None or isinstance(node, _AS_FIRST):
        return kind
    if isinstance(node, exp.Dot):
        return fields_of(kind).get(node.expression.name.lower())
    return kind.expressions[-1] if kind.expressions else None  # of an array or a map


def _type_of_number(text: str) -> str:
    return "double" if "e" in text.lower() else "decimal" if "." in text else "bigint"


def _of_both(kinds: list[exp.DataType], node: exp.Expr) -> exp.DataType | None:
    """The type of what two values make: a double, if one of them is; a day of a day's interval."""
    for name in ("double", "float", "decimal", "bigint"):
        if any(kind.is_type(name) for kind in kinds):
            return exp.DataType.build(name)
    moved = isinstance(node, (exp.Add, exp.Sub)) and isinstance(node.expression, exp.Interval)
    return kinds[0] if kinds and moved else None


_TYPES: dict[type[exp.Expr], str] = {
    **dict.fromkeys((exp.CurrentDate, exp.Date, exp.FromISO8601Date), "date"),
    **dict.fromkeys(
        (exp.CurrentTimestamp, exp.FromISO8601Timestamp, exp.UnixToTime), "timestamptz"
    ),
    exp.StrToTime: "timestamp",
    **dict.fromkeys((exp.Count, exp.DateDiff, exp.ApproxDistinct, exp.Length), "bigint"),
    **dict.fromkeys((exp.Avg, exp.TimeToUnix, exp.Sqrt, exp.Ln, exp.Exp), "double"),
    exp.Split: "array<text>",
    **dict.fromkeys(
        (
            *(exp.Concat, exp.DPipe, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.SplitPart),
            *(exp.JSONExtractScalar, exp.RegexpExtract, exp.RegexpReplace, exp.TimeToStr),
        ),
        "text",
    ),
}
_AS_BOTH = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
# Their type is that of their first argument.
_AS_FIRST = (
    *(exp.Paren, exp.Neg, exp.Abs, exp.Round, exp.Coalesce, exp.Try, exp.DateAdd, exp.DateTrunc),
    *(exp.TimestampTrunc, exp.Max, exp.Min, exp.Sum, exp.Window, exp.Filter, exp.Lag, exp.Lead),
    *(exp.FirstValue, exp.LastValue, exp.AnyValue, exp.Distinct),
)


def fields_of(kind: exp.DataType) -> dict[str, exp.DataType]:
    """The fields of a struct type, lower case; empty for any other type."""
    if not kind.is_type("struct"):
        return {}
    return {field.name.lower(): field.args["kind"] for field in kind.expressions}
