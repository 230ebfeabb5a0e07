"""An object store that is no disk: in memory, for Airflow's ``ObjectStoragePath``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fsspec.implementations.memory import MemoryFileSystem


@contextmanager
def in_memory(path: str, data: bytes, *, conn_id: str | None = None) -> Iterator[str]:
    """Put a file there for a ``with`` block; ``memory://`` leads to it, before 3.2 too, which know no such scheme.

    :param path: a folder and a name.
    :param data: the file.
    :param conn_id: the connection by whose id the path is given.
    :return: the path for ``ObjectStoragePath``.
    """
    try:
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.store import attach

    store = MemoryFileSystem()
    attach("memory", conn_id, fs=store)
    store.pipe(f"/{path}", data)
    try:
        yield f"memory://{conn_id}@{path}" if conn_id else f"memory://{path}"
    finally:
        store.rm(f"/{path}")
