"""A program that the shop's customers run on their own machines, and that works only where it is licensed.

It needs the standard library and ``flask_licensing.verification``, the shop's address and the shop's public keys::

    python licensed_program.py --server https://shop.example --public-keys FOLDER --license-key AAAAA-BBBBB

At each start it asks the shop. Without an answer that it can trust it goes on with the license file that it got from
the shop before, until the lease is over. One line says each thing that it does; the exit code is 1 where it stops.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from flask_licensing.verification import (
    LicenseFile,
    LicenseFileError,
    VerificationError,
    load_public_keys,
    verify_license_file,
    verify_response,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PRODUCT_ID = 1

API_KEY = "photo-editor-3f6c1b0e-6a53-4bb6-9d0b-5c1c3b1f7a52"
"""Every copy of the program has it, so it is no secret: the shop lets it ask about license keys, and nothing else."""

VALID, NO_ACTIVATION, ACTIVATED, ALREADY_ACTIVE, LICENSE_FILE = 200, 202, 300, 301, 502

TIMEOUT_SECONDS = 10.0
MAX_AGE_SECONDS = 300.0


class NoAnswer(Exception):
    """The shop can't be reached, or says nothing about this license key that can be trusted."""


class NotLicensed(Exception):
    """The program may not work on this machine now."""


@dataclass
class Installation:
    """What the program keeps on this machine."""

    license_key: str
    identifier: str
    license_file: str | None = None

    @classmethod
    def read(cls, file: Path, license_key: str | None) -> Installation:
        """Return what is kept; a license key that is given takes the place of the one that is there."""
        kept = cls(**json.loads(file.read_text())) if file.exists() else cls("", secrets.token_hex(16))
        return kept if license_key in {None, kept.license_key} else cls(license_key or "", kept.identifier)

    def write(self, file: Path) -> None:
        """Keep it, for this user alone; whenever the machine stops, the old or the new file is whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(asdict(self), opened)
        new.replace(file)


class Shop:
    """The shop's licensing API, as far as this program needs it; what it answers is signed, or is no answer."""

    def __init__(self, url: str, public_keys: Mapping[str, RSAPublicKey]) -> None:
        self._url = urlsplit(url)
        self._public_keys = public_keys

    def ask(self, endpoint: str, installation: Installation) -> tuple[int, str]:
        """Return the code and the message with which the shop answers for this license key, on this machine and now.

        Raises:
            NoAnswer: it says nothing, or something that was recorded, or about another license key or machine.

        """
        question = {"license_key": installation.license_key, "identifier": installation.identifier}
        nonce = secrets.token_urlsafe(16)
        answer = self._verified(self._post(endpoint, {**question, "nonce": nonce}), **question, nonce=nonce)
        return answer["code"], answer["message"]

    def license_file(self, installation: Installation) -> str:
        """Return a license file for this machine, which is signed by itself.

        Raises:
            NoAnswer: the shop gives none.

        """
        fields = {"license_key": installation.license_key, "identifier": installation.identifier}
        answer = self._verified(self._post("get-license-file", fields))
        if answer["code"] != LICENSE_FILE:
            raise NoAnswer(f"{answer['code']} {answer['message']}")
        return str(answer["license_file"])

    def _verified(self, body: bytes, **question: str) -> dict[str, Any]:
        try:
            return verify_response(body, self._public_keys, max_age=MAX_AGE_SECONDS, **question).response
        except VerificationError as error:
            raise NoAnswer(str(error)) from error

    def _post(self, endpoint: str, fields: Mapping[str, str]) -> bytes:
        connect = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = connect(self._url.netloc, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", f"{self._url.path}/api/v1/{endpoint}", urlencode(fields), headers)
            return connection.getresponse().read()
        except (OSError, HTTPException) as error:
            raise NoAnswer("The shop can't be reached.") from error
        finally:
            connection.close()


class Program:
    """The program, as far as licensing goes: whether it may work, and why."""

    def __init__(self, shop: Shop, public_keys: Mapping[str, RSAPublicKey], file: Path) -> None:
        self._shop = shop
        self._public_keys = public_keys
        self._file = file

    def require_license(self, license_key: str | None, now: datetime | None) -> None:
        """Ask the shop, or else the license file that it gave before.

        Raises:
            NotLicensed: the program may not work.

        """
        installation = Installation.read(self._file, license_key)
        installation.write(self._file)
        try:
            code, message = self._verify(installation)
        except NoAnswer as reason:
            lease = self._lease(installation, now, otherwise=str(reason))
            say(f"got no answer: {reason} Its license file holds until {lease.lease_ends_at:%Y-%m-%d %H:%M} UTC.")
            return
        if code != VALID:
            installation.license_file = None
            installation.write(self._file)
            raise NotLicensed(f"{code} {message}")
        say(f"is verified: {code} {message}")
        # Without a license file it works all the same, as long as the shop answers.
        with suppress(NoAnswer):
            installation.license_file = self._shop.license_file(installation)
            installation.write(self._file)
            say(f"keeps a license file in {self._file} for when the shop does not answer.")

    def _verify(self, installation: Installation) -> tuple[int, str]:
        code, message = self._shop.ask("verify", installation)
        if code == NO_ACTIVATION:
            code, message = self._shop.ask("activate", installation)
            if code in {ACTIVATED, ALREADY_ACTIVE}:
                say(f"is activated: {code} {message}")
                return self._shop.ask("verify", installation)
        return code, message

    def _lease(self, installation: Installation, now: datetime | None, *, otherwise: str) -> LicenseFile:
        if installation.license_file is None:
            raise NotLicensed(f"{otherwise} There is no license file.")
        try:
            return verify_license_file(
                installation.license_file,
                self._public_keys,
                product_id=PRODUCT_ID,
                identifier=installation.identifier,
                now=now,
            )
        except LicenseFileError as error:
            raise NotLicensed(f"{otherwise} {error}") from error


def say(sentence: str) -> None:
    """Print what the program does."""
    print(f"Photo Editor {sentence}", flush=True)


def main(arguments: Sequence[str] | None = None, now: datetime | None = None) -> int:
    """Start the program and return its exit code."""
    parser = argparse.ArgumentParser(prog="licensed_program.py")
    parser.add_argument("--server", required=True, help="the URL of the shop")
    parser.add_argument("--public-keys", type=Path, required=True, help="a folder with the shop's public keys as PEM")
    parser.add_argument("--folder", type=Path, default=Path("photo-editor"), help="where the program keeps its license")
    parser.add_argument("--license-key", help="needed at the first start")
    given = parser.parse_args(arguments)
    public_keys = load_public_keys("".join(file.read_text() for file in sorted(given.public_keys.glob("*.pem"))))
    program = Program(Shop(given.server, public_keys), public_keys, given.folder / "license.json")
    try:
        program.require_license(given.license_key, now)
    except NotLicensed as reason:
        say(f"stops: {reason}")
        return 1
    say("works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
