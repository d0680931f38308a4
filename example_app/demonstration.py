"""The demonstration: the documented request over real HTTP, its signed answer, and the check of the signature."""

from __future__ import annotations

import base64
import json
import shlex
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from example_app.documented_request import ENDPOINT, FIELDS
from example_app.key_pairs import PUBLIC_KEY_FOLDER
from example_app.server import serving
from example_app.shop import INSTANCE_FOLDER, create_app
from example_app.stock import remove_new_license_keys
from flask_licensing.verification import verify_response

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = {"code": 900, "message": "License keys creation result", "created": 3, "duplicate": 1}


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    body: bytes


def demonstrate() -> int:
    """Print the documented request, its answer and its check; return 0 where the answer is the documented one.

    Raises:
        OSError, sqlalchemy.exc.SQLAlchemyError, flask_licensing.LicensingError: as :func:`create_app` does.
        flask_licensing.verification.VerificationError: the answer's signature does not verify.

    """
    app = create_app()
    with app.app_context():
        remove_new_license_keys()
    with serving(app) as port:
        print(f"The shop's files are in the folder {INSTANCE_FOLDER}; it listens on http://127.0.0.1:{port}.\n")
        print(f"POST {ENDPOINT}", *(f"  {name}: {value}" for name, value in FIELDS.items()), sep="\n")
        answer = post(port, FIELDS)
    print(f"\nAnswer, HTTP status {answer.status}:\n{answer.body.decode()}\n")

    envelope = json.loads(answer.body)
    key_name = "product-1.pem" if envelope["private_key_used"] == "product" else "global.pem"
    public_key_file = INSTANCE_FOLDER / PUBLIC_KEY_FOLDER / key_name
    response = verify_response(answer.body, public_key_file.read_text()).response
    print(f"Verified with {public_key_file}: created {response.get('created')}, duplicate {response.get('duplicate')}.")

    print("\nServe the shop, and send the same request with curl (code 902 now, as the license keys are there):")
    print(f"  flask --app example_app run --port {port}\n  {curl_line(port)}")
    print("\nThe same check with openssl:")
    print(f"  {openssl_line(public_key_file, *_save(envelope))}")
    return 0 if answer.status == HTTPStatus.OK and EXPECTED.items() <= response.items() else 1


def post(port: int, fields: dict[str, str]) -> Answer:
    """Send a form to the endpoint on this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", ENDPOINT, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def curl_line(port: int) -> str:
    """Return the shell command that sends the documented request."""
    fields = [word for name, value in FIELDS.items() for word in ("--data-urlencode", f"{name}={value}")]
    return shlex.join(["curl", *fields, f"http://127.0.0.1:{port}{ENDPOINT}"])


def openssl_line(public_key_file: Path, signature_file: Path, payload_file: Path) -> str:
    """Return the shell command that checks a signature."""
    verification = ["openssl", "dgst", "-sha256", "-verify", str(public_key_file)]
    return shlex.join([*verification, "-signature", str(signature_file), str(payload_file)])


def _save(envelope: dict[str, str]) -> tuple[Path, Path]:
    """Write the signature, decoded, and what it signs, as openssl reads them."""
    signature_file = INSTANCE_FOLDER / "signature.bin"
    payload_file = INSTANCE_FOLDER / "payload.b64"
    signature_file.write_bytes(base64.b64decode(envelope["signature"]))
    payload_file.write_text(envelope["response_base64"])
    return signature_file, payload_file
