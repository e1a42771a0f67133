"""The Glue catalog: one database, the raw Segment logs and the interactions as tables."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_glue as glue
from constructs import Construct

from stacks.parameters import WorkshopParameters
from stacks.storage import SEGMENT_LOGS, TRANSFORMED, DataBucket

# A column's type: a primitive's name, a struct as a dict of its fields, a map as a dict whose only
# field is "*", an array as a list of its one element type.
GlueType = str | dict[str, "GlueType"] | list["GlueType"]


def _fields(strings: str, **others: GlueType) -> dict[str, GlueType]:
    """Fields in the order of their names: strings, and others by their types."""
    return dict(sorted({**dict.fromkeys(strings.split(), "string"), **others}.items()))


# The Segment record (segment-docs, partners/spec and connections/spec/ecommerce/v2). Keys are
# matched case-insensitively, so that `messageId` is column `messageid`.
SEGMENT_LOG_COLUMNS = _fields(
    "anonymousid channel event messageid name originaltimestamp projectid receivedat sentat "
    "timestamp type userid",
    context=_fields(
        "ip locale timezone useragent",
        active="boolean",
        app=_fields("build name namespace version"),
        campaign=_fields("content medium name source term"),
        device=_fields(
            "advertisingid id manufacturer model name type", adtrackingenabled="boolean"
        ),
        library=_fields("name version"),
        network=_fields("carrier", bluetooth="boolean", cellular="boolean", wifi="boolean"),
        os=_fields("name version"),
        page=_fields("path referrer search title url"),
        screen={"density": "double", "height": "int", "width": "int"},
    ),
    integrations={"*": "string"},
    properties=_fields(
        "brand browser cart_id category checkout_id currency list_id name operating_system "
        "order_id page_name path product_id query sku title url",
        position="int",
        price="double",
        products=[_fields("brand category name product_id sku", price="double", quantity="int")],
        quantity="int",
        revenue="double",
        shipping="double",
        tax="double",
        total="double",
    ),
    traits=_fields(
        "browser campaign_name campaign_source email experiment_group favorite_departments "
        "first_name invited_user ip last_name lifetime_value operating_system referrering_domain",
        likelihood_to_buy="double",
    ),
    version="int",
)

# Trait names with spaces, as the workshop's Segment sources send them (the misspelling too). The
# SerDe applies a mapping at every level of a record, so it reaches the fields of `traits`.
TRAIT_MAPPINGS = {
    "campaign_name": "Campaign Name",
    "campaign_source": "Campaign Source",
    "experiment_group": "Experiment Group",
    "favorite_departments": "Favorite Departments",
    "invited_user": "Invited User?",
    "referrering_domain": "Referrering Domain",
}

# USER_ID, ITEM_ID, EVENT_TYPE, TIMESTAMP of the CSV, and EVENT_VALUE, which is NULL where a file
# does not have the column. The time stays in Personalize's seconds: this SerDe would read a
# `timestamp` as milliseconds. Nor does it take an empty field as a number, as a value may be.
# Source: Amazon Athena User Guide, "Open CSV SerDe for processing CSV".
INTERACTIONS_COLUMNS: dict[str, GlueType] = {
    "user_id": "string",
    "item_id": "string",
    "event_type": "string",
    "timestamp": "bigint",
    "event_value": "string",
}


# What the Glue and Athena consoles show beside the columns that the exercise uses.
COMMENTS = {
    "event": "What was done; the job keeps three",
    "messageid": "Twice the same: delivered twice",
    "properties": "Of the event: sku, price, products",
    "timestamp": "ISO 8601, UTC",
    "userid": "Null for a visitor without an account",
}


# The constants of `glue.Schema`; each is fetched from Node when it is asked for, so none is before.
_PRIMITIVES = {
    "bigint": "BIG_INT",
    "boolean": "BOOLEAN",
    "double": "DOUBLE",
    "int": "INTEGER",
    "string": "STRING",
}


class Catalog(Construct):
    """The database `segment_personalize` with the tables `segment_logs` and `interactions`.

    Attributes:
        database: the database; deleting the stack deletes it and everything in it, but no data.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        data_bucket: DataBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.database = glue.Database(
            self,
            "Database",
            database_name=parameters.database_name,
            removal_policy=RemovalPolicy.DESTROY,
        )
        logs = glue.S3Table(
            self,
            "SegmentLogs",
            database=self.database,
            table_name="segment_logs",
            description="Raw Segment events, one JSON object a line",
            storage=glue.S3TableStorage.from_bucket(data_bucket.bucket),
            s3_prefix=SEGMENT_LOGS,
            columns=_columns(SEGMENT_LOG_COLUMNS, COMMENTS),
            data_format=glue.DataFormat.JSON,
            compressed=True,
        )
        # S3Table has no way to a location that is decided at deployment, nor to the SerDe's own
        # parameters, where Athena looks for these.
        resource = cast("glue.CfnTable", logs.node.default_child)
        resource.add_property_override("TableInput.StorageDescriptor.Location", data_bucket.logs)
        resource.add_property_override(
            "TableInput.StorageDescriptor.SerdeInfo.Parameters",
            {
                **{f"mapping.{column}": key for column, key in TRAIT_MAPPINGS.items()},
                # One broken line would otherwise fail every query; it is a row of NULLs instead.
                "ignore.malformed.json": "true",
            },
        )
        interactions = glue.S3Table(
            self,
            "Interactions",
            database=self.database,
            table_name="interactions",
            description="The CSV that Amazon Personalize trains on",
            storage=glue.S3TableStorage.from_bucket(data_bucket.bucket),
            s3_prefix=TRANSFORMED,
            columns=_columns(INTERACTIONS_COLUMNS),
            data_format=glue.DataFormat.CSV,
            parameters={"skip.header.line.count": "1"},
        )
        # The job writes RFC 4180, where a backslash is a letter; to this SerDe it is an escape,
        # unless another character is one. A line never contains its own end.
        cast("glue.CfnTable", interactions.node.default_child).add_property_override(
            "TableInput.StorageDescriptor.SerdeInfo.Parameters", {"escapeChar": "\n"}
        )
        for table in (logs, interactions):
            resource = cast("glue.CfnTable", table.node.default_child)
            # S3Table says of every table what goes without saying: no folders in its folders, and
            # no encryption on the client (the bucket encrypts).
            for path in (
                "StorageDescriptor.StoredAsSubDirectories",
                *(["StorageDescriptor.Compressed"] if table is interactions else []),
                "Parameters.has_encrypted_data",
            ):
                resource.add_property_deletion_override(f"TableInput.{path}")


def _columns(
    types: Mapping[str, GlueType], comments: Mapping[str, str] | None = None
) -> list[glue.Column]:
    return [
        glue.Column(name=name, type=_type(spec), comment=(comments or {}).get(name))
        for name, spec in types.items()
    ]


def _type(spec: GlueType) -> glue.Type:
    if isinstance(spec, list):
        return glue.Schema.array(_type(spec[0]))
    if isinstance(spec, dict):
        if "*" in spec:
            return glue.Schema.map(glue.Schema.STRING, _type(spec["*"]))
        return glue.Schema.struct(_columns(spec))
    return cast("glue.Type", getattr(glue.Schema, _PRIMITIVES[spec]))
