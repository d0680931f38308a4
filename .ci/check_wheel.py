"""Fail unless the wheel named on the command line holds the package, all of it and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile

PACKAGE = Path(__file__).parents[1] / "flask_licensing"


def main(wheel: str) -> str | None:
    """Return what is wrong with the wheel, or ``None``."""
    expected = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    if names != expected:
        return f"missing from the wheel: {sorted(expected - names)}; too much: {sorted(names - expected)}"
    print(f"{Path(wheel).name}: {len(names)} files, all of flask_licensing and nothing else")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
