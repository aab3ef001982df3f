"""DynamoDB's values as the reference keeps them: (type, value) pairs that compare by value, and their order and JSON."""
import base64
from decimal import Decimal

SETS = {"SS": "S", "NS": "N", "BS": "B"}


def number_text(value):
    """Canonical plain decimal."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(value):
    kind, data = value
    if kind == "N":
        return {"N": number_text(data)}
    if kind == "B":
        return {"B": base64.b64encode(data).decode()}
    if kind == "L":
        return {"L": [to_json(element) for element in data]}
    if kind == "M":
        return {"M": item_to_json(data)}
    if kind in SETS:
        return {kind: [list(to_json((SETS[kind], element)).values())[0] for element in data]}
    return {kind: data}


def from_json(json):
    (kind, data), = json.items()
    if kind == "N":
        return "N", Decimal(data)
    if kind == "B":
        return "B", base64.b64decode(data)
    if kind == "L":
        return "L", [from_json(element) for element in data]
    if kind == "M":
        return "M", item_from_json(data)
    if kind in SETS:
        return kind, frozenset(from_json({SETS[kind]: element})[1] for element in data)
    return kind, data


def item_to_json(item):
    return {name: to_json(value) for name, value in item.items()}


def item_from_json(json):
    return {name: from_json(value) for name, value in json.items()}


def order(value):
    """What S, N and B sort by."""
    kind, data = value
    return data.encode() if kind == "S" else data


def frozen(value):
    """A value, or an item, as something that goes into sets and dictionaries."""
    if isinstance(value, dict):
        return frozenset((name, frozen(member)) for name, member in value.items())
    kind, data = value
    if kind == "L":
        return kind, tuple(frozen(element) for element in data)
    return (kind, frozen(data)) if kind == "M" else (kind, data)

