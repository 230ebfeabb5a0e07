"""Reading YAML and JSON as they are written: no key twice, no number that is another one than it looks, no bomb.

YAML 1.1 reads ``0123456`` as octal, ``10:20`` as sexagesimal and ``2026.10`` as 2026.1; both formats keep the last one
of two equal keys silently; and a few YAML aliases can stand for millions of values.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_MOST_PROBLEMS = 10
_LONGEST = 1_000_000
"""What a value may always weigh, in characters: some 100,000 short texts, which render in seconds."""
_GROWTH = 10
"""How many times as large as it is written a larger one may be."""
_SMALL = 64
_DEEPEST = 100

_INT = re.compile(r"0|-?[1-9][0-9]{0,999}")
_FLOAT = re.compile(r"[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:\n]', re.DOTALL)
_TAG = "tag:yaml.org,2002:"
_FREE = "adapter_config"
"""The only field whose values may be numbers, true or false: all others are texts, or a whole number."""


class DocumentError(ValueError):
    """A text that is refused as it is written.

    :param problems: what is wrong, each with its line; never a value.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - _MOST_PROBLEMS
        super().__init__("; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else ""))


def excess(value: object) -> str:
    """Tell why a value cannot be rendered or shown: it contains itself, or stands for far more than is written.

    :param value: lists and objects; of other kinds of lists nothing is read.
    :return: what is wrong, to be put behind the field's name; empty if nothing is.
    """
    return _excess(value, _parts_of_value)


def load_json(text: str) -> Any:
    """Read JSON.

    :param text: the text; a byte-order mark before it is passed over.
    :raises DocumentError: if an object has a key twice.
    :raises ValueError: if it is no JSON.
    :raises RecursionError: if it is nested too deeply.
    """
    text = text.removeprefix("\ufeff")
    is_repeated = False

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_repeated
        read = dict(pairs)
        is_repeated = is_repeated or len(read) < len(pairs)
        return read

    loaded = json.loads(text, object_pairs_hook=read)
    if is_repeated:
        raise DocumentError(list(_repeats_in_json(text)))
    return loaded


def load_yaml(text: str) -> Any:
    """Read YAML.

    :param text: the text.
    :raises DocumentError: if an object has a key twice, if a value is written in a way that YAML reads as another one,
        or if aliases expand to far more than is written.
    :raises yaml.YAMLError: if it is no YAML.
    :raises RecursionError: if it is nested too deeply.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if found := _excess(node, _parts_of_node):
            raise DocumentError([found])
        problems = [f"line {line}: {what}" for line, what in sorted(set(_problems_in(node)))]
        if problems:
            raise DocumentError(problems)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _excess(value: object, parts_of: Callable[[object], Iterable[object] | int]) -> str:
    """Weigh a value as it is written, and as it is when everything that is shared in it is written out."""
    weights: dict[int, int] = {}
    open_: set[int] = set()
    written = 0

    def weigh(part: object, depth: int) -> int:
        nonlocal written
        if (known := weights.get(id(part))) is not None:
            return known
        if id(part) in open_:
            raise DocumentError(["contains itself"])
        if depth > _DEEPEST:
            raise DocumentError(["is nested too deeply"])
        parts = parts_of(part)
        if isinstance(parts, int):
            written += parts
            if parts > _SMALL:
                weights[id(part)] = parts
            return parts
        open_.add(id(part))
        written += _SMALL // 8
        total = _SMALL // 8 + sum(weigh(inner, depth + 1) for inner in parts)
        open_.discard(id(part))
        weights[id(part)] = total
        return total

    try:
        total = weigh(value, 0)
    except DocumentError as found:
        return str(found)
    if total > max(_LONGEST, _GROWTH * written):
        return "repeats shared parts (YAML aliases, or one object in many places) until it is far too large"
    return ""


def _parts_of_value(value: object) -> Iterable[object] | int:
    """Return what is in a list or an object of Python, or the weight of anything else."""
    if isinstance(value, dict):
        return (part for pair in list(value.items()) for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    return _SMALL // 8 + (len(value) if isinstance(value, str | bytes) else 0)


def _parts_of_node(node: Any) -> Iterable[object] | int:
    """Return what is in a node of YAML, or the weight of a scalar."""
    if node.id == "mapping":
        return (part for pair in node.value for part in pair)
    return node.value if node.id == "sequence" else _SMALL // 8 + len(node.value)


def _problems_in(root: Any) -> Iterator[tuple[int, str]]:
    """Return the line of each node that is read as something else than is written, and what to do."""
    seen: set[tuple[int, str]] = set()
    # Each node with the field that it is the value of, or in: the nearest one of a source's, or adapter_config.
    todo: list[tuple[Any, str]] = [(root, "")]
    while todo:
        node, field = todo.pop()
        if (id(node), field) in seen:
            continue
        seen.add((id(node), field))
        if node.id == "scalar":
            if what := _problem_of(node, field):
                yield node.start_mark.line + 1, what
        elif node.id == "sequence":
            todo += [(inner, field) for inner in node.value]
        else:
            yield from _problems_of_keys(node, field)
            for key, value in node.value:
                word = key.value if key.id == "scalar" else ""
                is_merge = key.tag == f"{_TAG}merge"
                todo.append((value, field if field == _FREE or is_merge else word))


def _problems_of_keys(node: Any, field: str) -> Iterator[tuple[int, str]]:
    keys: set[str] = set()
    for key, _ in node.value:
        if key.id != "scalar":
            continue
        line = key.start_mark.line + 1
        if key.tag not in {f"{_TAG}str", f"{_TAG}merge", f"{_TAG}value"}:
            yield line, "a key is not a string: quote it"
        elif key.value in keys:
            yield line, _repeated(key.value, is_shown=field != _FREE)
        keys.add(key.value)


def _repeated(key: str, *, is_shown: bool) -> str:
    name = repr(key) if is_shown and _WORD.fullmatch(key) else "a key"
    return f"{name} is there twice in one object (is the start of a new entry missing before it?)"


def _problem_of(node: Any, field: str) -> str:
    """Return what is wrong with a scalar; empty if nothing is."""
    kind = node.tag.removeprefix(_TAG)
    shown = f"{field} " if _WORD.fullmatch(field) and field != _FREE else "a value "
    if kind == "int" and not _INT.fullmatch(node.value):
        return f"{shown}is a number that YAML reads as another one than it looks: quote it, or write plain digits"
    if kind == "timestamp":
        return f"{shown}is read as a date: quote it"
    if kind == "float":
        if field != _FREE:
            return f"{shown}is read as a number with a fraction, which may lose digits: quote it"
        if not _FLOAT.fullmatch(node.value):
            return f"{shown}is a number that YAML reads as another one than it looks: quote it, or write plain digits"
    if kind == "bool" and (field != _FREE or node.value.lower() not in {"true", "false"}):
        return f"{shown}is read as true or false: quote it"
    return ""


def _repeats_in_json(text: str) -> Iterator[str]:
    """Return where a JSON text has a key twice.

    :param text: JSON.
    """
    line = 1
    # Of each open object its keys, of each open list None; and the field that each is in.
    open_: list[tuple[set[str] | None, bool]] = []
    is_free = False
    previous = ""
    for found in _JSON_TOKEN.finditer(text):
        token = found.group()
        if token == "\n":
            line += 1
            continue
        if token in "{[":
            open_.append((set() if token == "{" else None, is_free))
        elif token in "}]":
            open_.pop()
            is_free = open_[-1][1] if open_ else False
        elif token == ":" and open_:
            keys, is_inside = open_[-1]
            key = json.loads(previous)
            if keys is not None and key in keys:
                yield f"line {line}: {_repeated(key, is_shown=not is_inside)}"
            if keys is not None:
                keys.add(key)
            is_free = is_inside or key == _FREE
        elif token == ",":
            is_free = open_[-1][1] if open_ else False
        previous = token
