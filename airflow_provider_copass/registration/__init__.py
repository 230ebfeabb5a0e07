"""Registering a source once and keeping its secret: pure logic over ports. It knows neither Airflow nor HTTP."""

from airflow_provider_copass.registration.outcome import Registered
from airflow_provider_copass.registration.protocol import Registration
from airflow_provider_copass.registration.record import Owner
from airflow_provider_copass.registration.timing import Timing
from airflow_provider_copass.registration.wish import Wish

__all__ = ["Owner", "Registered", "Registration", "Timing", "Wish"]
