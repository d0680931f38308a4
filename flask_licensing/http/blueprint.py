"""The blueprint: the endpoints, the documents beside them, and the limits of their requests."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request
from werkzeug.exceptions import HTTPException, NotFound

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.state import EXTENSION_NAME, current_state
from flask_licensing.errors import AnswerableError
from flask_licensing.http.authentication import refuse_blocked_address
from flask_licensing.http.error_answers import answer_error
from flask_licensing.http.origins import REQUEST_ID_HEADER, request_id
from flask_licensing.http.request import limit_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask import Response
    from flask.blueprints import BlueprintSetupState
    from werkzeug.sansio.response import Response as SansIOResponse

    from flask_licensing.core.state import LicensingState
    from flask_licensing.http.endpoint import Endpoint
    from flask_licensing.http.published import Published


_METHOD_REGISTRY = """
ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT
SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
"""
METHODS = tuple(_METHOD_REGISTRY.split())
"""The methods that are registered for HTTP at IANA: those that an endpoint does not take, it refuses itself.

Only a rule without a list would match just any word, and such a rule breaks what reads ``rule.methods``: lists of
routes, site maps, Flask-DebugToolbar.
"""

_ID = re.compile("[1-9][0-9]{0,9}")
"""Whatever stands for a part of a path is the id of a product."""

_ANSWERED_HERE = "flask_licensing.answered_here"

_ESCAPED_ASCII = re.compile("%[0-7][0-9A-Fa-f]")
_DOTS_OR_FRAGMENT = re.compile(r"/\.{1,2}(/|$)|#")


_logger = logging.getLogger(__name__)


def create_blueprint(endpoints: Iterable[Endpoint], documents: Iterable[Published]) -> Blueprint:
    """Return a blueprint for any number of apps: the state of the app that is asked decides the rest."""
    blueprint = Blueprint(EXTENSION_NAME, __name__)
    for endpoint in endpoints:
        _add_view(blueprint, endpoint, [f"/{endpoint.name}"], is_endpoint=True)
    for document in documents:
        _add_view(blueprint, document, document.paths)
    # Runs before the app's own before_request functions, one of which may read the form.
    blueprint.url_value_preprocessor(_prepare_request)
    for exception in (AnswerableError, HTTPException, Exception):
        blueprint.register_error_handler(exception, _answer_error)
    blueprint.after_request(_look_at_answer)
    return blueprint


def _add_view(
    blueprint: Blueprint, answering: Endpoint | Published, paths: Iterable[str], *, is_endpoint: bool = False
) -> None:
    def view(**named: Any) -> Response:
        request.environ[_ANSWERED_HERE] = True
        state = current_state()
        refuse_blocked_address(state, request)
        return answering.view(state, **named)

    # Other extensions look for the name of every view.
    view.__name__ = view.__qualname__ = answering.name.replace("-", "_")
    view.__doc__ = answering.summary

    def add_rules(setup: BlueprintSetupState) -> None:
        state: LicensingState = setup.app.extensions[EXTENSION_NAME]
        if is_endpoint and answering.name not in state.capabilities:
            return
        for path in paths:
            # Only the path itself is an endpoint, and nothing redirects to it, whatever the map does with slashes.
            setup.add_url_rule(
                path,
                answering.name,
                view,
                methods=METHODS,
                provide_automatic_options=False,
                strict_slashes=True,
                merge_slashes=False,
                host=state.settings.host,
            )

    blueprint.record(add_rules)


def _prepare_request(_: str | None, values: Mapping[str, Any] | None) -> None:
    if _is_path_itself(request.environ, values or {}):
        limit_body(request, current_state().settings.max_content_length)
    else:
        # What Flask does with a path that no rule matches: the app's own functions and 404 page are next.
        request.url_rule = request.view_args = None
        request.routing_exception = NotFound()


def _is_path_itself(environ: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Whether the path was sent as the rule has it: a proxy's rule for that path sees no other spelling of it."""
    path = environ["PATH_INFO"]
    if not path.startswith("/") or path.startswith("//"):
        return False  # Werkzeug matches it with one slash.
    if not all(_ID.fullmatch(value) and int(value) <= MAX_INTEGER for value in values.values()):
        return False  # Werkzeug's own converter also takes other digits than ASCII's, and zeros in front.
    sent = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or path).partition("?")[0]
    if sent.startswith("//") or _DOTS_OR_FRAGMENT.search(sent):
        return False  # Some servers resolve these themselves, and pass only the resulting path to the application.
    return sent.endswith(path) or not _ESCAPED_ASCII.search(sent)


def _answer_error(error: Exception) -> Response | SansIOResponse | HTTPException:
    answer = answer_error(error)
    request.environ[_ANSWERED_HERE] = not isinstance(answer, HTTPException)
    return answer


def _look_at_answer(response: Response) -> Response:
    if not request.environ.get(_ANSWERED_HERE):
        _logger.warning(
            "the app itself answered %s with status %d, unsigned: a before_request function gave a response",
            request.endpoint,
            response.status_code,
        )
    response.headers[REQUEST_ID_HEADER] = request_id()
    return response
