"""What users get wrong in a list of sources or in its file: refused with its line, before any request."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, ObjectStoragePath

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import UnrenderedFieldError
from airflow_provider_copass.operators import RegisterSourcesOperator
from airflow_provider_copass.operators._documents import excess
from airflow_provider_copass.operators._manifest_file import Manifest
from airflow_provider_copass.operators._redaction import HIDDEN, Redacted
from tests.harness.object_stores import in_memory
from tests.operators.gate import OPERATORS, AcceptedError, refusal
from tests.operators.in_memory import TaskInstance, execute_once, memory_operator

LIST = "RegisterSourcesOperator"
RegisterList = memory_operator(RegisterSourcesOperator)
SOON = 15
"""Seconds in which anything is refused, on a machine that is busy; the bombs below took minutes."""

pytestmark = pytest.mark.usefixtures("no_account")


def manifest(folder: Path, text: str, *, name: str = "m.yaml") -> str:
    """Write a manifest; return its path."""
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def refused(folder: Path, text: str, *, name: str = "m.yaml") -> str:
    """Write a manifest that has to be refused; return what is said."""
    said = refusal(LIST, manifest=manifest(folder, text, name=name))
    assert "canary" not in said
    return said


def registered(account: Emulator, **fields: Any) -> list[dict[str, Any]]:
    """Register a list; return what was sent for each source."""
    execute_once(RegisterList(task_id="register", **fields))
    return [request["body"] for request in account.requests(operation="register")]


# Values that YAML reads as others than they look.

ENTRY = "- provider: slack\n  name: chat\n"


@pytest.mark.parametrize(
    "written",
    [
        "external_account_id: 0123456",
        "external_account_id: 0b11",
        "external_account_id: +5",
        "external_account_id: 12345678.0",
        "external_account_id: 1.5e+3",
        "external_account_id: .nan",
        "external_account_id: 2026-01-01",
        "external_account_id: no",
        "ingestion_mode: off",
        "kind: 1.0",
        "poll_interval_seconds: 0600",
        "poll_interval_seconds: 1_000",
        "poll_interval_seconds: 10:00",
        "poll_interval_seconds: 0x258",
        "poll_interval_seconds: 600.0",
        "external_account_id: !!int 017",
        "external_account_id: &id 017",
    ],
)
def test_a_value_that_looks_like_another_one_is_refused_with_its_line(tmp_path: Path, written: str) -> None:
    """By the field's name, and with the way out."""
    said = refused(tmp_path, f"{ENTRY}  {written}\n")
    assert f"line 3: {written.partition(':')[0]} is" in said
    assert "quote it" in said


@pytest.mark.parametrize(
    "name",
    [
        "2026.10",
        "10:20",
        "1_000",
        "0x1F",
        "1:30:00",
        "2026-10-01",
        "2026-10-01 10:00:00",
        "yes",
        "NO",
        "True",
        "-017",
        "-0",
    ],
)
@pytest.mark.parametrize(
    ("style", "line"),
    [("- provider: slack\n  name: {}", 2), ("- {{provider: slack, name: {}}}", 1), ("sources:\n\n- {{name: {}}}", 3)],
)
def test_a_name_that_looks_like_another_one_is_refused_with_its_line(
    tmp_path: Path, name: str, style: str, line: int
) -> None:
    """However the list is written."""
    said = refused(tmp_path, style.format(name))
    assert f": line {line}: name is" in said
    assert "quote it" in said


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("'0123456'", "0123456"),
        ('"2026.10"', "2026.10"),
        ("'10:20'", "10:20"),
        ("2026", "2026"),
        ("-5", "-5"),
        ("0", "0"),
        ("12345678901234567890", "12345678901234567890"),
        ("'yes'", "yes"),
        ("1e5", "1e5"),
        ("!!str 0123", "0123"),
        ("v1.10", "v1.10"),
    ],
)
def test_a_quoted_value_is_what_it_looks_like(account: Emulator, tmp_path: Path, written: str, sent: str) -> None:
    """And so is a whole number in plain digits."""
    assert registered(account, manifest=manifest(tmp_path, f"- provider: slack\n  name: {written}\n")) == [
        {"provider": "slack", "name": sent}
    ]


@pytest.mark.parametrize(
    "settings",
    [
        "{a: 012}",
        "{a: [1, 0x1F]}",
        "{a: {b: 10:20}}",
        "{a: 10:20.5}",
        "{a: 1_0.5}",
        "{a: .inf}",
        "{a: 2026-01-01}",
        "{1: a}",
        "{a: {yes: b}}",
        "{a: {null: b}}",
    ],
)
def test_settings_are_read_as_they_look_as_well(tmp_path: Path, settings: str) -> None:
    """With texts as keys, for JSON has no others."""
    assert "line 3: a " in refused(tmp_path, f"{ENTRY}  adapter_config: {settings}\n")


def test_settings_may_hold_any_json(account: Emulator, tmp_path: Path) -> None:
    """Numbers with a fraction, true and false."""
    text = f"{ENTRY}  adapter_config: {{a: 1.50, b: [true, null, -3, 1.0e+2], c: {{d: text}}}}\n"
    [body] = registered(account, manifest=manifest(tmp_path, text))
    assert body["adapter_config"] == {"a": 1.5, "b": [True, None, -3, 100.0], "c": {"d": "text"}}


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "No"])
def test_a_word_that_yaml_takes_for_true_or_false_is_refused_in_settings_too(tmp_path: Path, word: str) -> None:
    """A region may be called so; true and false themselves are meant."""
    assert "line 1: a value is read as true or false" in refused(
        tmp_path, f"- {{provider: slack, name: a, adapter_config: {{region: {word}}}}}\n"
    )


def test_what_is_quoted_is_a_text_in_a_dag_that_renders_natively_too(account: Emulator, tmp_path: Path) -> None:
    """Jinja's native environment would read each text as Python: no quotes could help."""
    text = '- {provider: slack, name: "1_000", adapter_config: {version: "1.10", word: "True", day: "{{ ds }}"}}\n'
    with DAG("native", render_template_as_native_obj=True, schedule=None):
        task = RegisterList(task_id="register", manifest=manifest(tmp_path, text))
    task.execute({"ti": TaskInstance(), "ds": "2026-01-01"})  # type: ignore[typeddict-item]
    [body] = [request["body"] for request in account.requests(operation="register")]
    assert body["name"] == "1_000"
    assert body["adapter_config"] == {"version": "1.10", "word": "True", "day": "2026-01-01"}


def test_every_such_value_is_named_at_once(tmp_path: Path) -> None:
    """Up to ten, each with its line."""
    said = refused(tmp_path, "".join(f"- {{provider: slack, name: 0x{number}7}}\n" for number in range(12)))
    assert "line 1: name is" in said
    assert "line 10: name is" in said
    assert "and 2 more" in said


def test_what_a_merge_brings_is_read_alike(tmp_path: Path) -> None:
    """It is part of the entry, at the line where it is written."""
    said = refused(
        tmp_path, "- &base {provider: slack, name: a, poll_interval_seconds: 0600}\n- {<<: *base, name: b}\n"
    )
    assert "line 1: poll_interval_seconds is" in said


@pytest.mark.parametrize("name", ["12345678.0", "1e5", "true", "null", "NaN", "[1]"])
def test_a_number_with_a_fraction_in_json_is_refused(tmp_path: Path, name: str) -> None:
    """By its entry and its field."""
    said = refused(tmp_path, f'[{{"provider": "slack", "name": {name}}}]', name="m.json")
    assert "m.json[0]" in said
    assert "name must be" in said


def test_a_json_file_with_a_number_that_python_does_not_read_is_not_called_yaml(tmp_path: Path) -> None:
    """Python makes no number of more than 4,300 digits."""
    said = refused(tmp_path, '[{"provider": "slack", "name": ' + "9" * 5000 + "}]", name="m.json")
    assert "is not JSON" in said


def test_a_table_with_blank_cells_names_each_one() -> None:
    """As a list of pandas' records has them."""
    rows = [{"provider": "slack", "name": "a", "external_account_id": value} for value in (float("nan"), 12345678.0)]
    said = refusal(LIST, sources=rows)
    assert "sources[0] ('slack' 'a'): external_account_id must be a string" in said
    assert "sources[1] ('slack' 'a'): external_account_id must be a string" in said


@pytest.mark.parametrize("name", ["None", "", "  ", None, "nan"])
def test_an_entry_whose_name_rendered_to_nothing_is_refused(name: object) -> None:
    """It is named with its place."""
    said = refusal(LIST, sources=[{"provider": "slack", "name": "a"}, {"provider": "slack", "name": name}])
    assert "sources[1]" in said
    assert "name " in said


@pytest.mark.parametrize("given", ["None", "", None, " "])
def test_an_optional_field_of_an_entry_that_rendered_to_nothing_is_not_given(account: Emulator, given: object) -> None:
    """As in the operator for one source."""
    optional = ("ingestion_mode", "kind", "external_account_id", "adapter_config", "poll_interval_seconds")
    sources = [{"provider": "slack", "name": "a", **dict.fromkeys(optional, given)}]
    assert registered(account, sources=sources) == [{"provider": "slack", "name": "a"}]


def test_texts_with_outer_white_space_are_warned_of_by_their_places(
    account: Emulator, logged: Callable[[], str]
) -> None:
    """In one line, without the values, which are sent as they are."""
    sent = registered(account, sources=[{"provider": "slack", "name": f"canary {number}\n"} for number in range(12)])
    warnings = [line for line in logged().splitlines() if "white space" in line]
    assert warnings
    assert "name of sources[0], name of sources[1]" in warnings[0]
    assert "and 2 more" in warnings[0]
    assert "canary" not in warnings[0]
    assert {body["name"] for body in sent} == {f"canary {number}\n" for number in range(12)}


# Keys that are there twice.

TWICE = [
    (
        "m.yaml",
        "- provider: slack\n  name: canary\n  provider: linear\n  name: b\n",
        ["line 3: 'provider'", "line 4: 'name'"],
    ),
    ("m.yaml", "- {provider: slack, name: canary, 'name': b}\n", ["line 1: 'name'"]),
    ("m.yaml", f"{ENTRY}  adapter_config:\n    canary: 1\n    canary: 2\n", ["line 5: a key"]),
    ("m.yaml", f"sources:\n{ENTRY}sources: []\n", ["line 4: 'sources'"]),
    (
        "m.json",
        '[{"provider": "slack",\n"name": "canary",\n"provider": "slack",\n"name": "b"}]',
        ["line 3: 'provider'", "line 4: 'name'"],
    ),
    (
        "m.json",
        '[{"provider": "slack", "name": "a:{[,", "adapter_config": {"canary": [{}],\n"canary": 2}}]',
        ["line 2: a key"],
    ),
    ("m.json", '[{"name": "\\"", "n\\u0061me": "b"}]', ["line 1: 'name'"]),
    ("m.json", '\n{"sources": [],\n\n"sources": []}', ["line 4: 'sources'"]),
]


@pytest.mark.parametrize(("name", "text", "told"), TWICE, ids=range(len(TWICE)))
def test_a_key_that_is_there_twice_is_refused_with_its_line(
    tmp_path: Path, name: str, text: str, told: list[str]
) -> None:
    """The dash, or the brace, of an entry was forgotten: its predecessor would vanish silently."""
    said = refused(tmp_path, text, name=name)
    assert all(each in said for each in told)
    assert "twice" in said


def test_a_list_as_json_text_has_no_key_twice_either() -> None:
    """As a template gives it."""
    assert "line 1: 'name'" in refusal(LIST, sources='[{"provider": "slack", "name": "a", "name": "b"}]')


def test_what_a_merge_overrides_is_not_there_twice(account: Emulator, tmp_path: Path) -> None:
    """That is what it is for."""
    text = "- &base {provider: slack, name: a, kind: ephemeral}\n- {<<: *base, name: b}\n"
    sent = registered(account, manifest=manifest(tmp_path, text))
    assert sorted(body["name"] for body in sent) == ["a", "b"]
    assert {body["kind"] for body in sent} == {"ephemeral"}


# Bombs.


def bomb(levels: int, *, merge: bool = False) -> str:
    """Return a manifest of a few hundred bytes that stands for ten to the power of its levels."""
    lines = ["- provider: slack\n  name: canary\n  adapter_config:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    if merge:
        lines = ["- provider: slack\n  name: canary\n  adapter_config:\n    a0: &a0 {x: x, y: y}"]
    for level in range(1, levels + 1):
        shared = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"    a{level}: &a{level} " + (f"{{<<: [{shared}]}}" if merge else f"[{shared}]"))
    return "\n".join(lines)


@pytest.mark.parametrize("merge", [True, False])
def test_aliases_that_stand_for_millions_of_values_are_refused_at_once(tmp_path: Path, *, merge: bool) -> None:
    """Before anything is rendered."""
    text = bomb(8, merge=merge)
    began = time.monotonic()
    said = refused(tmp_path, text)
    assert "YAML aliases" in said
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize(
    "text", ["- &a [*a]", "- &a {provider: slack, name: canary, adapter_config: *a}", "&a {sources: *a}"]
)
def test_yaml_that_contains_itself_is_refused(tmp_path: Path, text: str) -> None:
    """An alias may stand in what it stands for."""
    assert "contains itself" in refused(tmp_path, text)


def test_one_long_text_in_many_places_is_refused(tmp_path: Path) -> None:
    """Each alias is four characters."""
    text = f"{ENTRY}  adapter_config:\n    a: &a {'x' * 50_000}\n    b: [{', '.join(['*a'] * 20_000)}]\n"
    assert "YAML aliases" in refused(tmp_path, text)


def test_aliases_in_measure_are_fine(account: Emulator, tmp_path: Path) -> None:
    """As they save a list of a hundred sources from saying everything a hundred times."""
    shared = "- &base {provider: slack, name: a, adapter_config: &settings {channels: [a, b, c]}}\n"
    text = shared + "".join(f"- {{<<: *base, name: n{number}, adapter_config: *settings}}\n" for number in range(100))
    assert len(registered(account, manifest=manifest(tmp_path, text))) == 101


def test_a_large_list_without_aliases_is_fine() -> None:
    """It costs as much as it is long."""
    rows = [{"provider": "slack", "name": f"n{number}", "adapter_config": {"a": "x" * 100}} for number in range(20_000)]
    assert excess(rows) == ""


def shared(levels: int) -> list[Any]:
    """Return a list that holds one list many times, and so on."""
    value: list[Any] = ["x"] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


def looped() -> list[Any]:
    """Return a list that contains itself."""
    value: list[Any] = []
    value.append({"a": value})
    return value


def deep() -> list[Any]:
    """Return a list that is nested far too deeply."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("make", [lambda: shared(9), looped, deep], ids=["shared", "looped", "deep"])
@pytest.mark.parametrize("where", ["sources", "entry", "settings"])
@pytest.mark.parametrize("rendered", [True, False])
def test_a_list_in_python_that_has_no_end_is_refused_at_once(make: Any, where: str, *, rendered: bool) -> None:
    """One object in many places, or in itself; Airflow sees nothing of it before."""
    value = make()
    settings = {"canary": value}
    entry = {"provider": "slack", "name": "a", "adapter_config": value if where == "entry" else settings}
    operator = OPERATORS[LIST](task_id="task", sources=value if where == "sources" else [entry])
    began = time.monotonic()
    if rendered:
        operator.render_template_fields({})
        assert str(operator.sources) == f'"{HIDDEN}"'
    with pytest.raises(AirflowFailException, match=r"contains itself|far too large|too deeply") as failed:
        execute_once(operator)
    assert time.monotonic() - began < SOON
    assert "canary" not in str(failed.value)


@pytest.mark.parametrize("make", [lambda: shared(9), looped, deep], ids=["shared", "looped", "deep"])
@pytest.mark.parametrize("kind", ["RegisterSourceOperator", "UpdateSourceOperator"])
def test_settings_without_an_end_are_refused_at_once(kind: str, make: Any) -> None:
    """In the operators for one source as well, rendered or not."""
    named = {"provider": "slack", "name": "a"}
    for is_rendered in (True, False):
        operator = OPERATORS[kind](task_id="task", **named, adapter_config={"a": make()})
        began = time.monotonic()
        if is_rendered:
            operator.render_template_fields({})
        with pytest.raises(AirflowFailException, match="adapter_config"):
            execute_once(operator)
        assert time.monotonic() - began < SOON


def test_a_template_that_gives_an_endless_value_is_refused_at_once() -> None:
    """Rendered natively, or made by what Airflow calls."""
    operator = OPERATORS[LIST](task_id="task", sources=lambda **_: shared(9))
    operator.render_template_fields({})
    assert str(operator.sources) == f'"{HIDDEN}"'
    with pytest.raises(AirflowFailException, match="far too large"):
        execute_once(operator)


def test_a_number_too_long_for_a_text_is_hidden() -> None:
    """Airflow asks for the text before the task begins, so that it must not fail."""
    operator = RegisterSourcesOperator(task_id="task", sources=[{"provider": "slack", "name": 10**5000}])
    operator.render_template_fields({})
    assert json.loads(str(operator.sources)) == [{"provider": "slack", "name": "***"}]
    assert str(Redacted({"a": 10**5000})) == '{"a": "***"}'


# Files.

LISTED = json.dumps([{"provider": "slack", "name": "ünïcode"}], ensure_ascii=False)


@pytest.mark.parametrize("name", ["m.json", "m.JSON", "m.yaml", "m.yml", "m"])
@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + LISTED.encode(),
        LISTED.encode("utf-16"),
        codecs.BOM_UTF16_BE + LISTED.encode("utf-16-be"),
        LISTED.replace(" ", "\r\n").encode(),
    ],
    ids=["utf-8", "utf-16", "utf-16-be", "crlf"],
)
def test_a_byte_order_mark_is_fine(account: Emulator, tmp_path: Path, name: str, data: bytes) -> None:
    """As Windows' programs write it."""
    (tmp_path / name).write_bytes(data)
    assert registered(account, manifest=str(tmp_path / name)) == [{"provider": "slack", "name": "ünïcode"}]


def test_a_list_as_json_text_may_begin_with_a_byte_order_mark(account: Emulator) -> None:
    """As a template gives it that reads a file."""
    assert registered(account, sources=f"\ufeff{LISTED}") == json.loads(LISTED)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"- \xe4", b"\x80"])
def test_a_file_of_another_encoding_is_refused(tmp_path: Path, data: bytes) -> None:
    """It is said what it must be."""
    (tmp_path / "m.yaml").write_bytes(data)
    assert "is not UTF-8 text" in refusal(LIST, manifest=str(tmp_path / "m.yaml"))


@pytest.mark.parametrize("as_text", [True, False])
def test_a_manifest_may_be_in_an_object_store(account: Emulator, tmp_path: Path, *, as_text: bool) -> None:
    """As Airflow's own path, or as its text; a template in it is rendered, and one in the path."""
    (tmp_path / "m.json").write_text('[{"provider": "slack", "name": "of {{ ds }}"}]', encoding="utf-8")
    place = f"file://{tmp_path}/{{{{ file }}}}.json"
    operator = RegisterList(task_id="register", manifest=place if as_text else ObjectStoragePath(place))
    context: Any = {"ti": TaskInstance(), "ds": "2026-01-01", "file": "m"}
    operator.render_template_fields(context)
    operator.execute(context)
    assert [request["body"]["name"] for request in account.requests(operation="register")] == ["of 2026-01-01"]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("conn_id", [None, "copass"])
def test_a_manifest_may_be_in_a_store_that_is_no_disk(account: Emulator, conn_id: str | None, *, as_text: bool) -> None:
    """Nothing of it is in a file of this machine; the connection's id may be in its path."""
    with in_memory("folder/m.yaml", b"- {provider: slack, name: 'of {{ ds }}'}", conn_id=conn_id) as place:
        operator = RegisterList(task_id="register", manifest=place if as_text else ObjectStoragePath(place))
        context: Any = {"ti": TaskInstance(), "ds": "2026-01-01"}
        operator.render_template_fields(context)
        operator.execute(context)
    assert [request["body"]["name"] for request in account.requests(operation="register")] == ["of 2026-01-01"]


def test_a_manifest_may_be_a_path(account: Emulator, tmp_path: Path) -> None:
    """Of Python's own kind."""
    (tmp_path / "m.json").write_text(LISTED, encoding="utf-8")
    assert len(registered(account, manifest=tmp_path / "m.json")) == 1


@pytest.mark.parametrize(
    "place",
    [
        "file:///no/such/m.yaml",
        "s3://canary:canary@bucket/m.yaml",
        "nope://x/m.yaml",
        "https://x.example/m.yaml?sig=canary",
    ],
)
def test_a_manifest_that_cannot_be_there_is_refused(place: str) -> None:
    """Its kind of storage is not installed here, or there is no such file; what may be a credential is not shown."""
    for given in (place, ObjectStoragePath(place)) if place.startswith("file") else (place,):
        said = refusal(LIST, manifest=given)
        assert "anifest" in said
        assert "cannot be read (" in said
        assert "canary" not in said


@pytest.mark.parametrize("given", [5, b"m.yaml", ["m.yaml"], {"path": "m.yaml"}, True, 1.5, "m\0.yaml"])
def test_what_is_no_path_is_refused(given: Any) -> None:
    """At once, and not after a retry."""
    assert "anifest" in refusal(LIST, manifest=given)


def test_a_store_that_does_not_answer_is_left_to_airflow_s_retry() -> None:
    """The file may be there at the next try."""

    class Away:
        name = "m.yaml"

        def read_bytes(self) -> bytes:
            raise ConnectionError("canary")

    with pytest.raises(UnrenderedFieldError, match=r"'m\.yaml' cannot be read \(ConnectionError\)") as failed:
        Manifest(Away(), "m.yaml", is_local=False).read()
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None


def test_a_relative_manifest_begins_at_the_dag_s_file() -> None:
    """Here that is this test's file; without a DAG it is the current folder."""
    with DAG("listed", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        pass
    here = Path(__file__).parent
    assert Manifest.at("manifests/two.yaml", beside=dag.fileloc).path == here / "manifests" / "two.yaml"
    assert Manifest.at("/two.yaml", beside=dag.fileloc).path == Path("/two.yaml")
    assert Manifest.at("two.yaml", beside=None).path == Path("two.yaml")


@pytest.mark.parametrize("given", ["None", "", " ", None])
def test_a_manifest_that_rendered_to_nothing_is_not_given(given: object) -> None:
    """So there is no list at all, unless ``sources`` is one."""
    for fields in ({"manifest": given}, {"sources": given}, {"sources": given, "manifest": given}):
        assert "Give either sources, a list, or manifest" in refusal(LIST, **fields)
    with pytest.raises(AcceptedError):
        execute_once(OPERATORS[LIST](task_id="task", sources=[{"provider": "slack", "name": "a"}], manifest=given))
