"""How a Copass source is called in OpenLineage's events: the one rule, for operators and for assets.

A source is the dataset ``<sandbox_id>/<data_source_id>`` in the namespace ``copass://<API host>``. Airflow imports this
module when it reads its providers, so it imports nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

SCHEME = "copass"
DEFAULT_HOST = "api.copass.id"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def dataset_of(base_url: str, sandbox_id: str, data_source_id: str) -> tuple[str, str]:
    """Return the namespace and the name of a source.

    :param base_url: where the API is; of it the host counts, and a port that is not the scheme's own.
    :param sandbox_id: the sandbox.
    :param data_source_id: the source.
    """
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    if parts.port is not None and parts.port == _DEFAULT_PORTS.get(parts.scheme):
        host = host.removesuffix(f":{parts.port}")
    return f"{SCHEME}://{host}", f"{sandbox_id}/{data_source_id}"


def convert_asset_to_openlineage(asset: Any, lineage_context: object) -> Any:  # noqa: ARG001 - Airflow's signature
    """Return the dataset of an asset, as the operator that writes to the source calls it.

    :param asset: an asset whose URI is ``copass://<sandbox_id>/<data_source_id>``, for the vendor's host, or
        ``copass://<API host>/<sandbox_id>/<data_source_id>`` for another one. In place of the id any name may stand,
        of which OpenLineage then hears.
    :param lineage_context: not used.
    :return: None if the URI is neither.
    """
    from airflow_provider_copass.airflow_compat import openlineage_dataset

    place, *rest = asset.uri.partition("://")[2].partition("?")[0].split("/")
    ids = [unquote(part) for part in rest if part]
    if len(ids) == 1:
        place, ids = DEFAULT_HOST, [unquote(place), *ids]
    try:
        return openlineage_dataset(*dataset_of(f"https://{place}", *ids))
    except (TypeError, ValueError):
        # Another number of parts, or a port that is none.
        return None
