"""The version of the package, written once; ``setup.cfg`` and :mod:`flask_licensing` read it from here."""

__version__ = "0.1.0"
