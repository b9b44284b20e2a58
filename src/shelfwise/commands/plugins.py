"""``shelfwise plugins``: which plug-ins there are, and every setting of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shelfwise import aliases
from shelfwise.core import registry
from shelfwise.errors import PluginError
from shelfwise.similar_names import did_you_mean

Schema = Mapping[str, Any]
"""A part of a JSON schema."""


def list_plugins() -> dict[str, list[str]]:
    """The names of all modalities and fusion policies; none is imported."""
    return {"modalities": registry.modalities.names(), "fusion": registry.fusion.names()}


def plugin_settings(name: str) -> dict[str, Any]:
    """What the plug-in `name` does, and its settings.

    Returns:
        "name", "kind", "summary" and "settings": a list of {"name", "type", "default", "range", "text"}. A
        table of settings is followed by its own, under names such as ``training.epochs``. A list of tables
        has names such as ``parts[].weight``, and tables by a name of the user's have ``texts.NAME.maxlen``. A
        default is None where a setting is required, and "" where it is a table.

    Raises:
        PluginError: there is no plug-in of that name, or a library it needs is missing.
    """
    kind = _kind_of(name)
    plugin = kind.load(name)
    schema = plugin.Settings.model_json_schema()
    # tables are defined beside the properties that refer to them
    definitions = schema.get("$defs", {})
    settings = list(_settings(schema, definitions, "", {}))
    docstring = plugin.__doc__ or ""
    summary = docstring.strip().split("\n")[0]
    return {"name": name, "kind": kind.kind, "summary": summary, "settings": settings}


def settings_table(described: Mapping[str, Any]) -> str:
    """What :func:`plugin_settings` found, as text: two lines a setting."""
    lines = [f"{described['name']} ({described['kind']}): {described['summary']}", ""]
    for setting in described["settings"]:
        # a table has no default of its own: its settings follow
        default = {None: ", required", "": ""}.get(
            setting["default"], f", default {setting['default']}"
        )
        limits = f", {setting['range']}" if setting["range"] else ""
        lines.append(f"{setting['name']}: {setting['type']}{default}{limits}")
        if setting["text"]:
            lines.append(f"    {setting['text']}")
    if not described["settings"]:
        lines.append("It has no settings.")
    return "\n".join(lines)


def _kind_of(name: str) -> registry.Registry:
    """The registry that has the plug-in `name`.

    Raises:
        PluginError: none has.
    """
    kinds = (registry.modalities, registry.fusion)
    for kind in kinds:
        if name in kind.names():
            return kind
    # what is gone may be called like nothing that is there
    if name in aliases.REMOVED:
        raise PluginError(f"the plug-in {name!r} was removed: {aliases.REMOVED[name]}")
    plugins = list_plugins()
    names = [*plugins["modalities"], *plugins["fusion"]]
    hint = did_you_mean(name, names)
    known = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in plugins.items())
    raise PluginError(f"there is no plug-in called {name!r}; {hint}known: {known}")


def _settings(
    table: Schema, definitions: Schema, prefix: str, defaults: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The settings of a table, each followed by its own settings where it is a table itself.

    Args:
        prefix: what their names begin with.
        defaults: those of the plug-in, where they differ from the table's own.
    """
    for key, entry in table.get("properties", {}).items():
        name = prefix + key
        own = dict(entry)
        # a plug-in may have other defaults than the table has by itself, such as fewer epochs
        if key in defaults:
            own["default"] = defaults[key]
        nested, joint = _nested(own)
        yield {
            "name": name,
            "type": _type(own),
            "default": _default(own, nested),
            "range": _range(own),
            "text": own.get("description", ""),
        }
        if nested is not None:
            # only a single table has defaults; of a list of tables nobody knows how many there are
            values = own.get("default") if joint == "." else None
            yield from _settings(definitions[nested], definitions, name + joint, values or {})


def _nested(entry: Schema) -> tuple[str | None, str]:
    """The definition of the table that a setting is, if it is one, and what stands between the names."""
    if "$ref" in entry:
        return _definition(entry), "."
    if "$ref" in entry.get("items", {}):
        return _definition(entry["items"]), "[]."
    # a mapping whose names the user chooses
    further = entry.get("additionalProperties")
    if isinstance(further, dict) and "$ref" in further:
        return _definition(further), ".NAME."
    return None, ""


def _definition(entry: Schema) -> str:
    """``LoopSettings`` of ``#/$defs/LoopSettings``."""
    return str(entry["$ref"]).rpartition("/")[2]


def _default(entry: Schema, nested: str | None) -> str | None:
    """A setting's default as a settings file would have it."""
    if "default" not in entry:
        # tables by names of the user's are made when they are needed, hence never required
        return "" if entry.get("type") == "object" else None
    return "" if nested is not None else _as_toml(entry["default"])


def _type(entry: Schema) -> str:
    """A JSON schema's type in words."""
    if "$ref" in entry or entry.get("type") == "object":
        return "table"
    if "enum" in entry:
        return " | ".join(map(_as_toml, entry["enum"]))
    if "const" in entry:
        return _as_toml(entry["const"])
    if "anyOf" in entry:
        return " | ".join(map(_type, entry["anyOf"]))
    if "prefixItems" in entry:  # a list of fixed length, each place with a type of its own
        places = ", ".join(map(_type, entry["prefixItems"]))
        return f"[{places}]"
    if entry.get("type") == "array":
        item = _type(entry.get("items", {}))
        return f"list of {item}s" if item.isalpha() else f"list of {item}"
    names = {"null": "unset", "boolean": "true or false", "string": "text"}
    kind = str(entry.get("type", "any"))
    return names.get(kind, kind)


def _range(entry: Schema) -> str:
    """The limits of a number in words; of several types, those of whichever has any."""
    for one in entry.get("anyOf", ()):
        if limits := _range(one):
            return limits
    words = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {entry[key]:g}" for key, sign in words.items() if key in entry)


def _as_toml(value: Any) -> str:
    """A value as a settings file would have it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_as_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
