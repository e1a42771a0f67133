"""Makes the exercise's sources and their S3 destinations in a workspace, and removes them.

What it has made is recorded in a file, by ids, and before it is made. So a second run changes
nothing, a run that was cut short goes on, and only what is recorded is ever removed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stacks import outputs
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.segment import credentials, private
from workshop.segment.api import ApiError, PublicApi, Thing, checked_id

# The exercise's sources, and what each is called in Segment's catalog.
SOURCES = {
    "website-prod": "javascript",
    "android-prod": "android",
    "ios-prod": "ios",
    "personas-events-source": "python",
}
# The catalog's AWS S3 destination, the one with an IAM role.
# Source: segment-docs, connections/storage/catalog/aws-s3.
AWS_S3 = "60be92c8dabdd561bf6c9130"
# Its settings' names for region, bucket and role: as workspaces have them (exports of Segment's
# Terraform provider), and as the page above writes them. The catalog decides.
SETTINGS = (("awsRegion", "bucket", "iamRoleArn"), ("region", "s3Bucket", "iamRoleArn"))
NOT_FOUND = 404


@dataclass(frozen=True)
class Bucket:
    """Where Segment writes to: the deployed stack's bucket, its region, and the role for it."""

    region: str
    name: str
    role: str


@dataclass
class Record:
    """What was made in one workspace: ids by source; None while it is being made."""

    path: Path
    sources: dict[str, str | None] = field(default_factory=dict)
    destinations: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Thing) -> "Record":
        """Read a workspace's record; an empty one if there is none.

        Raises:
            WorkshopError: it cannot be read, or the id is not valid.
        """
        path = credentials.FOLDER / "workspaces" / f"{checked_id(workspace.get('id'))}.json"
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, dict(made["sources"]), dict(made["destinations"]))
        except FileNotFoundError:
            return cls(path)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise WorkshopError(
                f"{path} is not what this wrote: {error}",
                "Restore it, or delete it and in Segment what it knew to be made",
            ) from error

    def save(self) -> None:
        """Write it, all or nothing; delete it once it is empty."""
        if not (self.sources or self.destinations):
            self.path.unlink(missing_ok=True)
            return
        private.make_folder(credentials.FOLDER)
        private.make_folder(self.path.parent)
        new = self.path.with_suffix(".new")
        private.make_file(new)
        made = {"sources": self.sources, "destinations": self.destinations}
        new.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path)

    def __str__(self) -> str:
        parts = [
            f"{what} {', '.join(source for source, made in ids.items() if made)}"
            for what, ids in (("sources", self.sources), ("S3 destinations of", self.destinations))
            if any(ids.values())
        ]
        return " and ".join(parts) or "nothing"


@dataclass
class Change:
    """One source or destination: what it is, its id, and what was done (`""`: it was there)."""

    kind: str
    source: str
    id: str
    done: str

    def facts(self) -> dict[str, str]:
        """What there is to know, as JSON values."""
        return asdict(self)


class Workspace:
    """One workspace, seen through the API.

    Attributes:
        record: what was made in it.
        hidden: sources whose write keys the token may not see; known after `set_up`.
    """

    def __init__(self, api: PublicApi) -> None:
        self.api = api
        self.facts: Thing = api.call("GET", "/")["workspace"]
        self.record = Record.of(self.facts)
        self.hidden: list[str] = []

    @property
    def id(self) -> str:
        """The id, which is the external id of Segment's role."""
        return str(self.facts["id"])

    @property
    def name(self) -> str:
        """The name, as the app shows it."""
        return str(self.facts["name"])

    def set_up(self, bucket: Bucket, progress: Callable[[str], None]) -> list[Change]:
        """Make what is missing, put right what is different, and keep the write keys.

        Raises:
            WorkshopError: a name is taken by something that this did not make (then nothing was
                changed), or a step failed; it says what is there.
        """
        present = self._present()
        connected = self._connected(present)
        catalog = self._catalog()
        settings = self._settings(bucket)
        changes = []
        try:
            for slug in SOURCES:
                progress(slug)
                source, done = self._source(slug, present.get(slug), catalog[slug])
                changes.append(Change("source", slug, source["id"], done))
                # Before the destination: a source without its key is of no use.
                keys = source.get("writeKeys") or []
                credentials.store({credentials.variable(slug): key for key in keys[:1]})
                if not keys:
                    self.hidden.append(slug)
                changes.append(self._destination(slug, source["id"], connected.get(slug), settings))
        except WorkshopError as error:
            raise WorkshopError(
                f"{error.message} Made so far: {self.record}.",
                f"{error.next_step}; then run segment setup again, which goes on from there, or "
                "segment teardown",
            ) from error
        return changes

    def tear_down(self, progress: Callable[[str], None]) -> list[Change]:
        """Remove what is recorded, destinations first, and the write keys that were kept.

        Raises:
            WorkshopError: something could not be removed; it says what is left.
        """
        removed = []
        try:
            for kind, ids in (
                ("destination", self.record.destinations),
                ("source", self.record.sources),
            ):
                for slug, made in list(ids.items()):
                    if made is None:
                        continue
                    progress(f"{kind} {slug}")
                    if kind == "source":
                        self._forget_keys(slug, made)
                    if self._gone("DELETE", f"/{kind}s/{checked_id(made)}") is None:
                        removed.append(Change(kind, slug, made, "was gone"))
                    else:
                        removed.append(Change(kind, slug, made, "removed"))
                    del ids[slug]
                    self.record.save()
        except WorkshopError as error:
            raise WorkshopError(
                f"{error.message} Left: {self.record}.",
                f"{error.next_step}; then run segment teardown again",
            ) from error
        unsure = sorted({*self.record.sources, *self.record.destinations})
        if unsure:
            raise WorkshopError(
                f"Setup was cut short while it made {', '.join(unsure)}: whether it is there, and "
                "whose it is, is not known.",
                "Run segment setup, which finds out, then segment teardown; or look in Segment and "
                f"delete {self.record.path}",
            )
        return removed

    def _gone(self, method: str, path: str) -> Thing | None:
        """Make a request; return None if what it names is not there."""
        try:
            return self.api.call(method, path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _forget_keys(self, slug: str, source_id: str) -> None:
        """Segment answers 200 to a key of a source that has gone: nobody would notice."""
        found = self._gone("GET", f"/sources/{checked_id(source_id)}")
        for key in found["source"].get("writeKeys") or [] if found else []:
            credentials.forget({credentials.variable(slug): key})

    def _present(self) -> dict[str, Thing]:
        """Find this exercise's sources, by slug."""
        sources = {one["slug"]: one for one in self.api.pages("/sources", "sources")}
        by_id = {one["id"]: one for one in sources.values()}
        present = {}
        for slug in SOURCES:
            made = self.record.sources.get(slug)
            if made and made in by_id:
                present[slug] = by_id[made]
            elif slug in sources:
                present[slug] = sources[slug]
        self._refuse_others("sources", present, self.record.sources)
        return present

    def _connected(self, present: dict[str, Thing]) -> dict[str, Thing]:
        """Find their AWS S3 destinations, by the source's slug."""
        slugs = {source["id"]: slug for slug, source in present.items()}
        found: dict[str, Thing] = {}
        for one in self.api.pages("/destinations", "destinations"):
            slug = slugs.get(one["sourceId"])
            if slug and one["metadata"]["id"] == AWS_S3:
                recorded = one["id"] == self.record.destinations.get(slug)
                found[slug] = one if recorded else found.get(slug, one)
        self._refuse_others("S3 destinations of", found, self.record.destinations)
        return found

    def _refuse_others(
        self, what: str, found: dict[str, Thing], recorded: dict[str, str | None]
    ) -> None:
        """What is there must be recorded; what was being made when a run was cut short, is."""
        others = [
            slug
            for slug, thing in found.items()
            if slug not in recorded or recorded[slug] not in (None, thing["id"])
        ]
        if others:
            raise WorkshopError(
                f"In the workspace {self.name} there are {what} {', '.join(others)} already, and "
                "segment setup did not make them. Nothing was changed.",
                "Rename or delete them in Segment, or use another workspace's token; or leave them "
                "and connect the AWS S3 destination by hand",
            )

    def _catalog(self) -> dict[str, str]:
        """Find the catalog's ids of the sources' kinds, by the exercise's slugs."""
        kinds = {
            one["slug"]: one["id"]
            for one in self.api.pages("/catalog/sources", "sourcesCatalog")
            if one["slug"] in SOURCES.values()
        }
        missing = [kind for kind in SOURCES.values() if kind not in kinds]
        if missing:
            raise WorkshopError(
                f"Segment's catalog has no source of the kind {', '.join(missing)}.",
                "The catalog has changed: compare SOURCES in workshop/segment/workspace.py",
            )
        return {slug: kinds[kind] for slug, kind in SOURCES.items()}

    def _settings(self, bucket: Bucket) -> Thing:
        """Word the destination's settings as the catalog wants them."""
        metadata = self.api.call("GET", f"/catalog/destinations/{AWS_S3}")["destinationMetadata"]
        options = {option["name"]: option for option in metadata["options"]}
        for names in SETTINGS:
            required = {name for name, option in options.items() if option["required"]}
            if required <= set(names) <= set(options):
                return dict(zip(names, (bucket.region, bucket.name, bucket.role), strict=True))
        raise WorkshopError(
            f"The catalog's {metadata['name']} destination has settings that are not known here: "
            f"{', '.join(options)}.",
            "The catalog has changed: compare SETTINGS in workshop/segment/workspace.py",
        )

    def _source(self, slug: str, present: Thing | None, metadata_id: str) -> tuple[Thing, str]:
        body = {"slug": slug, "enabled": True, "metadataId": metadata_id, "settings": {}}
        return self._made(slug, "source", present, self.record.sources, body)

    def _destination(
        self, slug: str, source_id: str, present: Thing | None, settings: Thing
    ) -> Change:
        wanted: dict[str, Any] = {"enabled": True, "settings": settings}
        body = {"sourceId": source_id, "metadataId": AWS_S3, "name": f"{slug} to S3", **wanted}
        found, done = self._made(slug, "destination", present, self.record.destinations, body)
        if not done and not _holds(found, wanted):
            self.api.call("PATCH", f"/destinations/{checked_id(found['id'])}", wanted)
            done = "updated"
        return Change("destination", slug, found["id"], done)

    def _made(
        self,
        slug: str,
        kind: str,
        present: Thing | None,
        recorded: dict[str, str | None],
        body: Thing,
    ) -> tuple[Thing, str]:
        """Return what is there, or make it; say which. It is recorded before it is asked for."""
        done = ""
        if not present:
            recorded[slug] = None
            self.record.save()
            try:
                present, done = self.api.call("POST", f"/{kind}s", body)[kind], "made"
            except ApiError as error:
                if error.status and error.status < 500:  # noqa: PLR2004 - surely not made
                    del recorded[slug]
                    self.record.save()
                raise
        if recorded.get(slug) != present["id"]:
            recorded[slug] = present["id"]
            self.record.save()
        return present, done


def _holds(found: Thing, wanted: Thing) -> bool:
    settings = found["settings"]
    return found["enabled"] == wanted["enabled"] and all(
        settings.get(name) == value for name, value in wanted["settings"].items()
    )


def bucket_for(account: Account, environment: Environment, workspace_id: str) -> Bucket:
    """Find out where this workspace may write to.

    Raises:
        WorkshopError: the stack lets no workspace write, or another one.
    """
    stacks = account.session.client("cloudformation").describe_stacks(StackName=environment.stack)
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stacks["Stacks"][0]["Parameters"]}
    trusted = parameters.get("SegmentWorkspaceId", "")
    role = environment.outputs.get(outputs.SEGMENT_ROLE)
    if not role or trusted != workspace_id:
        parameter = f"SegmentWorkspaceId={workspace_id}"
        deploy = (
            f"python -m workshop up --stack {environment.stack} --cdk --parameters --cdk"
            if account.embedded
            else f"npx cdk deploy --context stackName={environment.stack} --parameters"
        )
        raise WorkshopError(
            f"The stack {environment.stack} lets "
            f"{f'the workspace {trusted}' if trusted else 'no Segment workspace'} write into its "
            f"bucket, and the token's is {workspace_id}.",
            f"Deploy with it: {deploy} {parameter}",
        )
    return Bucket(account.region, environment.bucket, role)


# What the Public API cannot do, and where that is done, below the app's address or elsewhere.
BY_HAND = {
    "Check the S3 destinations: Settings, Validate": "/goto-my-workspace/destinations",
    "Personas, which is Unify now: make a space, connect the sources to it": (
        "https://segment.com/docs/unify/quickstart/"
    ),
}
