"""What an Airflow says of itself, without us: warnings and log lines that each version has with today's dependencies.

Each was seen in an environment of that version that has no provider of ours. Whatever else is said is a failure.
"""

import re
from dataclasses import dataclass

from tests.harness.airflow_home import AIRFLOW_VERSION


@dataclass(frozen=True)
class OwnWarning:
    """A warning that Airflow gives by itself.

    :param message: how it begins, as a regular expression.
    :param category: its class, as pytest's ``filterwarnings`` names it.
    """

    message: str
    category: str

    def as_filter(self) -> str:
        """Return the line that has pytest ignore it."""
        return f"ignore:{self.message}:{self.category}"


_WARNINGS = {
    (3, 1): (
        # The standard provider asks common-compat for it, which looks at the old place first.
        OwnWarning(
            "The `airflow.operators.branch.BaseBranchOperator` attribute is deprecated",
            "airflow.utils.deprecation_tools.DeprecatedImportWarning",
        ),
        # A relationship of the Connection model, with SQLAlchemy 2.1.
        OwnWarning("The ``noload`` loader strategy is deprecated", "sqlalchemy.exc.SADeprecationWarning"),
        # Any hook's connection, where a variable has it as JSON and there is no scheduler.
        OwnWarning("Using Connection.from_json from `airflow.models` is deprecated", "DeprecationWarning"),
    ),
}
# Airflow 3.1 sets up its log before it imports alembic, whose plugins report themselves since 1.18.
_LINES = {(3, 1): (r"^\S+ \[info +\] setup plugin alembic\.",)}

WARNINGS = _WARNINGS.get(AIRFLOW_VERSION, ())
"""Those of the Airflow of this Python."""

_OWN = re.compile("|".join([*_LINES.get(AIRFLOW_VERSION, ()), *(each.message for each in WARNINGS)]) or r"(?!)")


def beyond_own_words(said: str) -> str:
    """Return what a command of Airflow wrote to its standard error, without the lines that it always writes."""
    return "".join(line for line in said.splitlines(keepends=True) if not _OWN.search(line))
