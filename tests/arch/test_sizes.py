"""Modules under 600 lines, functions under 60: exceptions are listed here, and the list only shrinks."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "src" / "postroom", ROOT / "bench")
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 60
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()


def _modules() -> dict[str, str]:
    paths = [path for source in SOURCES for path in sorted(source.rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def test_modules_are_short() -> None:
    long = {name for name, text in _modules().items() if text.count("\n") > MAX_MODULE_LINES}
    assert long == LONG_MODULES


def test_functions_are_short() -> None:
    long = set()
    for name, text in _modules().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.add(f"{name}:{node.name}")
    assert long == LONG_FUNCTIONS


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name, text in _modules().items() if text and not ast.get_docstring(ast.parse(text))]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    forbidden = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "shared"}
    assert [name for name in _modules() if Path(name).stem in forbidden or forbidden & set(Path(name).parts)] == []
