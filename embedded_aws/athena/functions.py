"""Makes DuckDB compute what Trino does, where its function or operator for that differs.

What Trino does: trino.io/docs/current/functions.html, and io.trino.type (`DoubleOperators`,
`VarcharOperators`, `DateTimes`), io.trino.operator.scalar (`JsonExtract`, `DateTimeFunctions`).
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NoReturn

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from embedded_aws.athena.errors import QueryFailedError
from embedded_aws.athena.names import Relations, fields_of, known_type, type_of
from embedded_aws.athena.results import UNREADABLE

# Returns what replaces an expression, or None if it stays, perhaps changed in place.
_Rewrite = Callable[[Any], exp.Expr | None]

_WHOLE = ("tinyint", "smallint", "int", "bigint")
_REAL = ("double", "float", "decimal")
_TEXT = ("text", "varchar", "char")


def compute_as_trino(scopes: Sequence[Scope], relations: Relations) -> None:
    """Rewrite the expressions of a query, the innermost first.

    Raises:
        QueryFailedError: what they compute cannot be computed here.
    """
    # Types first: a rewritten expression does not show its own any more.
    # Outer queries first: an UNNEST has a scope of its own, which does not know their columns.
    for scope in reversed(scopes):
        type_of(scope.expression, scope, relations)
    # Inner queries first too: what is rewritten around them has them twice.
    for scope in scopes:
        nodes = list(scope.walk())
        for node in reversed(nodes):
            rewrite = _REWRITES.get(type(node))
            rewritten = rewrite(node) if rewrite else None
            if rewritten:
                rewritten.meta.update(node.meta)  # its type, for what is around it
                node.replace(rewritten)
            if rewritten or isinstance(node, _GROWING):
                _check_size(rewritten or node, _MOST_NODES + 4 * len(nodes))
        _unnest_rows(scope)


# What is copied into itself, at each level of a nested expression.
_GROWING = (exp.Cast, exp.Date)
_MOST_NODES = 5_000  # in one expression, beside those that the query has


def _check_size(expression: exp.Expr, most: int) -> None:
    if next(islice(expression.walk(), most, None), None):
        raise QueryFailedError(
            "SYNTAX_ERROR: statement is too large (stack overflow during analysis)"
        )


def _is(node: exp.Expr, *names: str) -> bool:
    kind = known_type(node)
    # A name with its sizes, as in `decimal(10, 2)`, is another type to `is_type`.
    return kind is not None and exp.DataType(this=kind.this).is_type(*names)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _text(text: str) -> exp.Expr:
    return exp.Literal.string(text)


def _refuse(what: str) -> NoReturn:
    raise QueryFailedError(f"NOT_SUPPORTED: The embedded Athena does not compute {what}")


# ---- Operators ----

_MOST_DIVISIONS = 5  # in one expression: each copies what it divides


def _divide(division: exp.Div) -> exp.Expr | None:
    """A double that is divided by zero is infinite, or not a number; any other is an error."""
    if not _is(division, "double", "float"):
        return None
    if sum(1 for _ in division.find_all(exp.Div)) > _MOST_DIVISIONS:
        return None
    dividend, divisor = exp.paren(division.this.copy()), exp.paren(division.expression.copy())
    infinite = exp.Mul(this=dividend, expression=exp.cast(_text("Infinity"), "double"))
    zero = exp.EQ(this=divisor, expression=exp.Literal.number(0))
    return exp.paren(exp.Case().when(zero, infinite).else_(division.copy()))


def _move_date(node: Any) -> exp.Expr | None:
    """A day and an interval make a day, not a time; two days, an interval."""
    if _is(node, "date"):
        return exp.cast(exp.paren(node.copy()), "date")
    if isinstance(node, exp.Sub) and _is(node.this, "date") and _is(node.expression, "date"):
        for side in (node.this, node.expression):
            side.replace(exp.cast(side.copy(), "timestamp"))
    return None


def _subscript(bracket: exp.Bracket) -> exp.Expr | None:
    """A subscript out of range is an error, except in `element_at` and TRY."""
    if bracket.args.get("safe") or bracket.find_ancestor(exp.Try) or len(bracket.expressions) != 1:
        return None
    of, key = bracket.this, exp.paren(bracket.expressions[0].copy())
    if _is(of, "array"):
        length = _call("len", of)
        missing: exp.Expr = exp.GTE(this=key, expression=length)  # sqlglot counts from 0
        key = exp.paren(exp.Add(this=key, expression=exp.Literal.number(1)))
        said = (
            "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to "
            "array length: "
        )
        message = _call("concat", _text(said), key, _text(" > "), length)
    elif _is(of, "map"):
        missing = exp.Not(this=_call("map_contains", of, key))
        message = _call("concat", _text("INVALID_FUNCTION_ARGUMENT: Key not present in map: "), key)
    else:
        return None
    return exp.paren(exp.Case().when(missing, _call("error", message)).else_(bracket.copy()))


# ---- Casts ----

# What Trino reads: a whole number; a day; a day and, behind a blank, a time and a zone.
_READABLE = {
    _WHOLE: r"\s*[+-]?[0-9]+\s*",
    ("date",): r"\s*[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2}\s*",
    ("timestamp", "timestamptz"): r"\s*[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2}(\s.*)?",
}


def _cast(node: exp.Cast) -> None:
    value, to = node.this, node.to
    if _is(value, *_REAL) and to.is_type(*_WHOLE):
        value.replace(exp.Round(this=value.copy()))  # half up; DuckDB rounds half to even
    elif _is(value, "timestamp", "timestamptz") and to.is_type(*_TEXT):
        zone = " UTC" if _is(value, "timestamptz") else ""
        value.replace(_call("strftime", value, _text(f"%Y-%m-%d %H:%M:%S.%g{zone}")))
    elif _is(value, *_TEXT) and not isinstance(node.parent, exp.Interval):
        _read_text(value, to)


def _date(node: exp.Date) -> None:
    if _is(node.this, *_TEXT):
        _read_text(node.this, exp.DataType.build("date"))


def _read_text(value: exp.Expr, to: exp.DataType) -> None:
    for names, pattern in _READABLE.items():
        if not to.is_type(*names):
            continue
        marked = exp.paren(exp.DPipe(this=_text(UNREADABLE), expression=value.copy()))
        if isinstance(value, exp.Literal):
            if not re.fullmatch(pattern, value.name):
                value.replace(marked)
        else:
            readable = _call("regexp_full_match", value, _text(pattern))
            value.replace(exp.Case().when(readable, value.copy()).else_(marked))


# ---- Functions ----


def _date_diff(node: exp.DateDiff) -> exp.Expr:
    """Whole units between two times; DuckDB's `date_diff` counts the boundaries between them."""
    unit = node.args.get("unit")
    return _call(
        "date_sub", _text(unit.name.lower() if unit else "day"), node.expression, node.this
    )


def _extract(node: exp.Extract) -> exp.Expr | None:
    """Monday is 1 and Sunday 7; DuckDB's week begins with Sunday, 0."""
    if node.name.lower() in ("dayofweek", "dow", "day_of_week"):
        return exp.DayOfWeekIso(this=node.expression.copy())
    return None


def _regexp_replace(node: exp.RegexpReplace) -> None:
    r"""Java's `$1` is `\1` to DuckDB."""
    replacement = node.args.get("replacement")
    if not (isinstance(replacement, exp.Literal) and replacement.is_string):
        _refuse("regexp_replace with a replacement that is not a text")
    parts = re.findall(r"\\(.)|\$(\d)|(\$)|([^\\$]+)", replacement.name, re.DOTALL)
    if any(dollar for _, _, dollar, _ in parts):
        _refuse("regexp_replace with a group's name")
    text = "".join(
        f"\\{group}" if group else (escaped or plain).replace("\\", r"\\")
        for escaped, group, _, plain in parts
    )
    replacement.replace(_text(text))


def _json_extract(node: exp.JSONExtract | exp.JSONExtractScalar) -> exp.Expr:
    """Return NULL for text that is not JSON, and for an object where a scalar is wanted."""
    found = exp.Try(this=exp.paren(node.copy()))
    if isinstance(node, exp.JSONExtract):
        return found
    kind = exp.Try(this=_call("json_type", node.this, node.expression))
    nested = exp.In(this=kind, expressions=[_text("OBJECT"), _text("ARRAY")])
    return exp.paren(exp.Case().when(exp.Not(this=exp.paren(nested)), found))


def _format(node: exp.Format) -> exp.Expr:
    """Java's and C's formats agree in what is usual; DuckDB's `format` has another language."""
    return _call("printf", node.this, *node.expressions)


def _position(node: exp.ArrayPosition) -> exp.Expr:
    return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])


def _cardinality(node: exp.ArraySize) -> exp.Expr:
    return exp.cast(_call("cardinality", node.this), "bigint")


def _count_if(node: exp.CountIf) -> exp.Expr:
    """`count_if` of conditions that are all NULL is 0 in Trino, and NULL in DuckDB."""
    return exp.Count(this=exp.Case().when(node.this.copy(), exp.Literal.number(1)))


def _without(argument: str, what: str) -> _Rewrite:
    def check(node: exp.Expr) -> None:
        if node.args.get(argument):
            _refuse(f"{what}")

    return check


def _never(what: str) -> _Rewrite:
    return lambda _: _refuse(what)


def _of_url(pattern: str) -> Callable[[exp.Expr], exp.Expr]:
    def extract(url: exp.Expr) -> exp.Expr:
        found = _call("regexp_extract", url, _text(pattern), exp.Literal.number(1))
        return exp.paren(exp.Case().when(_call("regexp_matches", url, _text(pattern)), found))

    return extract


# What sqlglot does not know, by Trino's name. URLs: RFC 3986, appendix B.
_BY_NAME: dict[str, Callable[..., exp.Expr]] = {
    "arrays_overlap": lambda a, b: _call("list_has_any", a, b),
    "at_timezone": lambda time, zone: exp.AtTimeZone(this=time.copy(), zone=zone.copy()),
    "every": lambda value: exp.LogicalAnd(this=value.copy()),
    "map_agg": lambda key, value: _call(
        "map_from_entries", _call("list", _call("row", key, value))
    ),
    "url_extract_host": _of_url(r"^[^:/?#]+://(?:[^/?#@]*@)?([^/?#:]+)"),
    "url_extract_path": _of_url(r"^[^:/?#]+:(?://[^/?#]*)?([^?#]*)"),
    "url_extract_protocol": _of_url(r"^([^:/?#]+):"),
    "url_extract_query": _of_url(r"^[^?#]*\?([^#]*)"),
}
BY_NAME = frozenset(_BY_NAME)


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    name = node.name.lower()
    try:
        return _BY_NAME[name](*node.expressions) if name in _BY_NAME else None
    except TypeError as error:
        raise QueryFailedError(
            f"FUNCTION_NOT_FOUND: Unexpected parameters for function {name}"
        ) from error


_REWRITES: dict[type[exp.Expr], _Rewrite] = {
    exp.Add: _move_date,
    exp.Anonymous: _anonymous,
    exp.ArrayPosition: _position,
    exp.ArraySize: _cardinality,
    exp.ArraySort: _without("expression", "array_sort with a comparison"),
    exp.Bracket: _subscript,
    exp.Cast: _cast,
    exp.CountIf: _count_if,
    exp.Date: _date,
    exp.DateAdd: _move_date,
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _move_date,
    exp.Div: _divide,
    exp.Extract: _extract,
    exp.Format: _format,
    exp.JSONExtract: _json_extract,
    exp.JSONExtractScalar: _json_extract,
    exp.JSONValue: _never("json_value; json_extract_scalar does the same"),
    exp.RegexpReplace: _regexp_replace,
    exp.Repeat: _never("repeat"),
    exp.Split: _without("limit", "split with a limit"),
    exp.Sub: _move_date,
    exp.TimestampTrunc: _move_date,
    exp.TryCast: _cast,
    exp.UnixToTime: _without("zone", "from_unixtime with a zone"),
}


def _unnest_rows(scope: Scope) -> None:
    """Make a column of each field of the rows that an array has; DuckDB makes one of them all.

    Raises:
        QueryFailedError: the aliases are not as many as the fields.
    """
    for unnest in list(scope.find_all(exp.Unnest)):
        kinds = [known_type(array) for array in unnest.expressions]
        rows = [
            fields_of(kind.expressions[0])
            if kind and kind.is_type(exp.DType.ARRAY) and kind.expressions
            else {}
            for kind in kinds
        ]
        if not any(rows):
            continue
        if len(rows) > 1 or unnest.args.get("offset"):
            _refuse("UNNEST of rows beside other arrays, or with their numbers")
        names = unnest.alias_column_names
        if names and len(names) != len(rows[0]):
            raise QueryFailedError(
                f"SYNTAX_ERROR: Column alias list has {len(names)} entries but "
                f"'{unnest.alias}' has {len(rows[0])} columns available"
            )
        depth = exp.PropertyEQ(
            this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2)
        )
        columns = exp.Explode(this=unnest.expressions[0].copy(), expressions=[depth])
        alias = unnest.args.get("alias")
        unnest.replace(
            exp.Lateral(
                this=exp.Subquery(this=exp.Select(expressions=[columns])),
                alias=alias.copy() if alias else None,
            )
        )
