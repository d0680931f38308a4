"""The assertion on a signed answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.verification import verify_response

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from flask_licensing.verification import PublicKey


def assert_signed(answer: TestResponse | str | bytes, public_key: PublicKey, **expected: Any) -> dict[str, Any]:
    """Assert that an answer is signed and says what it should; return what was signed.

    Args:
        answer: an answer of a test client, or its body.
        public_key: the public key it has to verify with.
        expected: members of ``response`` and their values, such as ``code=900, created=3``.

    Raises:
        VerificationError: the signature, or something about it, does not hold.
        AssertionError: a member is missing or differs.

    """
    body = answer if isinstance(answer, str | bytes) else answer.data
    response = verify_response(body, public_key).response
    said = {name: response.get(name) for name in expected}
    assert said == expected, f"the signed response is {response}"
    return response
