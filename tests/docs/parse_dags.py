"""Parse a folder of DAG files as Airflow does: ``python parse_dags.py FOLDER``; the last line is JSON.

Of Airflow's own examples it reads none, as the setting of the environment says.
"""

from __future__ import annotations

import json
import sys

from tests.harness.dag_runs import dag_bag_class


def main() -> None:
    """Say which DAGs and tasks there are, and what could not be imported."""
    bag = dag_bag_class()(sys.argv[1])
    dags = {dag_id: sorted(dag.task_ids) for dag_id, dag in bag.dags.items()}
    sys.stdout.write(json.dumps({"dags": dags, "errors": bag.import_errors}) + "\n")


if __name__ == "__main__":
    main()
