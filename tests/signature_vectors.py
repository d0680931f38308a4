"""Makes ``docs/vectors/rsassa-pkcs1-sha256.json``: signatures that a verifier has to refuse, and a few to take.

``python -m tests.signature_vectors`` writes it. Each message is the ``response_base64`` of an answer. What is signed is
put together by hand, byte by byte, so that each vector is right but for one thing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from flask_licensing.core.public_keys import jwk_of, key_id_of, public_key_pem
from tests.programs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

FILE = PROJECT / "docs" / "vectors" / "rsassa-pkcs1-sha256.json"
KEYS = PROJECT / "tests" / "data" / "vectors"
PRIVATE_KEY = cast("RSAPrivateKey", load_pem_private_key((KEYS / "private.pem").read_bytes(), None))
"""Made for these vectors and published with them: it must sign nothing else."""

EXPONENT_3 = cast("RSAPublicKey", load_pem_public_key((KEYS / "exponent-3.pem").read_bytes()))
"""A public key whose private part nobody has."""

N = PRIVATE_KEY.public_key().public_numbers().n
SIZE = 256
"""Bytes of each modulus, and of each signature."""

SEQUENCE, OBJECT_ID, NULL, OCTETS, BITS, SET = 0x30, 0x06, 0x05, 0x04, 0x03, 0x31
CONSTRUCTED = 0x20
SHA_256 = bytes.fromhex("608648016503040201")
OTHER_HASHES = {
    "md5": "2a864886f70d0205",
    "sha1": "2b0e03021a",
    "sha224": "608648016503040204",
    "sha384": "608648016503040202",
    "sha512": "608648016503040203",
    "sha3_256": "608648016503040208",
}

NOTES = {
    "Normal": ("BASIC", "A signature as RFC 8017 section 8.2 makes it."),
    "AlgorithmParameters": ("SIGNATURE_MALLEABILITY", "The parameters of the hash are not the one NULL."),
    "MissingNull": ("LEGACY", "The parameters of the hash are left out. RFC 8017 has a NULL there."),
    "BerEncoding": ("BER_ENCODING", "A length or a structure is BER and not DER."),
    "ModifiedDigestInfo": ("SIGNATURE_MALLEABILITY", "The structure around the hash is another one."),
    "TrailingBytes": ("CAN_OF_WORMS", "Bytes stand after what a verifier looks at."),
    "WrongHash": ("AUTH_BYPASS", "Another hash was signed than that of the message."),
    "WrongText": ("AUTH_BYPASS", "Another text was signed: not the base64 itself."),
    "InvalidPadding": ("MISSING_STEP", "The padding is not 00 01, at least eight FF, and 00."),
    "ShortPadding": ("AUTH_BYPASS", "The hash is not at the end, so that a forger has bytes to choose freely."),
    "Forged": ("KNOWN_BUG", "Made without the private key, by a cube root (Bleichenbacher 2006)."),
    "SignatureSize": ("SIGNATURE_MALLEABILITY", "The signature is shorter or longer than the modulus."),
    "SignatureRange": ("SIGNATURE_MALLEABILITY", "The signature is not a number below the modulus, or a trivial one."),
    "ModifiedSignature": ("MISSING_STEP", "The signature was changed, or is that of another message."),
    "Pss": ("CONFUSION", "The signature is of RSASSA-PSS, with the same key and hash."),
}


@dataclass
class Group:
    """The vectors of one public key."""

    public_key: RSAPublicKey
    tests: list[dict[str, Any]] = field(default_factory=list)

    def add(self, flag: str, comment: str, message: bytes, signature: bytes) -> None:
        self.tests.append(
            {
                "comment": comment,
                "flags": [flag],
                "msg": message.hex(),
                "sig": signature.hex(),
                "result": "valid" if flag == "Normal" else "invalid",
            }
        )


def message(number: int) -> bytes:
    """Return the ``response_base64`` of an answer."""
    response = {"code": 200, "message": "Valid license key", "timestamp": 1767225600 + number}
    return base64.b64encode(json.dumps(response, separators=(",", ":")).encode())


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def digest_info(digest: bytes, *, oid: bytes = SHA_256, parameters: bytes = der(NULL, b"")) -> bytes:
    return der(SEQUENCE, der(SEQUENCE, der(OBJECT_ID, oid) + parameters) + der(OCTETS, digest))


def padded(content: bytes, *, start: bytes = b"\0\1", end: bytes = b"\0") -> bytes:
    return start + b"\xff" * (SIZE - len(start) - len(end) - len(content)) + end + content


def signed(encoded: bytes) -> bytes:
    """Apply the private key to any encoded message of the size of the modulus."""
    numbers, message = PRIVATE_KEY.private_numbers(), int.from_bytes(encoded)
    of_q = pow(message, numbers.dmq1, numbers.q)
    # The Chinese remainder theorem makes it four times as fast (RFC 8017 section 5.1.2).
    of_p = (pow(message, numbers.dmp1, numbers.p) - of_q) * numbers.iqmp % numbers.p
    return (of_q + numbers.q * of_p).to_bytes(SIZE)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def signature_of(data: bytes) -> bytes:
    return PRIVATE_KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())


def build() -> dict[str, Any]:
    """Return the whole document, with the same bytes each time."""
    group = Group(PRIVATE_KEY.public_key())
    text = message(0)
    group.add("Normal", "put together by hand", text, signed(padded(digest_info(sha256(text)))))
    for number in (1, 2):
        group.add("Normal", f"another message, {number}", message(number), signature_of(message(number)))
    for flag, comment, content in _digest_infos(sha256(text)):
        group.add(flag, comment, text, signed(padded(content)))
    for flag, comment, encoded in _paddings(digest_info(sha256(text))):
        group.add(flag, comment, text, signed(encoded))
    for comment, other in _other_texts(text):
        group.add("WrongText", comment, text, signature_of(other))
    for salt in (b"", sha256(b"salt")):
        group.add("Pss", f"RSASSA-PSS with a salt of {len(salt)} bytes", text, signed(_pss(sha256(text), salt)))
    _add_signatures(group, text)
    forged = Group(EXPONENT_3)
    _add_forgeries(forged)
    return _document([group, forged])


def _digest_infos(digest: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield structures around the hash that are wrong in one thing each."""
    oid, null, octets = der(OBJECT_ID, SHA_256), der(NULL, b""), der(OCTETS, digest)
    algorithm = der(SEQUENCE, oid + null)
    right = digest_info(digest)
    yield "MissingNull", "no parameters", digest_info(digest, parameters=b"")
    for comment, parameters in {
        "an empty octet string for NULL": der(OCTETS, b""),
        "an empty sequence for NULL": der(SEQUENCE, b""),
        "a NULL with content": der(NULL, b"\0"),
        "NULL twice": null + null,
        "an integer after NULL": null + bytes.fromhex("020100"),
        "the object identifier twice": oid,
    }.items():
        yield "AlgorithmParameters", comment, digest_info(digest, parameters=parameters)
    for comment, content in {
        "long form of the outer length": _long(SEQUENCE, algorithm + octets),
        "long form of the length of the algorithm": der(SEQUENCE, _long(SEQUENCE, oid + null) + octets),
        "long form of the length of the object identifier": _around(_long(OBJECT_ID, SHA_256) + null, octets),
        "long form of the length of NULL": _around(oid + _long(NULL, b""), octets),
        "long form of the length of the hash": _around(oid + null, _long(OCTETS, digest)),
        "long form of the outer length with a leading zero": _long(SEQUENCE, algorithm + octets, size=2),
        "long form of the length of the hash in four bytes": _around(oid + null, _long(OCTETS, digest, size=4)),
        "indefinite outer length": _indefinite(SEQUENCE, algorithm + octets),
        "indefinite length of the algorithm": der(SEQUENCE, _indefinite(SEQUENCE, oid + null) + octets),
        "the hash as a constructed octet string": _around(oid + null, der(OCTETS | CONSTRUCTED, octets)),
        "a leading 80 in the object identifier": _around(der(OBJECT_ID, b"\x80" + SHA_256) + null, octets),
    }.items():
        yield "BerEncoding", comment, content
    for comment, content in {
        "a set for the outer sequence": bytes([SET]) + right[1:],
        "a set for the algorithm": der(SEQUENCE, der(SET, oid + null) + octets),
        "a bit string for the hash": _around(oid + null, der(BITS, digest)),
        "another tag of the object identifier": _around(der(OBJECT_ID | 0x40, SHA_256) + null, octets),
        "outer length one too small": bytes([SEQUENCE, right[1] - 1]) + right[2:],
        "outer length one too large": bytes([SEQUENCE, right[1] + 1]) + right[2:],
        "length of the hash one too small": right[: -len(octets)] + bytes([OCTETS, 31]) + digest,
        "algorithm and hash exchanged": der(SEQUENCE, octets + algorithm),
        "no algorithm": der(SEQUENCE, octets),
        "the hash alone, without a structure": digest,
        "no hash": der(SEQUENCE, algorithm),
        "an empty hash": _around(oid + null, der(OCTETS, b"")),
        "the structure in a further sequence": der(SEQUENCE, right),
        "nothing": b"",
    }.items():
        yield "ModifiedDigestInfo", comment, content
    for comment, content in {
        "a byte after the hash, within the sequence": der(SEQUENCE, algorithm + octets + b"\0"),
        "a NULL after the hash, within the sequence": der(SEQUENCE, algorithm + octets + null),
        "a byte after the sequence": right + b"\0",
        "a NULL after the sequence": right + null,
        "the structure twice": right + right,
        "a hash with a byte more": _around(oid + null, der(OCTETS, digest + b"\0")),
    }.items():
        yield "TrailingBytes", comment, content
    yield from _other_hashes(digest)


def _other_hashes(digest: bytes) -> Iterator[tuple[str, str, bytes]]:
    text = message(0)
    for name, oid in OTHER_HASHES.items():
        other = hashlib.new(name, text, usedforsecurity=False).digest()
        yield "WrongHash", f"{name} of the message", digest_info(other, oid=bytes.fromhex(oid))
        yield "WrongHash", f"{name} of the message, called SHA-256", digest_info(other)
        yield "WrongHash", f"SHA-256 of the message, called {name}", digest_info(digest, oid=bytes.fromhex(oid))
    yield "WrongHash", "SHA-256 of the hash", digest_info(sha256(digest))
    yield "WrongHash", "the first half of the hash", digest_info(digest[:16])
    yield "WrongHash", "the hash and zeros", digest_info(digest[:31] + b"\0")
    yield "WrongHash", "zeros", digest_info(bytes(32))


def _paddings(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    right = padded(content)
    separator = SIZE - len(content) - 1
    for place, value in (
        (0, 1),
        (1, 0),
        (1, 2),
        (1, 3),
        (2, 0),
        (2, 0xFE),
        (separator // 2, 0),
        (separator // 2, 0x7F),
    ):
        changed = bytearray(right)
        changed[place] = value
        yield "InvalidPadding", f"{value:02x} at {place}", bytes(changed)
    yield "InvalidPadding", "FE before the separator", right[: separator - 1] + b"\xfe" + right[separator:]
    yield "InvalidPadding", "01 for the separator", right[:separator] + b"\1" + content
    yield "InvalidPadding", "no separator", padded(content, end=b"")
    yield "InvalidPadding", "two separators", padded(content, end=b"\0\0")
    yield "InvalidPadding", "block type 0", bytes(2) + bytes(separator - 2) + b"\0" + content
    yield "InvalidPadding", "block type 2", b"\0\2" + b"\x5a" * (separator - 2) + b"\0" + content
    for length in (0, 1, 7, 8, 100):
        short = b"\0\1" + b"\xff" * length + b"\0" + content
        yield "ShortPadding", f"{length} bytes of padding, zeros after the hash", short + bytes(SIZE - len(short))
        yield "ShortPadding", f"{length} bytes of padding, FF after the hash", short + b"\xff" * (SIZE - len(short))


def _other_texts(text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "the JSON and not its base64", base64.b64decode(text)
    yield "the base64 with a newline", text + b"\n"
    yield "the base64 without its padding", text.rstrip(b"=") if text.endswith(b"=") else text[:-1]
    yield "the hash of the base64 as hexadecimal digits", sha256(text).hex().encode()
    yield "no text at all", b""


def _add_signatures(group: Group, text: bytes) -> None:
    """Add what a verifier has to see before any arithmetic, and signatures of something else."""
    right = signature_of(text)
    number = int.from_bytes(right)
    for comment, signature in {
        "a leading zero": b"\0" + right,
        "a trailing zero": right + b"\0",
        "without the last byte": right[:-1],
        "without the first byte": right[1:],
        "empty": b"",
        "one zero": b"\0",
        "twice": right + right,
    }.items():
        group.add("SignatureSize", comment, text, signature)
    begins_with_zero = next(data for data in map(message, count()) if signature_of(data)[0] == 0)
    group.add("Normal", "the signature begins with a zero", begins_with_zero, signature_of(begins_with_zero))
    group.add("SignatureSize", "without its leading zero", begins_with_zero, signature_of(begins_with_zero)[1:])
    fits = next(data for data in map(message, count()) if int.from_bytes(signature_of(data)) + N < 256**SIZE)
    increased = int.from_bytes(signature_of(fits)) + N
    group.add("SignatureRange", "the modulus added, in as many bytes", fits, increased.to_bytes(SIZE))
    for comment, value in {
        "0": 0,
        "1": 1,
        "2": 2,
        "the modulus": N,
        "the modulus less 1": N - 1,
        "the modulus and 1": N + 1,
        "all bits set": 256**SIZE - 1,
        "the modulus less the signature": N - number,
        "the inverse of the signature": pow(number, -1, N),
        "the encoded message itself, not signed": int.from_bytes(padded(digest_info(sha256(text)))),
    }.items():
        group.add("SignatureRange", comment, text, value.to_bytes(SIZE))
    group.add("SignatureRange", "twice the modulus added", text, (number + 2 * N).to_bytes(SIZE + 1))
    group.add("ModifiedSignature", "the signature of another message", text, signature_of(message(1)))
    group.add("ModifiedSignature", "the bytes from the end", text, right[::-1])
    for place in (0, SIZE // 2, SIZE - 1):
        changed = bytearray(right)
        changed[place] ^= 1
        group.add("ModifiedSignature", f"a bit of byte {place} changed", text, bytes(changed))


def _add_forgeries(group: Group) -> None:
    """Add numbers whose cubes, too small for the modulus to matter, begin as an encoded message does."""
    text = message(0)
    for length in (1, 8):
        for comment, content in {
            "free bytes after the hash": digest_info(sha256(text)),
            "the hash alone, free bytes after it": sha256(text),
        }.items():
            begin = b"\0\1" + b"\xff" * length + b"\0" + content
            root = _cube_root(int.from_bytes(begin + b"\xff" * (SIZE - len(begin))))
            assert (root**3).to_bytes(SIZE).startswith(begin)
            group.add("Forged", f"{length} bytes of padding, {comment}", text, root.to_bytes(SIZE))
    for value in (0, 1, 2):
        group.add("SignatureRange", str(value), text, value.to_bytes(SIZE))


def _cube_root(number: int) -> int:
    """Return the largest integer whose cube is not larger."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def _pss(digest: bytes, salt: bytes) -> bytes:
    """Return the encoded message of RFC 8017 section 9.1.1, for a modulus of 2048 bits."""
    hashed = sha256(bytes(8) + digest + salt)
    block = (b"\1" + salt).rjust(SIZE - len(hashed) - 1, b"\0")
    mask = b"".join(sha256(hashed + counter.to_bytes(4)) for counter in range(SIZE // 32))[: len(block)]
    masked = bytes(one ^ other for one, other in zip(block, mask, strict=True))
    return bytes([masked[0] & 0x7F]) + masked[1:] + hashed + b"\xbc"


def _long(tag: int, content: bytes, *, size: int = 1) -> bytes:
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size) + content


def _indefinite(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x80]) + content + bytes(2)


def _around(algorithm: bytes, digest: bytes) -> bytes:
    return der(SEQUENCE, der(SEQUENCE, algorithm) + digest)


def _document(groups: list[Group]) -> dict[str, Any]:
    numbers = count(1)
    return {
        "algorithm": "RSASSA-PKCS1-v1_5",
        "schema": "rsassa_pkcs1_verify_schema_v1.json",
        "numberOfTests": sum(len(group.tests) for group in groups),
        "header": [
            "Signatures for verifiers of answers: each message is a response_base64.",
            "Take those that are valid and refuse all others.",
        ],
        "notes": {name: {"bugType": kind, "description": text} for name, (kind, text) in NOTES.items()},
        "testGroups": [_group(group, numbers) for group in groups],
    }


def _group(group: Group, numbers: Iterator[int]) -> dict[str, Any]:
    public_key, values = group.public_key, group.public_key.public_numbers()
    purpose = {"use": "sig", "alg": "RS256", "kid": key_id_of(public_key)}
    return {
        "type": "RsassaPkcs1Verify",
        "source": {"name": "flask-licensing", "version": "1"},
        "publicKey": {"modulus": _hexadecimal(values.n), "publicExponent": _hexadecimal(values.e)},
        "publicKeyAsn": public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1).hex(),
        "publicKeyDer": public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex(),
        "publicKeyPem": public_key_pem(public_key),
        "keyJwk": jwk_of(public_key) | purpose,
        "keySize": public_key.key_size,
        "sha": "SHA-256",
        "tests": [{"tcId": next(numbers)} | test for test in group.tests],
    }


def _hexadecimal(number: int) -> str:
    """Return the two's complement of a number, which begins with a zero bit."""
    return number.to_bytes(number.bit_length() // 8 + 1).hex()


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(as_text(build()))
