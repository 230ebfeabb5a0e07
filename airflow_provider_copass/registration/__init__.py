"""Registering a source once and keeping its secret: pure logic over ports. It knows neither Airflow nor HTTP."""

from airflow_provider_copass.registration.delete import delete, disconnect
from airflow_provider_copass.registration.journal import Owner
from airflow_provider_copass.registration.operation import find_live, look_up, require
from airflow_provider_copass.registration.ports import Runtime, Timing
from airflow_provider_copass.registration.register import Registered, register
from airflow_provider_copass.registration.register_many import Outcome, plan_many, register_many
from airflow_provider_copass.registration.rotate import rotate
from airflow_provider_copass.registration.spec import SourceRef, SourceSpec, StoreKey
from airflow_provider_copass.registration.update import Updated, update

__all__ = [
    "Outcome",
    "Owner",
    "Registered",
    "Runtime",
    "SourceRef",
    "SourceSpec",
    "StoreKey",
    "Timing",
    "Updated",
    "delete",
    "disconnect",
    "find_live",
    "look_up",
    "plan_many",
    "register",
    "register_many",
    "require",
    "rotate",
    "update",
]
