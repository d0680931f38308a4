"""The private keys of one app: loaded once, asked for again from time to time, product key before global key."""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask_licensing.errors import PrivateKeyError

if TYPE_CHECKING:
    from flask_licensing.hooks import Clock, PrivateKey, PrivateKeySource
    from flask_licensing.key_loading import KeyLoader, LoadedKey
    from flask_licensing.wire import PrivateKeyUsed

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    key: LoadedKey | None
    fingerprint: object
    asked_at: datetime


class KeyRing:
    """Answers with what signs for a product.

    ``source`` is asked for each key once, and again after ``refresh_seconds``. Only material that changed is loaded.
    Where a later answer is missing or no key at all, as while a file is being replaced, the key loaded before goes on
    signing and the log says why.
    """

    def __init__(self, source: PrivateKeySource, loader: KeyLoader, *, refresh_seconds: float, clock: Clock) -> None:
        self._source = source
        self._loader = loader
        self._refresh_after = timedelta(seconds=refresh_seconds)
        self._clock = clock
        self._loaded: dict[int | None, _Loaded] = {}
        self._lock = threading.Lock()

    def key_for(self, product_id: int | None) -> tuple[LoadedKey, PrivateKeyUsed] | None:
        """Return what signs, and whose key it is; ``None`` where there is neither a product's nor a global key.

        Raises:
            PrivateKeyError: a key that was never loaded before can't be.

        """
        if product_id is not None and (key := self._key(product_id)):
            return key, "product"
        if key := self._key(None):
            return key, "global"
        return None

    def check(self) -> None:
        """Load the global key, and every product's that the source lists.

        Raises:
            PrivateKeyError: one of them is not a key this package signs with.

        """
        self._key(None)
        list_products = getattr(self._source, "product_ids", None)
        for product_id in list_products() if list_products else ():
            self._key(product_id)

    def has_global_key(self) -> bool:
        """Whether there is a global private key."""
        return self._key(None) is not None

    def ask_again(self) -> None:
        """Ask the source anew at the next use of each key, without waiting for the interval to end."""
        with self._lock:
            for product_id, loaded in self._loaded.items():
                self._loaded[product_id] = replace(loaded, asked_at=datetime.min)

    def _key(self, product_id: int | None) -> LoadedKey | None:
        now = self._clock()
        loaded = self._loaded.get(product_id)
        if loaded is not None and not self._is_due(loaded, now):
            return loaded.key
        # While one thread asks the source, the others sign with the key they have.
        if not self._lock.acquire(blocking=loaded is None):
            return loaded.key if loaded else None
        try:
            loaded = self._loaded.get(product_id)
            if loaded is None or self._is_due(loaded, now):
                loaded = self._loaded[product_id] = self._ask(product_id, loaded, now)
            return loaded.key
        finally:
            self._lock.release()

    def _is_due(self, loaded: _Loaded, now: datetime) -> bool:
        # A clock set back must not stop the asking.
        return abs(now - loaded.asked_at) >= self._refresh_after

    def _ask(self, product_id: int | None, before: _Loaded | None, now: datetime) -> _Loaded:
        try:
            material = self._source(product_id)
            fingerprint = _fingerprint(material)
            if before is not None and fingerprint == before.fingerprint:
                return _Loaded(before.key, before.fingerprint, now)
            key = None if material is None else self._loader.load(material, origin=self._origin(product_id))
        except Exception as error:  # noqa: BLE001 - a host's source may raise anything
            problem = error if isinstance(error, PrivateKeyError) else self._failed(product_id, error)
            if before is None or before.key is None:
                raise problem from (None if problem is error else error)
            _logger.warning("the private key loaded before goes on signing: %s", problem)
            return _Loaded(before.key, before.fingerprint, now)
        if key is None and before is not None:
            _logger.warning(
                "the private key loaded before goes on signing: %s is gone; restart to stop using it",
                self._origin(product_id),
            )
            return _Loaded(before.key, before.fingerprint, now)
        if before is not None:
            _logger.info("signing with a new private key from %s", self._origin(product_id))
        return _Loaded(key, fingerprint, now)

    def _failed(self, product_id: int | None, error: Exception) -> PrivateKeyError:
        return PrivateKeyError(f"{self._origin(product_id)} could not be asked for: {type(error).__name__}.")

    def _origin(self, product_id: int | None) -> str:
        tell = getattr(self._source, "origin", None)
        if tell is not None:
            return str(tell(product_id))
        return "the global private key" if product_id is None else f"the private key of product {product_id}"


def _fingerprint(material: PrivateKey | None) -> object:
    """Return what tells two answers of a source apart, without keeping the text of a key."""
    if isinstance(material, str | bytes):
        return hashlib.sha256(material.encode() if isinstance(material, str) else material).digest()
    return material
