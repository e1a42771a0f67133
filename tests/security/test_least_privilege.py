"""Every role can do what it was seen to do, nothing that it must not, and no more than it needs.

What was seen is `calls.json`: each call that the embedded AWS's evaluation allowed while everybody
played their part (`playing.py`); a slow test plays it again. What the job calls through S3A, as on
Glue, is `s3a_calls.json`; `tests/integration/job/test_s3a.py` plays that. What decides here is
another engine, on the policies as they are synthesized.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stacks.segment_access import SEGMENT_PRINCIPAL
from tests.support.denied import (
    CONTENTS,
    DENIED,
    ETL,
    HELPER,
    LOG,
    PERSONALIZE,
    ROLES,
    SCRIPT,
    SEGMENT,
)
from tests.support.evaluation import (
    ACCOUNT,
    BUCKET_ARN,
    PARTICIPANT,
    Call,
    Decision,
    Environment,
    arn,
    decide,
    role_arn,
    unneeded,
)
from tests.support.participant import JOB
from tests.support.playing import RECORDED, S3A_RECORDED, WORKSPACE, play
from tests.support.stack import STACK
from tests.support.templates import synthesize_for_events

RESULTS = f"{BUCKET_ARN}/athena-results/0.csv"
WORKGROUP_ARN = arn("athena", "workgroup/segment-personalize")
PERSONALIZES_OWN = {
    "aws:SourceAccount": ACCOUNT,
    "aws:SourceArn": arn("personalize", "dataset-import-job/one"),
}
CATALOG_ARN = arn("glue", "catalog")
TABLE_ARN = arn("glue", "table/segment_personalize/segment_logs")
# Calls that are made on AWS and cannot be seen on the embedded AWS, and how they are known.
NOT_CALLED = [
    # Glue's log agent may ask for the group and its streams before it writes. Source: AWS Glue
    # Developer Guide, "AWS managed policies for AWS Glue", AWSGlueServiceRole;
    # github.com/aws/amazon-cloudwatch-agent, pull request 85: without the right to make the group
    # an agent stopped writing to one that was there.
    *(
        Call(ETL, action, arn("logs", f"log-group:/aws-glue/{JOB}/{group}:log-stream:"))
        for action in ("logs:CreateLogGroup", "logs:DescribeLogStreams")
        for group in ("output", "error")
    ),
    # Lambda writes its log with the function's role. Source: AWS Lambda Developer Guide, "Sending
    # Lambda function logs to CloudWatch Logs".
    *(
        Call(CONTENTS, action, arn("logs", f"log-group:{STACK}-ContentsLog-0:log-stream:one"))
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ),
    # An upload that names an ACL needs it; the embedded AWS does not ask. Source: Amazon S3 User
    # Guide, "Required permissions for Amazon S3 API operations"; Segment's list has it.
    Call(SEGMENT, "s3:PutObjectAcl", f"{BUCKET_ARN}/{LOG}"),
    # Athena writes large results in parts, with the rights of who asks. Source: Amazon Athena User
    # Guide, "AWS managed policy: AmazonAthenaFullAccess", its statement on results.
    Call(PARTICIPANT, "s3:AbortMultipartUpload", RESULTS),
    Call(PARTICIPANT, "s3:ListMultipartUploadParts", RESULTS),
    Call(PARTICIPANT, "s3:ListBucketMultipartUploads", BUCKET_ARN),
    # It reads partitions where a table has them. Source: the same policy, its statement on the
    # catalog.
    Call(PARTICIPANT, "glue:BatchGetPartition", TABLE_ARN),
    Call(PARTICIPANT, "glue:GetPartition", TABLE_ARN),
    # The console asks for catalogs. Source: the same policy, version 15.
    Call(PARTICIPANT, "glue:GetCatalog", CATALOG_ARN),
    Call(PARTICIPANT, "glue:GetCatalogs", CATALOG_ARN),
    # Saving the job names its role; the embedded AWS does not ask whether it may be passed. Source:
    # AWS Glue Developer Guide, "Setting up IAM permissions", `iam:PassRole`.
    Call(PARTICIPANT, "iam:PassRole", role_arn(ETL), {"iam:PassedToService": "glue.amazonaws.com"}),
    # The consoles' own calls, for which the embedded AWS has no operation. Sources: the same policy
    # for Athena's; AWS Glue User Guide, "Set up IAM permissions for AWS Glue Studio" for Glue's.
    Call(PARTICIPANT, "athena:GetQueryResultsStream", WORKGROUP_ARN),
    Call(PARTICIPANT, "athena:GetWorkGroup", arn("athena", "workgroup/primary")),
    Call(PARTICIPANT, "athena:GetQueryRuntimeStatistics", WORKGROUP_ARN),
    Call(PARTICIPANT, "athena:ListEngineVersions", "*"),
    Call(PARTICIPANT, "glue:BatchGetJobs", arn("glue", f"job/{JOB}")),
    Call(PARTICIPANT, "glue:ListJobs", "*"),
    Call(PARTICIPANT, "glue:UseGlueStudio", "*"),
]
# Who becomes which role.
BECOME = [
    Call(who, "sts:AssumeRole", role_arn(role), context)
    for who, role, context in (
        ("glue.amazonaws.com", ETL, {"aws:SourceAccount": ACCOUNT}),
        ("lambda.amazonaws.com", CONTENTS, {"aws:SourceAccount": ACCOUNT}),
        ("personalize.amazonaws.com", PERSONALIZE, PERSONALIZES_OWN),
        (SEGMENT_PRINCIPAL, SEGMENT, {"sts:ExternalId": WORKSPACE}),
    )
]
TARGETS = ("account", "event")


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    """The two ways of deployment."""
    return str(request.param)


@pytest.fixture(scope="module")
def environment(target: str) -> Environment:
    """The synthesized policies of one target."""
    return Environment(synthesize_for_events(target))


@pytest.fixture(scope="module")
def existing(target: str) -> Environment:
    """The same where a company's own logs are read."""
    return Environment(synthesize_for_events(target), "s3://company-logs/segment/segment-logs")


def seen(environment: Environment, target: str) -> list[Call]:
    """The recorded calls, as they are on a target.

    They were recorded on the event target, those of S3A apart. `cdk deploy` brings the job's script
    as an asset: there the job reads that, and the Lambda has nothing to do with a script.
    """
    recordings = [json.loads(file.read_text(encoding="utf-8")) for file in (RECORDED, S3A_RECORDED)]
    calls = [
        Call(who, action, resource)
        for recorded in recordings
        for who, found in recorded.items()
        for resource, actions in found.items()
        for action in actions
    ]
    if target == "event":
        return calls
    files = {
        f"{BUCKET_ARN}/{SCRIPT}": environment.script,
        f"{BUCKET_ARN}/{HELPER}": environment.helper,
    }
    return [
        Call(call.principal, call.action, files[call.resource])
        if call.principal == ETL and call.resource in files
        else call
        for call in calls
        if call.principal != CONTENTS
        or not (call.resource.startswith(tuple(files)) or call.action == "s3:ListBucket")
    ]


def asked(call: Call) -> list[Call]:
    """A call as AWS evaluates it: one of the catalog on the table, its database and the catalog."""
    kind, _, name = call.resource.rpartition(":")[2].partition("/")
    owners = []
    if call.action.startswith("glue:") and kind in {"table", "database"}:
        owners = ["catalog", *([f"database/{name.split('/')[0]}"] if kind == "table" else [])]
    prefix = call.resource.rpartition(":")[0]
    return [
        call,
        *(Call(call.principal, call.action, f"{prefix}:{owner}", call.context) for owner in owners),
    ]


def needed(environment: Environment, target: str) -> list[Call]:
    """Everything that must be allowed."""
    calls = [*seen(environment, target), *NOT_CALLED, *BECOME]
    # Personalize reads through its role and through the bucket's policy.
    calls += [
        Call("personalize.amazonaws.com", call.action, call.resource, PERSONALIZES_OWN)
        for call in calls
        if call.principal == PERSONALIZE
    ]
    return [one for call in calls for one in asked(call)]


@pytest.fixture(scope="module")
def decisions(environment: Environment, target: str) -> dict[str, Decision]:
    """The engine's decision on every call that must be allowed, by the call."""
    calls = needed(environment, target)
    decided = decide([(environment, call) for call in calls])
    return dict(zip(map(str, calls), decided, strict=True))


def test_what_is_needed_is_allowed(decisions: dict[str, Decision]) -> None:
    """AWS would refuse in front of participants what went through on the embedded AWS."""
    assert len(decisions) > 100
    assert [call for call, decision in decisions.items() if not decision.allowed] == []


def test_what_must_not_be_is_denied(environment: Environment) -> None:
    """A script, a participant or somebody's account would reach what is not theirs."""
    decided = decide([(environment, call) for call in DENIED])
    assert len({str(call) for call in DENIED}) == len(DENIED) >= 60
    assert [str(c) for c, d in zip(DENIED, decided, strict=True) if d.allowed] == []


def test_no_permission_is_left_over(
    environment: Environment, decisions: dict[str, Decision]
) -> None:
    """A right that nobody needs stays until somebody finds a use for it."""
    found = list(decisions.values())
    names = {*ROLES, PARTICIPANT}
    assert environment.trust.keys() | {PARTICIPANT} == names
    policies = {name: environment.identity[name] for name in names}
    policies["bucket"] = environment.bucket
    left = [line for name, policy in policies.items() for line in unneeded(policy, name, found)]
    assert left == []


def test_existing_logs_are_read_and_nothing_else(existing: Environment) -> None:
    """A company's only copy of its events would be at the mercy of a workshop's job."""
    bucket = "arn:aws:s3:::company-logs"
    there = f"{bucket}/segment/segment-logs"
    allowed = [
        Call(ETL, "s3:ListBucket", bucket),
        Call(ETL, "s3:GetObject", there),
        Call(ETL, "s3:GetObject", f"{there}/website/1700000000000/1.gz"),
    ]
    denied = [
        Call(ETL, "s3:GetObject", f"{there}-of-others/1.gz"),
        *(
            Call(role, action, resource)
            for role in (ETL, CONTENTS, PERSONALIZE)
            for action in ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
            for resource in (f"{there}/website/1700000000000/1.gz", f"{bucket}/other")
        ),
        Call(CONTENTS, "s3:GetObject", f"{there}/1.gz"),
        Call(CONTENTS, "s3:PutBucketPolicy", bucket),
    ]
    decided = decide([(existing, call) for call in [*allowed, *denied]])
    assert [decision.allowed for decision in decided] == [True] * len(allowed) + [False] * len(
        denied
    )
    policy = existing.identity[ETL]
    left = unneeded(policy, ETL, decided)
    assert not [line for line in left if f"statement {len(policy['Statement'])}:" in line]


def test_a_permission_too_many_is_noticed(
    environment: Environment, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above must not hold whatever the policies say."""
    wider = copy.deepcopy(environment.identity[ETL])
    wider["Statement"][0]["Action"] = ["s3:ListBucket", "s3:GetBucketAcl"]
    wider["Statement"][0]["Resource"] = [BUCKET_ARN, "arn:aws:s3:::somebody-elses-bucket"]
    monkeypatch.setitem(environment.identity, ETL, wider)
    calls = [call for call in needed(environment, target) if call.principal == ETL]
    too_much = Call(ETL, "s3:ListBucket", "arn:aws:s3:::somebody-elses-bucket")
    assert too_much in DENIED
    *found, leak = decide([(environment, call) for call in [*calls, too_much]])
    assert leak.allowed
    assert unneeded(wider, ETL, found) == [
        f"{ETL}, statement 1: arn:aws:s3:::somebody-elses-bucket",
        f"{ETL}, statement 1: s3:GetBucketAcl",
    ]


def test_no_statement_allows_everything(environment: Environment, existing: Environment) -> None:
    """A wildcard as the action, or as the resource where AWS can name one, is a right for all."""
    policies = [(name, environment.identity[name]) for name in (*ROLES, PARTICIPANT)]
    for name, policy in [*policies, (ETL, existing.identity[ETL])]:
        for statement in policy["Statement"]:
            actions = statement["Action"]
            actions = [actions] if isinstance(actions, str) else actions
            assert not any("*" in action for action in actions)
            if statement["Resource"] == "*":  # only where the engine's data knows no resource type
                calls = [Call(name, action, "*") for action in actions]
                assert name == PARTICIPANT
                assert all(
                    decision.allowed for decision in decide([(environment, c) for c in calls])
                )


def test_what_is_said_not_to_be_seen_is_not_seen() -> None:
    """The list of what is known from documents only must not outlive its reason."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    called = [c for c in NOT_CALLED if c.action in recorded[c.principal].get(c.resource, [])]
    assert called == []


@pytest.mark.slow
def test_the_recording_is_what_is_called_today(tmp_path: Path) -> None:
    """The tests above would compare the policies with calls that nobody makes any more.

    When it fails for a good reason: python -m tests.support.playing
    """
    recorded: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert play(tmp_path) == recorded
