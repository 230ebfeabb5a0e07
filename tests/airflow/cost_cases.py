"""What the DAG file of the cost and its test share."""

from dataclasses import dataclass

DAG_ID = "cost"
COUNT = 4
"""How many sources a list has: more than are looked at one by one."""


@dataclass(frozen=True)
class Case:
    """A task.

    :param word: the name of its source; the same word again finds the source in place.
    :param mode: the ingestion mode; a ``realtime`` source has a secret.
    :param most: how many calls it may make for Variables, for each source.
    """

    word: str
    mode: str
    is_list: bool
    most: int

    @property
    def sources(self) -> int:
        """How many sources it registers."""
        return COUNT if self.is_list else 1

    @property
    def limit(self) -> int:
        """How many calls it may make in all: two more for a new list, which prove that its entries are absent."""
        return self.most * self.sources + (2 if self.is_list and self.most > 2 else 0)

    def __str__(self) -> str:
        return f"{'list of ' if self.is_list else ''}{self.word}, at most {self.most}"


_NEW = (
    # The first task of a deployment also writes the Variable that is only there to be read.
    Case("first", "polling", is_list=False, most=13),
    Case("polled", "polling", is_list=False, most=10),
    Case("realtime", "realtime", is_list=False, most=18),
    Case("many polled", "polling", is_list=True, most=8),
    Case("many realtime", "realtime", is_list=True, most=16),
)
_IN_PLACE = (
    Case("polled", "polling", is_list=False, most=1),
    Case("realtime", "realtime", is_list=False, most=2),
    Case("many polled", "polling", is_list=True, most=1),
    Case("many realtime", "realtime", is_list=True, most=2),
)
CASES = (*_NEW, *_IN_PLACE)
