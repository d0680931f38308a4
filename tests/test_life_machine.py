"""The rules of a license key's life as a machine: random lives, through HTTP, beside a model in memory.

Hypothesis chooses the same lives for each database, every time.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from flask_licensing.testing.parts import FrozenClock
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

NAMES = st.sampled_from(["A", "B"])
IDENTIFIERS = st.sampled_from(["x", "X"])
OWNERS = st.sampled_from(["Zoë", "Not set"])
STATUSES = st.sampled_from(["assigned", "assigned", "assigned", "available", "reserved", "blocked"])
LIMITS = st.sampled_from([1, 0, 2])
DAYS = st.sampled_from([0, 1, 2])

_numbers = itertools.count()


@dataclass
class Model:
    """What is true of a license key."""

    status: str
    limit: int
    days: int
    owner: str | None = None
    assigned_at: datetime | None = None
    active: set[str] = field(default_factory=set)

    def refusal(self, now: datetime) -> int | None:
        """Why it is not valid, its activation apart."""
        if self.status == "blocked":
            return 204
        if self.status != "assigned" or self.assigned_at is None:
            return 201
        return 205 if self.days and now >= self.assigned_at + timedelta(days=self.days) else None

    def activate(self, identifier: str, now: datetime) -> int:
        if refusal := self.refusal(now):
            return refusal
        if identifier in self.active:
            return 301
        if self.limit and len(self.active) >= self.limit:
            return 302
        self.active.add(identifier)
        return 300

    def assign(self, owner: str, now: datetime) -> int:
        if self.status != "available":
            return 801
        self.status, self.owner, self.assigned_at = "assigned", owner, now
        return 800


class Life(RuleBasedStateMachine):
    """Two license keys, the site's answers about them and the model's."""

    host: ClassVar[Host]
    clock: ClassVar[FrozenClock]

    @initialize(limit=LIMITS, days=DAYS)
    def begin(self, limit: int, days: int) -> None:
        # A prefix of its own keeps one life's license keys from another's.
        self.prefix = f"LIFE-{next(_numbers)}-"
        self.models: dict[str, Model] = {}
        for name, status in (("A", "available"), ("B", "assigned")):
            self.create(name, status, limit, days)

    def text(self, name: str) -> str:
        return self.prefix + name

    def answered(self, endpoint: str, name: str, **fields: Any) -> int:
        fields = {"license_key": self.text(name)} | {name: str(value) for name, value in fields.items()}
        answer = self.host.post(fields, path=f"/api/v1/{endpoint}")
        return int(self.host.verified(answer)["code"])

    def create(self, name: str, status: str, limit: int, days: int) -> None:
        terms = {"status": status, "activation_limit": str(limit), "validity": str(days)}
        assert self.host.create(license_keys=json.dumps([self.text(name)]), **terms)["code"] == 900
        self.models[name] = Model(status, limit, days, assigned_at=self.clock.now if status == "assigned" else None)

    @rule(name=NAMES, owner=OWNERS)
    def assign(self, name: str, owner: str) -> None:
        expected = self.models[name].assign(owner, self.clock.now)
        assert self.answered("assign-license-key", name, owner_name=owner) == expected

    @rule(name=NAMES, owner=OWNERS, identifier=IDENTIFIERS)
    def assign_and_activate(self, name: str, owner: str, identifier: str) -> None:
        expected, model, now = 801, self.models[name], self.clock.now
        if model.status == "available":
            model.assign(owner, now)
            expected = model.activate(identifier, now)
        elif model.owner == owner and identifier in model.active and model.refusal(now) is None:
            expected = 301
        fields = {"owner_name": owner, "identifier": identifier}
        assert self.answered("assign-and-activate-license-key", name, **fields) == expected

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def activate(self, name: str, identifier: str) -> None:
        expected = self.models[name].activate(identifier, self.clock.now)
        assert self.answered("activate", name, identifier=identifier) == expected

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def verify(self, name: str, identifier: str) -> None:
        model = self.models[name]
        expected = model.refusal(self.clock.now) or (200 if identifier in model.active else 202)
        assert self.answered("verify", name, identifier=identifier) == expected
        details = 500 if expected == 200 else expected
        assert self.answered("get-license-key-details", name, identifier=identifier) == details

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def deactivate(self, name: str, identifier: str) -> None:
        active = self.models[name].active
        expected = 400 if identifier in active else 401
        active.discard(identifier)
        assert self.answered("deactivate", name, identifier=identifier) == expected

    @rule(name=NAMES, status=STATUSES)
    def set_status(self, name: str, status: str) -> None:
        model = self.models[name]
        assert self.answered("update-license-key", name, status=status) == 950
        if status == "available" != model.status:
            self.models[name] = Model(status, model.limit, model.days)
            return
        model.status = status
        if status == "assigned" and model.assigned_at is None:
            model.assigned_at = self.clock.now

    @rule(name=NAMES)
    def block_and_unblock(self, name: str) -> None:
        status = self.models[name].status
        self.set_status(name, "blocked")
        assert self.answered("verify", name, identifier="x") == 204
        self.set_status(name, status)

    @rule(name=NAMES, owner=OWNERS, identifier=IDENTIFIERS)
    def take_back_and_sell_again(self, name: str, owner: str, identifier: str) -> None:
        self.set_status(name, "available")
        self.assign(name, owner)
        self.verify(name, identifier)

    @rule(name=NAMES, limit=LIMITS, days=DAYS)
    def set_terms(self, name: str, limit: int, days: int) -> None:
        assert self.answered("update-license-key", name, activation_limit=limit, validity=days) == 950
        self.models[name] = replace(self.models[name], limit=limit, days=days)

    @rule(days=st.sampled_from([0.5, 1]))
    def let_time_pass(self, days: float) -> None:
        self.clock.move(days=days)

    @rule(name=NAMES)
    def replace(self, name: str) -> None:
        new = f"{self.prefix}{next(_numbers)}"
        with self.host.app.app_context():
            self.host.licensing.replace_license_key(self.text(name), new)
            assert self.answered("verify", name, identifier="x") == 210
            self.host.licensing.replace_license_key(new, self.text(name))

    @rule(name=NAMES, status=STATUSES, limit=LIMITS, days=DAYS)
    def delete_and_create(self, name: str, status: str, limit: int, days: int) -> None:
        assert self.answered("delete-license-key", name) == 850
        for endpoint, code in (("delete-license-key", 851), ("verify", 210), ("update-license-key", 952)):
            assert self.answered(endpoint, name, identifier="x") == code
        self.create(name, status, limit, days)


def test_random_lives_follow_the_rules(create_host: Callable[..., Host], database_url: str) -> None:
    Life.clock = FrozenClock()
    Life.host = create_host(database_url, clock=Life.clock)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20 * SCALE,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
