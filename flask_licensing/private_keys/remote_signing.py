"""Signing with a key that stays elsewhere: each call is limited in time, and what it answers is checked."""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from flask_licensing.core.public_keys import MIN_KEY_BITS, verify_signature
from flask_licensing.errors import RemoteSignerError, RemoteSignerTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.private_keys.versions import SupportsSign

MAX_ABANDONED_CALLS = 32
"""How many calls that outlived their limit may be out before further ones fail at once, in one process."""

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


class TimeLimit:
    """Makes calls that may hang, each in a thread of its own and for ``seconds`` at most.

    A thread can't be ended from outside. A call that hangs on is abandoned: its result is dropped, and it does not keep
    the process from exiting. With :data:`MAX_ABANDONED_CALLS` of them out, calls fail without being made.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._abandoned = 0

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what ``function`` returns; it runs in a copy of this context, so Flask's proxies work in it.

        Raises:
            RemoteSignerTimeout: it did not return in time, or was not called.
            BaseException: whatever it raised.

        """
        if self._abandoned >= MAX_ABANDONED_CALLS:
            raise RemoteSignerTimeout(f"{MAX_ABANDONED_CALLS} calls of remote signers never ended; no more are made")
        call = _Call(function)
        context = contextvars.copy_context()
        # Threads of concurrent.futures would be waited for when the process exits.
        threading.Thread(
            target=context.run, args=(self._run, call), name="flask_licensing.private_keys.remote_signing", daemon=True
        ).start()
        if not call.ended.wait(self._seconds):
            self._abandon(call)
        return call.result()

    def _run(self, call: _Call[Result]) -> None:
        call.make()
        with self._lock:
            call.ended.set()
            if call.abandoned:
                self._abandoned -= 1

    def _abandon(self, call: _Call[Result]) -> None:
        with self._lock:
            if call.ended.is_set():
                return
            call.abandoned = True
            self._abandoned += 1
        raise RemoteSignerTimeout(f"the remote signer did not answer within {self._seconds:g} seconds")


class _Call(Generic[Result]):
    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._result: Result
        self._error: BaseException | None = None
        self.ended = threading.Event()
        self.abandoned = False

    def make(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error

    def result(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._result


class RemoteSigner:
    """A host's signer.

    ``public_key`` is ``None`` where it could not be asked for; ``withholds_public_key`` says that another try may
    succeed. ``signing`` and ``asking`` are the limits for a signature and for the public key.
    """

    def __init__(self, signer: SupportsSign, *, signing: TimeLimit, asking: TimeLimit, origin: str) -> None:
        self._signer = signer
        self._signing = signing
        self._asking = asking
        self.public_key = self._ask_public_key(origin)
        self.withholds_public_key = self.public_key is None and hasattr(signer, "public_key")

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, verified where the public key is known.

        Raises:
            RemoteSignerError: what came back is no signature, or not of this text and key.
            RemoteSignerTimeout: nothing came back in time.

        """
        signature: object = self._signing.call(lambda: self._signer.sign(data))
        if not isinstance(signature, bytes):
            raise RemoteSignerError(f"it answered with {type(signature).__name__} instead of bytes")
        if self.public_key is None:
            if len(signature) < MIN_KEY_BITS // 8:
                raise RemoteSignerError(f"{len(signature)} bytes are no signature of a key of {MIN_KEY_BITS} bits")
            return signature
        try:
            verify_signature(self.public_key, signature, data)
        except InvalidSignature:
            raise RemoteSignerError("the signature does not verify with its public key") from None
        return signature

    def _ask_public_key(self, origin: str) -> RSAPublicKey | None:
        ask = getattr(self._signer, "public_key", None)
        if ask is None:
            _logger.info(
                "%s does not tell its public key: signatures are not verified, the key is not published", origin
            )
            return None
        try:
            public_key: object = self._asking.call(ask)
        except Exception as error:  # noqa: BLE001 - a host's signer may raise anything
            _logger.warning("%s could not be asked for its public key: %s", origin, type(error).__name__)
            return None
        if not isinstance(public_key, RSAPublicKey):
            _logger.warning("%s told a %s as its public key, not an RSAPublicKey", origin, type(public_key).__name__)
            return None
        return public_key
