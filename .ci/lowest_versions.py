"""Print, as constraints for pip, the lowest version of each package that the setup.cfg named by the argument allows."""

from __future__ import annotations

import re
import sys
from configparser import RawConfigParser


def main(setup_cfg: str) -> None:
    """Print a line ``name==version`` for each line ``name[extra]>=version``."""
    parser = RawConfigParser()
    parser.read(setup_cfg)
    lists = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    lowest = re.findall(r"^([\w.-]+)(?:\[.*\])?>=([\w.]+)", "\n".join(lists), re.MULTILINE)
    print("\n".join(sorted({f"{name}=={version}" for name, version in lowest})))


if __name__ == "__main__":
    main(sys.argv[1])
