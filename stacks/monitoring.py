"""The organizer's CloudWatch dashboard, and the metrics that the job's log gives."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.counts import COUNTS, OUTCOMES, SECONDS, STARTED
from stacks.etl import SegmentEtl
from stacks.exploration import Exploration

MINUTES = Duration.minutes(5)


class Monitoring(Construct):
    """What the job and Athena do, on one page: runs, duration, records by outcome, bytes scanned.

    Runs, seconds and records are metrics of the job's own log lines, in a namespace that is the
    job's name: Glue's metrics would need a right on every resource. The bytes are Athena's.

    Attributes:
        dashboard: the dashboard.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, etl: SegmentEtl, exploration: Exploration
    ) -> None:
        super().__init__(scope, construct_id)
        self._job = etl.job.job_name
        self._workgroup = exploration.workgroup.ref
        records = {name: self._count_of(etl.output_log, name) for name in COUNTS}
        started = self._metric(
            etl.output_log,
            STARTED,
            logs.FilterPattern.space_delimited("run", "state").where_string("state", "=", STARTED),
            "1",
        )
        seconds = self._metric(
            etl.output_log,
            SECONDS,
            logs.FilterPattern.space_delimited("run", "state", "after", "number", "unit")
            .where_string("state", "=", "finished")
            .where_string("unit", "=", SECONDS),
            "$number",
        )
        read, written = records["records_read"], records["rows_written"]
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.days(1))
        title = cloudwatch.TextWidget(
            width=24,
            height=2,
            markdown=f"## Segment + Amazon Personalize: job {self._job}, workgroup "
            f"{self._workgroup}\nEverything is counted over the time that is chosen above.",
            background=cloudwatch.TextWidgetBackground.TRANSPARENT,
        )
        runs = cloudwatch.SingleValueWidget(
            title="Job runs",
            metrics=[started, seconds.with_(statistic=cloudwatch.Stats.SAMPLE_COUNT, label="done")],
            set_period_to_time_range=True,
            width=8,
        )
        totals = cloudwatch.SingleValueWidget(
            title="Records read, rows written",
            metrics=[read, written],
            set_period_to_time_range=True,
            width=8,
        )
        scanned = cloudwatch.SingleValueWidget(
            title="Athena: bytes scanned",
            metrics=[self._scanned("SUCCEEDED"), self._scanned("FAILED")],
            set_period_to_time_range=True,
            width=8,
        )
        outcomes = cloudwatch.GraphWidget(
            title="Records by outcome",
            left=[records[name] for name in OUTCOMES],
            view=cloudwatch.GraphWidgetView.BAR,
            set_period_to_time_range=True,
            width=8,
        )
        duration = cloudwatch.GraphWidget(
            title="Duration of a run in seconds, without starting the workers",
            left=[seconds.with_(statistic=cloudwatch.Stats.MAXIMUM)],
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            legend_position=cloudwatch.LegendPosition.HIDDEN,
            width=8,
        )
        queries = cloudwatch.GraphWidget(
            title="Athena: bytes scanned",
            left=[self._scanned("SUCCEEDED"), self._scanned("FAILED")],
            left_y_axis=cloudwatch.YAxisProps(min=0),
            stacked=True,
            width=8,
        )
        self.dashboard.add_widgets(title)
        self.dashboard.add_widgets(runs, totals, scanned)
        self.dashboard.add_widgets(duration, outcomes, queries)
        self.console = (
            f"https://{Aws.REGION}.console.aws.amazon.com/cloudwatch/home?region={Aws.REGION}"
            f"#dashboards/dashboard/{self.dashboard.dashboard_name}"
        )

    def _count_of(self, log: logs.ILogGroup, name: str) -> cloudwatch.Metric:
        """A count that the job prints, as a metric."""
        pattern = logs.FilterPattern.space_delimited("count", "records", "...")
        return self._metric(log, name, pattern.where_string("count", "=", name), "$records")

    def _metric(
        self, log: logs.ILogGroup, name: str, pattern: logs.IFilterPattern, value: str
    ) -> cloudwatch.Metric:
        """What the job's log lines of this pattern say, as a metric."""
        return logs.MetricFilter(
            self,
            name.title().replace("_", ""),
            log_group=log,
            filter_pattern=pattern,
            metric_namespace=self._job,
            metric_name=name,
            metric_value=value,
        ).metric(label=name.replace("_", " "), period=MINUTES, statistic=cloudwatch.Stats.SUM)

    def _scanned(self, state: str) -> cloudwatch.Metric:
        """What queries that ended so have read.

        Source: docs.aws.amazon.com/athena/latest/ug/query-metrics-viewing.html
        """
        return cloudwatch.Metric(
            namespace="AWS/Athena",
            metric_name="ProcessedBytes",
            dimensions_map={
                "WorkGroup": self._workgroup,
                "QueryState": state,
                "QueryType": "DML",
            },
            label=f"{state.lower()} queries",
            period=MINUTES,
            statistic=cloudwatch.Stats.SUM,
        )
