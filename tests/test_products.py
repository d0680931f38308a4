"""Products over HTTP, as methods and as commands: fields, refusals, deletion beside license keys, and what signs."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.errors import IncorrectData, ProductInUse
from flask_licensing.models import LicenseKey, Product
from flask_licensing.signals import product_created, product_deleted, product_updated
from flask_licensing.testing.parts import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

REQUIRED = {
    "name": ["The name field is required."],
    "description": ["The description field is required."],
}
UNKNOWN = ["The selected product id is invalid."]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def site(create_host: Callable[..., Host], private_key: str, clock: FrozenClock) -> Host:
    """A site whose products have private keys of their own."""
    return create_host(private_key_source=lambda _: private_key, clock=clock)


def _listed(site: Host) -> list[dict[str, Any]]:
    answer = site.verified(site.send("GET", "get-all-products", {}))
    assert list(answer) == ["code", "message", "products", "timestamp"]
    assert (answer["code"], answer["message"]) == (810, "All products")
    return list(answer["products"])


def _create(site: Host, **fields: str) -> int:
    answer = site.ask("create-product", **{"name": "Video Editor", "description": "Edits.", **fields})
    assert (answer["code"], answer["message"]) == (750, "Product created")
    assert list(answer) == ["code", "message", "product_id", "timestamp"]
    return int(answer["product_id"])


def test_a_product_is_listed_as_it_was_created_and_changed(site: Host, clock: FrozenClock) -> None:
    clock.move_to(datetime(2026, 1, 2, 3, 4, 5, 600))
    plain = _create(site)
    full = {"source": "envato", "status": "inactive", "require_non_expired": "1", "external_reference": "E-1"}
    other = _create(site, name=" Zoë's ", description="Two\r\nlines\tand more", **full)
    created = "2026-01-02T03:04:05.000600Z"
    listed = _listed(site)
    assert [product["id"] for product in listed] == [site.product_id, plain, other]
    assert list(listed[0].items()) == list(
        {
            "id": site.product_id,
            "external_reference": "",
            "source": "internal",
            "name": "Photo Editor",
            "post_url": "",
            "description": "",
            "status": "active",
            "require_non_expired": 0,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z",
            "meta_data": [],
        }.items()
    )
    assert listed[1]["description"] == "Edits."
    said = {"name": "Zoë's", "description": "Two\r\nlines\tand more", **full, "require_non_expired": 1}
    assert listed[2] == {"id": other, "post_url": "", **said, "created_at": created, "updated_at": created} | {
        "meta_data": []
    }
    clock.move(days=1)
    changed = site.ask("update-product", product_id=str(other), status="active", name="Zoe", description=" ")
    assert (changed["code"], changed["message"]) == (650, "Product updated")
    assert _listed(site) == [
        *listed[:2],
        listed[2] | {"name": "Zoe", "status": "active", "updated_at": "2026-01-03T03:04:05.000600Z"},
    ]


def test_a_json_body_says_the_same(site: Host) -> None:
    product = {"name": "A", "description": "B", "require_non_expired": 1, "external_reference": None}
    answer = site.app.test_client().post(
        "/api/v1/create-product", json=product, headers={"Authorization": f"Bearer {site.secret}"}
    )
    assert site.verified(answer)["code"] == 750
    assert (_listed(site)[1]["require_non_expired"], _listed(site)[1]["external_reference"]) == (1, "")


WRONG = [
    ({"source": "shop"}, {"source": ["The selected source is invalid."]}),
    ({"status": "Active"}, {"status": ["The selected status is invalid."]}),
    ({"require_non_expired": "2"}, {"require_non_expired": ["The selected require non expired is invalid."]}),
    ({"require_non_expired": "-1"}, {"require_non_expired": ["The selected require non expired is invalid."]}),
    ({"require_non_expired": "yes"}, {"require_non_expired": ["The selected require non expired is invalid."]}),
    ({"name": "x" * 256}, {"name": ["The name field must not be longer than 255 characters."]}),
    ({"name": "a\nb"}, {"name": ["The name field must be text without control characters."]}),
    (
        {"description": "x" * 4001},
        {"description": ["The description field must not be longer than 4000 characters."]},
    ),
    ({"description": "a\x0bb"}, {"description": ["The description field must be text without control characters."]}),
    (
        {"external_reference": "x" * 256},
        {"external_reference": ["The external reference field must not be longer than 255 characters."]},
    ),
]


@pytest.mark.parametrize(("fields", "errors"), WRONG)
def test_wrong_fields_create_and_change_nothing(site: Host, fields: dict[str, str], errors: dict[str, Any]) -> None:
    before = _listed(site)
    refused = site.ask("create-product", **{"name": "A", "description": "B", **fields})
    assert list(refused) == ["code", "message", "errors", "timestamp"]
    assert (refused["code"], refused["message"], refused["errors"]) == (751, "Incorrect data found", errors)
    refused = site.ask("update-product", product_id=str(site.product_id), **{"name": "A", **fields})
    assert (refused["code"], refused["message"], refused["errors"]) == (651, "Incorrect data found", errors)
    assert _listed(site) == before


def test_the_longest_texts_are_taken(site: Host) -> None:
    texts = {"name": "é" * 255, "description": "😀" * 4000, "external_reference": "x" * 255}
    _create(site, **texts)
    assert _listed(site)[1].items() >= texts.items()


def test_missing_fields_are_named_in_their_order(site: Host) -> None:
    refused = site.ask("create-product", name=" ", description="")
    assert list(refused["errors"].items()) == list(REQUIRED.items())
    assert site.ask("create-product", name="A")["errors"] == {"description": REQUIRED["description"]}


@pytest.mark.parametrize("product_id", ["77", "0", "x", str(2**31)])
def test_a_product_that_does_not_exist_is_neither_changed_nor_deleted(site: Host, product_id: str) -> None:
    refused = site.ask("update-product", product_id=product_id, name="A", source="shop")
    assert refused["errors"] == {"product_id": UNKNOWN, "source": ["The selected source is invalid."]}
    assert site.ask("update-product", product_id=product_id)["errors"] == {"product_id": UNKNOWN}
    answer = site.ask("delete-product", product_id=product_id)
    assert (answer["code"], answer["message"]) == (551, "Product not found")


def test_a_request_that_names_no_product_changes_none(site: Host) -> None:
    assert site.ask("update-product", name="A")["errors"] == {"product_id": ["The product id field is required."]}
    assert site.ask("delete-product")["code"] == 551
    assert [product["name"] for product in _listed(site)] == ["Photo Editor"]


def test_a_product_is_deleted_once_it_has_no_license_keys(site: Host) -> None:
    site.create(license_keys='["A"]')
    answer = site.send("POST", "delete-product", {"product_id": str(site.product_id)})
    assert answer.status_code == 409
    assert site.verified(answer) | {"timestamp": 0} == {
        "code": 9409,
        "message": "The product has license keys",
        "timestamp": 0,
    }
    assert len(_listed(site)) == 1
    site.ask("delete-license-key", license_key="A")
    with site.app.app_context():
        site.licensing.create_generator(site.product_id, "uuid", activation_limit=0, validity=0)
    answer_of_deletion = site.ask("delete-product", product_id=str(site.product_id))
    assert (answer_of_deletion["code"], answer_of_deletion["message"]) == (550, "Product deleted")
    assert _listed(site) == []
    assert site.verified(site.send("GET", "get-all-generators", {}))["products"] == []
    assert site.ask("delete-product", product_id=str(site.product_id))["code"] == 551
    assert site.create()["errors"] == {"product_id": UNKNOWN}


def test_the_global_key_signs_whatever_is_answered_about_products(site: Host) -> None:
    product_id = str(site.product_id)
    asked = [
        ("create-product", {}),
        ("create-product", {"name": "A", "description": "B"}),
        ("update-product", {"product_id": product_id, "source": "shop"}),
        ("update-product", {"product_id": product_id}),
        ("delete-product", {"product_id": product_id}),
        ("delete-product", {"product_id": product_id}),
    ]
    answers = [json.loads(site.send("POST", name, fields).data) for name, fields in asked]
    assert [answer["response"]["code"] for answer in answers] == [751, 750, 651, 650, 550, 551]
    answers.append(json.loads(site.send("GET", "get-all-products", {}).data))
    assert {answer["private_key_used"] for answer in answers} == {"global"}


def test_what_an_inactive_product_refuses_and_details_say(site: Host) -> None:
    site.create(license_keys='["A"]', status="assigned")
    asked = {"license_key": "A", "identifier": "a"}
    assert site.ask("activate", **asked)["code"] == 300
    said = {"description": "Edits photos.", "source": "envato", "external_reference": "E-1"}
    site.ask("update-product", product_id=str(site.product_id), **said)
    details = site.ask("get-license-key-details", **asked)
    assert list(details["product"].items()) == [
        ("id", site.product_id),
        ("external_reference", "E-1"),
        ("source", "envato"),
        ("name", "Photo Editor"),
        ("post_url", ""),
        ("description", "Edits photos."),
        ("meta_data", []),
    ]
    site.ask("update-product", product_id=str(site.product_id), status="inactive")
    assert site.ask("verify", **asked)["code"] == 203
    assert site.create(license_keys='["B"]')["code"] == 900


def test_of_a_deletion_and_a_creation_at_once_one_is_refused_and_no_license_key_is_an_orphan(
    host_on_each_database: Host,
) -> None:
    host = host_on_each_database
    outcomes = set()
    for number in range(8):
        product_id = str(_create(host))
        start = threading.Barrier(2)

        def at_once(endpoint: str, fields: dict[str, Any], start: threading.Barrier = start) -> int:
            start.wait()
            return int(host.ask(endpoint, **fields)["code"])

        creation = host.fields(license_keys=json.dumps([f"KEY-{number}"]), product_id=product_id)
        with ThreadPoolExecutor(2) as pool:
            deleted = pool.submit(at_once, "delete-product", {"product_id": product_id})
            created = pool.submit(at_once, "create-license-keys", creation)
            outcomes.add((deleted.result(), created.result()))
    assert outcomes <= {(9409, 900), (550, 901)}
    with host.app.app_context():
        orphans = sa.select(LicenseKey.id).where(LicenseKey.product_id.not_in(sa.select(Product.id)))
        assert host.db.session.scalars(orphans).all() == []


def test_a_product_that_is_deleted_between_look_and_insert_gets_no_license_key(host: Host) -> None:
    product_id = _create(host)
    deletions = iter([sa.delete(Product).where(Product.id == product_id)])

    def delete_it(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INTO licensing_license_keys" in statement and (deletion := next(deletions, None)) is not None:
            with engine.begin() as another:
                another.execute(deletion)

    with host.app.app_context():
        engine = host.db.engine
    sa.event.listen(engine, "before_cursor_execute", delete_it)
    refused = host.create(product_id=str(product_id))
    assert refused["errors"] == {"product_id": UNKNOWN}
    assert host.stored_license_keys() == []


def test_methods_do_what_the_endpoints_do_and_signals_tell(site: Host) -> None:
    told: list[tuple[str, str]] = []
    receivers = {
        signal: lambda _, product, kind=signal.name: told.append((kind, product.name))
        for signal in (product_created, product_updated, product_deleted)
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    with site.app.app_context():
        product = site.licensing.create_product("A", require_non_expired=True, source="envato")
        assert (product.description, product.require_non_expired, product.source) == ("", True, "envato")
        changed = site.licensing.update_product(product.id, require_non_expired=False, name="B")
        assert (changed.name, changed.require_non_expired, changed.source) == ("B", False, "envato")
        with pytest.raises(IncorrectData, match=r"The selected product id is invalid\."):
            site.licensing.update_product(77)
        with pytest.raises(IncorrectData, match=r"The name field is required\."):
            site.licensing.create_product(" ")
        assert site.licensing.delete_product(product.id)
        assert not site.licensing.delete_product(product.id)
        actions = [record.event.action for record in site.licensing.audit_log(limit=3)]
    assert told == [("product-created", "A"), ("product-updated", "B"), ("product-deleted", "B")]
    assert actions == ["product-deleted", "product-updated", "product-created"]


def test_a_product_can_be_part_of_the_hosts_own_transaction(site: Host) -> None:
    with site.app.app_context():
        product = site.licensing.create_product("A", commit=False)
        site.licensing.update_product(site.product_id, name="B", commit=False)
        site.db.session.rollback()
        assert [listed.name for listed in site.licensing.list_products()] == ["Photo Editor"]
        assert not site.licensing.delete_product(product.id, commit=False)


def test_rows_of_the_site_that_refer_to_a_product_keep_it(create_host: Callable[..., Host], database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite keeps to no foreign key unless it is told to")
    host = create_host(database_url)
    with host.app.app_context():
        host.db.session.execute(
            sa.text(
                "CREATE TABLE orders (product_id INTEGER, FOREIGN KEY (product_id) REFERENCES licensing_products (id))"
            )
        )
        host.db.session.execute(sa.text("INSERT INTO orders VALUES (:id)"), {"id": host.product_id})
        host.db.session.commit()
        with pytest.raises(ProductInUse):
            host.licensing.delete_product(host.product_id)
        host.db.session.execute(sa.text("DROP TABLE orders"))
        host.db.session.commit()
        assert host.licensing.delete_product(host.product_id)


def test_commands_do_what_the_methods_do(site: Host) -> None:
    def run(*arguments: str) -> str:
        result = site.app.test_cli_runner().invoke(args=["licensing", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    printed = json.loads(run("create-product", "A", "--description", "B", "--require-non-expired", "--json"))
    assert (printed["name"], printed["description"], printed["require_non_expired"]) == ("A", "B", True)
    product_id = str(printed["id"])
    assert run("update-product", product_id, "--status", "inactive") == f"Product {product_id}: A\n"
    assert run("list-products") == f"{site.product_id}\tPhoto Editor\n{product_id}\tA\tinactive\n"
    changed = json.loads(run("update-product", product_id, "--no-require-non-expired", "--json"))
    assert (changed["status"], changed["require_non_expired"]) == ("inactive", False)
    assert run("delete-product", product_id) == "Deleted.\n"
    assert json.loads(run("delete-product", product_id, "--json")) == {"deleted": False}
    assert run("delete-product", product_id) == "There is no such product.\n"
    site.create(license_keys='["A"]')
    refused = site.app.test_cli_runner().invoke(args=["licensing", "delete-product", str(site.product_id)])
    assert (refused.exit_code, refused.stderr) == (1, "Error: The product has license keys\n")
