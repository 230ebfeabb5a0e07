"""The other end of the measured lists: ``python -m tests.tools.bench.list_server``, which remembers what it was sent.

As :mod:`.server`, and it keeps each source that is registered, lists them, and tells when the POSTs came: what it takes
between the first and the last of them is measured here, where it is the same for every client.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from tests.tools.bench.server import SOURCE, Connection, serve, whole_answer


class Kept(Connection):
    """Answers a POST with the source that it makes, a GET with all of them, a DELETE with when the POSTs came."""

    sources: list[dict[str, Any]] = []  # noqa: RUF012 - one server a process
    times: list[float] = []  # noqa: RUF012 - see above

    def answer(self, request: bytes) -> bytes:
        """Return the whole answer to a whole request."""
        if request.startswith(b"DELETE "):
            seen = {"posts": len(self.times), "seconds": self.times[-1] - self.times[0] if self.times else 0.0}
            self.sources.clear()
            self.times.clear()
            return whole_answer(seen)
        if request.startswith(b"GET "):
            return whole_answer({"sources": self.sources, "count": len(self.sources)})
        self.times.append(time.perf_counter())
        number = len(self.sources)
        made = {
            **SOURCE,
            "data_source_id": f"ds_{number:016x}",
            **json.loads(request[request.index(b"\r\n\r\n") :]),
        }
        self.sources.append(made)
        return whole_answer({**made, "webhook_signing_secret": f"bench-secret-{number:032x}"})


if __name__ == "__main__":
    asyncio.run(serve(Kept))
