"""How a statement on the embedded Athena ends without a result."""


class MalformedQueryError(Exception):
    """Text that Athena refuses before it starts: StartQueryExecution fails."""


class QueryFailedError(Exception):
    """A query that ends as FAILED; the text is Athena's StateChangeReason."""


class QueryStoppedError(Exception):
    """A query that was stopped while it ran: by its user, by its limits, or by its time."""
