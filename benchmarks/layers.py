"""Where the time of a request goes: clocks at the borders between the libraries, in this process, without a server."""

from __future__ import annotations

import io
import time
from collections import Counter
from contextlib import ExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import flask
import marshmallow
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session

from benchmarks.host_app import create_host, db
from benchmarks.load import form_environ, new_license_keys
from benchmarks.results import Share
from flask_licensing.core import fields
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.license_keys.fields import LicenseKeys
from flask_licensing.private_keys.signing import RsaSigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.site import Site

SIGNATURE = "RSA signature"
DRIVER = "database driver"
SQLALCHEMY = "SQLAlchemy"
FLASK = "Flask and Werkzeug"
MARSHMALLOW = "marshmallow"
OWN = "flask_licensing"

_SCHEMA_FIELDS = (LicenseKeys, fields.WholeNumber, fields.Text, fields.Choice, fields.Moment)

_BORDERS: list[tuple[Any, str, str]] = [
    (RsaSigner, "sign", SIGNATURE),
    (Endpoint, "view", OWN),
    (marshmallow.Schema, "load", MARSHMALLOW),
    *((field, "_deserialize", OWN) for field in _SCHEMA_FIELDS),
    (flask.Request, "get_data", FLASK),
    (flask.Response, "__init__", FLASK),
    (sa.Connection, "execute", SQLALCHEMY),
    (sa.CursorResult, "one_or_none", SQLALCHEMY),
    (Session, "connection", SQLALCHEMY),
    (Session, "commit", SQLALCHEMY),
    (scoped_session, "remove", SQLALCHEMY),
]
_DRIVER_CALLS = ("do_execute", "do_commit", "do_rollback")


class LayerClock:
    """Charges the time that passes to the layer that was entered last and not left yet."""

    def __init__(self) -> None:
        self._cpu: Counter[str] = Counter()
        self._wall: Counter[str] = Counter()
        self._layers: list[str] = []
        self._cpu_then = self._wall_then = 0

    def bordered(self, function: Callable[..., Any], layer: str) -> Callable[..., Any]:
        """Return a function whose time is charged to a layer."""

        @wraps(function)
        def enter(*arguments: Any, **keywords: Any) -> Any:
            self._charge()
            self._layers.append(layer)
            try:
                return function(*arguments, **keywords)
            finally:
                self._charge()
                self._layers.pop()

        return enter

    def forget(self) -> None:
        """Charge from here on as if nothing had been before."""
        self._cpu.clear()
        self._wall.clear()

    def shares(self, requests: int) -> list[Share]:
        """Return what each layer took in one of so many requests."""
        return [
            Share(layer, cpu / requests / 1000, (self._wall[layer] - cpu) / requests / 1000)
            for layer, cpu in self._cpu.items()
        ]

    def _charge(self) -> None:
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        if self._layers:
            self._cpu[self._layers[-1]] += cpu - self._cpu_then
            self._wall[self._layers[-1]] += wall - self._wall_then
        self._cpu_then, self._wall_then = cpu, wall


def profile_package(site: Site, requests: int) -> list[Share]:
    """Return where the time goes of requests for one license key each; the first one is left out."""
    clock = LayerClock()
    with ExitStack() as stack:
        # The app keeps bound methods from its start: the borders have to be there before.
        for owner, name, layer in _BORDERS:
            stack.enter_context(patch.object(owner, name, clock.bordered(getattr(owner, name), layer)))
        app = create_host(site.database_url, site.private_key_file)
        with app.app_context():
            engine = db.engine
        stack.callback(engine.dispose)
        for name in _DRIVER_CALLS:
            bordered = clock.bordered(getattr(engine.dialect, name), DRIVER)
            stack.enter_context(patch.object(engine.dialect, name, bordered))
        wsgi_app = clock.bordered(app.wsgi_app, FLASK)
        _answer(wsgi_app, site)
        clock.forget()
        for _ in range(requests):
            _answer(wsgi_app, site)
    return clock.shares(requests)


def _answer(wsgi_app: Callable[..., Any], site: Site) -> None:
    started: list[str] = []
    environ = form_environ(site, new_license_keys(1)) | {"wsgi.errors": io.StringIO()}
    body = wsgi_app(environ, lambda status, _headers: started.append(status))
    b"".join(body)
    body.close()
    if started != ["200 OK"]:
        raise RuntimeError(f"the app answered {started}")
