"""The blueprint: the endpoints, what answers beside them under the prefix, and the limits of their requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import PathConverter

from flask_licensing.api.authentication import refuse_blocked_address
from flask_licensing.api.error_answers import answer_error
from flask_licensing.api.license_keys import CREATE_LICENSE_KEYS
from flask_licensing.api.openapi import description_of
from flask_licensing.api.origins import REQUEST_ID_HEADER, request_id
from flask_licensing.api.public_keys import PUBLIC_KEYS
from flask_licensing.api.request_fields import limit_body
from flask_licensing.domain import MAX_TEXT_LENGTH
from flask_licensing.errors import AnswerableError, NoSuchEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response
    from flask.blueprints import BlueprintSetupState

    from flask_licensing.state import LicensingState

BLUEPRINT_NAME = "licensing"

NO_SUCH_ENDPOINT = "no-such-endpoint"

ENDPOINTS = (CREATE_LICENSE_KEYS,)
"""All endpoints; a new one is a module beside this one and a name here."""

PUBLISHED = (PUBLIC_KEYS, description_of(ENDPOINTS, PUBLIC_KEYS))
"""What is there beside them for anyone to read."""

CAPABILITIES = frozenset(endpoint.name for endpoint in ENDPOINTS)
"""What an API key may be limited to: each endpoint's name (contract section 2)."""

REST_OF_PATH = "licensing_rest_of_path"


class _RestOfPath(PathConverter):
    """Also takes nothing at all, slashes at the beginning and line breaks, which Werkzeug's own leaves to the app."""

    regex = "(?s:.*)"
    part_isolating = False


class _EveryMethod(set[str]):
    """Has every method and names none, so that the app's own routes alone say which methods a path has."""

    def __contains__(self, method: object) -> bool:
        return method != _METHOD_OF_NO_ROUTE


_METHOD_OF_NO_ROUTE = "--"
"""With this one Werkzeug looks for a route when it wants to know which methods there are."""


def create_blueprint(state: LicensingState) -> Blueprint:
    """Return the blueprint of one app."""
    blueprint = Blueprint(BLUEPRINT_NAME, __name__, url_prefix=state.settings.url_prefix)
    for endpoint in ENDPOINTS:
        _take_every_method(blueprint, f"/{endpoint.name}", endpoint.name, partial(endpoint.view, state))
    for document in PUBLISHED:
        for path in document.paths:
            _take_every_method(blueprint, path, document.name, partial(document.view, state))
    blueprint.record(lambda setup: setup.app.url_map.converters.update({REST_OF_PATH: _RestOfPath}))
    _take_every_method(blueprint, f"/<{REST_OF_PATH}:path>", NO_SUCH_ENDPOINT, partial(_no_such_endpoint, state))
    # Runs before the app's own before_request functions, one of which may read the form.
    blueprint.url_value_preprocessor(lambda *_: limit_body(request, state.settings.max_content_length))
    blueprint.before_request(partial(_refuse_blocked_address, state))
    for exception in (AnswerableError, HTTPException, Exception):
        blueprint.register_error_handler(exception, partial(answer_error, state))
    blueprint.after_request(_name_the_request)
    return blueprint


def _take_every_method(blueprint: Blueprint, path: str, name: str, view: Callable[..., Response]) -> None:
    """Add a rule without a list of methods: one with a list would leave the others to the app's 405 page."""

    def add(setup: BlueprintSetupState) -> None:
        endpoint = f"{blueprint.name}.{name}"
        setup.app.view_functions[endpoint] = view
        rule = setup.app.url_rule_class(f"{setup.url_prefix}{path}", endpoint=endpoint)
        rule.methods = _EveryMethod()
        setup.app.url_map.add(rule)

    blueprint.record(add)


def _refuse_blocked_address(state: LicensingState) -> None:
    # Of a path that leads nowhere it is not known yet whether it is one of the app's own.
    if request.endpoint != f"{BLUEPRINT_NAME}.{NO_SUCH_ENDPOINT}":
        refuse_blocked_address(state, request)


def _name_the_request(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = request_id()
    return response


def _no_such_endpoint(state: LicensingState, **_: Any) -> Response:
    methods = _methods_of_the_host(state.app)
    # With this method too, it is a path that leads somewhere once its repeated slashes are one.
    if methods and request.method not in methods:
        # The app has this path, with other methods. Without a rule the request is no longer this blueprint's, and the
        # app's own 405 page answers, as it would have done.
        request.url_rule = None
        raise MethodNotAllowed(valid_methods=methods)
    refuse_blocked_address(state, request)
    raise NoSuchEndpoint(f"There is no endpoint {request.path[:MAX_TEXT_LENGTH]}")


def _methods_of_the_host(app: Flask) -> list[str]:
    """Return the methods with which this path leads to a route of the app's own."""
    adapter = app.create_url_adapter(request)
    assert adapter is not None  # noqa: S101 - there is one in every request
    return [*adapter.allowed_methods()]
