"""Every name of MiniStack that the embedded AWS uses or replaces.

Most are private: MiniStack has no other place for what is added here. They stand in this module
only, without their underscore: `hooks.athena.executions` is `ministack.services.athena._executions`
wherever it is read, called or set. Nothing of MiniStack is imported before a name is used, since
MiniStack reads its environment variables then.
"""

import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Any

from workshop.errors import WorkshopError

VERSION = "1.5.33"


class Names:
    """Names of one module of MiniStack, as attributes that can be read and set.

    Args:
        module: the module, below `ministack`.
        names: its names, underscores included, separated by blanks.
    """

    def __init__(self, module: str, names: str) -> None:
        vars(self)["module"] = f"ministack.{module}"
        vars(self)["names"] = {name.removeprefix("_"): name for name in names.split()}

    def __getattr__(self, name: str) -> Any:
        if name not in self.names:
            raise AttributeError(name)
        return getattr(importlib.import_module(self.module), self.names[name])

    def __setattr__(self, name: str, value: object) -> None:
        setattr(importlib.import_module(self.module), self.names[name], value)

    def missing(self) -> Iterator[str]:
        """Yield the names that the installed MiniStack does not have."""
        module = importlib.import_module(self.module)
        yield from (f"{self.module}.{it}" for it in self.names.values() if not hasattr(module, it))


app = Names("app", "AUTH SERVICE_HANDLERS app _credential_failure _request_account_scope")
athena = Names(
    "services.athena",
    "_Cursor _CreateTable _create_named_query _delete_named_query _delete_workgroup "
    "_execute_query _executions _get_query_results _list_query_executions _named_queries "
    "_parse_ddl _run_ddl "
    "_stop_query_execution _type_precision_scale _workgroups handle_request",
)
cloudformation = Names(
    "services.cloudformation.provisioners",
    "_RESOURCE_HANDLERS _custom_resource_create _custom_resource_delete _delete_predecessor",
)
cloudwatch = Names("services.cloudwatch", "_store_datum")
eventbridge = Names("services.eventbridge", "_put_events")
firehose = Names("services.firehose", "_deliver_to_s3")
glue = Names(
    "services.glue",
    "_batch_stop_job_run _create_database _create_table _databases _delete_database _delete_table "
    "_get_job_runs _job_runs _jobs _start_job_run _tables",
)
iam = Names("services.iam", "_roles")
iam_actions = Names(
    "core.iam_actions", "SERVICE_TO_IAM_NAMESPACE extract_resource_arn identity_denial_message"
)
iam_evaluator = Names(
    "core.iam_evaluator",
    "AuthError CredentialResolutionError EvalContext _conditions_met _resolve_condition_key "
    "enforce evaluate_resource_policy pin_request_caller resolve_credential",
)
lambda_functions = Names(
    "services.lambda_svc", "execution_credentials invalidate_worker release_worker"
)
lambda_runtime = Names("core.lambda_runtime", "execution_credentials")
logs = Names("services.cloudwatch_logs", "_metric_filters _put_log_events _put_metric_filter")
responses = Names(
    "core.responses",
    "error_response_json get_account_id get_region json_response request_scope "
    "set_request_account_id",
)
router = Names("core.router", "SERVICE_PATTERNS _KNOWN_AWS_SERVICE_NAMES extract_access_key_id")
s3 = Names(
    "services.s3",
    "_bucket_owner_account _buckets _delete_bucket _get_object_data _put_object "
    "bucket_policy_for_arn",
)
sigv4 = Names(
    "core.sigv4",
    "SIGNATURE_MISMATCH decode_header_value header_signature_failure parse_header_signature "
    "parse_query_signature request_time_failure",
)
sts = Names("services.sts", "register_session")


def check() -> None:
    """Make sure that MiniStack is the one that this was made for.

    Raises:
        WorkshopError: it has another version, or lacks a name.
    """
    installed = importlib.metadata.version("ministack")
    all_names = [it for it in globals().values() if isinstance(it, Names)]
    missing = [name for names in all_names for name in names.missing()]
    if missing or installed != VERSION:
        lacks = f" and lacks {', '.join(missing)}" if missing else ""
        raise WorkshopError(
            f"The embedded AWS was made for MiniStack {VERSION}; "
            f"the installed one is {installed}{lacks}.",
            "Install the locked version: make setup",
        )
