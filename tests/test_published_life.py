"""The published answers of the endpoints of a license key's life: each request gets an answer of the same form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

PUBLISHED = json.loads((Path(__file__).parent / "data" / "published-life-answers.json").read_text())
FREE = {
    "timestamp",
    "id",
    "product_id",
    "name",
    "description",
    "license_key",
    "count",
    "assigned_at",
    "created_at",
    "updated_at",
}
"""Members whose values are of the time, the database or the site."""

STATES: dict[tuple[str, int], dict[str, Any] | None] = {
    ("verify", 210): None,
    ("verify", 201): {"status": "available"},
    ("activate", 300): {"status": "assigned"},
    ("activate", 301): {"status": "assigned", "activated": True},
    ("activate", 215): {"status": "assigned"},
    ("deactivate", 400): {"status": "assigned", "activated": True},
    ("get-license-key-details", 202): {"status": "assigned"},
    ("get-license-key-details", 500): {"status": "assigned", "activated": True, "owner_name": "Test User"},
    ("assign-license-key", 800): {"status": "available"},
    ("assign-and-activate-license-key", 300): {"status": "available"},
    ("update-license-key", 950): {"status": "available"},
    ("delete-license-key", 850): {"status": "available"},
    ("get-available-license-keys-count", 741): {"status": "available"},
    ("random-assign-license-keys", 802): {"status": "available", "stock": 5},
    ("random-assign-license-keys", 803): {"status": "available", "generator": True},
    ("random-assign-license-keys", 805): None,
    ("random-assign-license-keys", 806): {"status": "available"},
    ("create-product", 750): None,
    ("create-product", 751): None,
    ("update-product", 650): None,
    ("get-all-products", 810): None,
    ("create-license-key-meta", 453): {"status": "assigned", "activated": True},
    ("update-license-key-meta", 353): {"status": "assigned", "activated": True, "metadata": True},
    ("delete-license-key-meta", 252): {"status": "assigned", "activated": True, "metadata": True},
    ("create-product-meta", 273): {"status": "available"},
    ("create-product-meta", 274): None,
    ("update-product-meta", 373): {"status": "available", "metadata": True},
    ("delete-product-meta", 482): {"status": "available", "metadata": True},
    ("random-assign-license-keys-queued", 807): {"status": "available", "generator": True},
}
"""What the license key of each request is before it; ``None`` is unknown."""

UNKNOWN_PRODUCT = {274, 805}


def _code(published: dict[str, Any]) -> int:
    # One of the examples has its code as a text; the contract makes it an integer.
    return int(published["answer"]["response"]["code"])


@pytest.fixture
def site(create_host: Callable[..., Host], private_key: str) -> Host:
    """A site whose product has a private key of its own."""
    return create_host(private_key_source=lambda _: private_key)


def _set_up(site: Host, published: dict[str, Any], state: dict[str, Any]) -> None:
    license_key = published["fields"].get("license_key", "AAAA-1111")
    state = dict(state)
    activated = state.pop("activated", False)
    has_metadata = state.pop("metadata", False)
    owner = {"owner_email": "email@domain.ltd"} if state.get("owner_name") else {}
    stock = [license_key, *(f"{license_key}-{number}" for number in range(1, state.pop("stock", 1)))]
    if state.pop("generator", False):
        with site.app.app_context():
            site.licensing.create_generator(site.product_id, "uuid", activation_limit=1, validity=365)
    site.create(license_keys=json.dumps(stock), **state, **owner)
    if activated:
        site.post({"license_key": license_key, "identifier": "domain.ltd"}, path="/api/v1/activate")
    if has_metadata:
        of = {"license_key": license_key, "identifier": "domain.ltd", "product_id": str(site.product_id)}
        for endpoint in ("create-license-key-meta", "create-product-meta"):
            site.ask(endpoint, **of, key="test-key", value="before")


def _same_form(published: object, answered: object, path: str = "") -> None:
    assert type(answered) is type(published), path
    if isinstance(published, dict):
        assert isinstance(answered, dict)
        assert list(answered) == list(published), path
        for name, value in published.items():
            _same_form(value, answered[name], name)
    elif isinstance(published, list):
        assert isinstance(answered, list)
        # The site's license key has no metadata, and the site one product.
        for value, made in zip(published, answered, strict=path not in {"meta_data", "products"}):
            _same_form(value, made, path)
    elif path not in FREE:
        assert answered == published, path


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: f"{published['endpoint']}-{_code(published)}")
def test_a_published_request_gets_the_published_answer(site: Host, published: dict[str, Any]) -> None:
    code = _code(published)
    state = STATES[published["endpoint"], code]
    if state is not None:
        _set_up(site, published, state)
    fields = {**published["fields"]}
    if "product_id" in fields and code not in UNKNOWN_PRODUCT:
        fields["product_id"] = str(site.product_id)
    answer = site.send(published["method"], published["endpoint"], fields)
    expected = {**published["answer"]["response"], "code": code}
    envelope = json.loads(answer.data)
    # The published deactivation names the global key; the contract signs it with the product's.
    used = "product" if published["endpoint"] == "deactivate" else published["answer"]["private_key_used"]
    assert list(envelope) == list(published["answer"])
    assert envelope["private_key_used"] == used
    assert answer.status_code == 200
    _same_form(expected, site.verified(answer))
