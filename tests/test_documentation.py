"""The pages of the documentation: their examples run, their links lead somewhere, and facts agree wherever repeated."""

from __future__ import annotations

import configparser
import doctest
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing, __version__
from flask_licensing.features import FEATURES
from tests.code_blocks import code_blocks
from tests.programs import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

README = PROJECT / "README.md"
DOCS = sorted((PROJECT / "docs").glob("*.md"))
PAGES = [README, PROJECT / "CHANGELOG.md", PROJECT / "SECURITY.md", *DOCS]
MEASURED = sorted((PROJECT / "benchmarks" / "measured").glob("*.md"))
EACH_PAGE = pytest.mark.parametrize("page", [*PAGES, *MEASURED], ids=lambda page: f"{page.parent.name}/{page.stem}")

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]*)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(PROJECT / "setup.cfg")
    return parser


def _anchors(page: Path) -> set[str]:
    """The fragments that lead to the headings of a page, as GitHub makes them."""
    headings = _HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EACH_PAGE
def test_interactive_examples_give_what_they_show(page: Path) -> None:
    session = "\n".join(code_blocks(page, "pycon"))
    examples = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
    assert results.failed == 0


@EACH_PAGE
def test_python_examples_compile(page: Path) -> None:
    blocks = code_blocks(page, "python")
    assert all(compile(block, page.name, "exec", dont_inherit=True) for block in blocks)


@EACH_PAGE
def test_links_lead_to_pages_and_headings_that_are_there(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", [README, *DOCS], ids=lambda page: page.stem)
def test_a_page_says_in_its_first_lines_whose_api_this_is(page: Path) -> None:
    assert "GetKeyManager / Keevault" in " ".join(page.read_text().splitlines()[:6])


def test_the_readme_links_every_page() -> None:
    linked = {
        (PROJECT / link.partition("#")[0]).resolve() for link in _LINK.findall((PROJECT / "README.md").read_text())
    }
    assert linked >= {page.resolve() for page in PAGES if page.name != "README.md"}


def test_the_readme_names_every_endpoint() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    assert sorted(named) == sorted(endpoint.name for feature in FEATURES for endpoint in feature.endpoints)


def test_the_tables_are_counted_and_named() -> None:
    db = SQLAlchemy()
    Licensing(db=db)
    documentation = PROJECT / "docs"
    assert f"adds {len(db.metadata.tables)} tables to" in (documentation / "getting-started.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", (documentation / "migrations.md").read_text(), re.MULTILINE)
    assert set(listed) == set(db.metadata.tables)


def test_the_python_version_is_the_same_everywhere() -> None:
    setup_cfg = _setup_cfg()
    version = setup_cfg["options"]["python_requires"].removeprefix(">=")
    tools = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
    assert f"Python {version} or newer" in (PROJECT / "README.md").read_text()
    assert tools["ruff"]["target-version"] == f"py{version.replace('.', '')}"
    assert f"Programming Language :: Python :: {version}" in setup_cfg["metadata"]["classifiers"].splitlines()


@EACH_PAGE
def test_every_extra_that_is_named_exists(page: Path) -> None:
    named = {
        extra.strip()
        for found in re.findall(r"(?:\.|licensing)\[([\w\-, ]+)\]", page.read_text())
        for extra in found.split(",")
    }
    assert named <= set(_setup_cfg()["options.extras_require"])


def test_metadata_lives_in_setup_cfg_alone() -> None:
    assert "project" not in tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert _setup_cfg()["metadata"]["name"] == "flask-licensing"


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## \[(.+?)\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
