"""docs/fakewall.md names every number of the room with its value."""

import ast
import re
from pathlib import Path


def constants(room: Path) -> dict[str, str]:
    """`module.NAME` -> source of the value, for every module-level constant of numbers alone."""
    found = {}
    for path in sorted(room.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
                kinds = {type(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
                if kinds and kinds <= {int, float} and not isinstance(node.value, ast.Call):
                    found[f"{path.stem}.{node.targets[0].id}"] = ast.unparse(node.value)
    return found


def test_every_constant_is_explained_with_its_value(repository):
    text = (repository / "docs" / "fakewall.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.\w+)` \| `(.+)` \| (.+) \|$", text, re.MULTILINE)
    assert {name: value for name, value, _ in rows} == constants(repository / "perception_fm" / "fakewall")
