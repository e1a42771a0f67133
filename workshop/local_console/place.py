"""Where the console works: the account and the stack, for any number of pages at once."""

import dataclasses
import threading

from workshop import account
from workshop.account import Account
from workshop.commands.context import Context
from workshop.environment import describe


class Place:
    """The account and the stack that the command line names.

    Args:
        context: the command's context.
    """

    def __init__(self, context: Context) -> None:
        self.stack, self.hint = context.stack, context.hint
        self._context, self._lock = context, threading.Lock()

    @property
    def account(self) -> Account:
        """The account, whose session any thread may use.

        Raises:
            WorkshopError: there are no credentials, or no region.
        """
        with self._lock:
            return account.shared(self._context.account)

    def look(self) -> None:
        """Find out whether the account answers; connect again where it does not.

        Raises:
            WorkshopError: it does not.
        """
        try:
            describe(self.account, self.stack)
        except Exception:
            # An embedded AWS that was started again has another key.
            self._context = dataclasses.replace(self._context)
            self.account.check_reachable()  # its error has the next step
            raise
