"""Every module has a test module of its name; the list of those without only shrinks."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "postroom"

# Interfaces and declarations have no behaviour of their own to test.
DECLARATIONS = {"__init__.py", "__main__.py", "api.py", "settings.py", "types.py", "facts.py"}
WITHOUT: set[str] = set()


def test_every_module_has_its_test() -> None:
    missing = set()
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE)
        if path.name in DECLARATIONS:
            continue
        if not list((ROOT / "tests" / name.parent).glob(f"test_{path.stem}*.py")):
            missing.add(str(name))
    assert missing == WITHOUT
