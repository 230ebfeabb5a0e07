"""The connection's form in a real browser, as somebody sees it who has read nothing (Airflow 3)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page

from airflow_provider_copass.connection_fields import EXTRA_FIELDS, STANDARD_FIELDS, StandardField
from tests.docs import pages
from tests.harness.airflow_home import AIRFLOW_3, AIRFLOW_VERSION, AirflowHome
from tests.harness.browser import CHROMIUM, WHY_NOT, Pictures, opened_browser
from tests.harness.emulator import Emulator
from tests.harness.odd_servers import answering
from tests.harness.ports import is_free
from tests.harness.web_server import WebServer

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.skipif(not AIRFLOW_3, reason="the pages are those of Airflow 3"),
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]
# The one of the emulator's page, so that a picture is the same each time.
USUAL_PORT = 9099
# The proxy through which the way to the real API leads, so that a call to it ends on this machine.
LETS_NOBODY_THROUGH = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Connections:
    """Airflow's page on connections.

    :param page: the browser's page.
    :param url: where it is.
    :param emulator: what good connections lead to.
    :param pictures: where screenshots go.
    :param home: the Airflow whose page it is.
    """

    page: Page
    url: str
    emulator: Emulator
    pictures: Pictures
    home: AirflowHome

    def add(self, conn_id: str) -> Locator:
        """Open the form for a new connection, choose the type, and return the form."""
        self.page.goto(self.url)
        self.page.get_by_role("button", name="Add Connection").click()
        form = self.page.get_by_role("dialog")
        form.locator("input[name=connection_id]").fill(conn_id)
        kind = form.get_by_role("combobox").first
        kind.click()
        kind.fill("Copass")
        self.page.get_by_role("option", name="Copass", exact=True).click()
        form.locator("input[name=password]").wait_for()
        return form

    def save(self, form: Locator) -> None:
        """Save the form, and wait until it is closed."""
        form.get_by_role("button", name="Save").click()
        form.wait_for(state="hidden")

    def put(self, conn_id: str, *, token: str, port: str = "") -> None:
        """Add a connection to the emulator as a newcomer would."""
        form = self.add(conn_id)
        form.locator("input[name=host]").fill(self.emulator.url)
        form.locator("input[name=password]").fill(token)
        form.locator("input[name=port]").fill(port)
        extra(form).locator("input[name=element_sandbox_id]").fill("sb_demo")
        self.save(form)

    def row(self, conn_id: str) -> Locator:
        """Return the row of a connection."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=conn_id, exact=True))

    def test(self, conn_id: str) -> tuple[str, str]:
        """Press the Test button of a row; return the colour of its icon and what the page says."""
        button = self.row(conn_id).get_by_role("button", name="Test Connection")
        button.click()
        button.locator("svg[color]").wait_for()
        # What is said pops up in a region of its own, and fades in.
        said = self.page.locator("[data-scope=toast][data-part=root]").first
        said.wait_for()
        return str(button.locator("svg[color]").get_attribute("color")), said.inner_text()


def extra(form: Locator) -> Locator:
    """Unfold the extra fields, which folds the standard ones, and return the form."""
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.locator("input[name=element_sandbox_id]").wait_for()
    return form


def placeholder(field: StandardField) -> str:
    """Return what stands in an empty field: what is declared, or what the hook said before that could be."""
    return (AIRFLOW_VERSION >= (3, 2) and field.declared_placeholder) or field.placeholder


def port_of(emulator: Emulator) -> str:
    """Return the port of an emulator."""
    return emulator.url.rpartition(":")[2]


@pytest.fixture(name="airflow", scope="module")
def _airflow(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Connections]:
    folder = tmp_path_factory.mktemp("form")
    pictures = Pictures(request.config.getoption("--screenshots"))
    with answering(LETS_NOBODY_THROUGH) as proxy:
        home = AirflowHome(folder / "home", proxy=f"http://127.0.0.1:{proxy}")
        home.migrate()
        with (
            Emulator(folder, port=USUAL_PORT if is_free(USUAL_PORT) else 0) as emulator,
            WebServer(home) as server,
            opened_browser() as page,
        ):
            # The first visit is logged in, which in Airflow 3.1 ends on the home page, wherever it was to lead.
            page.goto(server.url)
            page.get_by_role("button", name="Admin").wait_for()
            yield Connections(page, f"{server.url}/connections", emulator, pictures, home)


@pytest.fixture(name="connections")
def _connections(airflow: Connections) -> Iterator[Connections]:
    yield airflow
    base = airflow.url.removesuffix("/connections")
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as api:
        token = api.get("/auth/token").raise_for_status().json()["access_token"]
        api.headers["Authorization"] = f"Bearer {token}"
        for stored in api.get("/api/v2/connections").raise_for_status().json()["connections"]:
            api.delete(f"/api/v2/connections/{stored['connection_id']}").raise_for_status()


def test_every_field_is_there_with_its_label(connections: Connections) -> None:
    """Each has its words from the table, the numbers their defaults, and nothing else is asked."""
    form = connections.add("copass_default")
    for field in STANDARD_FIELDS:
        shown = form.locator(f"input[name={field.name}]")
        assert shown.get_attribute("placeholder") == placeholder(field)
        assert form.get_by_text(field.label, exact=True).is_visible()
    assert sorted(names(form)) == ["connection_id", "host", "password", "port"]
    form.locator("input[name=host]").fill("https://api.copass.id")
    form.locator("input[name=password]").fill(connections.emulator.token)
    form.locator("input[name=port]").fill("443")
    connections.pictures.take(connections.page, "connection-form", of="[role=dialog]")
    extra(form)
    for extra_field in EXTRA_FIELDS:
        shown = form.locator(f"input[name=element_{extra_field.name}]")
        assert shown.input_value() == ("" if extra_field.default is None else str(extra_field.default))
        assert form.get_by_text(extra_field.label, exact=True).is_visible()
        assert form.get_by_text(extra_field.description, exact=True).is_visible()
    form.locator("input[name=element_sandbox_id]").fill("sb_your_sandbox")
    connections.pictures.take(connections.page, "connection-form-extra", of="[role=dialog]")


def names(form: Locator) -> list[str]:
    """Return the names of the inputs that are to be seen."""
    shown = form.locator("input[name]:visible").all()
    return [str(each.get_attribute("name")) for each in shown if each.get_attribute("name") != "conn_type"]


def test_the_token_cannot_be_read(connections: Connections) -> None:
    """It is typed covered; once stored, neither the page nor its form nor what the browser got holds it."""
    token = connections.emulator.token
    form = connections.add("covered")
    assert form.locator("input[name=password]").get_attribute("type") == "password"
    connections.put("covered", token=token, port=port_of(connections.emulator))
    answers: list[str] = []
    connections.page.on("response", lambda got: answers.append(got.text()) if "/connections" in got.url else None)
    connections.page.goto(connections.url)
    connections.row("covered").get_by_role("button", name="Edit Connection").click()
    edited = connections.page.get_by_role("dialog").locator("input[name=password]")
    edited.wait_for()
    assert edited.input_value() in {"", "***"}
    assert any('"covered"' in answer for answer in answers)
    assert not any(token in text for text in [*answers, connections.page.content()])


def test_what_was_filled_in_is_what_a_task_reads(connections: Connections) -> None:
    """Numbers arrive as numbers, and fields that were left empty as none."""
    with connections.page.expect_request(lambda sent: sent.method == "POST") as posted:
        connections.put("read", token="olk_a/b%c@d:e+f", port=port_of(connections.emulator))
    sent: dict[str, Any] = posted.value.post_data_json
    assert (sent["password"], sent["port"]) == ("olk_a/b%c@d:e+f", int(port_of(connections.emulator)))
    assert json.loads(sent["extra"]) == {
        "sandbox_id": "sb_demo",
        # Before 3.2 the form had whole numbers alone, and a timeout may be none.
        "timeout": 30 if AIRFLOW_VERSION >= (3, 2) else "30",
        "max_attempts": 4,
        "ca_bundle": None,
        "proxy": None,
    }


def test_a_good_connection_is_green_and_says_what_it_reached(connections: Connections) -> None:
    """The row's button makes a real call."""
    connections.put("copass_default", token=connections.emulator.token, port=port_of(connections.emulator))
    colour, said = connections.test("copass_default")
    assert colour == "green"
    assert (
        f"Reached {connections.emulator.url}. The API key is accepted, and sandbox 'sb_demo' holds 0 sources." in said
    )
    connections.pictures.take(connections.page, "connection-test", height=500)


def test_a_wrong_token_is_red_and_says_what_to_change(connections: Connections) -> None:
    """And does not show it."""
    connections.put("wrong", token="olk_wrong", port=port_of(connections.emulator))
    colour, said = connections.test("wrong")
    assert colour == "red"
    assert "does not accept the token (401). Put another one into API token (password)" in said
    assert "olk_wrong" not in said


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="Airflow 3.3 brought the trap")
def test_without_a_port_the_button_fails_as_the_form_warns(connections: Connections) -> None:
    """Airflow 3.3 compares the port 0 that its page sends with none; no provider gets a say.

    When this fails, Airflow has fixed it: take the warning out of the form and of ``docs/connection.md``.
    """
    connections.put("without_port", token=connections.emulator.token)
    before = len(connections.emulator.requests())
    colour, said = connections.test("without_port")
    assert colour == "red"
    assert "Bad Request" in said
    assert len(connections.emulator.requests()) == before


def test_the_button_of_a_connection_that_the_documented_command_stored_makes_a_call(connections: Connections) -> None:
    """Anyone who types what the README shows has a port stored, and the button asks this provider."""
    connections.home.run("bash", "-c", pages.the_command_that_adds())
    connections.page.goto(connections.url)
    colour, said = connections.test("copass_default")
    assert colour == "red"
    assert "Bad Request" not in said
    assert "The proxy does not let a call to https://api.copass.id" in said
