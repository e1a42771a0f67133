"""Everyone plays their part on the embedded AWS; `calls.json` is what each was allowed to call.

Run after a change of what is called: python -m tests.support.playing
"""

import copy
import gzip
import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3

from release.event_template import body
from stacks.segment_access import SEGMENT_PRINCIPAL
from tests.support.checkout import free_port, owner_of
from tests.support.glue import run_of
from tests.support.participant import BUCKET, JOB, SCRIPT, do_the_exercise, participant
from tests.support.policies import assume, policy, trust
from tests.support.recording import Recording
from tests.support.stack import STACK, create, delete, event_body, update
from tests.support.templates import event_template
from workshop.account import EMBEDDED_REGION, Account
from workshop.environment import find
from workshop.personalize import importing
from workshop.personalize.state import Personalize
from workshop.steps import Steps

RECORDED = Path(__file__).parent / "calls.json"
# What the job's role calls on Glue, through S3A: see tests/integration/job/test_s3a.py.
S3A_RECORDED = Path(__file__).parent / "s3a_calls.json"
WORKSPACE = "workspace1"
# What differs from one time to the next, and what stands for it.
RUN_SPECIFIC = (
    (r"/\d{13}/\d{13}\.[0-9a-f]{8}\.gz", "/1700000000000/1700086400000.00000000.gz"),
    (r"run-\d{13}", "run-1700000000000"),
    (r"jr_[0-9a-f]{64}", "jr_0"),
    (r"\.edited-\d{8}-\d{6}", ".edited-20260101-000000"),
    (rf"({STACK}-\w+)-[0-9A-F]{{13}}", r"\1-0"),
    (r"athena-results/.*", "athena-results/0.csv"),
)
Calls = dict[str, dict[str, list[str]]]


def play(folder: Path) -> Calls:
    """Deploy, do everything that anyone does, and delete.

    Returns:
        By principal (a role's logical id, or `participant`) and resource, the actions that it was
        allowed, sorted.
    """
    recording = Recording(folder, free_port())
    with owner_of(recording) as owner:
        create(owner, event_body(), SegmentWorkspaceId=WORKSPACE, SampleData="yes")
        _segment_writes(owner)
        for _ in range(2):  # the second run deletes what the first one wrote
            _run_the_job(owner, "SUCCEEDED")
        _run_the_job(owner, "FAILED", SUPPORTED_EVENTS="None")
        _personalize_reads(owner)
        do_the_exercise(participant(owner))
        _update(owner)
        _delete(owner)
        return distinct(recording.calls())


def _role_arn(owner: boto3.Session, logical_id: str) -> str:
    found = owner.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId=logical_id
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    return str(owner.client("iam").get_role(RoleName=name)["Role"]["Arn"])


def become(owner: boto3.Session, logical_id: str) -> Any:
    """Take a service's place in the trust of the stack's role for a moment.

    Returns:
        credentials of the role.
    """
    arn = _role_arn(owner, logical_id)
    iam, name = owner.client("iam"), arn.rpartition("/")[2]
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(AWS="*"))
    session = owner.client("sts").assume_role(RoleArn=arn, RoleSessionName="service")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))
    return session["Credentials"]


def _segment_writes(owner: boto3.Session) -> None:
    """From Segment's own account, by its own role, with the workspace's id: one log."""
    theirs = SEGMENT_PRINCIPAL.split(":")[4]
    # Every account's owner has the same secret here.
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    segment = boto3.Session(theirs, secret, region_name=EMBEDDED_REGION)
    name = SEGMENT_PRINCIPAL.rpartition("/")[2]
    segment.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust(AWS=theirs))
    may_assume = policy(Action="sts:AssumeRole", Resource="*")
    segment.client("iam").put_role_policy(
        RoleName=name, PolicyName="assume", PolicyDocument=may_assume
    )
    theirs_here = assume(
        assume(segment, SEGMENT_PRINCIPAL), _role_arn(owner, "SegmentRole"), ExternalId=WORKSPACE
    )
    theirs_here.client("s3").put_object(
        Bucket=BUCKET,
        Key="segment-logs/website-prod/1700000000000/1700086400000.00000000.gz",
        Body=gzip.compress(b"{}\n"),
        ACL="bucket-owner-full-control",
    )


def _run_the_job(owner: boto3.Session, state: str, **arguments: str) -> None:
    given = {f"--{name}": value for name, value in arguments.items()}
    run = run_of(owner.client("glue"), JOB, Arguments=given)
    assert run["JobRunState"] == state, run


def _personalize_reads(owner: boto3.Session) -> None:
    """An import into Personalize lists and reads the CSVs with the role."""
    account = Account(owner, os.environ["AWS_ENDPOINT_URL"])
    environment = find(account, STACK)
    personalize = Personalize(account, environment.workgroup)
    importing.run(personalize, environment, importing.csv_of(account, environment), Steps())


def _update(owner: boto3.Session) -> None:
    """A newer script comes; the participant's edited one is kept."""
    template = copy.deepcopy(event_template())
    template["Resources"]["ContentsSampleData"]["Properties"]["Objects"][SCRIPT] = "# newer\n"
    assert update(owner, body(template).decode()) == "UPDATE_COMPLETE"


def _delete(owner: boto3.Session) -> None:
    """With an upload that somebody has left unfinished."""
    owner.client("s3").create_multipart_upload(Bucket=BUCKET, Key="transformed/unfinished")
    assert delete(owner) == "DELETE_COMPLETE"


def distinct(
    calls: list[dict[str, str]], run_specific: Iterable[tuple[str, str]] = RUN_SPECIFIC
) -> Calls:
    """Say who called what: sorted, and without what differs from one time to the next."""
    found: dict[str, dict[str, set[str]]] = {}
    for call in calls:
        if name := _principal(call["principal"]):
            resource = call["resource"]
            for pattern, stand_in in run_specific:
                resource = re.sub(pattern, stand_in, resource)
            found.setdefault(name, {}).setdefault(resource, set()).add(call["action"])
    return {
        name: {resource: sorted(actions) for resource, actions in sorted(resources.items())}
        for name, resources in sorted(found.items())
    }


def _principal(arn: str) -> str | None:
    """A role's logical id, or the participant; None for a principal of another account."""
    if ":assumed-role/participant/" in arn:
        return "participant"
    role = re.search(rf":assumed-role/{STACK}-(\w+)-", arn)
    return role[1] if role else None


def written(calls: Calls) -> str:
    """Write calls as JSON, one resource a line."""
    text = json.dumps(calls, indent=1)
    return re.sub(r"\[[^]]*\]", lambda actions: json.dumps(json.loads(actions[0])), text) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        calls = play(Path(folder))
    RECORDED.write_text(written(calls), encoding="utf-8")
