"""The rooms of the package and which way their imports point (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import flask_licensing

PACKAGE = Path(flask_licensing.__file__).parent

METHODS = {
    "api_key_methods",
    "inventory_methods",
    "key_management",
    "license_key_methods",
    "product_methods",
    "record_keeping",
}

ROWS = [
    {"_version", "config", "domain", "errors", "json_values", "log_text", "networks", "signal_sending", "store"},
    {"private_key_versions", "public_keys", "verification", "wire"},
    {
        "audit_triggers",
        "private_keys",
        "fields",
        "license_key_fields",
        "services",
        "state",
        "stores",
        "tables",
        "work",
    },
    {"api", "hooks", "limiters", "models"},
    {"assembly", "cli", "commands", "extension", "signals", "testing"} | METHODS,
]
"""The rows from the base upwards. Inside a row modules may import one another, never in a circle."""

ROW_OF = {room: number for number, rooms in enumerate(ROWS, start=1) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _room(dotted_name: str) -> str:
    return dotted_name.split(".")[1] if "." in dotted_name else ""


def _dotted_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported_modules(path: Path, *, for_types_too: bool = True) -> set[str]:
    """Every module of the package that a file imports."""
    names = set()
    tree = ast.parse(path.read_text())
    if not for_types_too:
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flask_licensing"):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                is_module = any(_dotted_name(module) == submodule for module in MODULES)
                names.add(submodule if is_module else str(node.module))
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names if alias.name.startswith("flask_licensing"))
    return names - {_dotted_name(path)}


@pytest.mark.parametrize("path", MODULES, ids=_dotted_name)
def test_every_module_has_a_row_and_imports_from_its_own_or_lower_ones(path: Path) -> None:
    room = _room(_dotted_name(path))
    if not room:
        assert path.name == "__init__.py", "a module outside every room"
        return
    assert room in ROW_OF
    upwards = {name for name in _imported_modules(path) if _room(name) and ROW_OF[_room(name)] > ROW_OF[room]}
    assert not upwards


def test_no_modules_import_each_other_in_a_circle() -> None:
    # The package's own __init__ imports on first use only.
    graph = {
        _dotted_name(path): _imported_modules(path, for_types_too=False)
        for path in MODULES
        if path.parent != PACKAGE or path.stem != "__init__"
    }
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name in finished or name not in graph:
            return
        for imported in graph[name]:
            visit(imported, (*trail, name))
        finished.add(name)

    for name in graph:
        visit(name, ())
    assert finished == set(graph)


@pytest.mark.parametrize("path", sorted((PACKAGE / "services").glob("*.py")), ids=lambda path: path.stem)
def test_use_cases_import_neither_flask_nor_sqlalchemy(path: Path) -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported.isdisjoint({"flask", "sqlalchemy", "flask_sqlalchemy", "werkzeug"})
