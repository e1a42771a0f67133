"""Runs the statements that Athena computes, each in processes of its own."""

import itertools
import tempfile
import threading
from pathlib import Path

from sqlglot import exp

from embedded_aws import hooks
from embedded_aws.athena.created import UNLOAD, create_table, create_view, drop_view, unload
from embedded_aws.athena.errors import QueryFailedError
from embedded_aws.athena.sql import parse_statement
from embedded_aws.athena.statement import Request, Result, Statement
from embedded_aws.athena.tables import TableStore
from embedded_aws.athena.workers import RunningQuery, Workers


class Queries:
    """Runs statements, each in processes of its own; `end` ends them all.

    Args:
        seconds: how long a statement may take.
    """

    def __init__(self, seconds: float) -> None:
        self.workers = Workers()
        self._seconds = seconds
        self._folder = Path(tempfile.mkdtemp(prefix="embedded-athena-")).resolve()
        self._tables = TableStore(self._folder)
        self._numbers = itertools.count(1)
        self._running = 0
        self._lock = threading.Lock()

    def run(self, request: Request, query: RunningQuery) -> Result:
        """Run a statement that Athena accepts.

        Raises:
            MalformedQueryError: it is none.
            QueryFailedError: it failed.
            QueryStoppedError: it was stopped, or would read more than its limit.
        """
        with self._lock:
            self._running += 1
        query.limit(self._seconds)
        target = self._folder / f"result-{next(self._numbers)}"
        try:
            return _run(Statement(request, query, self._tables, target))
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._tables.forget_stale()
            query.end()


def _run(statement: Statement) -> Result:
    request = statement.request
    if found := UNLOAD.fullmatch(request.text):
        return unload(statement, found)
    tree = parse_statement(request.text, request.parameters)
    if request.database not in {*hooks.glue.databases, "default"}:
        raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{request.database}' does not exist")
    match tree:
        case exp.Query():
            return statement.select(tree)
        case exp.Create(expression=exp.Query() as query, kind="TABLE"):
            return create_table(statement, tree, query)
        case exp.Create(expression=exp.Query() as query, kind="VIEW"):
            return create_view(statement, tree, query)
        case exp.Drop(kind="VIEW"):
            return drop_view(statement, tree)
    raise QueryFailedError("NOT_SUPPORTED: The embedded Athena does not run this statement")
