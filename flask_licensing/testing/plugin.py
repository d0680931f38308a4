"""Fixtures for the tests of an app that uses flask_licensing.

The plugin is there as soon as the package is installed beside pytest. Nothing happens until a test asks for a fixture:

``licensing_private_key``
    An RSA key pair, made once per run: ``.pem`` (private), ``.public_pem``; call it as a private-key source.
``licensing_memory_store``
    An empty :class:`~flask_licensing.stores.memory.MemoryKeyStore`.
``licensing_clock``
    A clock that stands still at 2026-01-01 00:00 UTC until ``.move(days=1)`` or ``.move_to(moment)``.
``licensing_settings``
    The three above as configuration: ``app.config.update(licensing_settings)`` before ``licensing.init_app(app)``.
``licensing_api_key``
    A new API key of the app in the fixture ``app``; its ``.secret`` goes into requests.
``licensing_client``
    Sends requests with that API key: ``licensing_client.post("create-license-keys", {...})``; its ``assert_signed``
    checks the answer with ``licensing_private_key``.
``licensing_signals``
    A list of what ``license_keys_created`` sent during the test, oldest first.

``licensing_api_key`` and ``licensing_client`` need a fixture ``app`` of the host's, as pytest-flask does, with
licensing set up on it. They may be used with any key store that keeps API keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from flask_licensing.api_keys.store import NewApiKey
    from flask_licensing.stores.memory import MemoryKeyStore
    from flask_licensing.testing.client import LicensingClient
    from flask_licensing.testing.parts import FrozenClock, KeyPair

pytest.register_assert_rewrite("flask_licensing.testing.answers", "flask_licensing.testing.contracts")


@pytest.fixture(scope="session")
def licensing_private_key() -> KeyPair:
    """An RSA key pair, made once per run; also a private-key source that has it as the global key."""
    from flask_licensing.testing.parts import KeyPair

    return KeyPair.generate()


@pytest.fixture
def licensing_memory_store() -> MemoryKeyStore:
    """An empty key store in memory."""
    from flask_licensing.stores.memory import MemoryKeyStore

    return MemoryKeyStore()


@pytest.fixture
def licensing_clock() -> FrozenClock:
    """A clock that stands still until it is moved."""
    from flask_licensing.testing.parts import FrozenClock

    return FrozenClock()


@pytest.fixture
def licensing_settings(
    licensing_memory_store: MemoryKeyStore, licensing_private_key: KeyPair, licensing_clock: FrozenClock
) -> dict[str, Any]:
    """Configuration that puts the store, the private key and the clock of these fixtures into an app."""
    return {
        "LICENSING_KEY_STORE": licensing_memory_store,
        "LICENSING_PRIVATE_KEY_SOURCE": licensing_private_key,
        "LICENSING_CLOCK": licensing_clock,
    }


@pytest.fixture
def licensing_api_key(app: Flask) -> NewApiKey:
    """A new API key of the host's app that may call every endpoint."""
    from flask_licensing.testing.client import create_api_key

    return create_api_key(app)


@pytest.fixture
def licensing_client(app: Flask, licensing_api_key: NewApiKey, licensing_private_key: KeyPair) -> LicensingClient:
    """A client that sends requests with ``licensing_api_key``."""
    from flask_licensing.testing.client import LicensingClient

    return LicensingClient(app, licensing_api_key.secret, licensing_private_key.public_pem)


@pytest.fixture
def licensing_signals() -> Iterator[list[dict[str, Any]]]:
    """What ``license_keys_created`` sent: one dictionary each, with ``sender`` and what the signal carries."""
    from flask_licensing.signals import license_keys_created

    received: list[dict[str, Any]] = []

    def record(sender: Flask, **payload: Any) -> None:
        received.append({"sender": sender, **payload})

    with license_keys_created.connected_to(record):
        yield received
