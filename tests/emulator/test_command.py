"""The command, the thread form, and what neither of them may show."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.emulator.__main__ import main
from tests.harness.sockets import accepted_at, listening_on

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "olk_of_the_command"
SOURCES = "/api/v1/storage/sandboxes/sb_demo/sources"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
REALTIME = {"provider": "slack", "name": "a", "ingestion_mode": "realtime"}
COMMAND = [sys.executable, "-m", "airflow_provider_copass.emulator"]
Process = subprocess.Popen[str]


@pytest.fixture
def command() -> Iterator[Any]:
    """Return a function that starts the command and returns the process and what it announced."""
    started: list[Process] = []

    def start(*arguments: str) -> tuple[Process, dict[str, str]]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env={**os.environ, "COPASS_EMULATOR_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _end(process: Process, with_signal: int = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(with_signal)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_cleanly_while_a_request_is_held(command: Any, with_signal: int) -> None:
    """SIGTERM and SIGINT end the process at once with exit code 0, held and waiting requests or not."""
    process, announced = command()
    rule = {"operation": "register", "action": "hold"}
    with httpx.Client(base_url=announced["control"], timeout=60, trust_env=False) as control:
        control.post("/faults", json=rule)
        lost: list[type[Exception]] = []

        def call(url: str, method: str) -> None:
            try:
                httpx.request(method, url, headers=HEADERS, json=REALTIME, timeout=60, trust_env=False)
            except httpx.TransportError as failure:
                lost.append(type(failure))

        urls = [(announced["url"] + SOURCES, "POST"), (announced["control"] + "/requests?after=99&wait=60", "GET")]
        callers = [threading.Thread(target=call, args=url) for url in urls]
        for caller in callers:
            caller.start()
        control.get("/faults", params={"waiting": 1, "wait": 30})
        started = time.monotonic()
        code, out, err = _end(process, with_signal)
    for caller in callers:
        caller.join(timeout=10)
    assert (code, out, err) == (0, "", "")
    assert time.monotonic() - started < 10
    assert httpx.RemoteProtocolError in lost or httpx.ReadError in lost


def test_the_command_announces_one_line_and_shows_no_secret(command: Any) -> None:
    """Standard output is one JSON line; the access log has no query, and neither shows a token or a secret."""
    process, announced = command("--access-log", "--sandbox", "sb_one", "--sandbox", "sb_two")
    assert set(announced) == {"url", "control"}
    assert announced["control"] == announced["url"] + "/_emulator"
    sources = SOURCES.replace("sb_demo", "sb_two")
    with httpx.Client(base_url=announced["url"], headers=HEADERS, timeout=10, trust_env=False) as client:
        secret = client.post(sources, json=REALTIME).json()["webhook_signing_secret"]
        client.get(sources, params={"provider": "hidden"})
        assert client.get(SOURCES).status_code == 404
    code, out, err = _end(process)
    assert (code, out) == (0, "")
    assert err.splitlines() == [f"POST {sources} 201", f"GET {sources} 200", f"GET {SOURCES} 404"]
    assert secret.startswith("olk_")


def test_the_command_needs_a_token() -> None:
    """Without --token and COPASS_EMULATOR_TOKEN the command says so and ends."""
    environment = {key: value for key, value in os.environ.items() if key != "COPASS_EMULATOR_TOKEN"}
    refused = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert "COPASS_EMULATOR_TOKEN" in refused.stderr


def test_a_taken_port_is_an_error_that_says_so(emulator: Emulator) -> None:
    """A port that somebody has is a plain message and exit code 1."""
    port = str(httpx.URL(emulator.url).port)
    refused = subprocess.run(
        [*COMMAND, "--token", "t", "--port", port], capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr == f"Port {port}: Address already in use. Without --port it takes a free one.\n"


RULES = {
    "--port": "error: argument --port: a port is a number from 0 to 65535",
    # The emulator would be there and refuse everybody; the token is not repeated.
    "--token": "error: the token holds a space, or another character that cannot stand in a header",
    # Such as a variable of the shell that is not set: there would be no sandbox that anybody finds.
    "--sandbox": "error: argument --sandbox: the id of a sandbox is a part of a path",
}


@pytest.mark.parametrize(
    ("argument", "given"),
    [
        *(("--port", port) for port in ("99999", "65536", "-1", "http", "9" * 5000)),
        *(("--token", token) for token in (" ", "a b", "a\nb", "\u00e9", "\udcff")),
        *(("--sandbox", sandbox) for sandbox in ("", " ", "a/b", "\udcff")),
    ],
    ids=range(14),
)
def test_a_bad_argument_is_refused_with_its_rule(argument: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a message that names it."""
    with pytest.raises(SystemExit) as refused:
        main(["--token", "t", argument, given])
    assert refused.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(RULES[argument]) if argument == "--token" else RULES[argument] in said


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    """Nobody would learn the port, so the command ends."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        ended = subprocess.run(
            [*COMMAND, "--token", "t"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == "Nobody can be told where it is: the standard output cannot be written.\n"


def test_a_missing_extra_is_an_error_that_says_what_to_install() -> None:
    """Where fastapi is missing, the import works and starting names the extra."""
    script = (
        "import sys; sys.modules['fastapi'] = None; "
        "from airflow_provider_copass.emulator import Emulator; Emulator('t').start()"
    )
    refused = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert "pip install '.[emulator]' in a checkout" in refused.stderr


def test_the_import_is_light_and_independent() -> None:
    """Importing the emulator loads no framework and no other part of the package; running it, no other part."""
    script = """
import sys
from airflow_provider_copass.emulator import Emulator
print([name for name in ("fastapi", "uvicorn", "pydantic", "httpx", "airflow") if name in sys.modules])
with Emulator():
    own = "airflow_provider_copass"
    print(sorted(name for name in sys.modules if name.startswith(own) and not name.startswith(own + ".emulator")))
    print([name for name in ("httpx", "airflow") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.splitlines() == ["[]", "['airflow_provider_copass']", "[]"]


def test_it_listens_on_the_loopback_interface_alone(emulator: Emulator) -> None:
    """The socket is bound to 127.0.0.1, not to every address of this machine."""
    assert listening_on(httpx.URL(emulator.url).port or 0) == ["127.0.0.1"]


def test_the_secret_is_kept_nowhere(emulator: Emulator, api: httpx.Client) -> None:
    """After register, rotate and delivery no plain secret and no token is reachable from the emulator's state."""
    source = api.post(SOURCES, json=REALTIME).json()
    rotated = api.post(f"{SOURCES}/{source['data_source_id']}/rotate-webhook-secret").json()
    new = rotated["webhook_signing_secret"]
    assert api.post(source["webhook_url"], headers={"Authorization": f"Bearer {new}"}).status_code == 202
    # What is shown nowhere can be looked for only inside.
    state = emulator._state
    held = repr([vars(state), [vars(kept) for kept in state.sources.values()], vars(state.jobs)])
    shown = json.dumps([emulator.sources(), emulator.requests(), emulator.faults(), emulator.settings()])
    for hidden in (source["webhook_signing_secret"], new, emulator.token):
        assert hidden not in held
        assert hidden not in shown


def test_an_emulator_can_be_started_again_and_used_only_while_it_runs() -> None:
    """Start and stop may alternate; its state outlives a stop; a method of a stopped one says so."""
    emulator = Emulator("t")
    with pytest.raises(RuntimeError, match="not running"):
        emulator.sources()
    with emulator:
        emulator.seed([{"provider": "slack", "name": "a"}])
        with pytest.raises(RuntimeError, match="already"):
            emulator.start()
    emulator.stop()
    with pytest.raises(RuntimeError, match="not running"):
        emulator.sources()
    with emulator:
        assert len(emulator.sources()) == 1
        assert httpx.get(emulator.url + SOURCES, headers={"Authorization": "Bearer t"}).json()["count"] == 1


def test_a_port_that_cannot_be_listened_on_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens on it in the moment after it was taken: who starts it is told, and may try again."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        emulator = Emulator(TOKEN, port=other.getsockname()[1])
        bind = socket.socket.bind

        def overtaken(taken: socket.socket, address: Any) -> None:
            bind(taken, address)
            other.listen()

        monkeypatch.setattr(socket.socket, "bind", overtaken)
        with pytest.raises(OSError, match="in use"):
            emulator.start()
        with pytest.raises(RuntimeError, match="not running"):
            emulator.sources()
    monkeypatch.undo()
    with emulator:
        assert emulator.sources() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_emulator_whose_thread_has_died_is_not_waited_for() -> None:
    """Anyone who asks it for something is told that it does not run; it can be stopped all the same."""
    emulator = Emulator(TOKEN)
    with emulator:
        # Nothing that it offers makes it die.
        loop, thread = emulator._loop, emulator._thread
        assert loop is not None
        assert thread is not None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        with pytest.raises(RuntimeError, match="The emulator is not running"):
            emulator.sources()


def test_stopping_lets_a_waiting_thread_go() -> None:
    """Anyone who waits for a request or a fault when the emulator stops gets an empty answer, not an error."""
    answers: list[Any] = []
    with Emulator("t") as emulator:
        waiters = [
            threading.Thread(target=lambda: answers.append(emulator.requests(wait=60))),
            threading.Thread(target=lambda: answers.append(emulator.faults(wait=60))),
        ]
        for waiter in waiters:
            waiter.start()
        # The server, the two who wait, and this question: nothing that is shown tells of those who wait.
        while emulator._on_loop(lambda server: len(asyncio.all_tasks())) < 4:
            pass
    for waiter in waiters:
        waiter.join(timeout=10)
    assert answers == [[], []]


def test_an_answer_is_not_kept_back_by_the_kernel(emulator: Emulator, api: httpx.Client) -> None:
    """Connections have TCP_NODELAY set; without it each answer takes 40 ms longer."""
    api.get(SOURCES)
    connections = accepted_at(httpx.URL(emulator.url).port or 0)
    assert connections
    for connection in connections:
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_token_is_made_up_where_none_is_given() -> None:
    """Two emulators without a token of their own do not share one."""
    assert Emulator().token != Emulator().token
