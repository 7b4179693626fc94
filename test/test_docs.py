"""The pages below docs/ name what the code has: its constants with their values, its rooms, its modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "perception_fm"
METHOD = [*sorted((PACKAGE / "motion").glob("*.py")), PACKAGE / "geometry/road_plane.py", PACKAGE / "frame_result.py"]


def constants() -> dict[str, str]:
    """`module.NAME` -> source of the value, for every module-level constant of the method that holds a number."""
    found = {}
    for path in METHOD:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign):
                for target, value in assignments(node):
                    if target.isupper() and any(is_number(part) for part in ast.walk(value)):
                        found[f"{path.stem}.{target}"] = ast.unparse(value)
    return found


def assignments(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    (target,) = node.targets
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return [(name.id, value) for name, value in zip(target.elts, node.value.elts) if isinstance(name, ast.Name)]
    return [(target.id, node.value)] if isinstance(target, ast.Name) else []


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def test_every_constant_of_the_method_is_explained_with_its_value() -> None:
    text = (ROOT / "docs" / "motion.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.\w+)` \| `(.+)` \| (.+) \|$", text, re.MULTILINE)
    documented = {name: value.replace("\\|", "|") for name, value, _ in rows}
    wanted = constants()
    rotten = {
        name: f"docs/motion.md says {documented.get(name)}, the code {wanted.get(name)}"
        for name in sorted(documented.keys() | wanted.keys())
        if documented.get(name) != wanted.get(name)
    }
    assert rotten == {}
    assert len(rows) == len(documented)


def test_every_room_and_no_other_is_described() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^\| `(\w+/|\w+\.py)` \| (?:core|adapter|edge) \|", text, re.MULTILINE))
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert rooms == folders | files


def test_modules_of_the_diagram_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagram = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert diagram is not None
    room, missing = "", []
    for label in re.findall(r'\|"([^"]+)"\|', diagram[1]):
        for part in label.split(", "):
            room, _, module = part.rpartition("/") if "/" in part else (room, "", part)
            if re.fullmatch(r"\w+", module) and room and not (PACKAGE / room / f"{module}.py").exists():
                missing.append(part)
    assert missing == []
