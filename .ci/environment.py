"""Set up the environments of the Makefile with nothing but a Python: uv first, then one environment per purpose.

Standard library only, and no syntax newer than Python 3.8 at the top, so that an old Python is told what it
lacks instead of being shown a SyntaxError.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

CONSTRAINTS = Path(__file__).parent / "constraints"
# What each file of pins is resolved for: (extra of the project, further requirements).
PINNED = {
    "airflow-3.3.2": ("dev", ["apache-airflow==3.3.2"]),
    # 3.2.2 bounds none of these three, and does not start with what is newer.
    "airflow-3.2.2": ("test", ["apache-airflow==3.2.2", "cadwyn==7.0.0", "fastapi==0.136.3", "svcs==25.1.0"]),
    "airflow-3.1.8": ("test", ["apache-airflow==3.1.8"]),
    "airflow-2.11.2": ("test", ["apache-airflow==2.11.2"]),
    "backends-3.3.2": ("backends", ["apache-airflow==3.3.2"]),
    "backends-2.11.2": ("backends", ["apache-airflow==2.11.2"]),
    "cluster-3.3.2": ("cluster", ["apache-airflow==3.3.2"]),
    "cluster-2.11.2": ("cluster", ["apache-airflow==2.11.2"]),
    "bench": ("bench", ["apache-airflow==3.3.2"]),
    "docs": ("docs", ["apache-airflow==3.3.2"]),
    # What `make dist` builds and checks with.
    "dist": (None, ["hatchling", "twine"]),
    # The lowest versions that we declare, ours alone: what they depend on themselves is the newest that they take.
    "lowest": ("test", []),
}
PACKAGE = "airflow_provider_copass"


def run(*command):
    """Run a command quietly; on failure show its output and end with a sentence, not a traceback."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        sys.exit(f"\nThis step failed: {' '.join(str(part) for part in command[:4])} ... (its output is above)")
    return done.stdout


def install_uv(into):
    """Put uv, which installs an Airflow in seconds, into a small environment of its own."""
    say(f"uv -> {into}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(into)], check=False).returncode:
        sys.exit("\nPython could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv")
    run(into / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", CONSTRAINTS / "uv.txt")
    # `make` compares times: the target must be newer than what it is made from.
    (into / "bin" / "uv").touch()


def make(uv, into, *, extra, pins, dist, bare, interpreter):
    """Make one environment, every version pinned: this checkout with an extra, or the wheel of a folder, or neither.

    What is ``bare`` is installed without what it depends on.
    """
    say(f"{pins.stem} -> {into}")
    began = time.monotonic()
    run(uv, "venv", "--quiet", "--clear", "--python", interpreter, into)
    python = into / "bin" / "python"
    install = (uv, "pip", "install", "--quiet", "--python", python)
    if dist:
        # Pins as constraints, so that what the wheel does not ask for is not there either.
        [wheel] = dist.glob("*.whl")
        run(*install, "-c", pins, f"{wheel}[{extra}]" if extra else wheel)
    else:
        run(*install, "-r", pins, *(["-e", f".[{extra}]"] if extra else []))
    if bare:
        run(*install, "--no-deps", "-r", bare)
    (into / "ready").touch()
    say(f"{pins.stem} ready after {time.monotonic() - began:.0f} s")


def find(version):
    """Return a Python of this version that runs, or None: that of the search path, or one that pyenv has."""
    found = [f"python{version}"]
    root = subprocess.run(["sh", "-c", "pyenv root"], capture_output=True, text=True, check=False).stdout.strip()
    if root:
        found += sorted(Path(root, "versions").glob(f"{version}.*/bin/python{version}"))
    for each in found:
        if shutil.which(each) and not subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode:
            return each
    return None


def build(uv, into, pins):
    """Build the sdist, and from it the wheel, and let nothing older stand beside them."""
    shutil.rmtree(into, ignore_errors=True)
    run(uv, "build", "--quiet", "--python", sys.executable, "--build-constraint", pins, "--out-dir", into)
    for path in sorted([*into.glob("*.whl"), *into.glob("*.tar.gz")]):
        say(f"{path} ({path.stat().st_size // 1024} KiB)")


def unpack(dist, into):
    """Unpack the sdist without the package, so that its tests can only find the package that is installed."""
    shutil.rmtree(into, ignore_errors=True)
    [sdist] = dist.glob("*.tar.gz")
    unpacked = into.with_name(f"{into.name}.tmp")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    [root] = unpacked.iterdir()
    root.rename(into)
    unpacked.rmdir()
    shutil.rmtree(into / PACKAGE)


def pin(uv, names):
    """Resolve environments anew, all of them where none is named, and write pins: names and versions, nothing else."""
    for name in names or PINNED:
        extra, more = PINNED[name]
        wanted = CONSTRAINTS / f".{name}.in"
        wanted.write_text("\n".join([f".[{extra}]" if extra else "", *more]) + "\n", encoding="utf-8")
        # What we declare ourselves is direct in the project's own file alone.
        of = ("pyproject.toml", "--extra", extra, "--resolution", "lowest-direct") if name == "lowest" else (wanted,)
        try:
            resolved = run(
                uv, "pip", "compile", "--quiet", "--python-version", "3.11", "--no-header", "--no-annotate",
                "--no-emit-package", "airflow-provider-copass", *of,
            )  # fmt: skip
        finally:
            wanted.unlink()
        lines = [line for line in resolved.splitlines() if "==" in line]
        (CONSTRAINTS / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        say(f"{name}: {len(lines)} versions")


def say(line):
    """Print one line at once, so that a person sees that something goes on."""
    print(f"[setup] {line}", flush=True)


def main():
    """Read the command line of the Makefile."""
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. Try: make PYTHON=python3.11 ...")
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    uv = commands.add_parser("uv")
    uv.add_argument("--into", type=Path, required=True)
    environment = commands.add_parser("make")
    environment.add_argument("--uv", type=Path, required=True)
    environment.add_argument("--into", type=Path, required=True)
    environment.add_argument("--extra")
    environment.add_argument("--pins", type=Path, required=True)
    environment.add_argument("--bare", type=Path)
    environment.add_argument("--interpreter", default=sys.executable, help="another Python than this one")
    environment.add_argument("--dist", type=Path, help="install the wheel of this folder")
    commands.add_parser("find").add_argument("version")
    built = commands.add_parser("build")
    built.add_argument("--uv", type=Path, required=True)
    built.add_argument("--into", type=Path, required=True)
    built.add_argument("--pins", type=Path, required=True)
    unpacked = commands.add_parser("unpack")
    unpacked.add_argument("--dist", type=Path, required=True)
    unpacked.add_argument("--into", type=Path, required=True)
    pins = commands.add_parser("pin")
    pins.add_argument("--uv", type=Path, required=True)
    pins.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PINNED)}; default: all")
    given = parser.parse_args()
    if given.command == "uv":
        install_uv(given.into)
    elif given.command == "make":
        how = {name: getattr(given, name) for name in ("extra", "pins", "dist", "bare", "interpreter")}
        make(given.uv, given.into, **how)
    elif given.command == "find":
        print(find(given.version) or "")
    elif given.command == "build":
        build(given.uv, given.into, given.pins)
    elif given.command == "unpack":
        unpack(given.dist, given.into)
    else:
        pin(given.uv, given.names)


if __name__ == "__main__":
    main()
