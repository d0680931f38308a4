"""What is stored is what was sent, after trimming, on every database and from every kind of body."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_licensing.hooks import LicenseKeyStatus, LicenseKeyTerms
from tests.hostile_requests import MEDIA_TYPES, HostileRequest, encoded
from tests.hosts import find_license_key
from tests.request_checks import RequestChecker
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import DrawFn

    from tests.hosts import Host

WHITE_SPACE = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

spaces = st.text(WHITE_SPACE, max_size=2)
characters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(
    '\ufeff\ufffd\uffff\u200b\u202e😀"\\/%&=+'
)
texts = st.text(characters, min_size=1, max_size=40).filter(lambda text: text == text.strip())


def _padded(text: str, before: str, after: str) -> str:
    return before + text + after


@st.composite
def moments(draw: DrawFn) -> tuple[str, datetime]:
    """A date as text, and what it is in UTC."""
    moment = draw(st.datetimes(datetime(1000, 1, 2), datetime(9990, 1, 1)))
    minutes = draw(st.none() | st.integers(-14 * 60, 14 * 60))
    if minutes is None:
        return f"{moment:%Y-%m-%d %H:%M:%S}", moment.replace(microsecond=0)
    offset = timedelta(minutes=minutes)
    return moment.replace(tzinfo=timezone(offset)).isoformat(), (moment - offset).replace(microsecond=0)


@st.composite
def requests_and_terms(draw: DrawFn, product_id: int) -> tuple[HostileRequest, list[str], LicenseKeyTerms]:
    """A request, its license keys as they have to be stored, and their terms."""
    license_keys = draw(st.lists(texts, min_size=1, max_size=6))
    sent, assigned_at = draw(st.none() | moments()) or (None, None)
    terms = LicenseKeyTerms(
        product_id=product_id,
        activation_limit=draw(st.integers(0, 2**31 - 1)),
        validity=draw(st.integers(0, 3000)),
        status=draw(st.sampled_from([status for status in LicenseKeyStatus if sent or status != "assigned"])),
        owner_name=draw(st.none() | texts),
        owner_email=draw(st.none() | st.emails()),
        assigned_at=assigned_at,
    )
    media_type = draw(st.sampled_from(MEDIA_TYPES))
    array: Any = [_padded(license_key, draw(spaces), draw(spaces)) for license_key in license_keys]
    if media_type != "application/json" or draw(st.booleans()):
        array = json.dumps(array, ensure_ascii=draw(st.booleans()))
    fields: Mapping[str, Any] = {
        "license_keys": array,
        "product_id": product_id,
        "activation_limit": draw(st.sampled_from(["", "0", "000"])) + str(terms.activation_limit),
        "validity": terms.validity,
        "status": _padded(terms.status, draw(spaces), draw(spaces)),
        "owner_name": None if terms.owner_name is None else _padded(terms.owner_name, draw(spaces), draw(spaces)),
        "owner_email": terms.owner_email,
        "assigned_at": sent,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    return HostileRequest(encoded(present, media_type), media_type, fields=present), license_keys, terms


@settings(deadline=None, max_examples=30 * SCALE, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_what_is_stored_is_what_was_sent(host_on_each_database: Host, data: st.DataObject) -> None:
    host = host_on_each_database
    request, license_keys, terms = data.draw(requests_and_terms(host.product_id))
    with host.app.app_context():
        known = {license_key: find_license_key(host, license_key) for license_key in license_keys}
    response = RequestChecker(host, []).check(request)
    assert response is not None
    assert response["code"] in {900, 902}, response
    assert response["created"] == sum(stored is None for stored in known.values())
    with host.app.app_context():
        for license_key, before in known.items():
            stored = find_license_key(host, license_key)
            assert stored is not None
            assert stored.license_key == license_key
            assert stored == before or (before is None and stored.terms == terms)


@settings(deadline=None, max_examples=20 * SCALE, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_a_request_sent_again_gets_the_same_bytes_and_has_no_second_effect(host: Host, data: st.DataObject) -> None:
    request, _, _ = data.draw(requests_and_terms(host.product_id))
    key = data.draw(
        st.text(
            st.characters(min_codepoint=33, max_codepoint=255, exclude_characters=",\x7f"), min_size=1, max_size=255
        )
    )
    again = HostileRequest(request.body, request.content_type, headers={"Idempotency-Key": key})
    checker = RequestChecker(host, [])
    first = checker.send(again)
    stored = host.stored_license_keys()
    second = checker.send(again)
    assert host.stored_license_keys() == stored
    assert second.status_code == first.status_code
    if first.status_code == 200:
        assert second.data == first.data
    else:
        # The same key came with other fields before, in an example or because hypothesis went back to it.
        assert host.verified(first)["code"] == 9409
