"""The connection's form in a real browser, in the classic pages of Airflow 2.11."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page

from airflow_provider_copass.connection_fields import EXTRA_FIELDS, HIDDEN_FIELDS, STANDARD_FIELDS
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.browser import CHROMIUM, WHY_NOT, opened_browser
from tests.harness.emulator import Emulator
from tests.harness.web_server import WebServer

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.skipif(AIRFLOW_3, reason="the classic pages are those of Airflow 2"),
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]


@dataclass
class Form:
    """Airflow's form for a new connection.

    :param page: the browser's page.
    :param url: where it is.
    :param emulator: what good connections lead to.
    """

    page: Page
    url: str
    emulator: Emulator

    def open(self, conn_id: str) -> None:
        """Open it, and choose the type."""
        self.page.goto(self.url)
        self.page.fill("#conn_id", conn_id)
        # A menu of its own covers the one that the form is made of.
        self.page.select_option("#conn_type", "copass", force=True)
        self.page.evaluate("jQuery('#conn_type').trigger('change')")
        self.page.locator("#extra__copass__sandbox_id").wait_for()

    def fill(self, *, token: str) -> None:
        """Fill in what leads to the emulator."""
        self.page.fill("#host", self.emulator.url)
        self.page.fill("#password", token)
        self.page.fill("#extra__copass__sandbox_id", "sb_demo")

    def test(self) -> str:
        """Press its Test button, and return what the page says."""
        with self.page.expect_response("**/api/v1/connections/test"):
            self.page.click("#test-connection")
        # There from the start, with a warning, it gets another class with another text.
        said = self.page.locator(".alert-success, .alert-error")
        said.wait_for()
        return said.inner_text()


@pytest.fixture(name="form", scope="module")
def _form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    folder = tmp_path_factory.mktemp("form")
    home = AirflowHome(folder / "home")
    home.migrate()
    with Emulator(folder) as emulator, WebServer(home) as server, opened_browser() as page:
        yield Form(page, f"{server.url}/connection/add", emulator)


def test_every_field_is_there_with_its_label(form: Form) -> None:
    """Each has its words from the table, the numbers their defaults, and what means nothing here is hidden."""
    form.open("copass_default")
    for field in STANDARD_FIELDS:
        assert form.page.locator(f"#{field.name}").get_attribute("placeholder") == field.placeholder
        assert form.page.locator(f"label[for={field.name}]").inner_text() == field.label
    for extra in EXTRA_FIELDS:
        shown = form.page.locator(f"#extra__copass__{extra.name}")
        assert shown.is_visible()
        assert shown.input_value() == ("" if extra.default is None else str(extra.default))
        assert shown.get_attribute("placeholder") or extra.placeholder == ""
        assert form.page.locator(f"label[for=extra__copass__{extra.name}]").inner_text() == extra.label
        assert form.page.get_by_text(extra.description, exact=True).is_visible()
    assert [name for name in HIDDEN_FIELDS if form.page.locator(f"#{name}").is_visible()] == []


def test_the_token_is_typed_covered(form: Form) -> None:
    """As a password is."""
    form.open("covered")
    assert form.page.locator("#password").get_attribute("type") == "password"


def test_the_button_says_what_it_reached_or_what_to_change(form: Form) -> None:
    """It makes a real call before anything is stored. Its colour is the same for both, so the words have to tell."""
    form.open("copass_default")
    form.fill(token=form.emulator.token)
    reached = f"Reached {form.emulator.url}"
    assert f"{reached}. The API key is accepted, and sandbox 'sb_demo' holds 0 sources." in form.test()
    form.open("copass_default")
    form.fill(token="olk_wrong")
    said = form.test()
    assert f"{reached}, but it does not accept the token (401)" in said
    assert "olk_wrong" not in said


def test_a_stored_token_is_not_shown_again(form: Form) -> None:
    """Neither in the list nor in the form of the stored connection, whose Test button wants it typed again."""
    form.open("stored")
    form.fill(token=form.emulator.token)
    with form.page.expect_navigation():
        form.page.get_by_role("button", name="Save").click()
    form.page.goto(form.url.replace("/add", "/list/"))
    assert form.emulator.token not in form.page.content()
    form.page.locator("tr", has_text="stored").locator("a[href*='/connection/edit/']").click()
    form.page.locator("#extra__copass__sandbox_id").wait_for()
    assert form.page.locator("#extra__copass__sandbox_id").input_value() == "sb_demo"
    assert form.emulator.token not in form.page.content()
    assert form.test().startswith("API token: token is missing.")
    form.page.fill("#password", form.emulator.token)
    with form.page.expect_response("**/api/v1/connections/test"):
        form.page.click("#test-connection")
    form.page.get_by_text(f"Reached {form.emulator.url}. The API key is accepted").wait_for()
