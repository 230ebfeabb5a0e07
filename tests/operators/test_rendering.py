"""A field that may hold a credential and cannot be rendered: what is told of it, and how the task ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_copass.errors import CopassInputError, UnrenderedFieldError
from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator, UpdateSourceOperator
from airflow_provider_copass.operators._redaction import value_of
from tests.hooks.connections import ENVIRONMENT, as_json
from tests.operators.in_memory import execute_once


def operator(adapter_config: Any, **fields: Any) -> RegisterSourceOperator:
    """Return an operator with these settings."""
    return RegisterSourceOperator(
        task_id="register", **{"provider": "slack", "name": "chat", "adapter_config": adapter_config, **fields}
    )


def failing(error: Exception) -> Any:
    """Return a field that fails as it is rendered; Airflow renders what can be called by calling it."""

    def fail(**_: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("template", ["{{ canary.attribute }}", "{{ 'canary' + 1 }}", "canary {{ oops"])
def test_the_error_names_the_field_and_the_kind_alone(template: str) -> None:
    """What Jinja says may be a value; so its error is no cause of ours either."""
    with pytest.raises(UnrenderedFieldError, match=r"adapter_config cannot be rendered \(\w+Error\)") as failed:
        operator({"key": template}).render_template_fields({})
    assert "canary" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_a_field_that_cannot_be_rendered_may_be_rendered_at_the_next_try() -> None:
    """A Variable or an XCom may be there by then: Airflow tries again, as with every field."""
    with pytest.raises(UnrenderedFieldError) as failed:
        operator({"key": "{{ nothing.attribute }}"}).render_template_fields({})
    assert isinstance(failed.value, CopassInputError)
    assert not failed.value.is_final


@pytest.mark.parametrize("kind", [AirflowSkipException, AirflowFailException])
def test_a_task_is_skipped_or_failed_by_its_field(kind: type[Exception]) -> None:
    """As Airflow's own ``map`` of an XCom may do; in our words."""
    with pytest.raises(kind, match="adapter_config cannot be rendered") as ended:
        operator(failing(kind("canary"))).render_template_fields({})
    assert "canary" not in str(ended.value)


@pytest.mark.parametrize("name", ["chat", "{{ nothing.attribute }}"])
def test_a_field_is_hidden_whichever_field_fails(name: str) -> None:
    """One before it leaves it as it was given, one behind it rendered."""
    failed = operator({"key": "{{ 'canary' }}"}, name=name, store_as="{{ nothing.attribute }}")
    with pytest.raises(Exception, match="nothing"):
        failed.render_template_fields({})
    assert str(failed.adapter_config) == '{"key": "***"}'
    assert repr(failed.adapter_config) == '{"key": "***"}'


@pytest.mark.parametrize("kind", [RegisterSourceOperator, UpdateSourceOperator])
@pytest.mark.parametrize(
    "given", [{"key": ["{{ ds }}"]}, lambda context, jinja_env: {"key": [context["ds"]]}], ids=["template", "called"]
)
def test_a_field_is_rendered_or_called_and_hidden(kind: type[Any], given: Any) -> None:
    """With the context, as Airflow does with each templated field; the fields beside it are Airflow's alone."""
    rendered = kind(task_id="task", provider="slack", name="of {{ ds }}", adapter_config=given)
    rendered.render_template_fields({"ds": "canary"})
    assert (rendered.name, value_of(rendered.adapter_config)) == ("of canary", {"key": ["canary"]})
    assert str(rendered.adapter_config) == '{"key": ["***"]}'


def test_what_was_rendered_already_is_not_rendered_again() -> None:
    """A value out of another task is no template, whatever is in it: Airflow says by its id what it knows of."""
    value = {"key": "{{ nothing.attribute }}"}
    mapped = operator(value)
    mapped._do_render_template_fields(mapped, ["adapter_config"], {}, mapped.get_template_env(), {id(value)})  # type: ignore[typeddict-item]
    assert value_of(mapped.adapter_config) == value


def test_a_list_that_is_read_piece_by_piece_is_read_once() -> None:
    """As Airflow reads what a mapped task returned, with a request for each entry."""

    class Pieces(Sequence[str]):
        asked = 0

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: Any) -> Any:
            self.asked += 1
            return ["a", "b"][index]

    pieces = Pieces()
    listed = operator(lambda **_: {"channels": pieces})
    listed.render_template_fields({})
    asked = pieces.asked
    assert value_of(listed.adapter_config) == {"channels": ["a", "b"]}
    assert str(listed.adapter_config) == '{"channels": ["***", "***"]}'
    assert pieces.asked == asked


def test_no_template_inside_of_an_object_is_logged(capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    """An object is no JSON and refused later, so nothing in it is rendered and nothing of it can fail."""

    class WithTemplates:
        template_fields = ("key",)
        key = "canary {{ nothing.attribute }}"

    operator({"key": WithTemplates()}).render_template_fields({})
    assert "canary" not in f"{capsys.readouterr()}{caplog.text}"


def test_a_manifest_that_cannot_be_rendered_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same words; it holds the same fields."""
    monkeypatch.setenv(ENVIRONMENT, as_json())
    manifest = tmp_path / "m.yaml"
    manifest.write_text("- {provider: slack, name: a, adapter_config: {key: 'canary {{ oops'}}", encoding="utf-8")
    listed = RegisterSourcesOperator(task_id="register", manifest=str(manifest), sandbox_id="sb")
    with pytest.raises(UnrenderedFieldError, match=r"m\.yaml cannot be rendered \(TemplateSyntaxError\)") as failed:
        execute_once(listed)
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None
