"""YAML as users write it: read strictly, refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from perception_fm.errors import ConfigError


class _StrictLoader(yaml.SafeLoader):
    """YAML wants keys to be unique; PyYAML would let the last of them win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping of a node. Raises `yaml.YAMLError` for a key that is there twice."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, name: str) -> Any:
    """The values of a YAML text, `name` saying in messages what it is. Raises `ConfigError`."""
    try:
        return yaml.load(text, _StrictLoader)
    except (yaml.YAMLError, ValueError) as error:  # a date that does not exist is a ValueError
        raise ConfigError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ConfigError(f"{name} nests its values too deeply") from error


def read_yaml(file: Path) -> Any:
    """The values of a YAML file. Raises `ConfigError` for one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not a text file in UTF-8") from error
    return parse_yaml(text, str(file))
