"""Athena's SQL, which is Trino's, on DuckDB: parsing, resolving names, translating, results."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isinf, isnan
from typing import Any, NoReturn, cast

import duckdb
import sqlglot
from duckdb.sqltypes import DuckDBPyType
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

# Trino's hidden column: the URI of the object that a row came from.
PATH_COLUMN = "$path"


class MalformedQueryError(Exception):
    """Text that Athena refuses before it starts: StartQueryExecution fails."""


class QueryFailedError(Exception):
    """A query that ends as FAILED; the text is Athena's StateChangeReason."""


@dataclass(frozen=True)
class Relation:
    """A Glue table as DuckDB sees it.

    Attributes:
        view: the DuckDB view, whose last column is `PATH_COLUMN`.
        columns: the table's columns in order, lower case, and their Hive types.
        size: the bytes of the table's objects as stored, compressed where they are.
    """

    view: str
    columns: dict[str, exp.DataType]
    size: int


def parse_query(text: str) -> exp.Query:
    """Parse one SELECT of Athena engine version 3; comments and a final `;` are allowed.

    Raises:
        MalformedQueryError: the text is no statement, or more than one.
        QueryFailedError: it is a statement of another kind, which only AWS runs.
    """
    try:
        statements = [tree for tree in sqlglot.parse(text, read="athena") if tree]
    except SqlglotError as error:
        raise MalformedQueryError(_first_error(error)) from error
    except RecursionError as error:
        raise MalformedQueryError(
            "statement is too large (stack overflow while parsing)"
        ) from error
    if len(statements) != 1:
        raise MalformedQueryError(f"Only one sql statement is allowed. Got: {text}")
    if not isinstance(statements[0], exp.Query):
        raise QueryFailedError("NOT_SUPPORTED: The embedded Athena does not run this statement")
    return statements[0]


def _first_error(error: SqlglotError) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0]
    first = details[0]
    return f"line {first['line']}:{first['col']}: mismatched input '{first['highlight']}'"


def translate(query: exp.Query, relation_of: Callable[[exp.Table], Relation]) -> str:
    """Turn an Athena query into DuckDB's, its tables into views.

    Args:
        query: a parsed query; it is not changed.
        relation_of: finds the relation of a table that is no CTE; it may raise QueryFailedError.

    Raises:
        QueryFailedError: a table, column, field or function that Athena would not find. DuckDB
            would find some of them: a column alias in WHERE, a function that reads files.
    """
    try:
        return _translate(query.copy(), relation_of)
    except SqlglotError as error:
        raise QueryFailedError(f"SYNTAX_ERROR: {error}") from error
    except RecursionError as error:
        raise QueryFailedError(
            "SYNTAX_ERROR: statement is too large (stack overflow during analysis)"
        ) from error


def _translate(query: exp.Query, relation_of: Callable[[exp.Table], Relation]) -> str:
    scopes = list(traverse_scope(query))
    _check_sources(query, scopes)
    _check_functions(query)
    relations: Relations = {}
    for table in _tables(scopes):
        relations[id(table)] = relation_of(table)
    for scope in scopes:
        if isinstance(scope.expression, exp.Select):
            _check_columns(scope, relations)
            _check_unnest(scope, relations)
    for scope in scopes:
        if any(_tables([scope])):
            _hide_path(scope.expression)
    for table in _tables(scopes):
        _read_view(table, relations[id(table)].view)
    _name_columns(query)
    _count_none_as_zero(query)
    return query.sql("duckdb", identify=True)


Relations = dict[int, Relation]
"""The relation of each table of a query, by the id of its node."""


def _tables(scopes: Iterable[Scope]) -> Iterator[exp.Table]:
    """The tables that these scopes read themselves; a reference to a CTE is none."""
    for scope in scopes:
        for _, source in scope.selected_sources.values():
            if isinstance(source, exp.Table):
                yield source


# What a FROM clause may read, and what LATERAL may stand before.
_SOURCES = (exp.Table, exp.Subquery, exp.Unnest, exp.Values, exp.Lateral)
_LATERAL_SOURCES = (exp.Subquery, exp.Unnest)


def _check_sources(query: exp.Query, scopes: Iterable[Scope]) -> None:
    """Refuse every source other than a table, a query, UNNEST or VALUES.

    DuckDB reads files, settings and its own catalog through table functions.
    """
    if query.find(exp.Into, exp.Command):
        raise QueryFailedError("NOT_SUPPORTED: The embedded Athena does not run this statement")
    for clause in query.find_all(exp.From, exp.Join, exp.Lateral):
        allowed = _LATERAL_SOURCES if isinstance(clause, exp.Lateral) else _SOURCES
        if not isinstance(clause.this, allowed):
            _no_such_table_function(clause.this)
    for subquery in query.find_all(exp.Subquery):
        if not isinstance(subquery.this, (exp.Query, exp.Table, exp.Values)):
            _no_such_table_function(subquery.this)
    checked = {id(node) for scope in scopes for node, _ in scope.selected_sources.values()}
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            _no_such_table_function(table.this)
        if id(table) not in checked:
            raise QueryFailedError(f"NOT_SUPPORTED: The embedded Athena cannot read '{table}' here")


def _no_such_table_function(source: exp.Expr) -> NoReturn:
    raise QueryFailedError(f"FUNCTION_NOT_FOUND: Table function '{source.sql()}' not registered")


# Trino's functions that sqlglot does not know and DuckDB has by the same name. Any other function
# that sqlglot does not know is DuckDB's own: current_setting, getvariable, sleep_ms, write_log.
_SAME_IN_DUCKDB = {
    "bit_count",
    "entropy",
    "geometric_mean",
    "histogram",
    "json_array_length",
    "map_concat",
    "map_entries",
    "map_values",
    "millisecond",
    "timezone_hour",
    "timezone_minute",
    "to_base",
    "to_milliseconds",
    "url_decode",
    "url_encode",
}


def _check_functions(query: exp.Query) -> None:
    for function in query.find_all(exp.Anonymous, exp.ReadCSV, exp.ReadParquet):
        name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        if name.lower() not in _SAME_IN_DUCKDB:
            raise QueryFailedError(f"FUNCTION_NOT_FOUND: Function '{name.lower()}' not registered")


def _read_view(table: exp.Table, view: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=table.this.copy()))
    table.set("this", exp.to_identifier(view, quoted=True))
    table.set("db", None)
    table.set("catalog", None)


def _hide_path(select: exp.Expr) -> None:
    """`*` does not show the hidden column, which a view cannot hide."""
    for projection in select.args.get("expressions", []):
        if projection.is_star:
            star = projection if isinstance(projection, exp.Star) else projection.this
            star.set("except_", [exp.column(PATH_COLUMN, quoted=True)])


def _name_columns(query: exp.Query) -> None:
    """Trino names an unnamed column of the result `_col` and its position."""
    for position, projection in enumerate(query.selects):
        if not isinstance(projection, (exp.Alias, exp.Column, exp.Dot)) and not projection.is_star:
            projection.replace(exp.alias_(projection.copy(), f"_col{position}"))


def _count_none_as_zero(query: exp.Query) -> None:
    """`count_if` of conditions that are all NULL is 0 in Trino, and NULL in DuckDB."""
    for count in query.find_all(exp.CountIf):
        count.replace(exp.Count(this=exp.Case().when(count.this.copy(), exp.Literal.number(1))))


Columns = dict[str, exp.DataType | None]
"""A source's columns, lower case, and their types where they are known."""


def _columns(source: exp.Expr | Scope, relations: Relations) -> Columns | None:
    """The columns of one source of a FROM clause; None when only DuckDB can tell."""
    if isinstance(source, exp.Table):
        return {**relations[id(source)].columns, PATH_COLUMN: exp.DataType.build("text")}
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


def _check_columns(scope: Scope, relations: Relations) -> None:
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


def _check_unnest(scope: Scope, relations: Relations) -> None:
    """Trino makes a column of each field of the rows that it unnests; DuckDB makes one of them."""
    for unnest in scope.find_all(exp.Unnest):
        for column in unnest.find_all(exp.Column):
            kind, fields = _resolve([p.name.lower() for p in _path(column)], scope, relations) or (
                None,
                [],
            )
            for field in fields:
                kind = kind and fields_of(kind).get(field)
            if kind and kind.is_type("array") and kind.expressions[0].is_type("struct"):
                raise QueryFailedError(
                    "NOT_SUPPORTED: The embedded Athena does not unnest an array of rows; "
                    "transform it to an array of one of their fields first"
                )


def fields_of(kind: exp.DataType) -> dict[str, exp.DataType]:
    """The fields of a struct type, lower case; empty for any other type."""
    if not kind.is_type("struct"):
        return {}
    return {field.name.lower(): field.args["kind"] for field in kind.expressions}


# DuckDB's error classes, most particular first, and Trino's error names.
_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.InternalException, "GENERIC_INTERNAL_ERROR"),
    (duckdb.FatalException, "GENERIC_INTERNAL_ERROR"),
    (duckdb.CatalogException, "FUNCTION_NOT_FOUND"),
    (duckdb.BinderException, "SYNTAX_ERROR"),
    (duckdb.ParserException, "SYNTAX_ERROR"),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
)


def failure(error: duckdb.Error) -> QueryFailedError:
    """The failure that Athena would report for what DuckDB raised."""
    message = str(error).split("\n", 1)[0].partition(": ")[2] or str(error)
    if message.startswith("HIVE_"):
        return QueryFailedError(message)
    if message.startswith("Division by zero"):
        return QueryFailedError("DIVISION_BY_ZERO: Division by zero")
    for kind, name in _ERRORS:
        if isinstance(error, kind):
            return QueryFailedError(f"{name}: {message}")
    return QueryFailedError(f"GENERIC_USER_ERROR: {message}")


# DuckDB type ids whose name differs in Athena's ColumnInfo, which gives no element types.
_ATHENA_TYPES = {
    "hugeint": "bigint",
    "struct": "row",
    "list": "array",
    "blob": "varbinary",
    "null": "unknown",
}


def athena_type(kind: DuckDBPyType) -> str:
    """The `Type` that GetQueryResults gives a column of this DuckDB type."""
    return _ATHENA_TYPES.get(kind.id, kind.id)


def athena_text(value: Any, kind: DuckDBPyType) -> str | None:
    """A value as Athena's results show it: `{sku=A1, price=9.5}`, `[a, b]`; None for NULL."""
    if value is None:
        return None
    text = _TEXTS.get(kind.id)
    return text(value, kind) if text else str(value)


def _item_text(value: Any, kind: DuckDBPyType) -> str:
    text = athena_text(value, kind)
    return "null" if text is None else text


def _kinds(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types inside a type, by field name for a struct, `child`, or `key` and `value`."""
    return dict(cast("list[tuple[str, DuckDBPyType]]", kind.children))


def _struct_text(value: dict[str, Any], kind: DuckDBPyType) -> str:
    fields = (f"{name}={_item_text(value[name], of)}" for name, of in _kinds(kind).items())
    return "{" + ", ".join(fields) + "}"


def _list_text(value: list[Any], kind: DuckDBPyType) -> str:
    return "[" + ", ".join(_item_text(item, _kinds(kind)["child"]) for item in value) + "]"


def _map_text(value: dict[Any, Any], kind: DuckDBPyType) -> str:
    of = _kinds(kind)
    items = (f"{_item_text(k, of['key'])}={_item_text(v, of['value'])}" for k, v in value.items())
    return "{" + ", ".join(items) + "}"


def _double_text(value: float, _: DuckDBPyType) -> str:
    """As Java writes a double: `12.5`, `1.0E7`."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{power}"


_TEXTS: dict[str, Callable[[Any, DuckDBPyType], str]] = {
    "boolean": lambda value, _: "true" if value else "false",
    "double": _double_text,
    "float": _double_text,
    "struct": _struct_text,
    "list": _list_text,
    "map": _map_text,
    "timestamp": lambda value, _: value.isoformat(" ", "milliseconds"),
    "timestamp with time zone": lambda value, _: (
        f"{value.replace(tzinfo=None).isoformat(' ', 'milliseconds')} UTC"
    ),
    "blob": lambda value, _: value.hex(" "),
}
