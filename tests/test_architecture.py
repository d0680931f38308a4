"""The house of the package: which way imports point, and who may know whom (docs/architecture.md).

Imports that are there for types alone count like any other: they hid a circle of eleven files once.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import flask_licensing

PACKAGE = Path(flask_licensing.__file__).parent
ROOT = PACKAGE.parent

PLATFORM = {"private_keys", "api_keys", "audit", "rate_limits"}
RESOURCES = {
    "products": set[str](),
    "license_keys": {"products"},
    "inventory": {"license_keys", "metadata", "products"},
    "activations": {"license_keys", "products"},
    "generators": {"license_keys", "products"},
    "assignment": {"activations", "generators", "license_keys", "products"},
    "orders": {"assignment", "generators", "license_keys", "products"},
    "queue": {"activations", "assignment", "generators", "license_keys", "products"},
    "license_files": {"activations", "license_keys"},
    "metadata": {"activations", "license_keys", "products"},
}
"""Each resource, and the resources that it may import."""

ROWS = [
    {"_version", "errors"},
    {"core"},
    {"verification"},
    {"http"},
    PLATFORM,
    set(RESOURCES),
    {"stores"},
    {"features"},
    {"hooks", "models", "signals"},
    {"assembly", "checks", "commands", "extension"},
    {"testing"},
]
"""The rows from the base upwards."""

ROW_OF = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
FEATURES = PLATFORM | set(RESOURCES)
FLOORS = {
    "store": 0,
    "fields": 1,
    "service": 2,
    "tables": 2,
    "endpoints": 3,
    "methods": 3,
    "commands": 4,
}
"""The files of a feature. Any other module of a feature is a part of its service."""

MAY_NAME_FEATURES = {"features", "extension", "assembly", "stores", "hooks", "models", "signals", "testing"}
"""Outside the features. The last four are public: hosts find there what the features define."""

NOT_IN_A_SERVICE = {"flask", "flask_sqlalchemy", "sqlalchemy", "werkzeug"}


def _dotted_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _dotted_name(path): path
    for folder in ("flask_licensing", "example_app", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
OURS = {name for name in MODULES if name.startswith("flask_licensing.")}


def _imported_names(name: str) -> set[str]:
    """Every module that a module imports, as far as a name can tell: ``a.b`` where ``from a import b`` is one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in MODULES else str(node.module))
    return names - {name}


def _room(name: str) -> str:
    return name.split(".")[1]


IMPORTS = {name: _imported_names(name) for name in MODULES}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_module_has_a_row_and_imports_point_down(name: str) -> None:
    room = _room(name)
    assert room in ROW_OF
    upwards = {
        imported
        for imported in IMPORTS[name] & OURS
        if _room(imported) != room and ROW_OF[_room(imported)] > ROW_OF[room]
    }
    assert not upwards


def test_no_modules_import_each_other_in_a_circle() -> None:
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name in finished:
            return
        for imported in IMPORTS[name] & set(MODULES):
            # The package's own __init__ imports on first use only.
            if imported != "flask_licensing":
                visit(imported, (*trail, name))
        finished.add(name)

    for name in MODULES:
        visit(name, ())
    assert finished == set(MODULES)


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_a_feature_imports_only_those_it_may(feature: str) -> None:
    allowed = {feature, *RESOURCES.get(feature, set()), *(PLATFORM if feature in RESOURCES else ())}
    imported = {
        _room(imported) for name in OURS if _room(name) == feature for imported in IMPORTS[name] & OURS
    } & FEATURES
    assert imported <= allowed


@pytest.mark.parametrize("name", sorted(name for name in OURS if _room(name) in FEATURES and name.count(".") > 1))
def test_a_feature_points_from_its_commands_down_to_its_store(name: str) -> None:
    def floor(module: str) -> int:
        return FLOORS.get(module.split(".")[2], FLOORS["service"])

    own = {imported for imported in IMPORTS[name] if imported.startswith(f"flask_licensing.{_room(name)}.")}
    assert not {imported for imported in own if floor(imported) > floor(name)}


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in OURS
        if _room(name) in FEATURES and name.count(".") > 1 and name.split(".")[2] in {"store", "service", "fields"}
    ),
)
def test_rules_and_stores_know_neither_flask_nor_sqlalchemy(name: str) -> None:
    assert NOT_IN_A_SERVICE.isdisjoint(imported.split(".")[0] for imported in IMPORTS[name])


@pytest.mark.parametrize("name", sorted(OURS))
def test_only_the_list_of_features_and_what_hosts_see_name_a_feature(name: str) -> None:
    if _room(name) in MAY_NAME_FEATURES | FEATURES:
        return
    assert not {imported for imported in IMPORTS[name] & OURS if _room(imported) in FEATURES}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_exception_is_defined_in_errors(name: str) -> None:
    defined = [
        node.name
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and _room(name) != "testing"
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    ]
    assert name == "flask_licensing.errors" or not defined


def test_the_modules_for_hosts_are_in_one_list_and_the_docs_import_no_others() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text().partition("## Public modules")[2].partition("\n## ")[0]
    public = set(re.findall(r"`(flask_licensing[\w.]*)`", table))
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    imported = {
        name
        for page in pages
        for name in re.findall(r"^(?:>>> )?from (flask_licensing[\w.]*) import", page.read_text(), re.M)
    }
    assert public <= {"flask_licensing", *OURS}
    assert imported <= public
