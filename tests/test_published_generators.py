"""The published answers about generators: a site with the same generators gives them to the byte."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_licensing.core.wire import base64_of, encode_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.hosts import Host

LISTED, GENERATED = json.loads((Path(__file__).parent / "data" / "published-generator-answers.json").read_text())


def _make(_: object, __: int) -> list[str]:
    return []


def test_the_published_list_of_generators_is_given_to_the_byte(create_host: Callable[..., Host]) -> None:
    published = LISTED["answer"]["response"]
    times = [datetime.fromisoformat(record["created_at"]).replace(tzinfo=None) for record in published["products"]]
    now = [times[0]]
    host = create_host(license_key_generators={"testFunction": _make}, clock=lambda: now[0])
    with host.app.app_context():
        for number in range(2, 5):
            host.licensing.create_product(f"Product {number}")
        for time, record in zip(times, published["products"], strict=True):
            now[0] = time
            given = {name: value for name, value in record.items() if name not in ("id", "status", "created_at")}
            del given["updated_at"]
            host.licensing.create_generator(active=bool(record["status"]), **given)
    now[0] = datetime.fromtimestamp(published["timestamp"], UTC).replace(tzinfo=None)
    answer = json.loads(host.send("GET", "get-all-generators", {}).data)
    assert answer["response_base64"] == LISTED["answer"]["response_base64"]
    assert (answer["response"], answer["private_key_used"]) == (published, "global")


def test_the_published_generation_is_given_to_the_byte(
    create_host: Callable[..., Host], private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = GENERATED["answer"]["response"]
    drawn = iter([uuid.UUID(text).bytes for text in published["licenseKeys"]])
    now = datetime.fromtimestamp(published["timestamp"], UTC).replace(tzinfo=None)
    host = create_host(private_key_source=lambda _: private_key, clock=lambda: now)
    with host.app.app_context():
        host.licensing.create_generator(host.product_id, "uuid", activation_limit=1, validity=365)
    monkeypatch.setattr(secrets, "token_bytes", lambda _: next(drawn))
    # Without an id of its own a request draws one.
    given_id = {"X-Request-ID": "1"}
    answer = json.loads(host.post(GENERATED["fields"], path="/api/v1/generate", headers=given_id).data)
    assert answer["response_base64"] == GENERATED["answer"]["response_base64"]
    assert answer["private_key_used"] == GENERATED["answer"]["private_key_used"] == "product"


def test_the_published_texts_are_those_of_their_responses() -> None:
    for published in (LISTED, GENERATED):
        answer: dict[str, Any] = published["answer"]
        assert base64_of(encode_payload(answer["response"])) == answer["response_base64"]
        assert json.loads(base64.b64decode(answer["response_base64"])) == answer["response"]
