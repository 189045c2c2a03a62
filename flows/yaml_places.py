"""Where a text of YAML says what, so that it can be changed in place: comments, anchors and order stay."""

from __future__ import annotations

from typing import Any

import yaml


class Sheet:
    """A text that is a mapping: the keys and values of its top level, and what its anchors name."""

    def __init__(self, text: str) -> None:
        loader = _Anchored(text)
        root: Any = loader.get_single_node()
        self.top: dict[str, tuple[Any, Any]] = {key.value: (key, value) for key, value in root.value}
        self.anchors = loader.anchored


class _Anchored(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.anchored: dict[str, yaml.Node] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()
        node = super().compose_node(parent, index)
        if not isinstance(event, yaml.AliasEvent) and event.anchor and node is not None:
            self.anchored[event.anchor] = node
        return node


def said_by(node: yaml.Node) -> Any:
    """The plain values of a node."""
    return yaml.SafeLoader("").construct_document(node)


def is_block(node: Any) -> bool:
    """Whether it is a mapping with a line for each key."""
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def end(node: Any) -> int:
    """Where a node ends; a block's own mark lies behind the comments and blank lines after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return node.end_mark.index
    if isinstance(node, yaml.SequenceNode):
        return max(map(end, node.value))
    return max(max(key.end_mark.index, end(value)) for key, value in node.value)


def line_after(text: str, at: int) -> int:
    """The begin of the line after the one where that ends which stands before that place."""
    return text.index("\n", len(text[:at].rstrip())) + 1


def line_above(text: str, at: int) -> int:
    """The begin of the comment that stands right above the line which begins at that place, else that place."""
    while at and text[(before := text.rfind("\n", 0, at - 1) + 1) : at].startswith("#"):
        at = before
    return at
