"""Athena's SQL, which is Trino's, on DuckDB: parsing, resolving names, translating."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError, UnsupportedError
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

from embedded_aws.athena.errors import MalformedQueryError, QueryFailedError
from embedded_aws.athena.functions import BY_NAME, compute_as_trino
from embedded_aws.athena.names import PATH_COLUMN, Relation, Relations, check_columns


def parse_statement(text: str, parameters: Sequence[str] = ()) -> exp.Expr:
    """Parse one statement of Athena engine version 3; comments and a final `;` are allowed.

    Args:
        text: the statement.
        parameters: what its `?` stand for, as SQL: `'a text'`, `1`.

    Raises:
        MalformedQueryError: the text is not exactly one statement.
        QueryFailedError: there are more or fewer parameters than `?`.
    """
    statements = _parsed(text)
    if len(statements) != 1:
        raise MalformedQueryError(f"Only one sql statement is allowed. Got: {text}")
    places = list(statements[0].find_all(exp.Placeholder, bfs=False))
    if len(places) != len(parameters):
        raise QueryFailedError(
            "INVALID_PARAMETER_USAGE: Incorrect number of parameters: "
            f"expected {len(places)} but found {len(parameters)}"
        )
    for place, parameter in zip(places, parameters, strict=True):
        value = _parsed(f"SELECT {parameter}")[0].selects  # type: ignore[attr-defined]
        if len(value) != 1 or value[0].find(exp.Query, exp.Table):
            raise MalformedQueryError(f"'{parameter}' is not a value")
        place.replace(exp.paren(value[0]) if isinstance(value[0], exp.Binary) else value[0])
    return statements[0]


def _parsed(text: str) -> list[exp.Expr]:
    try:
        _check_tokens(sqlglot.tokenize(text, read="athena"))
        trees = [tree for tree in sqlglot.parse(text, read="athena") if tree]
    except SqlglotError as error:
        raise MalformedQueryError(_first_error(error)) from error
    except RecursionError as error:
        raise MalformedQueryError(
            "statement is too large (stack overflow while parsing)"
        ) from error
    for star in (star for tree in trees for star in tree.find_all(exp.Star)):
        if any(star.args.get(it) for it in ("except_", "replace", "rename")):  # of other databases
            raise MalformedQueryError("mismatched input behind '*'")
    return trees


def _check_tokens(tokens: Iterable[Token]) -> None:
    """Refuse what other databases have: `x::type`, ILIKE, OFFSET behind LIMIT."""
    depth, limited = 0, set[int]()
    for token in tokens:
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        limited = {it for it in limited if it <= depth}
        if kind == TokenType.LIMIT:
            limited.add(depth)
        late = kind == TokenType.OFFSET and depth in limited
        if late or kind in (TokenType.DCOLON, TokenType.ILIKE):
            raise MalformedQueryError(
                f"line {token.line}:{token.col}: mismatched input '{token.text}'"
            )


def parse_query(text: str, parameters: Sequence[str] = ()) -> exp.Query:
    """Parse one SELECT; the arguments are those of `parse_statement`.

    Raises:
        MalformedQueryError: the text is not exactly one statement.
        QueryFailedError: it is a statement of another kind, which only AWS runs.
    """
    statement = parse_statement(text, parameters)
    if not isinstance(statement, exp.Query):
        raise QueryFailedError("NOT_SUPPORTED: The embedded Athena does not run this statement")
    return statement


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
    except UnsupportedError as error:
        raise QueryFailedError(f"NOT_SUPPORTED: The embedded Athena: {error}") from error
    except SqlglotError as error:
        raise QueryFailedError(f"SYNTAX_ERROR: {error}") from error
    except RecursionError as error:
        raise QueryFailedError(
            "SYNTAX_ERROR: statement is too large (stack overflow during analysis)"
        ) from error


def _translate(query: exp.Query, relation_of: Callable[[exp.Table], Relation]) -> str:
    _lower_names_of_tables(query)
    scopes = list(traverse_scope(query))
    _check_sources(query, scopes)
    _check_functions(query)
    relations = Relations()
    for table in _tables(scopes):
        relations[id(table)] = relation_of(table)
    for scope in scopes:
        if isinstance(scope.expression, exp.Select):
            check_columns(scope, relations)
    _name_columns(query)
    for scope in scopes:
        if any(_tables([scope])):
            _hide_path(scope)
    for table in _tables(scopes):
        _read_view(table, relations[id(table)].view)
    compute_as_trino(scopes, relations)
    # What sqlglot would leave out with a warning is an error.
    return query.sql("duckdb", identify=True, unsupported_level=ErrorLevel.RAISE)


def _lower_names_of_tables(query: exp.Query) -> None:
    """A table, a CTE and an alias of either are the same in any case."""
    for node in query.find_all(exp.Table, exp.TableAlias):
        if isinstance(node.this, exp.Identifier):
            node.this.set("this", node.this.name.lower())


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
    *("bit_count", "entropy", "geometric_mean", "histogram", "json_array_length", "map_concat"),
    *("map_entries", "map_values", "millisecond", "timezone_hour", "timezone_minute", "to_base"),
    *("to_milliseconds", "url_decode", "url_encode"),
}


# Trino has these, and a statement with them would run on AWS.
_ONLY_IN_TRINO = {
    *("any_match", "approx_most_frequent", "array_union", "checksum", "codepoint"),
    *("current_timezone", "format_datetime", "hamming_distance", "human_readable_seconds"),
    *("infinity", "is_json_scalar", "json_array_contains", "json_array_get", "json_exists"),
    *("json_size", "map_filter", "multimap_agg", "nan", "normalize", "numeric_histogram"),
    *("parse_duration", "shuffle", "split_to_map", "to_iso8601", "url_extract_fragment"),
    *("url_extract_parameter", "url_extract_port", "with_timezone", "word_stem", "xxhash64"),
    "zip",
}


def _check_functions(query: exp.Query) -> None:
    for function in query.find_all(exp.Anonymous, exp.ReadCSV, exp.ReadParquet):
        called = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        name = called.lower()
        if name in _ONLY_IN_TRINO:
            raise QueryFailedError(f"NOT_SUPPORTED: The embedded Athena does not compute {name}")
        if name not in _SAME_IN_DUCKDB | BY_NAME:
            raise QueryFailedError(f"FUNCTION_NOT_FOUND: Function '{name}' not registered")


def _read_view(table: exp.Table, view: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=table.this.copy()))
    table.set("this", exp.to_identifier(view, quoted=True))
    table.set("db", None)
    table.set("catalog", None)


def _hide_path(scope: Scope) -> None:
    """`*` does not show the hidden column, which a view cannot hide."""
    sources = {name.lower() for name in scope.selected_sources}
    for projection in scope.expression.args.get("expressions", []):
        if projection.is_star:
            star = projection if isinstance(projection, exp.Star) else projection.this
            if star is projection or projection.table.lower() in sources:  # `row.*` has no path
                star.set("except_", [exp.column(PATH_COLUMN, quoted=True)])


def _name_columns(query: exp.Query) -> None:
    """Trino names a column by its field, and an unnamed one of the result by its position."""
    for select in query.find_all(exp.Select):
        for position, projection in enumerate(select.selects):
            if isinstance(projection, exp.Dot) and isinstance(
                projection.expression, exp.Identifier
            ):
                name = projection.name
            elif select is query and not (
                isinstance(projection, (exp.Alias, exp.Column)) or projection.is_star
            ):
                name = f"_col{position}"
            else:
                continue
            named = exp.Alias(alias=exp.to_identifier(name, quoted=True))
            projection.replace(named)
            named.set("this", projection)
