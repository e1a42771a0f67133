"""A statement that runs: its query for DuckDB, and the engine that computes it."""

# ruff: noqa: S608 - it writes SQL from what was translated

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlglot import exp

from embedded_aws import hooks
from embedded_aws.athena.errors import QueryFailedError
from embedded_aws.athena.names import PATH_COLUMN, Relation
from embedded_aws.athena.sql import parse_query, translate
from embedded_aws.athena.tables import TableStore, columns_of, find_table
from embedded_aws.athena.workers import RunningQuery

_MOST_VIEWS = 20  # one in another
_VIEW = re.compile(r"/\* Presto View: (.*) \*/")


@dataclass(frozen=True)
class Request:
    """What StartQueryExecution asked for.

    Attributes:
        text: the statement.
        parameters: what its `?` stand for.
        database: the Glue database of names without one.
        scan_limit: bytes, as stored, that it may read; None for no limit.
        location: where its result goes, which ends with its id and `.csv`.
        enforced: whether the workgroup decides on the location.
    """

    text: str
    parameters: Sequence[str] = ()
    database: str = "default"
    scan_limit: int | None = None
    location: str = ""
    enforced: bool = False


@dataclass(frozen=True)
class Result:
    """What a finished statement answers.

    Attributes:
        names, types: of its columns.
        rows: a file with its rows as CSV; None for a statement that answers with `lines`.
        lines: what SHOW or DESCRIBE lists.
        written: the objects that it wrote beside its result.
        scanned: the bytes, as stored, that it read.
    """

    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: Path | None = None
    lines: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    scanned: int = 0


class Statement:
    """One statement that runs.

    Attributes:
        request: what was asked for.
        target: the file that the engine writes its rows to.
    """

    def __init__(
        self, request: Request, query: RunningQuery, tables: TableStore, target: Path
    ) -> None:
        self.request = request
        self._query = query
        self._tables = tables
        self.target = target
        self._views: dict[str, str] = {}
        self._scanned: dict[str, int] = {}

    @property
    def scanned(self) -> int:
        """The bytes, as stored, of the tables that it reads."""
        return sum(self._scanned.values())

    def translated(self, query: exp.Query, database: str, depth: int = 0) -> str:
        """The query for DuckDB, and in `_views` what it reads."""

        def relation_of(table: exp.Table) -> Relation:
            if table.catalog.lower() not in ("", "awsdatacatalog"):
                raise QueryFailedError(
                    f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist"
                )
            relation = self._relation((table.db or database).lower(), table.name, depth)
            self._views[relation.view] = relation.definition
            return relation

        return translate(query, relation_of)

    def _relation(self, database: str, name: str, depth: int) -> Relation:
        declared = find_table(database, name)
        if found := _VIEW.fullmatch(declared.get("ViewOriginalText") or ""):
            if depth > _MOST_VIEWS:
                raise QueryFailedError(f"INVALID_VIEW: View '{database}.{name}' is too deep")
            view = json.loads(base64.b64decode(found[1]))
            text = self.translated(parse_query(view["originalSql"]), view["schema"], depth + 1)
            definition = f'SELECT *, NULL::VARCHAR AS "{PATH_COLUMN}" FROM ({text})'
            columns = columns_of(name, declared)
            return Relation(f"{database}.{name}", columns, 0, definition, is_table=False)
        self._scanned.pop(f"{database}.{name}", None)  # a table counts once
        limit = self.request.scan_limit
        remaining = None if limit is None else limit - self.scanned
        relation = self._tables.relation(self._query, database, name, remaining)
        self._scanned[f"{database}.{name}"] = relation.size
        return relation

    def ask(self, job: str, text: str, **more: str) -> dict[str, Any]:
        """Let the engine do a job with a translated query."""
        return self._query.run(
            job=job,
            folder=str(self.target.parent),
            views=list(self._views.items()),
            text=text,
            to=str(self.target),
            **more,
        )

    def select(self, query: exp.Query) -> Result:
        """Run a query."""
        text = self.translated(query, self.request.database)
        answer = self.ask("query", text)
        return Result(
            answer["names"],
            answer["types"],
            rows=self.target,
            scanned=self.scanned,
        )


def put_object(uri: str, body: bytes, content_type: str = "application/octet-stream") -> None:
    """Write an object, as Athena with the rights of its caller has been found to be allowed.

    Raises:
        QueryFailedError: S3 refused it.
    """
    parts = urlsplit(uri)
    headers = {"content-type": content_type, "content-length": str(len(body))}
    code, _, answer = hooks.s3.put_object(parts.netloc, parts.path[1:], body, headers)
    if code >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"Could not write the result to {uri}: {answer!r}")
