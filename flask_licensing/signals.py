"""The signals the package sends, with the Flask app as sender.

They are sent after the commit. A receiver that raises is logged and changes nothing else; what it returns means
nothing. They stay in the process: subscribe in the app that creates.
"""

from __future__ import annotations

from flask_licensing.license_keys.service import license_keys_created

__all__ = ["license_keys_created"]
