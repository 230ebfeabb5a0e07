"""The search for leaks must fail loudly: every claim that nothing leaks rests on it."""

import base64
import gzip
import json
import os
import secrets
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.harness import leak_search

Writer = Callable[[str], bytes]


def canary() -> str:
    """Return a value with characters that every encoding writes differently."""
    return f'{secrets.token_urlsafe(12)}/+"é\\~{secrets.token_urlsafe(12)}'


def in_base64(offset: int, encode: Callable[[bytes], bytes] = base64.b64encode) -> Writer:
    """Return a writer that puts the value after that many bytes of something else, before it encodes."""
    return lambda value: encode(b"."[:1] * offset + value.encode() + b" and more")


WRITERS: dict[str, tuple[str, Writer]] = {
    "plain": ("plain", str.encode),
    "upper case": ("plain", lambda value: value.upper().encode()),
    "lower case": ("plain", lambda value: value.lower().encode()),
    "JSON": ("JSON", lambda value: json.dumps({"key": value}).encode()),
    "JSON in JSON": ("JSON", lambda value: json.dumps(json.dumps(value)).encode()),
    "JSON with escaped slashes": ("JSON", lambda value: json.dumps(value).replace("/", "\\/").encode()),
    "URL, path": ("URL-encoded", lambda value: quote(value).encode()),
    "URL, component": ("URL-encoded", lambda value: quote(value, safe="").encode()),
    "URL, form": ("URL-encoded", lambda value: quote_plus(value).encode()),
    "URL, lower case": ("URL-encoded", lambda value: quote(value, safe="").lower().encode()),
    "repr": ("repr", lambda value: repr({"key": value}).encode()),
    "repr of bytes": ("repr", lambda value: repr(value.encode()).encode()),
    "hexadecimal": ("hexadecimal", lambda value: value.encode().hex().encode()),
    "UTF-16": ("UTF-16", lambda value: value.encode("utf-16")),
    **{f"base64 after {n}": ("base64", in_base64(n)) for n in range(7)},
    **{f"base64 for URLs after {n}": ("base64", in_base64(n, base64.urlsafe_b64encode)) for n in range(3)},
    "base64 without its end": ("base64", lambda value: base64.b64encode(value.encode()).rstrip(b"=")),
    "basic authentication": ("base64", lambda value: base64.b64encode(f"user:{value}".encode())),
}


@pytest.mark.parametrize("way", WRITERS)
@pytest.mark.parametrize("surroundings", [(b"", b""), (b"\x00\xff\xfe line\n", b"\x80\x00 rest")])
def test_a_planted_value_is_found_in_each_form(tmp_path: Path, way: str, surroundings: tuple[bytes, bytes]) -> None:
    """Whatever a program makes of a value, and whatever bytes stand around it, it is found and its form is named."""
    form, write = WRITERS[way]
    value = canary()
    (tmp_path / "deep").mkdir()
    planted = tmp_path / "deep" / "task.log"
    planted.write_bytes(surroundings[0] + write(value) + surroundings[1])

    outcome = leak_search.search([tmp_path], {"canary": value})

    assert leak_search.Leak("canary", form, planted) in outcome.leaks


@pytest.mark.parametrize("length", range(8, 14))
def test_a_value_of_any_length_is_found_in_base64(tmp_path: Path, length: int) -> None:
    """The part of a base64 text that depends on the neighbours is cut off right for each length and alignment."""
    value = secrets.token_urlsafe(length)[:length]
    for offset in range(3):
        (tmp_path / f"{offset}.log").write_bytes(in_base64(offset)(value))

    outcome = leak_search.search([tmp_path], {"canary": value})

    assert [leak.form for leak in outcome.leaks] == ["base64"] * 3


def test_other_values_are_not_found(tmp_path: Path) -> None:
    """A search for one value passes by others of the same make, and says how much it read."""
    for way, (_, write) in WRITERS.items():
        (tmp_path / way).write_bytes(write(canary()))

    outcome = leak_search.search([tmp_path], {"canary": canary()})

    assert outcome.leaks == []
    assert outcome.files == len(WRITERS)
    assert outcome.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_fragment_is_not_the_value(tmp_path: Path) -> None:
    """Half of a value is no leak: the search has no form so short that anything matches it."""
    value = canary()
    (tmp_path / "half").write_text(value[: len(value) // 2], encoding="utf-8")

    assert leak_search.search([tmp_path], {"canary": value}).leaks == []


def a_database(path: Path, cell: str | bytes) -> Path:
    """Make a database as a program leaves it: with other rows around the one that counts."""
    with closing(sqlite3.connect(path)) as database:
        database.execute('CREATE TABLE "x com" (id INTEGER, value)')
        database.executemany('INSERT INTO "x com" VALUES (?, ?)', [(n, f"row {n}") for n in range(500)])
        database.execute('INSERT INTO "x com" VALUES (?, ?)', (1000, cell))
        database.commit()
    return path


def test_a_value_in_a_database_is_found_with_its_column(tmp_path: Path) -> None:
    """A cell of an SQLite database is named by table and column."""
    value = canary()
    path = a_database(tmp_path / "airflow.db", json.dumps({"token": value}))

    leaks = leak_search.search([tmp_path], {"canary": value}).leaks

    assert leak_search.Leak("canary", "JSON", path, "x com.value") in leaks


def test_a_value_across_two_pages_of_a_database_is_found(tmp_path: Path) -> None:
    """A long cell lies in several pages, so that the bytes of the file do not hold the value in one piece."""
    value = secrets.token_urlsafe(6000)
    path = a_database(tmp_path / "airflow.db", value)
    in_one_piece = value.encode() in path.read_bytes()
    assert not in_one_piece

    leaks = leak_search.search([tmp_path], {"canary": value}).leaks

    assert leak_search.Leak("canary", "plain", path, "x com.value") in leaks


def test_a_deleted_row_is_found(tmp_path: Path) -> None:
    """What a database has deleted still lies in its file."""
    value = canary()
    path = a_database(tmp_path / "airflow.db", value)
    with closing(sqlite3.connect(path)) as database:
        # Some builds of SQLite overwrite what they delete.
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("DELETE FROM 'x com' WHERE id = 1000")
        database.commit()

    leaks = leak_search.search([tmp_path], {"canary": value}).leaks

    assert leak_search.Leak("canary", "plain", path) in leaks


def test_a_row_that_is_only_in_the_write_ahead_log_is_found(tmp_path: Path) -> None:
    """A database that is still open keeps its newest rows in a file beside it."""
    value = canary()
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE variable (val)")
        database.execute("INSERT INTO variable VALUES (?)", (value,))
        database.commit()

        assert leak_search.search([tmp_path], {"canary": value}).leaks != []


def test_compressed_content_is_found(tmp_path: Path) -> None:
    """A rotated log (gzip) and a compressed cell (zlib, as of a serialized DAG) are searched unpacked."""
    value = canary()
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"a line with {value}".encode()))
    path = a_database(tmp_path / "airflow.db", zlib.compress(f"a cell with {value}".encode()))

    leaks = leak_search.search([tmp_path], {"canary": value}).leaks

    assert {(leak.path, leak.inside) for leak in leaks} == {
        (tmp_path / "log.gz", "unpacked"),
        (path, "x com.value"),
    }


def test_no_value_is_told(tmp_path: Path) -> None:
    """What is told about a leak holds neither the value nor any of its forms."""
    value = canary()
    (tmp_path / "task.log").write_text(value, encoding="utf-8")

    outcome = leak_search.search([tmp_path], {"canary": value})

    told = (repr(outcome) + "".join(str(leak) for leak in outcome.leaks)).encode()
    assert not any(spelling in told for spellings in leak_search.forms(value).values() for spelling in spellings)


def test_a_short_value_is_refused() -> None:
    """A value that would be found by chance is refused by name rather than searched for."""
    with pytest.raises(ValueError, match="pin") as refused:
        leak_search.search([], {"pin": "1234567"})
    assert "1234567" not in str(refused.value)


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt folder is an error: nothing found in nothing would look like a clean search."""
    with pytest.raises(FileNotFoundError):
        leak_search.search([tmp_path / "logz"], {"canary": canary()})


def test_a_socket_or_a_dead_link_is_passed_by(tmp_path: Path) -> None:
    """What holds no content does not stop the search of the rest."""
    (tmp_path / "latest").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "task.log").write_text("nothing", encoding="utf-8")

    assert leak_search.search([tmp_path], {"canary": canary()}).files == 1
