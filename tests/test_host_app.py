"""The host app stays as it was: its error pages, routes, limits and hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask, abort, got_request_exception, redirect, request
from flask.cli import routes_command

from tests.hosts import PATH, Host, set_up_licensing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Response


def _site(database_url: str) -> Flask:
    """A site with pages for its own errors, a small body limit, and a ``before_request`` that reads every form."""
    app = Flask("site")
    app.config.update(SQLALCHEMY_DATABASE_URI=database_url, MAX_CONTENT_LENGTH=100, MAX_FORM_MEMORY_SIZE=100)

    def page(error: HTTPException) -> tuple[str, int]:
        return f"the site's own page {error.code}", error.code or 500

    for status in (404, 405, 413, 500):
        app.register_error_handler(status, page)

    @app.before_request
    def read_every_form() -> None:
        request.form.get("csrf_token")
        if request.headers.get("X-Maintenance"):
            abort(503)
        if request.headers.get("X-Moved"):
            abort(redirect("/moved"))

    @app.post("/upload")
    def upload() -> str:
        return str(len(request.form["text"]))

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the site's own bug")

    @app.get("/api/v1/status")
    def health() -> str:
        return "up"

    @app.get("/api/v1/folder/")
    def folder() -> str:
        return "folder"

    return app


@pytest.fixture
def site(tmp_path: Path, private_key: str, public_key: str) -> Iterator[Host]:
    host = set_up_licensing(_site(f"sqlite:///{tmp_path / 'site.db'}"), private_key, public_key)
    yield host
    with host.app.app_context():
        host.db.engine.dispose()


def test_the_sites_own_error_pages_answer_outside_the_prefix(site: Host) -> None:
    client = site.app.test_client()
    answers = {
        404: client.get("/nowhere"),
        405: client.get("/upload"),
        413: client.post("/upload", data={"text": "x" * 101}),
        500: client.get("/broken"),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.text) == (status, f"the site's own page {status}")


def test_a_path_of_the_site_under_the_prefix_keeps_its_answers(site: Host) -> None:
    client = site.app.test_client()
    assert client.get("/api/v1/status").text == "up"
    wrong_method = client.post("/api/v1/status")
    assert (wrong_method.status_code, wrong_method.text) == (405, "the site's own page 405")
    assert client.get("/api/v1/folder/").text == "folder"


def test_the_api_has_limits_of_its_own_whatever_the_site_reads_first(site: Host) -> None:
    answer = site.post(site.fields(license_keys='["' + "x" * 200 + '"]'))
    assert site.verified(answer)["created"] == 1
    assert site.app.config["MAX_CONTENT_LENGTH"] == 100


def test_the_sites_before_request_functions_are_answered_in_the_contracts_form(site: Host) -> None:
    maintenance = site.post(site.fields(), headers={"X-Maintenance": "1"})
    assert (maintenance.status_code, site.verified(maintenance)["code"]) == (503, 9503)
    moved = site.post(site.fields(), headers={"X-Moved": "1"})
    assert (moved.status_code, moved.location) == (302, "/moved")


def test_nothing_is_registered_on_the_site_itself(tmp_path: Path, private_key: str, public_key: str) -> None:
    app = _site(f"sqlite:///{tmp_path / 'site.db'}")
    registries: list[Callable[[], object]] = [
        lambda: app.before_request_funcs.get(None),
        lambda: app.after_request_funcs.get(None),
        lambda: app.error_handler_spec[None],
        lambda: app.url_value_preprocessors.get(None),
        lambda: sorted(app.jinja_env.globals),
    ]
    before = [repr(registry()) for registry in registries]
    host = set_up_licensing(app, private_key, public_key)
    assert [repr(registry()) for registry in registries] == before
    with app.app_context():
        host.db.engine.dispose()


def test_an_error_tracker_hears_of_a_defect(create_host: Callable[..., Host]) -> None:
    def broken_authenticator(_: object) -> None:
        raise RuntimeError("a defect")

    host = create_host(authenticator=broken_authenticator)
    heard: list[Exception] = []

    def listen(sender: Flask, exception: Exception, **_: object) -> None:
        heard.append(exception)

    with got_request_exception.connected_to(listen, host.app):
        answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (500, 9500)
    assert [str(exception) for exception in heard] == ["a defect"]


def test_the_prefix_is_a_setting(create_host: Callable[..., Host]) -> None:
    host = create_host(url_prefix="/shop/licensing")
    assert host.post(host.fields(), path="/shop/licensing/create-license-keys").status_code == 200
    outside: Response = host.app.test_client().post(PATH)
    assert (outside.status_code, outside.mimetype) == (404, "text/html")


def test_two_apps_in_one_process_do_not_see_each_other(create_host: Callable[..., Host]) -> None:
    first = create_host()
    second = create_host(url_prefix="/other")
    first.create(license_keys='["ONE"]')
    assert second.post(second.fields(), path=PATH).status_code == 404
    stranger = second.app.test_client().post(
        "/other/create-license-keys", data=second.fields(), headers={"Authorization": f"Bearer {first.secret}"}
    )
    assert second.verified(stranger)["code"] == 100
    second.post(second.fields(license_keys='["TWO"]'), path="/other/create-license-keys")
    assert (first.stored_license_keys(), second.stored_license_keys()) == (["ONE"], ["TWO"])


def test_flask_routes_lists_the_endpoints(host: Host) -> None:
    listed = host.app.test_cli_runner().invoke(routes_command).output
    assert PATH in listed


def test_a_host_that_no_route_can_be_found_for_is_answered_by_the_site(site: Host) -> None:
    """Without a host there is no routing, and without routing no request to the API."""
    answer = site.post(site.fields(), headers={"Host": "."})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert site.stored_license_keys() == []
