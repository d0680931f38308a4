"""What :class:`flask_licensing.Licensing` does to use license keys."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from flask import request

from flask_licensing.activations import service
from flask_licensing.activations.fields import question
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.answers import Outcome, sign_outcome, to_response
from flask_licensing.http.origins import current_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Response

    from flask_licensing.activations.service import Explanation, Verdict
    from flask_licensing.activations.store import Activation
    from flask_licensing.core.work import Result, Work

LICENSE_KEY_HEADER = "License-Key"
IDENTIFIER_HEADER = "License-Identifier"

REFUSED = 403
"""The HTTP status of a site's own view that needs a valid license key."""

Parameters = ParamSpec("Parameters")
ViewResult = TypeVar("ViewResult")


class ActivationMethods:
    """What :class:`flask_licensing.Licensing` does with activations. Each method needs an app context.

    What changes something commits, or with ``commit=False`` joins the transaction of the host's session.
    """

    def verify(self, license_key: str, identifier: str) -> Verdict:
        """Say whether a license key is valid for an identifier, as ``verify`` does: ``code`` and ``is_valid``."""
        asked = question(license_key, identifier)
        return _run(lambda work: service.verify(work, asked.license_key, asked.identifier))

    def get_license_key_details(self, license_key: str, identifier: str) -> Verdict:
        """As :meth:`verify`, with the code 500 where it is valid; ``state`` has license key, product and activation."""
        asked = question(license_key, identifier)
        return _run(lambda work: service.verify(work, asked.license_key, asked.identifier, valid=service.FOUND))

    def activate(self, license_key: str, identifier: str, *, commit: bool = True) -> Verdict:
        """Activate a license key for an identifier, as ``activate`` does; the code is 300 where it is active now.

        Raises:
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        asked = question(license_key, identifier)
        return _run(lambda work: service.activate(work, asked.license_key, asked.identifier), commit=commit)

    def deactivate(self, license_key: str, identifier: str, *, commit: bool = True) -> Verdict:
        """End the activation of a license key by an identifier, as ``deactivate`` does: code 400.

        Raises:
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        asked = question(license_key, identifier)
        return _run(lambda work: service.deactivate(work, asked.license_key, asked.identifier), commit=commit)

    def release_activation(self, license_key: str, identifier: str, *, commit: bool = True) -> bool:
        """End an activation, as for a customer whose machine is gone; answer whether it was active."""
        return self.deactivate(license_key, identifier, commit=commit).code is service.DEACTIVATED

    def explain(self, license_key: str, identifier: str) -> Explanation:
        """Say why a license key is or is not valid: each condition, its value, and what would make it hold."""
        asked = question(license_key, identifier)
        return _run(lambda work: service.explain(work, asked.license_key, asked.identifier))

    def list_activations(self, license_key: str) -> Sequence[Activation]:
        """Return the activations of a license key, active or not, by identifier.

        Raises:
            UnknownLicenseKey: there is no such license key.

        """
        asked = question(license_key, "")
        return _run(lambda work: service.list_activations(work, asked.license_key))

    def license_required(
        self, *, product_id: int
    ) -> Callable[[Callable[Parameters, ViewResult]], Callable[Parameters, ViewResult | Response]]:
        """Let a view of the site's own run only for requests with a valid license key of a product.

        The request has the headers ``License-Key`` and ``License-Identifier``. Any other is answered with what
        ``verify`` says, signed, and with HTTP status 403; a license key of another product is an invalid one.
        """

        def decorate(view: Callable[Parameters, ViewResult]) -> Callable[Parameters, ViewResult | Response]:
            @wraps(view)
            def licensed(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ViewResult | Response:
                headers = request.headers
                verdict = self.verify(headers.get(LICENSE_KEY_HEADER, ""), headers.get(IDENTIFIER_HEADER, ""))
                if verdict.product_id not in {None, product_id}:
                    verdict = service.Verdict(service.INVALID_LICENSE_KEY, None)
                return view(*args, **kwargs) if verdict.is_valid else _refusal(verdict)

            return licensed

        return decorate


def _refusal(verdict: Verdict) -> Response:
    state = current_state()
    outcome = Outcome(
        code=verdict.code.number, message=verdict.code.message, status=REFUSED, product_id=verdict.product_id
    )
    return to_response(sign_outcome(state, outcome, state.clock()))


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    return run_work(current_state(), current_origin(), operation, commit=commit)
