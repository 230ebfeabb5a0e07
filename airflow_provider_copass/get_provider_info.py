"""The description of this provider, which every process of Airflow reads at start-up: it imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_copass.connection_fields import conn_fields, ui_field_behaviour

_OPERATORS = (
    "delete_source",
    "disconnect_source",
    "ingest_text",
    "pause_source",
    "pull_source",
    "register_source",
    "register_sources",
    "resume_source",
    "rotate_webhook_secret",
    "update_source",
)
_SENSORS = ("ingest_job", "source_status", "source_synced")
_TRIGGERS = ("source_synced", "wait")
# Without a handler of ours any URI is taken: one that refuses would break the DAG that has the URI when it is parsed.
_ASSET_URIS = {
    "schemes": ["copass"],
    "handler": None,
    "to_openlineage_converter": "airflow_provider_copass.lineage.convert_asset_to_openlineage",
}


def get_provider_info() -> dict[str, Any]:
    """Return this provider's description, in the format of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-copass",
        "name": "Copass",
        "description": "Registers Copass data sources once, and stores the webhook secret that is shown once.",
        "integrations": [
            {"integration-name": "Copass", "external-doc-url": "https://copass.id", "tags": ["service"]},
        ],
        "hooks": [
            {"integration-name": "Copass", "python-modules": ["airflow_provider_copass.hooks.copass"]},
        ],
        "operators": [
            {
                "integration-name": "Copass",
                "python-modules": [f"airflow_provider_copass.operators.{name}" for name in _OPERATORS],
            },
        ],
        "sensors": [
            {
                "integration-name": "Copass",
                "python-modules": [f"airflow_provider_copass.sensors.{name}" for name in _SENSORS],
            },
        ],
        "triggers": [
            {
                "integration-name": "Copass",
                "python-modules": [f"airflow_provider_copass.triggers.{name}" for name in _TRIGGERS],
            },
        ],
        # The same twice: Airflow 3 reads the first alone, and Airflow 2 the second.
        "asset-uris": [_ASSET_URIS],
        "dataset-uris": [_ASSET_URIS],
        "config": {
            "copass": {
                "description": "Defaults of the Copass operators.",
                "options": {
                    "secret_store": {
                        "description": (
                            "Where tasks that leave ``secret_store`` out store webhook secrets: ``variable`` (an "
                            "Airflow Variable), ``backend`` (the secrets backend that this deployment reads from), or "
                            "the dotted path of a ``SecretStore`` class.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "backend",
                        "default": None,
                    },
                    "store_as": {
                        "description": (
                            "The key of each secret for tasks that leave ``store_as`` out. May use "
                            "``{data_source_id}``, ``{sandbox_id}``, ``{provider}`` and ``{name}``; without it the key "
                            "is ``copass_webhook_secret_{data_source_id}``.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "copass_secret_{provider}_{data_source_id}",
                        "default": None,
                    },
                },
            },
        },
        # Airflow 3.2 and later; older ones ignore it.
        "cli": ["airflow_provider_copass.commands.airflow_cli.get_commands"],
        "connection-types": [
            {
                "connection-type": "copass",
                "hook-class-name": "airflow_provider_copass.hooks.copass.CopassHook",
                # Without it Airflow 3.3 lists the raw type.
                "hook-name": "Copass",
                # Read by Airflow 3.2 and later, which then do not ask the hook for its form.
                "conn-fields": conn_fields(),
                "ui-field-behaviour": ui_field_behaviour(),
            },
        ],
    }
