"""YAML read so that every value knows the line it stands on.

Plain YAML 1.1 takes ``08:30`` for the number 510 and ``no`` for false. Here only what YAML 1.2's
core schema calls a number, a truth value or null is one; every other scalar is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from park.errors import SimulationError
from park.records import JsonValue

Path = tuple[str | int, ...]
"""The keys and numbers that lead to a value."""

_MAX_DEPTH = 32
_NUMBER_OF_TAG = {"tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float}


class _CoreLoader(yaml.SafeLoader):
    """Resolves scalars as YAML 1.2's core schema does."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(_pattern),
        [*_first, ""] if _tag == "null" else _first,
    )


@dataclass(frozen=True, slots=True)
class LinedYaml:
    """The content of a YAML file and where each part of it stands.

    Attributes:
        source: what the file is called in messages.
        content: mappings, lists, texts, numbers, truth values and None.
        lines: line number, from 1, of each value by its path.
    """

    source: str
    content: JsonValue
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_lined(text: str, source: str) -> LinedYaml:
    """Return what a YAML text says, with line numbers.

    Args:
        text: one YAML document.
        source: what to call it in messages.

    Raises:
        SimulationError: it is no YAML, has an alias, a tag or a key twice; the message has the
            line.
    """
    lines: dict[Path, int] = {}
    loader = _CoreLoader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SimulationError(f"{source}, line {line}: no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SimulationError(f"{source}: no YAML: {error}") from None
    finally:
        loader.dispose()
    if node is None:
        raise SimulationError(f"{source}: the file is empty")
    content = _value(node, (), lines, source, set())
    return LinedYaml(source, content, lines)


def _value(
    node: yaml.Node, path: Path, lines: dict[Path, int], source: str, seen: set[int]
) -> JsonValue:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in seen or len(path) > _MAX_DEPTH:
        raise SimulationError(
            f"{source}, line {line}: aliases (*name) and deep nesting are not taken; write it out"
        )
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(one, (*path, number), lines, source, seen)
            for number, one in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, str):
                raise SimulationError(f"{source}, line {key_line}: a key must be a plain word")
            if key in found:
                first = lines[(*path, key)]
                raise SimulationError(
                    f"{source}, line {key_line}: the key {key!r} is there twice; "
                    f"the first is on line {first}"
                )
            lines[(*path, key)] = key_line
            found[key] = _value(value_node, (*path, key), lines, source, seen)
        return found
    return _scalar(node, line, source)


def _scalar(node: yaml.Node, line: int, source: str) -> JsonValue:
    text = str(node.value)
    if node.tag == "tag:yaml.org,2002:str":
        return text
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return text.lower() == "true"
    number = _NUMBER_OF_TAG.get(node.tag)
    if number is None:
        raise SimulationError(f"{source}, line {line}: the tag {node.tag} is not known here")
    try:
        return number(text)
    except ValueError:
        raise SimulationError(f"{source}, line {line}: {text!r} is no number") from None
