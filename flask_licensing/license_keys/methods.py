"""The part of the extension object that creates, lists, changes and deletes license keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.errors import UnknownLicenseKey
from flask_licensing.http.origins import current_origin
from flask_licensing.license_keys import service
from flask_licensing.license_keys.fields import (
    CreateLicenseKeysSchema,
    LicenseKeyChangesSchema,
    LicenseKeyListSchema,
    refuse_unknown_terms,
)
from flask_licensing.license_keys.service import create_license_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from flask_licensing.core.work import Result, Work
    from flask_licensing.license_keys.store import CreationResult, GivenTerms, LicenseKey


class LicenseKeyMethods:
    """What :class:`flask_licensing.Licensing` does with license keys. Each method needs an app context."""

    def create_license_keys(
        self, license_keys: Sequence[str], *, commit: bool = True, **terms: Unpack[GivenTerms]
    ) -> CreationResult:
        """Create license keys, as the endpoint does.

        The terms are ``product_id``, ``activation_limit``, ``validity`` (in days) and ``status``, which are required,
        and ``owner_name``, ``owner_email`` and ``assigned_at`` (a text, or a naive UTC or aware datetime); see contract
        section 4 for each.

        With ``commit=False`` everything joins the transaction of the host's session, to be committed or rolled back
        there; no signal is sent then, as this package does not see the commit. Needs an app context. There is no
        limit on the number of license keys.

        Raises:
            IncorrectData: fields are wrong or the product does not exist; nothing was created.
            StoreUnavailable: the database can't be reached or can't store.
            TransactionConflict: a deadlock or another conflict; the call may be retried.
            ConstraintViolation: a constraint of the database refused what was to be stored.

        """
        refuse_unknown_terms(terms)
        schema = CreateLicenseKeysSchema(max_license_keys=None)
        fields = load_fields(schema, {"license_keys": list(license_keys), **terms})

        def create(work: Work) -> CreationResult:
            return create_license_keys(work, fields, caller=None)[1]

        return run_work(current_state(), current_origin(), create, commit=commit)

    def update_license_key(
        self,
        license_key: str,
        *,
        commit: bool = True,
        **terms: Unpack[GivenTerms],
    ) -> LicenseKey:
        """Change those terms of a license key that are given, as ``update-license-key`` does, and return it.

        Raises:
            UnknownLicenseKey: there is no such license key.
            IncorrectData: a term is wrong, or the product does not exist; nothing was changed.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        refuse_unknown_terms(terms)
        fields = load_fields(LicenseKeyChangesSchema(), terms)

        def update(work: Work) -> LicenseKey:
            key = service.update_license_key(work, license_key.strip(), fields)
            if key is None:
                raise UnknownLicenseKey
            return key

        return _run(update, commit=commit)

    def delete_license_key(self, license_key: str, *, commit: bool = True) -> bool:
        """Delete a license key with its activations; answer whether there was one.

        Raises:
            LicenseKeyInUse: rows of the site's own refer to it.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        return _run(lambda work: service.delete_license_key(work, license_key.strip()), commit=commit) is not None

    def replace_license_key(self, license_key: str, new_license_key: str, *, commit: bool = True) -> LicenseKey:
        """Give a license key that leaked another text, and return it; terms, owner and activations stay.

        Raises:
            UnknownLicenseKey: there is no such license key.
            IncorrectData: the new text can't be a license key, or is one already.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        new = new_license_key.strip()
        return _run(lambda work: service.replace_license_key(work, license_key.strip(), new), commit=commit)

    def list_license_keys(
        self,
        *,
        product_id: int | None = None,
        status: str | None = None,
        owner_name: str | None = None,
        owner_email: str | None = None,
        license_key: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[LicenseKey]:
        """Return up to ``limit`` license keys with ids greater than ``after`` that have all of what is given, by id.

        Raises:
            IncorrectData: something is wrong, as a ``limit`` that is not from 1 to 1000.

        """
        given = {
            "product_id": product_id,
            "status": status,
            "owner_name": owner_name,
            "owner_email": owner_email,
            "license_key": license_key,
            "after": after,
            "items_per_page": limit,
        }
        fields = load_fields(LicenseKeyListSchema(), given)
        return _run(lambda work: service.list_license_keys(work, fields)) or ()

    def count_available_license_keys(self, product_id: int) -> int:
        """Return how many license keys of a product are available; 0 of one that does not exist."""
        return _run(lambda work: service.count_available(work, product_id)) or 0


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    return run_work(current_state(), current_origin(), operation, commit=commit)
