"""Registering a source once and keeping its secret: pure logic over ports. It knows neither Airflow nor HTTP."""

from airflow_provider_copass.registration.delete import Deletion
from airflow_provider_copass.registration.journal import Owner
from airflow_provider_copass.registration.operation import find_live, require
from airflow_provider_copass.registration.ports import Runtime, Timing
from airflow_provider_copass.registration.register import Registered, Registration
from airflow_provider_copass.registration.register_many import Outcome, plan_many, register_many
from airflow_provider_copass.registration.rotate import Rotation
from airflow_provider_copass.registration.spec import SourceRef, SourceSpec, StoreKey
from airflow_provider_copass.registration.update import Updated, update

__all__ = [
    "Deletion",
    "Outcome",
    "Owner",
    "Registered",
    "Registration",
    "Rotation",
    "Runtime",
    "SourceRef",
    "SourceSpec",
    "StoreKey",
    "Timing",
    "Updated",
    "find_live",
    "plan_many",
    "register_many",
    "require",
    "update",
]
