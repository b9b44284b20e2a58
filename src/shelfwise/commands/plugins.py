"""``shelfwise plugins``: which plug-ins there are, and every setting of one."""

from __future__ import annotations

from typing import Any

from shelfwise.core import registry
from shelfwise.errors import PluginError


def list_plugins() -> dict[str, list[str]]:
    """The names of all modalities and fusion policies; none is imported."""
    return {"modalities": registry.modalities.names(), "fusion": registry.fusion.names()}


def plugin_settings(name: str) -> dict[str, Any]:
    """What the plug-in `name` does, and its settings.

    Returns:
        "name", "kind", "summary" and "settings": a list of {"name", "type", "default", "range", "text"}.

    Raises:
        PluginError: there is no plug-in of that name, or a library it needs is missing.
    """
    kinds = {registry.modalities: "modality", registry.fusion: "fusion policy"}
    kind = next((kind for kind in kinds if name in kind.names()), None)
    if kind is None:
        known = "; ".join(f"{k}: {', '.join(v)}" for k, v in list_plugins().items())
        raise PluginError(f"there is no plug-in called {name!r}; known: {known}")
    plugin = kind.load(name)
    schema = plugin.Settings.model_json_schema()
    definitions = schema.get("$defs", {})
    settings = [_setting(key, entry, definitions) for key, entry in schema.get("properties", {}).items()]
    summary = (plugin.__doc__ or "").strip().split("\n")[0]
    return {"name": name, "kind": kinds[kind], "summary": summary, "settings": settings}


def settings_table(described: dict[str, Any]) -> str:
    """What :func:`plugin_settings` found, as text: two lines a setting."""
    lines = [f"{described['name']} ({described['kind']}): {described['summary']}", ""]
    for setting in described["settings"]:
        default = "required" if setting["default"] is None else f"default {setting['default']}"
        limits = f", {setting['range']}" if setting["range"] else ""
        lines.append(f"{setting['name']}: {setting['type']}, {default}{limits}")
        if setting["text"]:
            lines.append(f"    {setting['text']}")
    if not described["settings"]:
        lines.append("It has no settings.")
    return "\n".join(lines)


def _setting(name: str, entry: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "type": _type(entry, definitions),
        "default": _as_toml(entry["default"]) if "default" in entry else None,
        "range": _range(entry),
        "text": entry.get("description", ""),
    }


def _type(entry: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON schema's type in words."""
    if "$ref" in entry:
        return "table of " + ", ".join(definitions[entry["$ref"].rpartition("/")[2]].get("properties", {}))
    if "enum" in entry:
        return " | ".join(map(_as_toml, entry["enum"]))
    if "const" in entry:
        return _as_toml(entry["const"])
    if "anyOf" in entry:
        return " | ".join(_type(one, definitions) for one in entry["anyOf"])
    if entry.get("type") == "array":
        return f"list of {_type(entry.get('items', {}), definitions)}"
    return str(entry.get("type", "any"))


def _range(entry: dict[str, Any]) -> str:
    """The limits of a number in words; of several types, those of whichever has any."""
    for one in entry.get("anyOf", ()):
        if limits := _range(one):
            return limits
    words = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {entry[key]:g}" for key, sign in words.items() if key in entry)


def _as_toml(value: Any) -> str:
    """A value as a settings file would say it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
