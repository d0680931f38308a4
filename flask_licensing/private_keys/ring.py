"""The private keys of one app: loaded once, asked for again from time to time, product key before global key."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask_licensing.errors import PrivateKeyError
from flask_licensing.private_keys.choice import PrivateKeyStates, choose_private_key, problems_of
from flask_licensing.private_keys.sources import no_private_keys
from flask_licensing.private_keys.versions import PrivateKeyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.core.domain import Clock
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.wire import PrivateKeyUsed
    from flask_licensing.private_keys.loading import LoadedPrivateKey, PrivateKeyLoader
    from flask_licensing.private_keys.versions import PrivateKeySource

_PUBLISHED_STATES = (PrivateKeyState.ACTIVE, PrivateKeyState.PENDING, PrivateKeyState.VERIFY_ONLY)

_MOST_PROBLEMS_TOLD = 3

_logger = logging.getLogger(__name__)


def ring_of(state: LicensingState) -> PrivateKeyRing:
    """Return the private keys of an app with all that this package does with them."""
    assert isinstance(state.private_key_ring, PrivateKeyRing)  # noqa: S101 - for mypy: nothing else is put there
    return state.private_key_ring


@dataclass(frozen=True)
class _Chosen:
    """What signs for one product, or as the global key; with a ``problem`` instead, nothing can."""

    key: LoadedPrivateKey | None
    problem: str | None
    problems: frozenset[str]
    asked_at: datetime


class PrivateKeyRing:
    """Answers with what signs for a product, and with what verifies.

    ``source`` is asked for the keys of each product once, and again after ``refresh_seconds``. Only material that
    changed is loaded. Where a later answer is missing or no key at all, as while a file is being replaced, the key
    loaded before goes on signing and the log says why. A key that is in another state than active stops.
    """

    def __init__(
        self,
        source: PrivateKeySource,
        loader: PrivateKeyLoader,
        *,
        required: bool,
        refresh_seconds: float,
        clock: Clock,
    ) -> None:
        self.source = source
        self.loader = loader
        self._required = required
        self._refresh_after = timedelta(seconds=refresh_seconds)
        self._clock = clock
        self._chosen: dict[int | None, _Chosen] = {}
        self._loaded: dict[int | None, tuple[LoadedPrivateKey, ...]] = {}
        self._lock = threading.Lock()

    def key_for(self, product_id: int | None) -> tuple[LoadedPrivateKey, PrivateKeyUsed] | None:
        """Return what signs, and whose key it is; ``None`` where there is neither a product's nor a global key.

        Raises:
            PrivateKeyError: a key that was never loaded before can't be; or there is no active global key, and there
                are other keys.

        """
        if product_id is not None and (key := self._key(product_id)):
            return key, "product"
        if key := self._key(None):
            return key, "global"
        if self.has_keys_of_products():
            raise PrivateKeyError("There are private keys of products, and there is no global one.")
        return None

    def published(self, product_id: int | None) -> dict[str, RSAPublicKey]:
        """Return, by their ids, the keys that verify what is signed for a product, or as the global ones.

        The source is asked again, so that what another process signs with is among them. The key that signs is first.
        Where a product has no active key of its own, the global keys are among them.

        Raises:
            PrivateKeyError: the source can't be asked, and never could.

        """
        keys = self._keys_or_those_before(product_id)
        states = PrivateKeyStates(keys)
        in_states = [(key, states.of(key)) for key in reversed(keys)]
        has_active_key = any(state is PrivateKeyState.ACTIVE for _, state in in_states)
        chosen = self._chosen.get(product_id)
        if chosen and chosen.key and states.of(chosen.key) is None:
            in_states.insert(0, (chosen.key, PrivateKeyState.ACTIVE))
        published = {
            key.key_id: key.public_key
            for wanted in _PUBLISHED_STATES
            for key, state in in_states
            if state is wanted and key.key_id and key.public_key
        }
        return published if has_active_key or product_id is None else self.published(None) | published

    def keys(self, product_id: int | None, *, to_sign: bool = True) -> tuple[LoadedPrivateKey, ...]:
        """Ask the source, and return every key that it knows of, oldest first, whatever its state.

        Those not ``to_sign`` with are loaded faster, and not kept.

        Raises:
            PrivateKeyError: the source can't be asked.

        """
        origin = self.origin(product_id)
        try:
            answer = self.source(product_id)
            known = self._loaded.get(product_id, ())
            loaded = self.loader.load_all(answer, origin=origin, known=known, to_sign=to_sign)
        except PrivateKeyError:
            raise
        except Exception as error:
            raise PrivateKeyError(f"{origin} could not be asked for: {type(error).__name__}.") from error
        # Strangers ask for what products publish: what has no keys is not kept.
        if to_sign and (loaded or product_id in self._loaded):
            self._loaded[product_id] = loaded
        return loaded

    def product_ids(self) -> Sequence[int]:
        """Return the products with keys of their own, as far as the source tells."""
        tell = getattr(self.source, "product_ids", None)
        return tell() if tell else ()

    def passed_over(self) -> Sequence[str]:
        """Return what is wrong with files that only look like keys, as far as the source knows."""
        tell = getattr(self.source, "passed_over", None)
        return tell() if tell else ()

    def has_keys_of_products(self) -> bool:
        """Whether a product has keys of its own, as far as the source tells or was asked."""
        return bool(self.product_ids()) or any([*self._loaded.values()])

    def check(self) -> None:
        """Load the global keys; those of products are loaded when they are first used.

        Raises:
            PrivateKeyError: an app with these keys must not serve. An active one is not a key this package signs with,
                or all of them are in other states, a required one is missing, or a file only looks like a key.

        """
        chosen = self._choice(None)
        active = [key for key in self._loaded.get(None, ()) if key.state is PrivateKeyState.ACTIVE]
        if problems := [key.problem for key in active if key.problem]:
            raise PrivateKeyError(" ".join(problems[:_MOST_PROBLEMS_TOLD]))
        if chosen.key is None and chosen.problem:
            raise PrivateKeyError(chosen.problem)
        if misnamed := self.passed_over():
            raise PrivateKeyError(" ".join(misnamed[:_MOST_PROBLEMS_TOLD]))
        if self._required and chosen.key is None:
            raise PrivateKeyError(self.describe_missing_key())

    def has_global_key(self) -> bool:
        """Whether there is a global private key that signs."""
        return self._choice(None).key is not None

    def describe_missing_key(self) -> str:
        """Say what is the case where no global private key is there, and the fix."""
        fix = "make it with “flask licensing generate-private-key” or “openssl genrsa -out global.pem 2048”."
        if self.source is no_private_keys:
            return f"No private key is set, so answers are unsigned: set LICENSING_PRIVATE_KEY_SOURCE, and {fix}"
        if not hasattr(self.source, "path_for"):
            fix = "put it there."
        effect = "what needs it gets code 9500" if self.has_keys_of_products() else "answers are unsigned"
        return f"LICENSING_PRIVATE_KEY_SOURCE is set, but {self.origin(None)} is missing, so {effect}: {fix}"

    def ask_again(self) -> None:
        """Ask the source again at the next use of each key, without waiting for the interval to end."""
        with self._lock:
            for product_id, chosen in self._chosen.items():
                self._chosen[product_id] = replace(chosen, asked_at=datetime.min)

    def _key(self, product_id: int | None) -> LoadedPrivateKey | None:
        chosen = self._choice(product_id)
        if chosen.key is None and chosen.problem:
            raise PrivateKeyError(chosen.problem)
        return chosen.key

    def _choice(self, product_id: int | None) -> _Chosen:
        now = self._clock()
        chosen = self._chosen.get(product_id)
        if chosen is not None and not self._is_due(chosen, now):
            return chosen
        # While one thread asks the source, the others sign with the key they have.
        if not self._lock.acquire(blocking=chosen is None) and chosen is not None:
            return chosen
        try:
            chosen = self._chosen.get(product_id)
            if chosen is None or self._is_due(chosen, now):
                chosen = self._chosen[product_id] = self._ask(product_id, chosen, now)
            return chosen
        finally:
            self._lock.release()

    def _is_due(self, chosen: _Chosen, now: datetime) -> bool:
        if chosen.key is None and chosen.problem:
            return True
        # A clock set back must not stop the asking.
        return abs(now - chosen.asked_at) >= self._refresh_after

    def _ask(self, product_id: int | None, before: _Chosen | None, now: datetime) -> _Chosen:
        signed_before = before.key if before else None
        try:
            keys = self.keys(product_id)
        except PrivateKeyError as error:
            # No global private key was loaded before, and now there may be one: nothing is sent unsigned.
            if before is None or (product_id is None and signed_before is None):
                raise
            _logger.warning("what was loaded before goes on signing: %s", error)
            return replace(before, asked_at=now)
        key, problem = choose_private_key(keys, signed_before)
        if key is None and problem is None and keys and product_id is None:
            problem = (
                "There are global private keys, and none of them is active:"
                " make one active with “flask licensing rotate-private-key”, or by its name."
            )
        if key and problem:
            which = "the private key loaded before" if key is signed_before else "an older private key"
            _logger.warning("%s goes on signing: %s", which, problem)
        problems = frozenset(problems_of(keys, key))
        for other in problems - {problem} - (before.problems if before else frozenset()):
            _logger.warning("a private key is passed over: %s", other)
        if before is not None:
            _log_change(signed_before, key)
        return _Chosen(key, problem, problems, now)

    def _keys_or_those_before(self, product_id: int | None) -> tuple[LoadedPrivateKey, ...]:
        try:
            return self.keys(product_id)
        except PrivateKeyError as error:
            if product_id not in self._loaded:
                raise
            _logger.warning("the public keys loaded before are published: %s", error)
            return self._loaded[product_id]

    def origin(self, product_id: int | None) -> str:
        """Say where a key is from, as far as the source tells."""
        tell = getattr(self.source, "origin", None)
        if tell is not None:
            return str(tell(product_id))
        return "the global private key" if product_id is None else f"the private key of product {product_id}"


def _log_change(before: LoadedPrivateKey | None, now: LoadedPrivateKey | None) -> None:
    if now and not (before and before.is_same_key(now)):
        _logger.info("signing with a new private key from %s", now.origin)
    elif before and now is None:
        _logger.warning("%s no longer signs, and no other private key is active in its place", before.origin)
