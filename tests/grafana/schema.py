"""Whether dashboards are what Grafana's own schema says: read by Grafana's SDK, nothing may be lost or be of another type.

Prints how many values were looked at.
"""

import enum
import json
import re
import sys
import types
import typing

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard, units

UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}

# What the parts of Grafana that ask Prometheus and make variables add to the schema.
ADDED = {
    ".annotations.list[]": {"step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"},
    ".templating.list[]": {"definition", "filters", "baseFilters"},
}

problems = []
looked = 0


def lost(source, result, path):
    """Keys and values of the file that the SDK does not give back."""
    if isinstance(source, dict) and isinstance(result, dict):
        for key, value in source.items():
            if key not in result:
                # What is null is left out.
                if value is not None and key not in ADDED.get(re.sub(r"\[\d+\]", "[]", path), ()):
                    problems.append(f"{path}.{key} is lost")
            else:
                lost(value, result[key], f"{path}.{key}")
    elif isinstance(source, list) and isinstance(result, list) and len(source) == len(result):
        for index, (one, other) in enumerate(zip(source, result)):
            lost(one, other, f"{path}[{index}]")
    elif source != result:
        problems.append(f"{path} is {source!r} and becomes {result!r}")


def encoded(value):
    return json.loads(json.dumps(value, cls=JSONEncoder))


def known(panel, path):
    """Types of panels and units are only words to the SDK."""
    if panel["type"] != "row" and runtime.panelcfg_config(panel["type"]) is None:
        problems.append(f"{path} is of the type {panel['type']}, which Grafana's core has not")
    config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
    properties = [one for override in config["overrides"] for one in override["properties"]]
    for unit in [config["defaults"].get("unit"), *(one["value"] for one in properties if one["id"] == "unit")]:
        if unit is not None and unit not in UNITS:
            problems.append(f"{path} has the unit {unit}, which Grafana has not")


def fits(value, hint):
    """Whether a value is of a type; what is inside of it is looked at by itself."""
    origin = typing.get_origin(hint)
    if hint in (typing.Any, object):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(fits(one, typing.get_args(hint)[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, typing.get_args(hint)[1]) for one in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [one.value for one in hint]
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # Left as it is by the SDK.
        read = hint.from_json(value)
        lost(value, encoded(read), hint.__name__)
        typed(read, hint.__name__)
        return True
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


def typed(value, path):
    """Every attribute of the objects that the SDK made, against the type that it declares."""
    global looked
    if isinstance(value, list):
        for index, one in enumerate(value):
            typed(one, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            typed(one, f"{path}.{key}")
    elif not isinstance(value, enum.Enum) and hasattr(value, "to_json"):
        hints = typing.get_type_hints(type(value))
        for name, one in vars(value).items():
            looked += 1
            if name in hints and not fits(one, hints[name]):
                problems.append(f"{path}.{name} is {one!r}, not {hints[name]}")
            typed(one, f"{path}.{name}")


plugins.register_default_plugins()
for file in sys.argv[1:]:
    with open(file, encoding="utf-8") as opened:
        source = json.load(opened)
    read = dashboard.Dashboard.from_json(source)
    lost(source, encoded(read), "")
    typed(read, "")
    for number, panel in enumerate(source["panels"]):
        known(panel, f".panels[{number}]")
if problems:
    sys.exit("\n".join(problems))
print(looked)
