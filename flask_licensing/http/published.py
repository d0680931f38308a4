"""Documents beside the endpoints: for anyone who asks, without an API key, and not signed as answers are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response, request

from flask_licensing.errors import WrongMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_licensing.core.state import LicensingState


@dataclass(frozen=True, kw_only=True)
class Published:
    """One document: its name, its paths under the prefix, and how it is written.

    ``write`` gets the app's state and what the path names, returns the text and its media type, and asks no database.
    The answer may be cached for ``max_age_seconds``, by the request headers in ``vary``. The others describe it:
    ``summary`` in a sentence, ``schemas`` as JSON Schema by media type, and ``parameters`` the schemas of what the
    path and the query may name.
    """

    name: str
    paths: tuple[str, ...]
    write: Callable[..., tuple[str, str]]
    max_age_seconds: int
    vary: str | None = None
    summary: str
    schemas: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def view(self, state: LicensingState, **named: str) -> Response:
        """Answer the current request with the document, or with 304 who has it already.

        Raises:
            WrongMethod: it is neither GET nor HEAD nor OPTIONS.

        """
        allowed = {"Allow": "OPTIONS, GET, HEAD"}
        if request.method == "OPTIONS":
            return Response(status=204, headers=allowed)
        if request.method not in {"GET", "HEAD"}:
            raise WrongMethod(f"{self.name} takes GET and HEAD", headers=allowed)
        text, media_type = self.write(state, **named)
        response = Response(text, mimetype=media_type)
        response.headers["Cache-Control"] = f"public, max-age={self.max_age_seconds}"
        if self.vary:
            response.headers["Vary"] = self.vary
        response.add_etag()
        response.make_conditional(request)
        return response
