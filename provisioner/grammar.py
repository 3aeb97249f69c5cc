"""What may stand in `provisioner.yaml`, as a JSON Schema that editors understand."""

from collections.abc import Mapping
from typing import Any

from provisioner.config import Config

_PLACE = {"type": "string", "pattern": r"^[^()]+\([^()]+\)$", "examples": ["customers (id)"]}
_DURATION = {"type": "string", "pattern": "^[0-9hmsHMSPTD.]+$", "examples": ["90s", "5m", "1h30m"]}
_PERCENT = {"type": "string", "pattern": r"^[0-9.]+ ?%$"}
_VARIABLE = {"type": "string", "pattern": r"\$\{\w+\}"}
_ALSO: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "budget": (_DURATION,),
    "references": (_PLACE, {"$ref": "#/$defs/Place"}),
}
"""What else than pydantic's schema says may stand at some keys, for it is read from texts."""
_NUMBERS = frozenset({"integer", "number"})


def grammar() -> Mapping[str, Any]:
    """The schema (JSON Schema, draft 2020-12), which any value may answer with a variable."""
    found = Config.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "provisioner.yaml"
    found["$defs"]["Place"] = {"anyOf": [_PLACE, found["$defs"]["Place"]]}
    return {**_widened(found), "$id": "provisioner.schema.json"}


def _widened(part: Any) -> Any:
    """The schema with what else is read at some keys, and variables in place of numbers."""
    if isinstance(part, list):
        return [_widened(below) for below in part]
    if not isinstance(part, dict):
        return part
    found = {name: _widened(below) for name, below in part.items()}
    for name, more in _ALSO.items():
        own = found.get("properties", {}).get(name)
        if own is not None:
            found["properties"][name] = {"anyOf": [own, *more]}
    if isinstance(found.get("type"), str) and found["type"] in _NUMBERS:
        percent = [dict(_PERCENT)] if found["type"] == "number" else []
        return {"anyOf": [found, dict(_VARIABLE), *percent]}
    return found
