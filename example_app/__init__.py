"""A small shop that sells software, with licensing in it as any site would have it.

``python -m example_app`` shows the licensing at work; ``flask --app example_app run`` serves the shop on this machine.
Its API key is a published one, so that the documented request works as written: do not serve it to a network.
"""

from example_app.shop import create_app

__all__ = ["create_app"]
