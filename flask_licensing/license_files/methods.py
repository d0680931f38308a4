"""What :class:`flask_licensing.Licensing` does to make license files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.activations.fields import read_texts
from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.license_files import service
from flask_licensing.license_files.fields import LicenseFileSchema

if TYPE_CHECKING:
    from flask_licensing.license_files.service import LicenseFileResult


class LicenseFileMethods:
    """What :class:`flask_licensing.Licensing` does to make license files. Each method needs an app context."""

    def create_license_file(self, license_key: str, identifier: str, *, commit: bool = True) -> LicenseFileResult:
        """Make a license file, as ``get-license-file`` does: code 502 and ``license_file``, or a code of ``verify``.

        With ``commit=False`` its record in the audit log joins the transaction of the host's session.

        Raises:
            NoPrivateKey: no private key is set.
            SigningError: there is a private key, and it did not sign.

        """
        licensing = current_state()
        sent = {"license_key": license_key, "identifier": identifier}
        asked = read_texts(load_fields(LicenseFileSchema(), sent))
        return run_work(
            licensing,
            current_origin(),
            lambda work: service.create_license_file(
                work, licensing, asked["license_key"] or "", asked["identifier"] or ""
            ),
            commit=commit,
        )
