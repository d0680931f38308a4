"""The part of the extension object that creates, lists and revokes API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.api_keys.service import create_api_key, require_api_key_store, revoke_api_key
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from flask_licensing.api_keys.store import ApiKey, NewApiKey
    from flask_licensing.core.work import Result, Work


class ApiKeyMethods:
    """What :class:`flask_licensing.Licensing` does with API keys. Each method needs an app context."""

    def create_api_key(
        self,
        name: str,
        *,
        capabilities: Collection[str] | None = None,
        allowed_ips: Collection[str] | None = None,
        expires_at: datetime | None = None,
        secret: str | None = None,
    ) -> NewApiKey:
        """Create an API key, commit, and return it with its secret, which is shown this once. Needs an app context.

        Args:
            name: whom the key is for.
            capabilities: names of the endpoints it may call; by default all.
            allowed_ips: IP addresses and networks (CIDR) it may be used from; by default all.
            expires_at: when it ends, aware or naive UTC; by default never.
            secret: an API key that callers have already, from another licensing server; by default a random one.

        Raises:
            IncorrectData: a value is wrong, or the secret is in use already.

        """

        def create(work: Work) -> NewApiKey:
            return create_api_key(
                work,
                name=name,
                capabilities=capabilities,
                known_capabilities=current_state().capabilities,
                allowed_ips=allowed_ips,
                expires_at=expires_at,
                secret=secret,
            )

        return _run(create)

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id, without their secrets. Needs an app context."""
        return _run(lambda work: require_api_key_store(work.store).list_api_keys())

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make an API key inactive, for good, and commit; answer whether there is such a key. Needs an app context."""
        return _run(lambda work: revoke_api_key(work, api_key_id))


def _run(operation: Callable[[Work], Result]) -> Result:
    state = current_state()
    require_api_key_store(state.key_store)
    return run_work(state, current_origin(), operation)
