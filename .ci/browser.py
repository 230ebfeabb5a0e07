"""Get a Chromium for the tests that look at Airflow's pages, where there is none: Debian's, by apt-get.

Standard library only. It asks nobody, so it does so for root alone; everybody else is told what to type.
"""

import os
import shutil
import subprocess
import sys

# Without fonts a page has boxes in the place of letters.
PACKAGES = ["chromium", "fonts-dejavu-core"]


def main():
    """Install what is missing, or say how."""
    if shutil.which("chromium") or shutil.which("chromium-browser"):
        return
    if not shutil.which("apt-get"):
        sys.exit("There is no Chromium on this machine, and no apt-get to install it with: install it by hand.")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    if os.geteuid() != 0:
        sys.exit(f"There is no Chromium on this machine. Type: sudo {' '.join(install)}")
    print("[setup] chromium", flush=True)
    for command in (["apt-get", "update"], install):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            sys.exit(f"\nThis step failed: {' '.join(command[:2])} ... (its output is above)")


if __name__ == "__main__":
    main()
