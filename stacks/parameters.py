"""What is decided at deployment: the template's parameters and the names that follow from them."""

from aws_cdk import (
    Aws,
    CfnCondition,
    CfnParameter,
    CfnRule,
    CfnRuleAssertion,
    Fn,
    Stack,
)
from constructs import Construct


class WorkshopParameters(Construct):
    """The template's parameters, all optional, and the fixed names that participants see.

    An event platform passes parameters that were left blank as empty strings, so the empty string
    is each one's default and means "not given".

    Attributes:
        bucket_name, database_name, job_name, workgroup_name: the names, with `BucketSuffix`
            appended where one is given so that two copies can live in one account and region.
        segment_workspace_id: the external id of Segment's role; empty when not given.
        has_segment_workspace: the condition that it is given.
        existing_logs: the S3 URL of logs that are there already, without a slash at its end.
        has_existing_logs: the condition that they are given.
        has_sample_data: the condition that sample logs are written when the stack is made: where
            `SampleData` is "yes" or, left blank, where no real logs are expected. Simulated and
            real events are mixed only for who asks for both.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        suffix = CfnParameter(
            stack,
            "BucketSuffix",
            default="",
            # No hyphen: a Glue database's name takes none.
            allowed_pattern="^[a-z0-9]{0,12}$",
            constraint_description="at most 12 of a-z and 0-9",
            description="Optional: for a second copy in one account. Cannot be changed later.",
        )
        workspace = CfnParameter(
            stack,
            "SegmentWorkspaceId",
            default="",
            allowed_pattern="^[A-Za-z0-9]{0,64}$",
            description="Optional: the Segment workspace that may write into segment-logs/.",
        )
        sample_data = CfnParameter(
            stack,
            "SampleData",
            default="",
            allowed_values=["", "yes", "no"],
            description="Write sample logs? Left blank: where no real ones come.",
        )
        existing_logs = CfnParameter(
            stack,
            "ExistingLogs",
            default="",
            # The environments' own buckets are emptied when they are deleted.
            allowed_pattern="^(s3://(?!personalize-data-)[a-z0-9][a-z0-9.-]+(/[^/*?$]+)+)?$",
            constraint_description="s3://bucket/prefix, no slash at its end",
            description="Optional: logs to read instead of segment-logs/.",
        )

        def given(name: str, parameter: CfnParameter) -> CfnCondition:
            is_blank = Fn.condition_equals(parameter, "")
            return CfnCondition(stack, name, expression=Fn.condition_not(is_blank))

        self.segment_workspace_id = workspace.value_as_string
        self.existing_logs = existing_logs.value_as_string
        self.has_segment_workspace = given("HasSegmentWorkspace", workspace)
        self.has_existing_logs = given("HasExistingLogs", existing_logs)
        has_suffix = given("HasSuffix", suffix)
        self.has_sample_data = CfnCondition(
            stack,
            "HasSampleData",
            expression=Fn.condition_or(
                Fn.condition_equals(sample_data, "yes"),
                Fn.condition_and(
                    Fn.condition_equals(sample_data, ""),
                    Fn.condition_equals(existing_logs, ""),
                    Fn.condition_equals(workspace, ""),
                ),
            ),
        )
        CfnRule(
            stack,
            "ExistingLogsAlone",
            assertions=[
                CfnRuleAssertion(
                    assert_=Fn.condition_or(
                        Fn.condition_equals(existing_logs, ""),
                        Fn.condition_and(
                            Fn.condition_not(Fn.condition_equals(sample_data, "yes")),
                            Fn.condition_equals(workspace, ""),
                        ),
                    ),
                    assert_description="ExistingLogs excludes SampleData=yes, SegmentWorkspaceId",
                )
            ],
        )

        def named(name: str, separator: str = "-") -> str:
            ending = Fn.condition_if(
                has_suffix.logical_id, Fn.join("", [separator, suffix.value_as_string]), ""
            )
            return Fn.join("", [name, ending.to_string()])

        self.bucket_name = named(f"personalize-data-{Aws.ACCOUNT_ID}")
        self.database_name = named("segment_personalize", "_")
        self.job_name = named("SegmentEventsJsonToCsv")
        self.workgroup_name = named("segment-personalize")
