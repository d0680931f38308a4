"""The demonstration: the documented request over real HTTP with its signed answer, then the life of a license key."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from werkzeug.serving import make_server

from example_app import INSTANCE_FOLDER, create_app, licensed_program
from example_app.extensions import licensing
from example_app.shop import DEVICES_PER_LICENSE_KEY, place_order
from example_app.stock import DOCUMENTED_FIELDS, public_key_file, remove_new_license_keys
from flask_licensing.verification import verify_response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

ENDPOINT = "/api/v1/create-license-keys"
CUSTOMER = "zoe@example.org"
EXPECTED = {"code": 900, "message": "License keys creation result", "created": 3, "duplicate": 1}


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    body: bytes


def demonstrate() -> int:
    """Print the documented request, its answer and its check, then a license's life; return 0 where all is right.

    Raises:
        OSError, sqlalchemy.exc.SQLAlchemyError, flask_licensing.LicensingError: as :func:`create_app` does.
        flask_licensing.verification.VerificationError: the answer's signature does not verify.

    """
    app = create_app()
    with app.app_context():
        remove_new_license_keys()
    is_documented = _show_documented_request(app)
    return 0 if _show_license_life(app) and is_documented else 1


def _show_documented_request(app: Flask) -> bool:
    with serving(app) as port:
        print(f"The shop's files are in the folder {INSTANCE_FOLDER}; it listens on http://127.0.0.1:{port}.\n")
        print(f"POST {ENDPOINT}", *(f"  {name}: {value}" for name, value in DOCUMENTED_FIELDS.items()), sep="\n")
        answer = post(port, DOCUMENTED_FIELDS)
    print(f"\nAnswer, HTTP status {answer.status}:\n{answer.body.decode()}\n")

    envelope = json.loads(answer.body)
    with app.app_context():
        file = public_key_file(1 if envelope["private_key_used"] == "product" else None)
    response = verify_response(answer.body, file.read_text()).response
    print(f"Verified with {file}: created {response.get('created')}, duplicate {response.get('duplicate')}.")

    print("\nServe the shop, and send the same request with curl (code 902 now, as the license keys are there):")
    print(f"  flask --app example_app run --port {port}\n  {curl_line(port)}")
    print("\nThe same check with openssl:")
    print(f"  {openssl_line(file, *_save(envelope))}")
    return answer.status == HTTPStatus.OK and EXPECTED.items() <= response.items()


def _show_license_life(app: Flask) -> bool:
    """Sell a license key and start the program with it, without the shop, and after it was blocked."""
    print("\nA license key's life:")
    with app.app_context():
        license_key = place_order(licensed_program.PRODUCT_ID, CUSTOMER).license_key.license_key
    print(f"The shop sold {license_key} to {CUSTOMER}, for {DEVICES_PER_LICENSE_KEY} machines.")
    with serving(app) as port:
        first = _start_program(port, "--license-key", license_key)
    print("The shop is down, and Photo Editor starts again.")
    offline = _start_program(port)
    with app.app_context():
        licensing.update_license_key(license_key, status="blocked")
    print("The shop is up, it has blocked the license key, and Photo Editor starts again.")
    with serving(app) as port:
        blocked = _start_program(port)
    return (first, offline, blocked) == (0, 0, 1)


def _start_program(port: int, *arguments: str) -> int:
    """Run the licensed program, which prints what it does, and return its exit code."""
    sys.stdout.flush()
    options = {
        "--server": f"http://127.0.0.1:{port}",
        "--public-keys": INSTANCE_FOLDER / "public-keys",
        "--folder": INSTANCE_FOLDER / "photo-editor",
    }
    words = [str(word) for option in options.items() for word in option]
    # It finds the installed package where this demonstration found it.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, licensed_program.__file__, *words, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the shop's own program


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """Serve an app on a free port of 127.0.0.1 while the block runs; yield the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
    fields = [word for name, value in DOCUMENTED_FIELDS.items() for word in ("--data-urlencode", f"{name}={value}")]
    return shlex.join(["curl", *fields, f"http://127.0.0.1:{port}{ENDPOINT}"])


def openssl_line(public_key: Path, signature_file: Path, payload_file: Path) -> str:
    """Return the shell command that checks a signature."""
    verification = ["openssl", "dgst", "-sha256", "-verify", str(public_key)]
    return shlex.join([*verification, "-signature", str(signature_file), str(payload_file)])


def _save(envelope: dict[str, str]) -> tuple[Path, Path]:
    """Write the signature, decoded, and what it signs, as openssl reads them."""
    signature_file = INSTANCE_FOLDER / "signature.bin"
    payload_file = INSTANCE_FOLDER / "payload.b64"
    signature_file.write_bytes(base64.b64decode(envelope["signature"]))
    payload_file.write_text(envelope["response_base64"])
    return signature_file, payload_file
