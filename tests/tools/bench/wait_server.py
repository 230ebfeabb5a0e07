"""The other end of the measured waits: ``python -m tests.tools.bench.wait_server COUNT``, which counts requests.

As :mod:`.server`: it answers a list with so many sources that have never synced, and any other GET with the one that is
asked for.
"""

from __future__ import annotations

import asyncio
import sys

from tests.tools.bench.server import SOURCE, Connection, serve, whole_answer


class Counted(Connection):
    """Answers a GET, and a DELETE with how many requests there were since the last one."""

    listed = b""
    requests = 0

    def answer(self, request: bytes) -> bytes:
        """Return the whole answer to a whole request."""
        kind = type(self)
        if request.startswith(b"DELETE "):
            seen, kind.requests = kind.requests, 0
            return whole_answer({"requests": seen})
        kind.requests += 1
        path = request.split(b" ", 2)[1].decode()
        _, _, source_id = path.partition("/sources/")
        return whole_answer({**SOURCE, "data_source_id": source_id}) if source_id else self.listed


if __name__ == "__main__":
    rows = [{**SOURCE, "data_source_id": f"ds_{number}"} for number in range(int(sys.argv[1]))]
    Counted.listed = whole_answer({"sources": rows, "count": len(rows)})
    asyncio.run(serve(Counted))
