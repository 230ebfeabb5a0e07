"""Reading a manifest: a file with a list of sources, on this machine or in an object store."""

from __future__ import annotations

import codecs
import json
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._documents import DocumentError, load_json, load_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What the next try would find as well.
_LASTING = (ImportError, ValueError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest.

    :param path: the file: a :class:`~pathlib.Path`, or Airflow's ``ObjectStoragePath``.
    :param name: the file's name, for messages.
    :param is_local: whether it is a :class:`~pathlib.Path`.
    :param base: what a relative path begins from, for messages.
    """

    path: Any
    name: str
    is_local: bool = True
    base: str = "the DAG file's folder"

    @classmethod
    def at(cls, given: object, *, beside: str | None) -> Manifest:
        """Return the manifest at a path.

        :param given: the path, a relative one from the folder of ``beside``; an ``ObjectStoragePath``; or its text,
            such as ``s3://conn_id@bucket/sources.yaml``.
        :param beside: the DAG's file; None for the current folder.
        :raises CopassInputError: if it is no path, or of a kind of storage that is not installed.
        """
        from airflow_provider_copass.airflow_compat import ObjectStoragePath
        from airflow_provider_copass.errors import CopassInputError

        refusal = "must be the path of a file: a string, a Path, or an ObjectStoragePath"
        # First, since on Airflow 2 it is a Path as well.
        if isinstance(given, ObjectStoragePath) or (isinstance(given, str) and "://" in given):
            try:
                path: Any = ObjectStoragePath(given) if isinstance(given, str) else given
                # A query may hold a signature.
                return cls(path, str(path.name).partition("?")[0], is_local=False)
            except Exception as error:  # noqa: BLE001 - of any kind of storage
                refusal = f"cannot be read ({type(error).__name__}). {_INSTALL}"
        elif isinstance(given, str | os.PathLike):
            local = Path(given)
            if beside is None:
                return cls(local, local.name, base="the current folder")
            return cls(Path(beside).parent / local, local.name)
        raise CopassInputError(f"Refused before any request: manifest {refusal}.", fields=("manifest",))

    def read(self) -> object:
        """Read the list of sources, or the object whose ``sources`` is that list.

        :return: the list, unchecked.
        :raises CopassInputError: if it cannot be read. The message names the place and shows none of the text.
        """
        from airflow_provider_copass.errors import CopassInputError

        text = self._text()
        kind, load = ("JSON", load_json) if self.name.lower().endswith(".json") else ("YAML", load_yaml)
        try:
            read = load(text)
        except DocumentError as error:
            refusal = f"is refused as it is written: {error}"
        except json.JSONDecodeError as error:
            refusal = f"is not JSON: line {error.lineno}, column {error.colno}"
        except RecursionError:
            refusal = "is nested too deeply"
        except Exception as error:  # noqa: BLE001 - a YAML error, whose text quotes the line, or too long a number
            mark = getattr(error, "problem_mark", None)
            place = "" if mark is None else f": line {mark.line + 1}, column {mark.column + 1}"
            refusal = f"is not {kind}{place}"
        else:
            return read["sources"] if isinstance(read, dict) and set(read) == {"sources"} else read
        raise CopassInputError(f"{self._label} {refusal}.", fields=("manifest",))

    @property
    def _label(self) -> str:
        """The manifest in a message; the place of a remote one may hold a credential."""
        return f"The manifest {str(self.path) if self.is_local else self.name!r}"

    def _text(self) -> str:
        """Read the text; a byte-order mark tells its encoding."""
        from airflow_provider_copass.errors import CopassInputError

        data = self._bytes()
        try:
            return data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        except UnicodeDecodeError:
            pass
        raise CopassInputError(f"{self._label} is not UTF-8 text.", fields=("manifest",))

    def _bytes(self) -> bytes:
        from airflow_provider_copass.client_logs import suppress_client_logs
        from airflow_provider_copass.errors import CopassInputError, UnrenderedFieldError

        try:
            # The client of an object store logs what it reads.
            with nullcontext() if self.is_local else suppress_client_logs():
                return bytes(self.path.read_bytes())
        except Exception as error:  # noqa: BLE001 - of any kind of storage
            is_lasting = self.is_local or isinstance(error, _LASTING)
            failed = f"{self._label} cannot be read ({type(error).__name__})."
        if not is_lasting:
            raise UnrenderedFieldError(failed, fields=("manifest",))
        way_out = f"Give its path: absolute, or from {self.base}." if self.is_local else f"{_INSTALL}."
        raise CopassInputError(f"{failed} {way_out}", fields=("manifest",))


_INSTALL = (
    "Check its place and the connection in it, and that the Airflow provider and the fsspec package for its kind of "
    "storage are installed"
)


def render_templates(value: Any, render: Callable[[str], Any]) -> Any:
    """Render the templates in a manifest.

    A text that holds none stays as it is: Jinja's native environment would make 1000 of ``"1_000"``.

    :param value: the manifest, or a part of it.
    :param render: renders a template.
    """
    if isinstance(value, dict):
        return {key: render_templates(inner, render) for key, inner in value.items()}
    if isinstance(value, list):
        return [render_templates(inner, render) for inner in value]
    return render(value) if _is_template(value) else value


def has_templates(value: object) -> bool:
    """Tell whether a manifest, or a part of it, has a template."""
    if isinstance(value, dict):
        return any(has_templates(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_templates(inner) for inner in value)
    return _is_template(value)


def _is_template(value: object) -> bool:
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))
