"""What the synthesized policies allow and deny, as a policy engine that is not this project's says.

The engine is npm's `@cloud-copilot/iam-simulate`: identity policies, resource policies and trust
policies with their conditions, same account and across accounts. It refuses to evaluate an action,
a resource or a condition key that AWS does not have.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import ran
from tests.support.participant import BUCKET, POLICY
from tests.support.playing import WORKSPACE
from tests.support.stack import STACK
from tests.support.templates import resolved
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION

ACCOUNT, REGION = EMBEDDED_ACCOUNT, EMBEDDED_REGION
PARTICIPANT = "participant"
ADMINISTRATOR = "administrator"  # everything is allowed to them, unless a resource policy denies it
STRANGER = "stranger"  # a user of the account to whom nothing is allowed
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
}
Policy = dict[str, Any]


def arn(service: str, rest: str, account: str = ACCOUNT) -> str:
    """The ARN of something in an account, in the region where the service has regions."""
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{account}:{rest}"


def role_arn(role: str) -> str:
    """The ARN of one of the stack's roles, by its logical id."""
    return arn("iam", f"role/{STACK}-{role}-0")


@dataclass(frozen=True)
class Call:
    """One call of one principal.

    Attributes:
        principal: a role by its logical id, one of the names above, a service
            (`glue.amazonaws.com`), or the ARN of a principal in another account, to whom its own
            account allows everything.
        context: the request's context keys besides those that every request has.
    """

    principal: str
    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        given = "".join(f" {key}={value}" for key, value in self.context.items())
        return f"{self.principal} {self.action} {self.resource}{given}"


@dataclass(frozen=True)
class Statement:
    """An Allow statement's place (policy, number or Sid), and the parts of it that decided."""

    place: tuple[str, str]
    actions: frozenset[str]
    resources: frozenset[str]


@dataclass(frozen=True)
class Decision:
    """The engine's answer, e.g. `ImplicitlyDenied`, and the statements that allow the call."""

    result: str
    allowed_by: tuple[Statement, ...]

    @property
    def allowed(self) -> bool:
        """Whether the call goes through."""
        return self.result == "Allowed"


class Environment:
    """The policies of a template as they are once it is deployed.

    It has a Segment workspace or, where there are any, existing logs.

    Attributes:
        identity: the identity policies by principal.
        trust: the trust policies by role.
        bucket: the bucket policy.
    """

    def __init__(self, template: dict[str, Any], existing_logs: str = "") -> None:
        self._resources = template["Resources"]
        self._conditions = {
            "HasExistingLogs": bool(existing_logs),
            "HasSampleData": False,
            "HasSegmentWorkspace": not existing_logs,
            "HasSuffix": False,
        }
        self._parameters = {
            "BucketSuffix": "",
            "ExistingLogs": existing_logs,
            "SegmentWorkspaceId": WORKSPACE,
        }
        self.identity: dict[str, Policy] = {
            PARTICIPANT: json.loads(POLICY.read_text(encoding="utf-8")),
            ADMINISTRATOR: {"Version": "2012-10-17", "Statement": [_EVERYTHING]},
            STRANGER: {"Version": "2012-10-17", "Statement": []},
        }
        self.trust: dict[str, Policy] = {}
        for name, resource in self._of_type("AWS::IAM::Role"):
            assert "Policies" not in resource
            (policy,) = resource["ManagedPolicyArns"]
            document = self._resources[policy["Ref"]]["Properties"]["PolicyDocument"]
            self.identity[name] = self.resolve(document)
            self.trust[name] = self.resolve(resource["AssumeRolePolicyDocument"])
        for name, policy in self._of_type("AWS::IAM::ManagedPolicy"):
            if self._conditions.get(self._resources[name].get("Condition", ""), True):
                for role in policy.get("Roles", []):
                    self.identity[role["Ref"]]["Statement"] += self.resolve(
                        policy["PolicyDocument"]
                    )["Statement"]
        ((_, bucket_policy),) = self._of_type("AWS::S3::BucketPolicy")
        self.bucket: Policy = self.resolve(bucket_policy["PolicyDocument"])
        ((_, job),) = self._of_type("AWS::Glue::Job")
        self.script, self.helper = (
            str(self.resolve(path)).replace("s3://", "arn:aws:s3:::")
            for path in (
                job["Command"]["ScriptLocation"],
                job["DefaultArguments"]["--extra-py-files"],
            )
        )

    def _of_type(self, kind: str) -> Iterator[tuple[str, Any]]:
        for name, resource in self._resources.items():
            if resource["Type"] == kind:
                yield name, resource["Properties"]

    def resolve(self, value: Any) -> Any:
        """The value without CloudFormation's functions."""
        return resolved(value, self._named, self._conditions)

    def _named(self, name: str) -> Any:
        logical_id, _, attribute = name.partition(".")
        return self._arn(logical_id) if attribute else self._reference(logical_id)

    def _reference(self, name: str) -> Any:
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._parameters[name]
        properties = self._resources[name]["Properties"]
        given = {"BucketName", "LogGroupName"} & properties.keys()
        return self.resolve(properties[given.pop()]) if given else f"{STACK}-{name}-0"

    def _arn(self, name: str) -> str:
        form = {
            "AWS::S3::Bucket": "arn:aws:s3:::{}",
            "AWS::Logs::LogGroup": arn("logs", "log-group:{}:*"),
            "AWS::IAM::Role": arn("iam", "role/{}"),
        }[self._resources[name]["Type"]]
        return form.format(self._reference(name))

    def simulation(self, call: Call) -> dict[str, Any]:
        """The call as the engine takes it."""
        own = self.identity.get(call.principal)
        principal = call.principal
        if call.principal in self.trust:
            principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/{STACK}-{call.principal}-0/session"
        elif own:
            principal = arn("iam", f"user/{call.principal}")
        elif call.principal.startswith("arn:"):
            own = self.identity[ADMINISTRATOR]
        owner = call.resource.split(":")[4] if call.resource.startswith("arn:") else ""
        context = {
            "aws:SecureTransport": "true",
            "aws:ResourceAccount": owner or ACCOUNT,
            **call.context,
        }
        if principal.startswith("arn:"):
            account = principal.split(":")[4]
            context |= {"aws:PrincipalArn": principal, "aws:PrincipalAccount": account}
        found: dict[str, Any] = {
            "request": {
                "principal": principal,
                "action": call.action,
                "resource": {
                    "resource": call.resource,
                    "accountId": context["aws:ResourceAccount"],
                },
                "contextVariables": context,
            },
            "identityPolicies": [{"name": call.principal, "policy": own}] if own else [],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }
        if call.resource == BUCKET_ARN or call.resource.startswith(f"{BUCKET_ARN}/"):
            found["resourcePolicy"] = self.bucket
        for name, policy in self.trust.items():
            if call.resource == self._arn(name) and call.action == "sts:AssumeRole":
                found["resourcePolicy"] = policy
        return found


def decide(requests: Sequence[tuple[Environment, Call]]) -> list[Decision]:
    """Let the engine decide on all calls, in one process.

    Raises:
        ValueError: the engine could not evaluate a call; its reason is in the message.
    """
    simulations = [environment.simulation(call) for environment, call in requests]
    engine = Path(__file__).parent / "evaluate.mjs"
    answered = ran("node", engine, stdin=json.dumps(simulations)).stdout
    decisions = []
    for (_, call), answer in zip(requests, json.loads(answered), strict=True):
        if answer["resultType"] == "error":
            raise ValueError(f"{call}: {answer['errors']}")
        decisions.append(_decision(answer))
    return decisions


def _decision(answer: dict[str, Any]) -> Decision:
    results = answer["results"] if answer["resultType"] == "wildcard" else [answer["result"]]
    allowed_by = [
        _statement(kind, statement)
        for result in results
        for kind in ("identityAnalysis", "resourceAnalysis")
        for statement in result["analysis"].get(kind, {}).get("allowStatements", ())
    ]
    return Decision(answer["overallResult"], tuple(allowed_by))


def _statement(kind: str, found: dict[str, Any]) -> Statement:
    explained = found["explain"]
    policy = found.get("policyId", "bucket" if kind == "resourceAnalysis" else kind)

    def matching(part: str) -> frozenset[str]:
        entries = explained.get(f"{part}s", [])
        entries = entries if isinstance(entries, list) else [entries]
        return frozenset(entry[part] for entry in entries if entry["matches"])

    return Statement((policy, explained["identifier"]), matching("action"), matching("resource"))


def unneeded(policy: Policy, name: str, decisions: Sequence[Decision]) -> list[str]:
    """The actions and the resources of a policy's Allow statements that no decision rests on."""
    used = [statement for decision in decisions for statement in decision.allowed_by]
    found = []
    for number, statement in enumerate(policy["Statement"], 1):
        if statement["Effect"] != "Allow":
            continue
        place = (name, statement.get("Sid", str(number)))
        here = [one for one in used if one.place == place]
        for part, seen in (
            ("Action", {action for one in here for action in one.actions}),
            ("Resource", {resource for one in here for resource in one.resources}),
        ):
            given = statement[part] if isinstance(statement[part], list) else [statement[part]]
            found += [f"{name}, statement {place[1]}: {item}" for item in set(given) - seen]
    return sorted(found)
