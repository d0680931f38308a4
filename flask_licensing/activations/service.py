"""The rules of using a license key: verify, activate, deactivate, and why one is or is not valid (contract section 5).

Every refusal, its order and its reason stand in one table: :data:`CONDITIONS`.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from flask_licensing.activations.store import Activation, ActivationStore, LicenseKeyState
from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, LicensingError, UnknownLicenseKey
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from blinker import NamedSignal

    from flask_licensing.core.work import Work

VALID = Code(200, "Valid license key", signed_for_product=True)
NOT_ASSIGNED = Code(201, "This license key is not assigned", signed_for_product=True)
NO_ACTIVATION = Code(202, "No activation found for this license key/identifier combination", signed_for_product=True)
PRODUCT_INACTIVE = Code(
    203, "The product associated with this license key is not active or doesn't exist", signed_for_product=True
)
BLOCKED = Code(204, "License key blocked", signed_for_product=True)
EXPIRED = Code(205, "License key expired", signed_for_product=True)
INVALID_LICENSE_KEY = Code(210, "Invalid license key")
IDENTIFIER_REQUIRED = Code(215, "Identifier is required", signed_for_product=True)
ACTIVATED = Code(300, "License key activated", signed_for_product=True)
ALREADY_ACTIVE = Code(301, "License key already active", signed_for_product=True)
LIMIT_REACHED = Code(302, "License key reached activation limit", signed_for_product=True)
DEACTIVATED = Code(400, "License key deactivated", signed_for_product=True)
ALREADY_INACTIVE = Code(401, "License key already inactive", signed_for_product=True)
FOUND = Code(500, "Active license key found", signed_for_product=True)

LICENSE_KEY_ACTIVATED = "license-key-activated"
LICENSE_KEY_DEACTIVATED = "license-key-deactivated"

license_key_activated = signals.signal(LICENSE_KEY_ACTIVATED)
"""A license key was activated: ``license_key`` is the license key, ``identifier`` by which it is active."""

license_key_deactivated = signals.signal(LICENSE_KEY_DEACTIVATED)
"""An activation was ended on its own: ``license_key`` and ``identifier`` as for :data:`license_key_activated`."""

_logger = logging.getLogger(__name__)

SEEN_INTERVAL = timedelta(days=1)
"""How old ``last_seen_at`` of an activation gets before a verify writes it: almost every verify only reads."""


class Question(NamedTuple):
    """What is asked about a license key that exists: by which identifier, and when (naive UTC)."""

    state: LicenseKeyState
    identifier: str
    now: datetime

    @property
    def is_active(self) -> bool:
        """Whether the license key is activated by the identifier."""
        return self.state.activation is not None and self.state.activation.active


@dataclass(frozen=True)
class Condition:
    """What has to hold for a license key to be valid, and the ``code`` of the answer where it does not.

    ``value`` is what the condition looks at, ``remedy`` what would make it hold, ``reason`` why it has its place.
    """

    name: str
    code: Code
    holds: Callable[[Question], bool]
    value: Callable[[Question], object]
    remedy: str
    reason: str


EXISTS = Condition(
    "license key exists",
    INVALID_LICENSE_KEY,
    holds=lambda _: True,
    value=lambda question: question.state.license_key.id,
    remedy="Check the license key: it may be mistyped, deleted or replaced.",
    reason="A license key that does not exist has no product, so the global private key signs.",
)

CONDITIONS = (
    EXISTS,
    Condition(
        "identifier is given",
        IDENTIFIER_REQUIRED,
        holds=lambda question: bool(question.identifier),
        value=lambda question: question.identifier or None,
        remedy="Send an identifier of 1 to 255 characters.",
        reason="A request without an identifier is a mistake of the client, whatever the license key.",
    ),
    Condition(
        "product is active",
        PRODUCT_INACTIVE,
        holds=lambda question: question.state.product is not None and question.state.product.is_active,
        value=lambda question: question.state.product and question.state.product.status,
        remedy="Make the product active.",
        reason="It concerns every license key of the product, so it comes before what concerns this one.",
    ),
    Condition(
        "license key is not blocked",
        BLOCKED,
        holds=lambda question: question.state.license_key.terms.status is not LicenseKeyStatus.BLOCKED,
        value=lambda question: question.state.license_key.terms.status,
        remedy="Set the status of the license key to assigned.",
        reason="A block is a decision of the site: the customer should read “blocked” and not “not assigned”.",
    ),
    Condition(
        "license key is assigned",
        NOT_ASSIGNED,
        holds=lambda question: question.state.license_key.terms.status is LicenseKeyStatus.ASSIGNED,
        value=lambda question: question.state.license_key.terms.status,
        remedy="Assign the license key.",
        reason="Only an assigned license key has an expiry date, which is checked next.",
    ),
    Condition(
        "license key has not expired",
        EXPIRED,
        holds=lambda question: not question.state.license_key.is_expired_at(question.now),
        value=lambda question: question.state.license_key.expires_at,
        remedy="Raise the validity of the license key.",
        reason="An expiry concerns every identifier, so it comes before what concerns one identifier.",
    ),
    Condition(
        "license key is activated by the identifier",
        NO_ACTIVATION,
        holds=lambda question: question.is_active,
        value=lambda question: question.state.activation and question.state.activation.active,
        remedy="Activate the license key with this identifier.",
        reason="A client can fix only this one by itself, by activating, and that checks all others first.",
    ),
)
"""What has to hold for a license key to be valid, in the order of the contract: the first that does not is answered."""

ACTIVATION = CONDITIONS[-1]


class Verdict(NamedTuple):
    """What is answered about a license key, and the state that was looked at: ``None`` where there is no such key."""

    code: Code
    state: LicenseKeyState | None

    @property
    def is_valid(self) -> bool:
        """Whether ``verify`` says that the license key is valid."""
        return self.code is VALID

    @property
    def product_id(self) -> int | None:
        """The product of the license key."""
        return None if self.state is None else self.state.license_key.terms.product_id


@dataclass(frozen=True)
class ExplainedCondition:
    """A condition of :data:`CONDITIONS`: whether it holds, what it looked at, and what would make it hold."""

    name: str
    code: int
    holds: bool
    value: object
    remedy: str | None


@dataclass(frozen=True)
class Explanation:
    """Why a license key is or is not valid for an identifier.

    ``code`` and ``message`` are those of ``verify``. ``conditions`` are all that could be looked at, in order: of a
    license key that does not exist, only that.
    """

    code: int
    message: str
    conditions: Sequence[ExplainedCondition]

    @property
    def is_valid(self) -> bool:
        """Whether ``verify`` answers 200."""
        return self.code == VALID.number


def verify(work: Work, license_key: str, identifier: str, *, valid: Code = VALID) -> Verdict:
    """Say whether a license key is valid for an identifier; ``valid`` is the code of the answer where it is."""
    state = activations_of(work).find_license_key_state(license_key, identifier)
    code = _refusal(CONDITIONS, state, identifier, work.now)
    if state is None or code is not None:
        return Verdict(code or INVALID_LICENSE_KEY, state)
    _note_seen(work, state)
    return Verdict(valid, state)


def verify_and_lock(work: Work, license_key: str, identifier: str) -> Verdict:
    """As :func:`verify`; a license key that is valid is locked, and was looked at once more then."""
    verdict = verify(work, license_key, identifier)
    if not verdict.is_valid:
        return verdict
    state = activations_of(work).lock_license_key_state(license_key, identifier)
    return Verdict(_refusal(CONDITIONS, state, identifier, work.now) or VALID, state)


def activate(work: Work, license_key: str, identifier: str, *, user_agent: str | None = None) -> Verdict:
    """Activate a license key for an identifier; ``user_agent`` is kept with the activation.

    What is refused at a first look is refused without locking the license key.
    """
    store = activations_of(work)
    state = store.find_license_key_state(license_key, identifier)
    code = refusal_to_activate(state, identifier, work.now)
    if code is None:
        state = store.lock_license_key_state(license_key, identifier)
        code = refusal_to_activate(state, identifier, work.now)
    if state is None or code is not None:
        return Verdict(code or INVALID_LICENSE_KEY, state)
    limit = state.license_key.terms.activation_limit
    if limit and store.count_active(state.license_key.id) >= limit:
        return Verdict(LIMIT_REACHED, state)
    return Verdict(ACTIVATED, add_activation(work, state, identifier, user_agent))


def deactivate(work: Work, license_key: str, identifier: str) -> Verdict:
    """End the activation of a license key by an identifier, of a blocked or expired one too."""
    store = activations_of(work)
    state = store.lock_license_key_state(license_key, identifier)
    code = _refusal(CONDITIONS[:2], state, identifier, work.now)
    if state is None or code is not None:
        return Verdict(code or INVALID_LICENSE_KEY, state)
    if state.activation is None or not state.activation.active:
        return Verdict(ALREADY_INACTIVE, state)
    ended = dataclasses.replace(state.activation, active=False)
    store.put_activation(state.license_key.id, ended)
    _record(work, LICENSE_KEY_DEACTIVATED, license_key_deactivated, state, identifier)
    return Verdict(DEACTIVATED, dataclasses.replace(state, activation=ended))


def explain(work: Work, license_key: str, identifier: str) -> Explanation:
    """Say why ``verify`` answers what it answers, and change nothing."""
    state = activations_of(work).find_license_key_state(license_key, identifier)
    code = _refusal(CONDITIONS, state, identifier, work.now)
    if state is None:
        unknown = ExplainedCondition(EXISTS.name, EXISTS.code.number, holds=False, value=None, remedy=EXISTS.remedy)
        return Explanation(EXISTS.code.number, EXISTS.code.message, (unknown,))
    question = Question(state, identifier, work.now)
    code = code or VALID
    return Explanation(code.number, code.message, tuple(_explained(condition, question) for condition in CONDITIONS))


def list_activations(work: Work, license_key: str) -> Sequence[Activation]:
    """Return the activations of a license key, active or not, by identifier.

    Raises:
        UnknownLicenseKey: there is no such license key.

    """
    store = activations_of(work)
    state = store.find_license_key_state(license_key, "")
    if state is None:
        raise UnknownLicenseKey
    return store.list_activations(state.license_key.id)


def members_bound_to(
    verdict: Verdict, license_key: str, identifier: str, nonce: str | None
) -> Mapping[str, str | int | None]:
    """Return the members of an answer that bind it to its question, none without a nonce (contract section 8)."""
    if nonce is None:
        return {}
    return {
        "product_id": verdict.product_id,
        "license_key": license_key,
        "identifier": identifier,
        "nonce": nonce,
    }


def refusal_to_activate(state: LicenseKeyState | None, identifier: str, now: datetime) -> Code | None:
    """Return why a license key can't be activated, its limit apart, or ``None``."""
    code = _refusal(CONDITIONS, state, identifier, now)
    if code is ACTIVATION.code:
        return None
    return code or ALREADY_ACTIVE


def add_activation(work: Work, state: LicenseKeyState, identifier: str, user_agent: str | None) -> LicenseKeyState:
    """Store the activation of a locked license key that may be activated; return the state after it."""
    activation = Activation(
        identifier=identifier,
        first_seen_at=state.activation.first_seen_at if state.activation else work.now,
        last_seen_at=work.now,
        remote_address=work.origin.remote_address,
        user_agent=user_agent,
        active=True,
    )
    activations_of(work).put_activation(state.license_key.id, activation)
    _record(work, LICENSE_KEY_ACTIVATED, license_key_activated, state, identifier)
    return dataclasses.replace(state, activation=activation)


def activations_of(work: Work) -> ActivationStore:
    """Return the store of the work as one that keeps activations."""
    return require_group(work.store, ActivationStore, "keeps no activations")


def _refusal(
    conditions: Sequence[Condition], state: LicenseKeyState | None, identifier: str, now: datetime
) -> Code | None:
    """Return the code of the first condition that does not hold."""
    if state is None:
        return EXISTS.code
    question = Question(state, identifier, now)
    return next((condition.code for condition in conditions if not condition.holds(question)), None)


def _explained(condition: Condition, question: Question) -> ExplainedCondition:
    holds = condition.holds(question)
    remedy = None if holds else condition.remedy
    return ExplainedCondition(condition.name, condition.code.number, holds, condition.value(question), remedy)


def _note_seen(work: Work, state: LicenseKeyState) -> None:
    """Store that an activation was seen, after the commit: no verify waits or fails for that."""
    activation = state.activation
    if activation is None or work.now - activation.last_seen_at < SEEN_INTERVAL:
        return

    def record(_: object) -> None:
        try:
            with work.store.transaction():
                activations_of(work).record_seen(state.license_key.id, activation.identifier, work.now)
        except LicensingError as error:
            _logger.info("when an activation was last seen was not stored: %s", type(error).__name__)

    work.after_commit.append(record)


def _record(work: Work, action: str, signal: NamedSignal, state: LicenseKeyState, identifier: str) -> None:
    key = state.license_key
    work.record(action, product_id=key.terms.product_id, target=f"license-key:{key.id}")
    work.send(signal, license_key=key, identifier=identifier)
