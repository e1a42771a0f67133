"""The command line as on an account of AWS's, though an embedded AWS answers.

Run: python -m tests.support.on_aws WORDS
"""

from workshop.account import Account
from workshop.commands.app import main

if __name__ == "__main__":
    Account.embedded = property(lambda _: False)  # type: ignore[assignment]
    main()
