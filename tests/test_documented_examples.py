"""The Python examples of the documentation run, page by page, in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from tests.code_blocks import code_blocks
from tests.programs import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [page for page in sorted((PROJECT / "docs").glob("*.md")) if code_blocks(page, "python")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page starts with an app that has licensing, unless it makes one itself."""
    monkeypatch.chdir(tmp_path)
    app = Flask("shop", instance_path=str(tmp_path / "instance"))
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite:///site.db", TESTING=True)
    db = SQLAlchemy()
    licensing = Licensing(db=db)
    db.init_app(app)
    licensing.init_app(app)
    with app.app_context():
        db.create_all()
    names: dict[str, Any] = {"app": app, "db": db, "licensing": licensing, "__name__": "shop"}
    monkeypatch.setattr(Flask, "auto_find_instance_path", lambda _: os.fspath(tmp_path / "instance"))
    try:
        for block in code_blocks(page, "python"):
            exec(compile(block, page.name, "exec", dont_inherit=True), names)  # noqa: S102 - the examples are ours
    finally:
        for made in {app, *(value for value in names.values() if isinstance(value, Flask))}:
            if database := made.extensions.get("sqlalchemy"):
                with made.app_context():
                    database.session.remove()
                    database.engine.dispose()


def test_the_test_example_of_the_documentation_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("\n".join(code_blocks(PROJECT / "docs" / "testing.md", "python")))
    result = pytester.runpytest_inprocess()
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] >= 20
    assert "warnings" not in result.parseoutcomes()
