"""What is decided at deployment: the template's parameters and the names that follow from them."""

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
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
            constraint_description="letters and digits",
            description="Optional: the Segment workspace that may write into segment-logs/.",
        )
        self.segment_workspace_id = workspace.value_as_string
        self.has_segment_workspace = CfnCondition(
            stack,
            "HasSegmentWorkspace",
            expression=Fn.condition_not(Fn.condition_equals(workspace, "")),
        )
        has_suffix = CfnCondition(
            stack,
            "HasSuffix",
            expression=Fn.condition_not(Fn.condition_equals(suffix, "")),
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
