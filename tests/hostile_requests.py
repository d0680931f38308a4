"""What a stranger may send: hypothesis strategies for whole requests, good, bad and broken."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes, quote_plus

from hypothesis import strategies as st

from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BOUNDARY = "B0undary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
MEDIA_TYPES = (FORM, JSON, MULTIPART)

KNOWN_FIELDS = (
    "license_keys",
    "product_id",
    "activation_limit",
    "validity",
    "status",
    "owner_name",
    "owner_email",
    "assigned_at",
    "api_key",
)


@dataclass(frozen=True)
class HostileRequest:
    """One request as bytes; ``fields`` are those it was made from, where it is a well-formed one."""

    body: bytes
    content_type: str | None
    method: str = "POST"
    path: bytes = PATH.encode()
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] | None = None


awkward_characters = st.sampled_from(
    '\0\x1b\n\r\x7f\x85\xa0é\u0301ßİ\u2028\u200b\u202e\ufeff\ufffd\uffff日😀\U0010ffff\ud800\udfff"\\/%&=+;'
)
texts = st.text(st.characters(exclude_categories=[]) | awkward_characters, max_size=30) | st.text(
    st.characters(exclude_categories=[]), min_size=200, max_size=300
)
numbers_as_text = st.one_of(
    st.integers().map(str),
    st.from_regex(r"\s?[-+]?[0-9_.,eE]{1,30}\s?", fullmatch=True),
    st.text("0123456789-+.eEx_٣²", max_size=12),
    st.sampled_from(["1e400", "1E2", "-0", "9" * 5000, "0" * 5000, "NaN", "Infinity", str(2**31), str(2**63), "true"]),
)
dates = st.one_of(
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones()).map(str),
    st.from_regex(r"[0-9]{3,5}-[0-9]{2}-[0-9]{2}[ Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([zZ]|[-+][0-9:]{2,8})?"),
)
scalars: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([10**40, -(2**63), 1e308, 0.0]),
    texts,
    numbers_as_text,
    dates,
)
json_values: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=3),
    max_leaves=6,
)
deep_values = st.integers(1, 200).map(lambda depth: json.loads("[" * depth + "]" * depth))

license_key_characters = st.characters(exclude_categories=["Cs", "Cc"])
license_keys = st.text(license_key_characters, min_size=1, max_size=40).filter(str.strip)
lists_of_license_keys = st.lists(license_keys, min_size=1, max_size=8)


_whole_numbers = st.integers(0, 2**31 - 1)
_days = st.integers(0, 1000)


@cache
def good_fields(product_id: int) -> SearchStrategy[dict[str, Any]]:
    """Fields that are right, as JSON values or as texts."""
    return st.fixed_dictionaries(
        {
            "license_keys": lists_of_license_keys | lists_of_license_keys.map(json.dumps),
            "product_id": st.sampled_from([product_id, str(product_id), f" {product_id}"]),
            "activation_limit": _whole_numbers | _whole_numbers.map(str),
            "validity": _days | _days.map(str),
            "status": st.sampled_from(["available", "assigned", "reserved", "blocked"]),
        },
        optional={
            "owner_name": st.text(license_key_characters, max_size=30),
            "owner_email": st.emails(),
            "assigned_at": st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"),
        },
    )


_wrong_values = st.one_of(json_values, deep_values, st.lists(license_keys | json_values, max_size=6))
_replaced_fields = st.dictionaries(st.sampled_from(KNOWN_FIELDS), _wrong_values, max_size=2)
_omitted_fields = st.just(None) | st.sampled_from(KNOWN_FIELDS)
_unknown_fields = st.dictionaries(texts, json_values, max_size=2)


@cache
def sent_fields(product_id: int) -> SearchStrategy[dict[str, Any]]:
    """Fields of a request: right ones, of which some are replaced by anything, left out or joined by unknown ones."""
    return st.builds(_changed_fields, good_fields(product_id), _replaced_fields, _omitted_fields, _unknown_fields)


def _changed_fields(
    good: dict[str, Any], replaced: dict[str, Any], omitted: str | None, unknown: dict[str, Any]
) -> dict[str, Any]:
    return {name: value for name, value in (good | unknown | replaced).items() if name != omitted}


def as_text(value: Any) -> str:
    """What a form says of a value."""
    return value if isinstance(value, str) else json.dumps(value)


def as_json(fields: Mapping[str, Any], *, ascii_only: bool = True) -> bytes:
    """A JSON body; lone surrogates become bytes that are not UTF-8, unless everything is ASCII."""
    return json.dumps(fields, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def as_form(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A URL-encoded body."""
    quoted = [[quote_plus(text.encode("utf-8", "surrogatepass")) for text in pair] for pair in pairs]
    return "&".join("=".join(pair) for pair in quoted).encode()


def as_multipart(pairs: Sequence[tuple[str, str]], *part_headers: str) -> bytes:
    """A multipart body; names are escaped as browsers do it."""
    lines = []
    for name, value in pairs:
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{escaped}"', *part_headers, "", value]
    return "\r\n".join([*lines, f"--{BOUNDARY}--", ""]).encode("utf-8", "surrogatepass")


def encoded(fields: Mapping[str, Any], media_type: str) -> bytes:
    """A body of this media type."""
    if media_type == JSON:
        return as_json(fields)
    pairs = [(name, as_text(value)) for name, value in fields.items()]
    return as_form(pairs) if media_type == FORM else as_multipart(pairs)


_places = st.floats(0, 1, exclude_max=True)
_lengths = st.integers(0, 20)


@st.composite
def mutated(draw: DrawFn, bodies: SearchStrategy[bytes]) -> bytes:
    """A body with some of its bytes replaced, removed, repeated or joined by others."""
    body = draw(bodies)
    for place, length, piece in draw(_mutations):
        start = int(place * len(body))
        end = start + length
        body = body[:start] + (body[start:end] * 2 if piece is None else piece) + body[end:]
    return body


TOKENS = [b"\r\n", b"\r\n--" + BOUNDARY.encode(), b"--", b"%", b"%00", b"%ff", b"\xff", b"&", b";", b"=", b"\0", b'"']
TOKENS += [b"[", b"{", b"}", b"]", b",", b":", b"\\u0000", b"\\ud800", b"\xef\xbb\xbf", b"1e400", b"NaN", b"filename="]
"""What means something to one parser or another."""

_mutations = st.lists(
    st.tuples(_places, _lengths, st.none() | st.binary(max_size=6) | st.sampled_from(TOKENS)), min_size=1, max_size=4
)

latin1_texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
content_types = st.one_of(
    st.sampled_from(MEDIA_TYPES),
    st.builds(
        "{}{}{}={}".format,
        st.sampled_from([FORM, JSON, "multipart/form-data", "text/plain", "application/x-json", "multipart/mixed", ""]),
        st.sampled_from([";", "; ", " ;", ";;", ","]),
        st.sampled_from(["charset", "boundary", "boundary*", "BOUNDARY", "q", ""]),
        st.sampled_from(["utf-8", "utf-16", "latin-1", BOUNDARY, f'"{BOUNDARY}"', "utf-8''x", "klingon", '"', "é"])
        | latin1_texts,
    ),
    latin1_texts,
)
percent_encoded_paths = st.lists(
    st.sampled_from(["create-license-keys", "openapi.json", "public-keys", "..", ".", "", "%2F", "%00", "%0A", ";x=1"])
    | st.binary(max_size=6).map(quote_from_bytes),
    max_size=4,
).map("/".join)
_media_types = st.sampled_from(MEDIA_TYPES)


@cache
def any_fields(product_id: int) -> SearchStrategy[HostileRequest]:
    """A well-formed request with fields of any kind."""
    return st.builds(
        lambda fields, media_type: HostileRequest(encoded(fields, media_type), media_type, fields=fields),
        sent_fields(product_id),
        _media_types,
    )


@cache
def bodies_of_any_kind(product_id: int) -> SearchStrategy[HostileRequest]:
    """A request whose body is broken, or is not what its media type says."""
    good = any_fields(product_id).map(lambda request: request.body)
    bodies = st.one_of(mutated(good), mutated(good), st.binary(max_size=200), good)
    return st.builds(HostileRequest, bodies, content_types) | st.builds(HostileRequest, bodies, _media_types)


_part_headers = st.lists(
    st.builds(
        "{}: {}".format,
        st.sampled_from(["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "X"]),
        st.sampled_from(["text/plain; charset=latin1", "base64", "multipart/mixed; boundary=C", "form-data"])
        | latin1_texts,
    ),
    max_size=2,
)
_more_fields = st.lists(st.tuples(st.sampled_from(KNOWN_FIELDS) | texts, json_values), max_size=3)


@st.composite
def repeated_and_odd_fields(draw: DrawFn, product_id: int) -> HostileRequest:
    """A form whose fields may come several times and under odd names, in parts with headers of their own."""
    fields = [*draw(sent_fields(product_id)).items(), *draw(_more_fields)]
    pairs = [(name, as_text(value)) for name, value in draw(st.permutations(fields))]
    if draw(st.booleans()):
        return HostileRequest(as_form(pairs), FORM)
    return HostileRequest(as_multipart(pairs, *draw(_part_headers)), MULTIPART)


_schemes = st.sampled_from(["Bearer ", "bearer ", "BEARER  ", "Bearer\t", "Basic ", "", "Bearer Bearer ", "Digest k="])
_header_names = st.sampled_from(
    [
        "Authorization",
        "Idempotency-Key",
        "Content-Encoding",
        "X-HTTP-Method-Override",
        "X-Request-ID",
        "Cookie",
        "Origin",
    ]
)
_headers = st.dictionaries(_header_names, latin1_texts, max_size=4)
_methods = st.sampled_from(["POST", "POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "post", "FOO"])
_paths = st.just(PATH) | percent_encoded_paths.map("/api/v1/".__add__)


@st.composite
def any_headers(draw: DrawFn, product_id: int, secret: str) -> HostileRequest:
    """A good request under odd headers, paths and methods; the API key may be anywhere."""
    fields = dict(draw(good_fields(product_id)))
    headers = dict(draw(_headers))
    if draw(st.booleans()):
        headers["Authorization"] = draw(_schemes) + draw(st.sampled_from([secret, secret[:-1], secret + ",x", ""]))
    if draw(st.booleans()):
        fields["api_key"] = draw(st.sampled_from([secret, f" {secret} ", secret * 2]) | json_values)
    media_type = draw(_media_types)
    return HostileRequest(
        encoded(fields, media_type),
        media_type,
        method=draw(_methods),
        path=draw(_paths).encode(),
        query=draw(st.sampled_from([b"", b"api_key=" + secret.encode(), b"%ff=%", b"a&b=c;d"])),
        headers=headers,
    )
