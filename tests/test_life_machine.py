"""The rules of a license key's life as a machine: random lives, through HTTP, beside a model in memory.

Hypothesis chooses the same lives for each database, every time.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from flask_licensing.testing.parts import FrozenClock
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

NAMES = st.sampled_from(["A", "B"])
IDENTIFIERS = st.sampled_from(["x", "y", "X", "z"])
OWNERS = st.sampled_from(["Zoë", "Not set"])
STATUSES = st.sampled_from(["available", "assigned", "reserved", "blocked"])
LIMITS = st.sampled_from([0, 1, 2])
DAYS = st.sampled_from([0, 1, 3])

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

    @initialize()
    def begin(self) -> None:
        # A prefix of its own keeps one life's license keys from another's.
        self.prefix = f"LIFE-{next(_numbers)}-"
        self.models: dict[str, Model] = {}

    def text(self, name: str) -> str:
        return self.prefix + name

    def answered(self, endpoint: str, name: str, **fields: Any) -> int:
        fields = {"license_key": self.text(name)} | {name: str(value) for name, value in fields.items()}
        answer = self.host.post(fields, path=f"/api/v1/{endpoint}")
        return int(self.host.verified(answer)["code"])

    @rule(name=NAMES, status=STATUSES, limit=LIMITS, days=DAYS)
    def create(self, name: str, status: str, limit: int, days: int) -> None:
        response = self.host.create(
            license_keys=json.dumps([self.text(name)]), status=status, activation_limit=str(limit), validity=str(days)
        )
        assert response["code"] == (902 if name in self.models else 900)
        assigned_at = self.clock.now if status == "assigned" else None
        self.models.setdefault(name, Model(status, limit, days, assigned_at=assigned_at))

    @rule(name=NAMES, owner=OWNERS)
    def assign(self, name: str, owner: str) -> None:
        model = self.models.get(name)
        expected = model.assign(owner, self.clock.now) if model else 801
        assert self.answered("assign-license-key", name, owner_name=owner) == expected

    @rule(name=NAMES, owner=OWNERS, identifier=IDENTIFIERS)
    def assign_and_activate(self, name: str, owner: str, identifier: str) -> None:
        expected, model, now = 801, self.models.get(name), self.clock.now
        if model and model.status == "available":
            model.assign(owner, now)
            expected = model.activate(identifier, now)
        elif model and model.owner == owner and identifier in model.active and model.refusal(now) is None:
            expected = 301
        fields = {"owner_name": owner, "identifier": identifier}
        assert self.answered("assign-and-activate-license-key", name, **fields) == expected

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def activate(self, name: str, identifier: str) -> None:
        model = self.models.get(name)
        expected = model.activate(identifier, self.clock.now) if model else 210
        assert self.answered("activate", name, identifier=identifier) == expected

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def verify(self, name: str, identifier: str) -> None:
        model = self.models.get(name)
        expected = 210
        if model:
            expected = model.refusal(self.clock.now) or (200 if identifier in model.active else 202)
        assert self.answered("verify", name, identifier=identifier) == expected
        details = 500 if expected == 200 else expected
        assert self.answered("get-license-key-details", name, identifier=identifier) == details

    @rule(name=NAMES, identifier=IDENTIFIERS)
    def deactivate(self, name: str, identifier: str) -> None:
        model = self.models.get(name)
        expected = 210
        if model:
            expected = 400 if identifier in model.active else 401
            model.active.discard(identifier)
        assert self.answered("deactivate", name, identifier=identifier) == expected

    @rule(name=NAMES, status=STATUSES)
    def set_status(self, name: str, status: str) -> None:
        model = self.models.get(name)
        assert self.answered("update-license-key", name, status=status) == (950 if model else 952)
        if model is None:
            return
        if status == "available" != model.status:
            self.models[name] = Model(status, model.limit, model.days)
            return
        model.status = status
        if status == "assigned" and model.assigned_at is None:
            model.assigned_at = self.clock.now

    @rule(name=NAMES, limit=LIMITS, days=DAYS)
    def set_terms(self, name: str, limit: int, days: int) -> None:
        expected = 950 if name in self.models else 952
        assert self.answered("update-license-key", name, activation_limit=limit, validity=days) == expected
        if name in self.models:
            self.models[name] = replace(self.models[name], limit=limit, days=days)

    @rule(days=st.sampled_from([0.5, 1, 2]))
    def let_time_pass(self, days: float) -> None:
        self.clock.move(days=days)

    @rule(name=NAMES)
    def replace(self, name: str) -> None:
        if name not in self.models:
            return
        new = f"{self.prefix}{next(_numbers)}"
        with self.host.app.app_context():
            self.host.licensing.replace_license_key(self.text(name), new)
            assert self.answered("verify", name, identifier="x") == 210
            self.host.licensing.replace_license_key(new, self.text(name))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        expected = 850 if self.models.pop(name, None) else 851
        assert self.answered("delete-license-key", name) == expected


@pytest.mark.usefixtures("database_url")
def test_random_lives_follow_the_rules(create_host: Callable[..., Host], database_url: str) -> None:
    Life.clock = FrozenClock()
    Life.host = create_host(database_url, clock=Life.clock)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25 * SCALE,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
