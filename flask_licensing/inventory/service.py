"""Importing license keys from a stream of rows and exporting them as one; memory stays flat however many there are."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from flask_licensing.core.fields import load_fields
from flask_licensing.core.metadata import MetadataOwner, metadata_of
from flask_licensing.core.store import has_group, require_group
from flask_licensing.errors import IncorrectData, TransactionConflict
from flask_licensing.inventory.batches import Rejection, read_batch
from flask_licensing.license_keys.fields import LicenseKeyTermsSchema, invisible_sentence
from flask_licensing.license_keys.service import counted, with_time_of_assignment
from flask_licensing.license_keys.store import TERMS, LicenseKeyPageStore, LicenseKeyRowStore, LicenseKeyStore
from flask_licensing.metadata.store import MetadataImportStore
from flask_licensing.products.fields import UNKNOWN_PRODUCT
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from flask_licensing.core.work import Work
    from flask_licensing.inventory.batches import Batch, Group
    from flask_licensing.inventory.formats import Exported, Row, Terms
    from flask_licensing.license_keys.store import LicenseKey, LicenseKeyStatus, LicenseKeyTerms
    from flask_licensing.metadata.fields import Entries

LICENSE_KEYS_IMPORTED = "license-keys-imported"

DEFAULT_BATCH_SIZE = 50_000
"""Rows in one transaction: on SQLite twice as fast as a fifth of them, as sorted keys meet the index in its order."""

PAGE_SIZE = 10_000
"""License keys asked for at once by an export."""

METADATA_PAGE_SIZE = 1000
"""License keys whose metadata an export asks for at once: of each it may be many times the license key."""

REMEMBERED_TERMS = 10_000
"""How many different terms are checked once and remembered."""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What came of the rows read so far: ``created`` + ``duplicate`` + ``rejected`` = ``rows``."""

    rows: int = 0
    created: int = 0
    duplicate: int = 0
    rejected: int = 0

    def __add__(self, other: ImportSummary) -> ImportSummary:
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return ImportSummary(*(one + another for one, another in zip(mine, others, strict=True)))


class _BatchResult(NamedTuple):
    summary: ImportSummary
    rejected: list[Rejection]


class _DryRunEnded(Exception):
    """Rolls the transaction of a dry run back."""


class LicenseKeyImport:
    """Imports rows into a key store; each batch that creates license keys is a record in the audit log.

    ``run`` is :func:`~flask_licensing.core.work.run_work` for this app and origin. ``defaults`` are terms, by name,
    for rows that do not say. ``reject`` is called with each row that can't be imported and the reason, in the order
    of the file. After each batch ``progress`` is called with the summary so far; at the end ``warn`` is, if a
    mistake is likely.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        *,
        defaults: Mapping[str, Any],
        reject: Callable[[Row, str], None],
        progress: Callable[[ImportSummary], None],
        warn: Callable[[str], None],
    ) -> None:
        self._run_work = run
        self._defaults = tuple(defaults.get(name) for name in TERMS)
        self._reject = reject
        self._progress = progress
        self._warn = warn
        self._schema = LicenseKeyTermsSchema()
        self._remembered: dict[Terms, LicenseKeyTerms | str] = {}

    def run(self, rows: Iterator[Row], *, batch_size: int, dry_run: bool) -> ImportSummary:
        """Import the rows and return what came of them.

        Each batch is one transaction, so an import that was interrupted can be started again: what is there counts as
        duplicate. A dry run is one transaction that is rolled back.

        Raises:
            IncorrectData: a default is wrong, or names a product that does not exist; nothing was read.
            StoreUnavailable: the key store can't be reached; earlier batches stay.

        """
        self._check_defaults()
        if not dry_run:
            return self._run(rows, batch_size, self._commit_batch)
        summary = ImportSummary()

        def run_dry(work: Work) -> NoReturn:
            nonlocal summary
            summary = self._run(rows, batch_size, lambda batch: self._add_batch(work, batch))
            raise _DryRunEnded

        with suppress(_DryRunEnded):
            self._run_work(run_dry)
        return summary

    def _check_defaults(self) -> None:
        given = {name: value for name, value in zip(TERMS, self._defaults, strict=True) if value is not None}
        wrong = self._schema.validate(given, partial=True)
        product_id = given.get("product_id")
        if product_id is not None and not wrong:
            product = self._run_work(lambda work: find_product(work.store, int(product_id)))
            if product is None:
                wrong = {"product_id": [UNKNOWN_PRODUCT]}
        if wrong:
            raise IncorrectData(wrong)

    def _run(self, rows: Iterator[Row], batch_size: int, add: Callable[[Batch], _BatchResult]) -> ImportSummary:
        summary = ImportSummary()
        invisible = 0
        try:
            while len(batch := read_batch(rows, batch_size)):
                result = add(batch)
                invisible += batch.invisible
                for row, reason in result.rejected:
                    self._reject(row, reason)
                summary += result.summary
                self._progress(summary)
        finally:
            if invisible:
                self._warn(invisible_sentence(invisible))
        return summary

    def _commit_batch(self, batch: Batch) -> _BatchResult:
        result: _BatchResult = self._run_work(lambda work: self._add_batch(work, batch), retry=True)
        return result

    def _add_batch(self, work: Work, batch: Batch) -> _BatchResult:
        rejected = list(batch.rejected)
        accepted: list[tuple[LicenseKeyTerms, Group]] = []
        is_known = cache(lambda product_id: find_product(work.store, product_id) is not None)
        for said, group in batch.groups.items():
            terms = self._check_terms(said)
            if not isinstance(terms, str) and not is_known(terms.product_id):
                terms = UNKNOWN_PRODUCT
            if isinstance(terms, str):
                rejected += map(Rejection, group.rows(said), repeat(terms))
            else:
                accepted.append((with_time_of_assignment(terms, work.now), group))
        count = sum(len(group.lines) for _, group in accepted)
        created = counted(
            _store_groups(require_group(work.store, LicenseKeyStore, "holds no license keys"), accepted, work.now),
            of=count,
        )
        summary = ImportSummary(len(batch), created, count - created, len(rejected))
        if created:
            _record(work, summary, {terms.product_id for terms, _ in accepted})
        return _BatchResult(summary, sorted(rejected, key=lambda rejection: rejection.row.line))

    def _check_terms(self, said: Terms) -> LicenseKeyTerms | str:
        """Return the terms, or the sentences that say what is wrong with them."""
        if said not in self._remembered:
            if len(self._remembered) >= REMEMBERED_TERMS:
                self._remembered.clear()
            self._remembered[said] = self._load_terms(said)
        return self._remembered[said]

    def _load_terms(self, said: Terms) -> LicenseKeyTerms | str:
        values = [default if value is None else value for value, default in zip(said, self._defaults, strict=True)]
        loaded = load_fields(self._schema, dict(zip(TERMS, values, strict=True)))
        terms: LicenseKeyTerms | None = loaded.value
        return terms or " ".join(sentence for sentences in loaded.errors.values() for sentence in sentences)


def _record(work: Work, summary: ImportSummary, product_ids: set[int]) -> None:
    work.record(
        LICENSE_KEYS_IMPORTED,
        product_id=product_ids.pop() if len(product_ids) == 1 else None,
        created=summary.created,
        duplicate=summary.duplicate,
    )


def _store_groups(store: LicenseKeyStore, groups: list[tuple[LicenseKeyTerms, Group]], now: datetime) -> int:
    if not groups:
        return 0
    if len(groups) == 1 and not groups[0][1].metadata:
        terms, group = groups[0]
        return store.add_license_keys(sorted(set(group.license_keys)), terms, now)
    rows = [
        (line, license_key, terms, group.metadata.get(line, ()))
        for terms, group in groups
        for line, license_key in zip(group.lines, group.license_keys, strict=True)
    ]
    # If a license key is there twice, the first row counts, so later rows are put in first.
    rows.sort(key=itemgetter(0), reverse=True)
    terms_of = {license_key: terms for _, license_key, terms, _ in rows}
    of_first = {license_key: metadata for _, license_key, _, metadata in rows}
    having = {license_key: metadata for license_key, metadata in of_first.items() if metadata}
    if not having:
        return _store_rows(store, terms_of, now)
    plain = {license_key: terms for license_key, terms in terms_of.items() if license_key not in having}
    others = {license_key: terms for license_key, terms in terms_of.items() if license_key in having}
    return _store_rows(store, plain, now) + _store_with_metadata(store, others, having, now)


def _store_rows(store: LicenseKeyStore, terms_of: Mapping[str, LicenseKeyTerms], now: datetime) -> int:
    """Store license keys, each with its terms; return how many were not there."""
    if has_group(store, LicenseKeyRowStore):
        return store.add_license_key_rows(sorted(terms_of.items(), key=itemgetter(0)), now)
    return sum(
        store.add_license_keys(sorted(key for key, its in terms_of.items() if its is terms), terms, now)
        for terms in {id(terms): terms for terms in terms_of.values()}.values()
    )


def _store_with_metadata(
    store: LicenseKeyStore, terms_of: Mapping[str, LicenseKeyTerms], metadata: Mapping[str, Entries], now: datetime
) -> int:
    """Store license keys with their metadata; one that is there stays as it is. Return how many were not there.

    Raises:
        TransactionConflict: another transaction stored one of them meanwhile, whose metadata this is not.

    """
    metadata_store = require_group(store, MetadataImportStore, "imports no metadata")
    there = metadata_store.find_license_key_ids(sorted(terms_of))
    missing = {license_key: terms for license_key, terms in terms_of.items() if license_key not in there}
    if not missing:
        return 0
    if _store_rows(store, missing, now) != len(missing):
        raise TransactionConflict("a license key was stored by another transaction meanwhile")
    rows = [
        (license_key_id, key, value)
        for license_key, license_key_id in metadata_store.find_license_key_ids(sorted(missing)).items()
        for key, value in metadata[license_key]
    ]
    metadata_store.add_license_key_metadata(rows)
    return len(missing)


def export_license_keys(
    store: object, with_metadata: bool, *, product_id: int | None, status: LicenseKeyStatus | None
) -> Iterator[Exported]:
    """Return the license keys of a product (``None``: of all) with a status (``None``: any), oldest first.

    Without metadata none is read.

    Raises:
        LicensingError: the key store can't list license keys.

    """
    pages = require_group(store, LicenseKeyPageStore, "does not list license keys")
    license_keys = _list_license_keys(pages, product_id, status)
    return _with_metadata(pages, license_keys) if with_metadata else zip(license_keys, repeat(()))


def _list_license_keys(
    store: LicenseKeyPageStore, product_id: int | None, status: LicenseKeyStatus | None
) -> Iterator[LicenseKey]:
    """Yield license keys; each page is a transaction of its own: what is created meanwhile comes at the end."""
    last_id = 0
    while True:
        with store.transaction():
            page = store.list_license_keys(last_id, PAGE_SIZE, product_id=product_id, status=status)
        yield from page
        if len(page) < PAGE_SIZE:
            return
        last_id = page[-1].id


def _with_metadata(store: LicenseKeyPageStore, license_keys: Iterator[LicenseKey]) -> Iterator[Exported]:
    while part := list(islice(license_keys, METADATA_PAGE_SIZE)):
        with store.transaction():
            found = metadata_of(store, MetadataOwner.LICENSE_KEY, [key.id for key in part])
        for key in part:
            yield key, found.get(key.id, ())
