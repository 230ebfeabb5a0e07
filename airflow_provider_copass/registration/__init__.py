"""Registering a source once and keeping its secret: pure logic over ports. It knows neither Airflow nor HTTP."""

from airflow_provider_copass.registration.outcome import Registered
from airflow_provider_copass.registration.protocol import register
from airflow_provider_copass.registration.wish import Wish

__all__ = ["Registered", "Wish", "register"]
