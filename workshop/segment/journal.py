"""A durable record of which messages Segment has taken, so that nothing is sent twice."""

import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from workshop.errors import WorkshopError
from workshop.segment import credentials, private


class Journal:
    """One file for one period at one host; it knows sources by a digest of their write keys.

    A batch is on disk before it counts as delivered. One process at a time can have it open.
    """

    def __init__(self, path: Path, keys: Mapping[str, str]) -> None:
        """Open or make it.

        Args:
            path: the file.
            keys: write keys by source; another key is another place, to which nothing was sent.

        Raises:
            WorkshopError: another run has it open, or it is no journal.
        """
        self.path = path
        self._targets = {
            source: hashlib.sha256(key.encode()).digest()[:16] for source, key in keys.items()
        }
        self._lock = threading.Lock()  # deliveries are confirmed on several threads
        private.make_folder(credentials.FOLDER)
        private.make_folder(path.parent)
        private.make_file(path)
        self._database = sqlite3.connect(path, timeout=0, check_same_thread=False)
        try:
            self._database.executescript(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;"
                "CREATE TABLE IF NOT EXISTS delivered (target BLOB, id TEXT,"
                " PRIMARY KEY (target, id)) WITHOUT ROWID;"
                "BEGIN EXCLUSIVE; COMMIT;"
            )
        except sqlite3.Error as error:
            self._database.close()
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise WorkshopError(
                    "These events are being sent already by another run.",
                    "Wait for it, or stop it; then add --resume",
                ) from error
            raise WorkshopError(
                f"{path} is no journal of deliveries: {error}",
                "Move it away; what it knew to be delivered will be sent again, with the same "
                "messageIds",
            ) from error

    def add(self, source: str, ids: Iterable[str]) -> None:
        """Record messages that Segment has taken."""
        target = self._targets[source]
        with self._lock, self._database as transaction:
            transaction.executemany(
                "INSERT OR IGNORE INTO delivered VALUES (?, ?)", [(target, one) for one in ids]
            )

    def has(self, source: str, message_id: str) -> bool:
        """Whether Segment has taken this message."""
        with self._lock:
            row = self._database.execute(
                "SELECT 1 FROM delivered WHERE target = ? AND id = ?",
                [self._targets[source], message_id],
            ).fetchone()
        return row is not None

    def counts(self) -> Counter[str]:
        """How many messages Segment has taken, by source; no entry where none."""
        with self._lock:
            rows = dict(
                self._database.execute("SELECT target, count(*) FROM delivered GROUP BY target")
            )
        return Counter({s: rows[target] for s, target in self._targets.items() if target in rows})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
