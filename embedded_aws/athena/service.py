"""Makes MiniStack's Athena behave as Athena does: requests, the course of a query, results."""

import asyncio
import contextlib
import contextvars
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from embedded_aws import hooks
from embedded_aws.athena.catalog import catalog_statement
from embedded_aws.athena.errors import MalformedQueryError, QueryFailedError, QueryStoppedError
from embedded_aws.athena.permissions import check_output
from embedded_aws.athena.queries import Queries
from embedded_aws.athena.sql import parse_statement
from embedded_aws.athena.statement import Request, Result, put_object
from embedded_aws.athena.workers import CANCELLED, TIMEOUT, RunningQuery
from embedded_aws.cloudwatch import publish_query
from embedded_aws.iam import AccessDeniedError, require

logger = logging.getLogger(__name__)

Answer = Any  # what a MiniStack handler returns: status, headers, body

# docs.aws.amazon.com/athena/latest/ug/service-limits.html: a DML query's time, a statement's text.
_SECONDS, _LONGEST_STATEMENT = 1800, 262_144
_AT_ONCE = 4  # the others are QUEUED
_LISTED = 50  # queries in a page of ListQueryExecutions
_PAGE = 1000  # rows of an answer of GetQueryResults, the header among them

_parameters: contextvars.ContextVar[list[str]] = contextvars.ContextVar("parameters")
_running: dict[str, RunningQuery] = {}
_queries: Queries | None = None


def install() -> None:
    """Put Athena's behaviour where MiniStack registers its own."""
    global _queries  # noqa: PLW0603 - one for the server
    _queries = queries = Queries(_SECONDS)
    threads = ThreadPoolExecutor(_AT_ONCE, "athena")
    handle, stop = hooks.athena.handle_request, hooks.athena.stop_query_execution

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, parameters: Any
    ) -> Answer:
        try:
            data = dict(json.loads(body or b"{}"))
        except (TypeError, ValueError):
            return await handle(method, path, headers, body, parameters)
        _name_catalog(data)
        if headers.get("x-amz-target", "").endswith(".StartQueryExecution"):
            # In a thread: a long statement takes seconds to parse.
            refusal = await asyncio.to_thread(_check_request, data)
            if refusal:
                return refusal
            _parameters.set(data.get("ExecutionParameters", []))
        body = json.dumps(data).encode()
        return await handle(method, path, headers, body, parameters)

    async def execute_query(
        query_id: str, text: str, database: str, _ddl: object, _catalog: str | None = None
    ) -> None:
        execution = hooks.athena.executions[query_id]
        _running[query_id] = query = RunningQuery(queries.workers)
        request = _request(execution, text, database)
        if request.parameters:
            execution["ExecutionParameters"] = request.parameters
        run = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(threads, run, _execute, queries, query, execution, request)
        del _running[query_id]

    def stop_query_execution(data: dict[str, Any]) -> Answer:
        query_id = data.get("QueryExecutionId", "")
        if hooks.athena.executions.get(query_id) is None:
            return _invalid_request(f"QueryExecution {query_id} was not found")
        if query := _running.get(query_id):
            threading.Thread(target=query.stop, args=[CANCELLED]).start()
        return stop(data)

    hooks.athena.handle_request = handle_request
    hooks.athena.execute_query = execute_query
    hooks.athena.stop_query_execution = stop_query_execution
    hooks.athena.get_query_results = _get_query_results
    hooks.athena.list_query_executions = _list_query_executions


def _list_query_executions(data: dict[str, Any]) -> Answer:
    """A page of a workgroup's queries, the newest first as on Athena."""
    workgroup, start = data.get("WorkGroup", "primary"), int(data.get("NextToken", 0))
    ids = [i for i, one in hooks.athena.executions.items() if one["WorkGroup"] == workgroup][::-1]
    end = start + data.get("MaxResults", _LISTED)
    more = {"NextToken": str(end)} if end < len(ids) else {}
    return hooks.responses.json_response({"QueryExecutionIds": ids[start:end], **more})


def end() -> None:
    """End every query, whatever it computes."""
    for query in [*_running.values()]:
        query.stop(CANCELLED)
    if _queries:
        _queries.workers.end()


# ---- StartQueryExecution ----


def _name_catalog(data: dict[str, Any]) -> None:
    """Write the name of AWS's own catalog, which is the same in any case, as MiniStack has it."""
    for name in {"CatalogName", "Name"} & data.keys():
        if str(data[name]).lower() == "awsdatacatalog":
            data[name] = "AwsDataCatalog"


def _invalid_request(message: str, **extra: str) -> Answer:
    return hooks.responses.error_response_json(
        "InvalidRequestException", message, extra=extra or None
    )


def _check_request(data: dict[str, Any]) -> Answer | None:
    """Put the output location into the request that its workgroup decides, with a slash.

    Returns:
        Athena's refusal, if it refuses the request.
    """
    try:
        _complete(data)
    except MalformedQueryError as error:
        return _invalid_request(str(error), AthenaErrorCode="MALFORMED_QUERY")
    except ValueError as error:
        return _invalid_request(str(error))
    return None


def _complete(data: dict[str, Any]) -> None:
    name = data.get("WorkGroup") or "primary"
    workgroup = hooks.athena.workgroups.get(name)
    if workgroup is None:
        raise ValueError(f"WorkGroup {name} is not found.")
    text, parameters = data.get("QueryString", ""), data.get("ExecutionParameters", [])
    if len(text) > _LONGEST_STATEMENT:
        raise ValueError(f"The statement has more than {_LONGEST_STATEMENT} characters")
    if catalog_statement(text) is None:
        with contextlib.suppress(QueryFailedError):  # it fails when it runs
            parse_statement(text, parameters)
    configuration = workgroup["Configuration"]
    wanted = data.get("ResultConfiguration", {})
    own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    enforced = _true(configuration.get("EnforceWorkGroupConfiguration"))
    location = own if enforced and own else wanted.get("OutputLocation") or own
    context = data.get("QueryExecutionContext", {})
    database = context.get("Database", "default").strip("`")  # awswrangler quotes it
    data["QueryExecutionContext"] = {**context, "Database": database}
    if not location:
        return
    bucket = urlsplit(location).netloc
    try:
        require("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
    except AccessDeniedError as error:
        raise ValueError(f"Unable to verify/create output bucket {bucket}") from error
    if bucket not in hooks.s3.buckets:
        raise ValueError(f"Unable to verify/create output bucket {bucket}")
    data["ResultConfiguration"] = {**wanted, "OutputLocation": location.rstrip("/") + "/"}


def _true(value: object) -> bool:
    """A boolean, which a template may give as text."""
    return str(value).lower() == "true"


# ---- Execution ----


def _request(execution: dict[str, Any], text: str, database: str) -> Request:
    configuration = hooks.athena.workgroups[execution["WorkGroup"]]["Configuration"]
    limit = configuration.get("BytesScannedCutoffPerQuery")
    return Request(
        text,
        _parameters.get(),
        database,
        int(limit) if limit else None,
        execution["ResultConfiguration"]["OutputLocation"],
        _true(configuration.get("EnforceWorkGroupConfiguration")),
    )


def _execute(
    queries: Queries, query: RunningQuery, execution: dict[str, Any], request: Request
) -> None:
    status, statistics = execution["Status"], execution["Statistics"]
    if status["State"] != "QUEUED":  # StopQueryExecution came first
        return
    status["State"] = "RUNNING"
    began = time.monotonic()
    try:
        result = _run(queries, query, request)
        location = _save(execution, result)
        statistics["DataScannedInBytes"] = result.scanned
        execution["_results"] = {"columns": result.names}
        execution["_column_types"] = result.types
        execution["ResultConfiguration"]["OutputLocation"] = location
        end = {"State": "SUCCEEDED"}
    except QueryStoppedError as error:
        state = "FAILED" if str(error) == TIMEOUT else "CANCELLED"
        end = {"State": state, "StateChangeReason": str(error)}
    except (QueryFailedError, MalformedQueryError) as error:
        end = {"State": "FAILED", "StateChangeReason": str(error)}
    except Exception as error:
        logger.exception("Athena query failed: %s", request.text)
        end = {"State": "FAILED", "StateChangeReason": f"GENERIC_INTERNAL_ERROR: {error}"}
    elapsed = int((time.monotonic() - began) * 1000)
    statistics["EngineExecutionTimeInMillis"] = elapsed
    statistics["TotalExecutionTimeInMillis"] = elapsed
    status["CompletionDateTime"] = int(time.time())
    if status["State"] != "CANCELLED":
        status |= end
    workgroup = hooks.athena.workgroups.get(execution["WorkGroup"], {"Configuration": {}})
    if _true(workgroup["Configuration"].get("PublishCloudWatchMetricsEnabled")):
        publish_query(execution)


def _run(queries: Queries, query: RunningQuery, request: Request) -> Result:
    output = urlsplit(request.location)
    check_output(output.netloc, output.path[1:])
    statement = catalog_statement(request.text)
    return statement(request.database) if statement else queries.run(request, query)


def _save(execution: dict[str, Any], result: Result) -> str:
    """Write the result where Athena does: rows as CSV, what SHOW lists as text, else a manifest."""
    location: str = execution["ResultConfiguration"]["OutputLocation"]
    if result.written:
        manifest = location.replace(".csv", "-manifest.csv")
        put_object(manifest, "".join(f"{uri}\n" for uri in result.written).encode(), "text/csv")
        execution["Statistics"]["DataManifestLocation"] = manifest
        location = location.removesuffix(".csv")
    if result.rows:
        body = result.rows.read_bytes()
        result.rows.unlink()
    else:
        location = location.removesuffix("csv") + "txt" if location.endswith("csv") else location
        body = "".join(f"{line}\n" for line in result.lines).encode()
    put_object(location, body, "text/csv")
    return location


# ---- GetQueryResults ----

# A value, and the comma or line end after it. NULL is an empty field without quotes.
_VALUE = re.compile(rb'(?:"((?:[^"]|"")*+)"|([^,\n]*+))(,|\n|\Z)')
_LINE = re.compile(rb"(?:(?!)()|([^\n]*+))(\n|\Z)")


def _get_query_results(data: dict[str, Any]) -> Answer:
    """Answer from the result's file, which the caller must be allowed to read, as on AWS.

    Source: Athena API reference, GetQueryResults.
    """
    query_id = data.get("QueryExecutionId")
    execution = hooks.athena.executions.get(query_id)
    if execution is None:
        return _invalid_request(f"QueryExecution {query_id} was not found")
    state = execution["Status"]["State"]
    if state != "SUCCEEDED":
        reason = execution["Status"]["StateChangeReason"]
        return _invalid_request(
            f"Query did not finish successfully. Final query state: {state}. {reason}"
        )
    location = urlsplit(execution["ResultConfiguration"]["OutputLocation"])
    bucket, key = location.netloc, location.path[1:]
    try:
        require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    except AccessDeniedError as error:
        return _invalid_request(f"Access denied when reading s3://{bucket}/{key}: {error}")
    body = hooks.s3.get_object_data(bucket, key)
    if body is None:
        return _invalid_request("Could not find results")
    rows, end = _page(
        body,
        int(data.get("NextToken") or 0),
        int(data.get("MaxResults") or _PAGE),
        csv=key.endswith(".csv"),
    )
    names, types = execution["_results"]["columns"], execution["_column_types"]
    answer = {
        "UpdateCount": 0,
        "ResultSet": {
            "Rows": [
                {"Data": [{} if it is None else {"VarCharValue": it} for it in row]} for row in rows
            ],
            "ResultSetMetadata": {
                "ColumnInfo": [_column(*pair) for pair in zip(names, types, strict=True)]
            },
        },
    }
    if end < len(body):
        answer["NextToken"] = str(end)
    return hooks.responses.json_response(answer)


def _page(body: bytes, start: int, count: int, *, csv: bool) -> tuple[list[list[str | None]], int]:
    """Some rows from a place in a result's file on, and the place behind them."""
    rows: list[list[str | None]] = []
    while start < len(body) and len(rows) < count:
        row: list[str | None] = []
        end = b","
        while end == b",":
            found = (_VALUE if csv else _LINE).match(body, start)
            assert found  # noqa: S101 - anything is a value
            quoted, plain, end = found.groups()
            value = plain if quoted is None else quoted.replace(b'""', b'"')
            row.append(value.decode("utf-8", "replace") if quoted is not None or value else None)
            start = found.end()
        rows.append(row)
    return rows, start


def _column(name: str, kind: str) -> dict[str, Any]:
    precision, scale = hooks.athena.type_precision_scale(kind)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }
