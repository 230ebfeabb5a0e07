"""Search files for a value that must not be there, in every form that a program may have given it.

What is found is told by file and form, never by the value. What a search did *not* look at it cannot call clean: a
file that cannot be read raises, and the outcome says how much was read.
"""

import base64
import gzip
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

# Something shorter would be found by chance.
MIN_LENGTH = 8

# Upper case would destroy it; in any case it would not be the value any more.
_CASE_COUNTS = "base64"

_SQLITE = b"SQLite format 3\0"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Leak:
    """One place where a value was found.

    :param value: the name under which the value was searched for.
    :param form: how it was written there, e.g. ``base64``.
    :param path: the file.
    :param inside: where in it, e.g. the table and column of a database; empty for its bytes as they are.
    """

    value: str
    form: str
    path: Path
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.value} as {self.form} in {self.path}{self.inside and f' ({self.inside})'}"


@dataclass
class Outcome:
    """What a search found, and how much it looked at."""

    leaks: list[Leak] = field(default_factory=list)
    files: int = 0
    bytes: int = 0


def search(places: Iterable[Path], values: Mapping[str, str]) -> Outcome:
    """Search files and folders for values.

    Databases (SQLite) are searched twice: as bytes, where deleted rows may lie, and cell by cell, since a long cell
    is cut into pages. Compressed files (gzip) and cells (zlib) are searched unpacked too.

    :param places: files, and folders with everything below them.
    :param values: the values, each under a name that may be shown.
    :raises ValueError: for a value too short to be told from chance.
    :raises OSError: for a place that does not exist or cannot be read.
    """
    needles = {name: _needles(name, value) for name, value in values.items()}
    outcome = Outcome()
    found: set[Leak] = set()
    for path in sorted(set(_files(places))):
        content = path.read_bytes()
        outcome.files += 1
        outcome.bytes += len(content)
        for inside, piece in _pieces(path, content):
            lower = piece.lower()
            found.update(
                Leak(name, form, path, inside)
                for name, spelt in needles.items()
                for form, spelling in spelt
                if spelling in (piece if form == _CASE_COUNTS else lower)
            )
    outcome.leaks = sorted(found, key=str)
    return outcome


def forms(value: str) -> dict[str, set[bytes]]:
    """Return how a program may write a value, each form with its spellings.

    A form that looks like an earlier one for this value (a URL-encoded letter is a letter) holds only what is new.
    """
    plain = value.encode()
    escaped = json.dumps(value)[1:-1]
    written = {
        # Beside the search's own blindness to case, which ends with ASCII.
        "plain": {plain, value.upper().encode(), value.lower().encode()},
        "JSON": {
            escaped.encode(),
            # PHP's and JavaScript's habit, and JSON within JSON.
            escaped.replace("/", "\\/").encode(),
            json.dumps(escaped)[1:-1].encode(),
        },
        "repr": {repr(value)[1:-1].encode(), repr(plain)[2:-1].encode()},
        "URL-encoded": {encoding(value, safe=safe).encode() for encoding in (quote, quote_plus) for safe in ("", "/")},
        "base64": _base64(plain),
        "hexadecimal": {plain.hex().encode()},
        "UTF-16": {value.encode("utf-16-le"), value.encode("utf-16-be")},
    }
    seen: set[bytes] = set()
    for spellings in written.values():
        spellings.difference_update(seen)
        seen |= spellings
    return {form: spellings for form, spellings in written.items() if spellings}


def _base64(plain: bytes) -> set[bytes]:
    """Return the part of the base64 text that is the same whatever stands before and after the value."""
    spellings = set()
    for offset in range(3):
        shifted = base64.b64encode(bytes(offset) + plain)
        # Every character holds six bits: leave out those that share theirs with a neighbour.
        first = -(-offset * 8 // 6)
        last = (offset + len(plain)) * 8 // 6
        kept = shifted[first:last]
        spellings |= {kept, kept.replace(b"+", b"-").replace(b"/", b"_")}
    return spellings


def _needles(name: str, value: str) -> list[tuple[str, bytes]]:
    """Return each form and spelling to look for; but for base64, in lower case."""
    if len(value) < MIN_LENGTH:
        raise ValueError(f"{name}: under {MIN_LENGTH} characters, which would be found by chance")
    return [
        (form, spelling if form == _CASE_COUNTS else spelling.lower())
        for form, spellings in forms(value).items()
        for spelling in sorted(spellings)
    ]


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place.resolve()
        elif place.is_dir():
            yield from _below(place)
        else:
            raise FileNotFoundError(f"{place} is neither a file nor a folder")


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            path = Path(parent, name)
            # Not a socket, a pipe or a link to nowhere: they hold nothing.
            if path.is_file():
                yield path.resolve()


def _pieces(path: Path, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", content
    if content.startswith(_GZIP):
        yield "unpacked", gzip.decompress(content)
    if content.startswith(_SQLITE):
        yield from _cells(path)


def _cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            table = name.decode()
            # The name comes from the database itself, and an identifier cannot be a parameter.
            rows = database.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, cell in zip(columns, row, strict=True):
                    if isinstance(cell, bytes):
                        inside = f"{table}.{column}"
                        yield inside, cell
                        yield from ((inside, piece) for piece in _unpacked(cell))


def _unpacked(cell: bytes) -> Iterator[bytes]:
    # The first byte of every zlib stream of the usual window size.
    if cell.startswith(b"x"):
        try:
            yield zlib.decompress(cell)
        except zlib.error:
            return
