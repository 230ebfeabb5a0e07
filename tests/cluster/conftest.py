"""Tests of a whole cluster need servers and an executor that only `make test-cluster` installs."""

import importlib.util

# Elsewhere they are not even imported.
collect_ignore_glob = [] if importlib.util.find_spec("psycopg2") else ["test_*.py"]
