"""Makes ``docs/vectors/license-files.json``: license files that a verifier has to take or refuse, with the reason.

``python -m tests.license_file_vectors`` writes it. The private key is that of the other vectors.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from flask_licensing.core.public_keys import jwk_of, jwks_of, key_id_of, public_key_pem
from tests.programs import PROJECT
from tests.signature_vectors import EXPONENT_3, PRIVATE_KEY, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = PROJECT / "docs" / "vectors" / "license-files.json"

NOW = 1767225600
DAY = 86_400
PRODUCT_ID = 7
IDENTIFIER = "zoe.example"
PUBLIC_KEY = PRIVATE_KEY.public_key()
KEY_ID = key_id_of(PUBLIC_KEY)

HEADER = {"alg": "RS256", "kid": KEY_ID, "typ": "license+jwt"}
CLAIMS = {
    "iss": "https://licensing.example",
    "sub": "AAAA-1111",
    "aud": f"product:{PRODUCT_ID}",
    "iat": NOW,
    "exp": NOW + 30 * DAY,
    "jti": "0123456789abcdefABCDEF",
    "identifier": IDENTIFIER,
    "activation_limit": 2,
    "expires_at": "2026-03-02T00:00:00.000000Z",
}
LAST_DAY = CLAIMS | {"exp": NOW + DAY, "expires_at": "2026-01-02T00:00:00.000000Z"}
"""A license key that expires with its lease."""

MALFORMED, PURPOSE, SIGNATURE = "MalformedLicenseFile", "NoLicenseFile", "BadLicenseFileSignature"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text_of(part: object) -> bytes:
    return json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode()


def sign(text: str) -> bytes:
    return PRIVATE_KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())


def token(header: object = HEADER, claims: object = CLAIMS) -> str:
    """Sign a header and claims, each given as an object or as the bytes that stand for it."""
    parts = [base64url(part if isinstance(part, bytes) else text_of(part)) for part in (header, claims)]
    return ".".join([*parts, base64url(sign(".".join(parts)))])


def vector(comment: str, result: str, of: str, **question: object) -> dict[str, Any]:
    asked = {"product_id": PRODUCT_ID, "identifier": IDENTIFIER, "now": NOW}
    return {"comment": comment, "token": of, **asked, **question, "result": result}


def build() -> dict[str, Any]:
    """Return the whole document, with the same bytes each time."""
    return {
        "description": [
            "License files. Each is checked with the keys, for a product, an identifier and a time in Unix seconds.",
            "A result is valid, or the name of the error in flask_licensing.errors.",
            "JWT libraries may take some that are malformed, another case of the type, or a wrong key id.",
        ],
        "keys": json.loads(jwks_of({KEY_ID: PUBLIC_KEY}))["keys"],
        "tests": [*_valid(), *_for_something_else(), *_signatures(), *_forms(), *_claims()],
    }


def _valid() -> Iterator[dict[str, Any]]:
    yield vector("as the site makes it", "valid", token())
    yield vector("a license key that never expires", "valid", token(claims=CLAIMS | {"expires_at": None}))
    yield vector("without a key id", "valid", token(header={"alg": "RS256", "typ": "license+jwt"}))
    yield vector("text beyond ASCII", "valid", token(claims=CLAIMS | {"sub": "Grüße-日本-😀"}))
    yield vector("unknown members are ignored", "valid", token(HEADER | {"x": 1}, CLAIMS | {"x": {"y": 1e3}}))
    yield vector("the last second of the lease", "valid", token(), now=NOW + 30 * DAY - 1)
    yield vector("a clock that is a minute behind", "valid", token(), now=NOW - 60)


def _for_something_else() -> Iterator[dict[str, Any]]:
    yield vector("another product", "OtherProduct", token(), product_id=77)
    yield vector("another identifier", "OtherIdentifier", token(), identifier="another.example")
    yield vector("another case of the identifier", "OtherIdentifier", token(), identifier="Zoe.example")
    yield vector("the lease is over from its last instant on", "LeaseEnded", token(), now=NOW + 30 * DAY)
    yield vector("the license key expired with the lease", "LicenseEnded", token(claims=LAST_DAY), now=NOW + DAY)
    yield vector("the license key expired after the lease", "LicenseEnded", token(), now=NOW + 60 * DAY)
    longer = token(claims=LAST_DAY | {"exp": NOW * 2})
    yield vector("a lease that is longer than the license", "LicenseEnded", longer, now=NOW + DAY)
    yield vector("a clock that was set back", "ClockSetBack", token(), now=NOW - 61)
    others: dict[str, dict[str, Any]] = {
        "another type of token": {"typ": "at+jwt"},
        "any JSON Web Token": {"typ": "JWT"},
        "another case of the type": {"typ": "License+JWT"},
        "no type": {"typ": None},
        "another case of the algorithm": {"alg": "rs256"},
        "RS512": {"alg": "RS512"},
        "PS256": {"alg": "PS256"},
        "no algorithm": {"alg": None},
        "a critical extension": {"crit": ["b64"], "b64": False},
    }
    for comment, member in others.items():
        present = {name: value for name, value in {**HEADER, **member}.items() if value is not None}
        yield vector(comment, PURPOSE, token(header=present))


def _signatures() -> Iterator[dict[str, Any]]:
    header, claims, signature = token().split(".")
    none, hs256 = (base64url(text_of(HEADER | {"alg": algorithm})) for algorithm in ("none", "HS256"))
    yield vector("alg none, without a signature", PURPOSE, f"{none}.{claims}.")
    yield vector("alg none, with one", PURPOSE, f"{none}.{claims}.{signature}")
    secret = public_key_pem(PUBLIC_KEY).encode()
    keyed = hmac.new(secret, f"{hs256}.{claims}".encode(), hashlib.sha256).digest()
    yield vector("HS256 with the public key for its secret", PURPOSE, f"{hs256}.{claims}.{base64url(keyed)}")
    changed = base64url(text_of(CLAIMS | {"exp": NOW + 3000 * DAY}))
    yield vector("claims changed", SIGNATURE, f"{header}.{changed}.{signature}")
    yield vector("no signature", SIGNATURE, f"{header}.{claims}.")
    yield vector("the claims alone signed", SIGNATURE, f"{header}.{claims}.{base64url(sign(claims))}")
    yield vector("what an answer signs", SIGNATURE, f"{header}.{claims}.{base64url(sign(header + claims))}")
    pss = PRIVATE_KEY.sign(
        f"{header}.{claims}".encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256()
    )
    yield vector("RSASSA-PSS", SIGNATURE, f"{header}.{claims}.{base64url(pss)}")
    sha512 = PRIVATE_KEY.sign(f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA512())
    yield vector("SHA-512", SIGNATURE, f"{header}.{claims}.{base64url(sha512)}")
    yield vector("a key id that is not there", SIGNATURE, token(header=HEADER | {"kid": key_id_of(EXPONENT_3)}))
    yield vector("a key id that is no text", SIGNATURE, token(header=HEADER | {"kid": 1}))
    own = base64url(text_of(HEADER | {"jwk": jwk_of(EXPONENT_3)}))
    yield vector("a key of its own", SIGNATURE, f"{own}.{claims}.{signature}")


def _forms() -> Iterator[dict[str, Any]]:
    whole = token()
    header, claims, signature = whole.split(".")
    for comment, other in {
        "nothing": "",
        "a word": "license",
        "no claims": f"{header}.{signature}",
        "dots alone": "..",
        "a fourth text": f"{whole}.",
        "five texts, as of an encrypted token": f"{whole}.{claims}.{signature}",
        "padding of base64": f"{whole}{'=' * (-len(signature) % 4)}",
        "the alphabet of base64": f"{header}.{claims}.{signature.replace('-', '+').replace('_', '/')}",
        "bits that the last character leaves unused": f"{whole[:-1]}{chr(ord(whole[-1]) + 1)}",
        "a newline within": f"{header}.\n{claims}.{signature}",
        "a space within": f"{header} .{claims}.{signature}",
        "a character beyond ASCII": f"{header}.{claims}é.{signature}",
        "JSON serialization": json.dumps({"protected": header, "payload": claims, "signature": signature}),
    }.items():
        yield vector(comment, MALFORMED, other)
    for comment, part in {
        "no JSON": b"x",
        "an array": b"[]",
        "text": b'"RS256"',
        "a member twice": text_of(HEADER)[:-1] + b',"alg":"RS256"}',
        "nested too deep": b"[" * 5000 + b"]" * 5000,
    }.items():
        yield vector(f"header: {comment}", MALFORMED, token(header=part))


def _claims() -> Iterator[dict[str, Any]]:
    compact = text_of(CLAIMS)
    for comment, part in {
        "no JSON": b"x",
        "an array": b"[]",
        "a member twice": compact[:-1] + b',"exp":99999999999}',
        "a member twice, once escaped": compact[:-1] + b',"e\\u0078p":99999999999}',
        "a byte order mark": b"\xef\xbb\xbf" + compact,
        "UTF-16": compact.decode().encode("utf-16-le"),
        "no UTF-8": compact.replace(b"zoe", b"zo\xeb"),
        "NaN": compact[:-1] + b',"x":NaN}',
        "a number that is not finite": compact[:-1] + b',"x":1e999}',
        "a number of more than 64 bits": compact[:-1] + b',"x":18446744073709551616}',
        "something after the object": compact + b"{}",
    }.items():
        yield vector(f"claims: {comment}", MALFORMED, token(claims=part))
    for name in CLAIMS:
        left = {other: value for other, value in CLAIMS.items() if other != name}
        yield vector(f"claims: no {name}", MALFORMED, token(claims=left))
    for name, value in (
        *((name, 1) for name in ("iss", "sub", "jti", "identifier", "expires_at", "aud")),
        *((name, str(NOW)) for name in ("iat", "exp", "activation_limit")),
        *((name, True) for name in ("iat", "exp", "activation_limit")),
        *((name, float(NOW)) for name in ("iat", "exp")),
        *((name, None) for name in ("sub", "identifier", "exp")),
        *(("exp", number) for number in (2**62, -(2**62))),
        *(("aud", other) for other in ([f"product:{PRODUCT_ID}"], "product:", "product:07", "product:7 ", "7")),
        *(("expires_at", other) for other in ("", "never", "2026-13-01T00:00:00.000000Z", False)),
    ):
        yield vector(f"claims: {name} is {json.dumps(value)}", MALFORMED, token(claims=CLAIMS | {name: value}))


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(as_text(build()))
