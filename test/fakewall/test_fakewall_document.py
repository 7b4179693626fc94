"""docs/fakewall.md names every number of the room with its value."""

import ast
import re
from pathlib import Path


def constants(room: Path) -> dict[str, str]:
    """`module.NAME` -> source of the value, for every module-level constant of numbers alone."""
    found = {}
    for path in sorted(room.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name, value in assignments(node):
                kinds = {type(part.value) for part in ast.walk(value) if isinstance(part, ast.Constant)}
                if name.isupper() and kinds and kinds <= {int, float} and not isinstance(value, ast.Call):
                    found[f"{path.stem}.{name}"] = ast.unparse(value)
    return found


def assignments(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    if not isinstance(node, ast.Assign):
        return []
    (target,) = node.targets
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return [(name.id, value) for name, value in zip(target.elts, node.value.elts) if isinstance(name, ast.Name)]
    return [(target.id, node.value)] if isinstance(target, ast.Name) else []


def test_every_constant_is_explained_with_its_value(repository):
    text = (repository / "docs" / "fakewall.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.\w+)` \| `(.+)` \| (.+) \|$", text, re.MULTILINE)
    assert {name: value for name, value, _ in rows} == constants(repository / "perception_fm" / "fakewall")
