"""Run the demonstration: ``python -m example_app``."""

from __future__ import annotations

import logging
import sys

from sqlalchemy.exc import SQLAlchemyError

from example_app.demonstration import demonstrate
from flask_licensing import LicensingError


def main() -> int:
    """Run the demonstration and return the exit code: 0 where everything went as documented."""
    # At the first start it warns that there are no private keys; the shop makes them right after.
    logging.getLogger("flask_licensing").setLevel(logging.ERROR)
    try:
        return demonstrate()
    except (ImportError, LicensingError, OSError, SQLAlchemyError) as error:
        print(f"The demonstration can't run: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
