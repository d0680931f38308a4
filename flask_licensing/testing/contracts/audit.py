"""What a key store has to do that keeps an audit log, as a class of tests."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask_licensing.core.domain import AuditEvent, Origin
from flask_licensing.testing.contracts.key_store import DAY, NOW, RolledBack, StoreContract

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.audit.store import AuditRecord


class AuditStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.AuditStore`; subclass it and supply ``key_store``, its log empty."""

    def test_everything_about_an_event_is_kept(self, key_store: Any) -> None:
        everything = AuditEvent(
            occurred_at=NOW,
            action="license-keys-created",
            origin=Origin("staff:Zoë 😀" + "x" * 244, "2001:db8::1", "r" * 128),
            product_id=2**31 - 1,
            target="api-key:7",
            created=100_000,
            duplicate=3,
            deleted=0,
            deleted_before=NOW - DAY,
        )
        nothing = AuditEvent(NOW, "product-created", Origin("host"))
        _add(key_store, everything, nothing)
        assert [record.event for record in _page(key_store)] == [nothing, everything]

    def test_pages_are_newest_first_and_hold_every_record_once(self, key_store: Any) -> None:
        _add(key_store, *(_event(str(number)) for number in range(5)))
        listed: list[AuditRecord] = []
        while page := _page(key_store, listed[-1].id if listed else None, 2):
            assert len(page) <= 2
            listed += page
        assert [record.event.action for record in listed] == ["4", "3", "2", "1", "0"]
        assert [record.id for record in listed] == sorted({record.id for record in listed}, reverse=True)

    def test_pages_are_of_one_action_and_of_events_since_then_where_asked(self, key_store: Any) -> None:
        old, new, other = _event("a", NOW - DAY), _event("a"), _event("b")
        _add(key_store, old, new, other)
        assert [record.event for record in _page(key_store, action="a")] == [new, old]
        assert [record.event for record in _page(key_store, since=NOW)] == [other, new]
        assert [record.event for record in _page(key_store, since=NOW, action="a")] == [new]
        assert _page(key_store, action="c") == []

    def test_an_event_is_gone_with_its_transaction(self, key_store: Any) -> None:
        with suppress(RolledBack), key_store.transaction():
            key_store.add_audit_event(_event("a"))
            raise RolledBack
        assert _page(key_store) == []

    def test_a_purge_deletes_what_is_older_counts_it_and_stays(self, key_store: Any) -> None:
        oldest, older, kept = _event("a", NOW - 2 * DAY), _event("b", NOW - DAY), _event("c")
        _add(key_store, oldest, older, kept)
        purge = AuditEvent(NOW, "audit-log-purged", Origin("host"), deleted=2, deleted_before=NOW)
        with key_store.transaction():
            assert key_store.count_audit_records(NOW) == 2
            assert key_store.purge_audit_records(NOW, purge) == 2
        assert [record.event for record in _page(key_store)] == [purge, kept]
        _add(key_store, kept)
        newest, *others = _page(key_store)
        assert newest.id > max(record.id for record in others)


def _event(action: str, occurred_at: datetime = NOW) -> AuditEvent:
    return AuditEvent(occurred_at, action, Origin("host"))


def _add(key_store: Any, *events: AuditEvent) -> None:
    with key_store.transaction():
        for event in events:
            key_store.add_audit_event(event)


def _page(
    key_store: Any,
    before_id: int | None = None,
    limit: int = 100,
    *,
    since: datetime | None = None,
    action: str | None = None,
) -> list[AuditRecord]:
    with key_store.transaction():
        return list(key_store.list_audit_records(before_id, limit, since=since, action=action))
