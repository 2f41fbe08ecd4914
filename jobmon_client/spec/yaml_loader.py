"""YAML's safe loader, which for once refuses a key that occurs twice in one mapping."""

from __future__ import annotations

from typing import Any

import yaml


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, written in C where PyYAML was built with it."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            repeated = key in made
        except TypeError as error:
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be a text", key_node.start_mark
            ) from error
        if repeated:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} occurs twice in one object", key_node.start_mark
            )
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_yaml(text: str) -> Any:
    """Return the document of a YAML text; raise yaml.YAMLError."""
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - the loader derives from the safe one
