"""Parameters read from ``params.yaml`` and the command line; the only reader of YAML.

Order of precedence: command-line flags, ``--set`` overrides, the file, for the address of MLflow the
environment variable ``MLFLOW_TRACKING_URI``, the defaults. Unknown and
duplicate keys are errors.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from guanxi.errors import ParamsError
from guanxi.params._run import Params

_NEXT_COLUMN = re.compile(r",(?=\s*(?:,|\w*\s*=|$))")
_MOST_BYTES = 1_000_000
_MOST_VALUES = 100_000
_LONGEST_SHOWN = 120
_FORMS = {
    "model_type": "keys with values belong below it",
    "dict_type": 'write a map, as in {"amount": "Price"}',
    "tuple_type": 'write a list, as in ["sheet"]',
}


def parse_yaml(text: str) -> Any:
    """Parse a text that a program wrote, such as the description of an MLflow model."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def load_params(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
    base: Params | None = None,
) -> Params:
    """Resolve the parameters of a run.

    Parameters
    ----------
    path : str or Path, optional
        A YAML file; default: ``params.yaml`` in the working folder if it exists.
    overrides : iterable of str
        ``dotted.key=value``; lists and maps as JSON.
    flags : mapping, optional
        Dotted keys set by command-line flags; ``None`` means not given.
    base : Params, optional
        In place of the defaults and of ``params.yaml`` in the working folder.

    Raises
    ------
    ParamsError
        If the file is missing or not a YAML map, or a key is unknown, duplicated or has an invalid value.

    Examples
    --------
    >>> load_params(overrides=["horizon_days=30"]).horizon_days
    30
    """
    tree = _read(path) if base is None else _laid_over(base.model_dump(), _read(path) if path else {})
    if isinstance(overrides, str) or not isinstance(overrides, Iterable):
        raise ParamsError(f"overrides is {overrides!r}: give a list, as in ['horizon_days=30']")
    for override in overrides:
        key, separator, text = str(override).partition("=")
        if not separator or not key.strip():
            raise ParamsError(f"--set {override!r} is not key=value: write, say, --set horizon_days=30")
        _put(tree, key.strip(), _value(key, text))
    return _resolve(tree, flags or {})


def override(params: Params, flags: Mapping[str, Any]) -> Params:
    """Replace some keys of resolved parameters; ``flags`` as in :func:`load_params`.

    Raises
    ------
    ParamsError
        If ``params`` are of another type, a key is unknown or a value is invalid.

    Examples
    --------
    >>> override(Params(), {"horizon_days": 30, "drivers.top": None}).horizon_days
    30
    """
    if not isinstance(params, Params):
        raise ParamsError(
            f"params is a {type(params).__name__}: give what guanxi.params.load_params() returns"
        )
    return _resolve(params.model_dump(), flags)


def parse_columns(text: str) -> dict[str, str]:
    """Read the ``--columns`` shorthand ``canonical=Source,canonical=A*B``.

    ``amount=`` is for a log without amounts.

    Raises
    ------
    ParamsError
        If a part is not ``name=column``, or a name appears twice.

    Examples
    --------
    >>> parse_columns("customer_id=CustomerID,amount=Quantity*Price")
    {'customer_id': 'CustomerID', 'amount': 'Quantity*Price'}
    """
    if not isinstance(text, str):
        raise ParamsError(f"the columns {text!r} are not text: write them as in customer_id=CustomerID")
    columns: dict[str, str] = {}
    # The names of source columns may have commas.
    for part in _NEXT_COLUMN.split(text):
        name, separator, column = (piece.strip() for piece in part.partition("="))
        if not (name and separator and (column or name == "amount")):
            raise ParamsError(f"--columns part {part!r} is not name=column, as in customer_id=CustomerID")
        if name in columns:
            raise ParamsError(f"--columns names {name!r} twice: keep one")
        columns[name] = column
    return columns


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Replace values of a tree by those of another.

    >>> _laid_over({"clv": {"model": "auto", "margin": 1.0}}, {"clv": {"margin": 0.5}, "seed": 1})
    {'clv': {'model': 'auto', 'margin': 0.5}, 'seed': 1}
    """
    both = {name: value for name, value in below.items() if isinstance(value, dict)}
    return below | {
        name: _laid_over(both[name], value) if name in both and isinstance(value, dict) else value
        for name, value in above.items()
    }


def _resolve(tree: dict[str, Any], flags: Mapping[str, Any]) -> Params:
    for key, value in flags.items():
        if value is not None:
            _put(tree, key, value)
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise ParamsError(_explain(error)) from None


def _read(given: str | Path | None) -> dict[str, Any]:
    if not isinstance(given, str | Path | None):
        raise ParamsError(f"the parameters {given!r} are not a path: give the name of a YAML file")
    path = Path(given or "params.yaml")
    if given is None and not path.is_file():
        return {}
    try:
        tree = yaml.load(_text(path), Loader=_UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ParamsError(f"cannot read {path}: {reason}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that is none
        raise ParamsError(f"{path} is not valid YAML: {_where(error)}") from None
    except RecursionError:
        raise ParamsError(f"{path} is nested too deeply, or refers to itself: see params.yaml") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} is not a map of keys to values: see the commented params.yaml")
    return tree


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ParamsError(f"{path} is larger than {_MOST_BYTES:,} bytes: it is no params.yaml")
    return content.decode("utf-8")


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        child = tree[parent]
        if not isinstance(child, dict):
            raise ParamsError(f"{dotted} is unknown: {parent} has no keys below it")
        tree = child
    if isinstance(value, dict) and isinstance(tree.get(leaf), dict):
        value = {**tree[leaf], **value}
    tree[leaf] = value


def _value(key: str, text: str) -> Any:
    text = text.strip() or text[:1]  # a blank can be a value: data.thousands
    if text == "null":
        return None
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply, or a number too long")
            raise ParamsError(f"--set {key}: {_short(text)} is not valid JSON ({reason})") from None
    return text


def _where(error: Exception) -> str:
    """Describe a YAML error and its position in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())[:_LONGEST_SHOWN]


def _short(value: object) -> str:
    """Show a value that may be of any size."""
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _explain(error: ValidationError) -> str:
    """Describe the first of pydantic's errors, and the number of others, in one line.

    Unknown keys come first, since a misspelt key may be why another is missing.
    """
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    parts = first["loc"] if first["type"] != "invalid_key" else tuple(map(str, first["loc"]))
    path = [part for part in parts if isinstance(part, str)]
    dotted = _dotted(parts)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        hint = Params.section_at(path[:-1]).did_you_mean(path[-1])
        return f"parameter {dotted} is unknown: {hint}{more}"
    if first["type"] == "missing":
        return f"parameter {dotted} is missing{more}"
    message = _FORMS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and isinstance(first["input"], dict):  # keys that contradict each other
        return f"{f'parameter {dotted} is' if dotted else 'the parameters are'} not valid: {message}{more}"
    return f"parameter {dotted} = {_short(first['input'])} is not valid: {message}{more}"


def _dotted(path: Iterable[str | int]) -> str:
    """Format the path of a value; list positions start at 1."""
    return ".".join(f"#{part + 1}" if isinstance(part, int) else part for part in path).replace(".#", " #")


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, and aliases that multiply the document."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _size(node, {}) > _MOST_VALUES:
            raise yaml.YAMLError(f"with its aliases written out it has more than {_MOST_VALUES:,} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        times = Counter(key for key in keys if isinstance(key, Hashable))  # others are refused below
        for key, (given, _) in zip(keys, node.value, strict=True):
            if isinstance(key, Hashable) and times[key] > 1:
                line = given.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: key {_short(key)} appears twice: keep one")
        return super().construct_mapping(node, deep)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of a document with its aliases written out."""
    if id(node) not in known:
        below = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            below = [each for pair in below for each in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in below)
    return known[id(node)]
