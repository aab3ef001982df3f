"""What the processes of a history do, as data, and what it means: the checker runs it again on a plain dictionary.

A key is an item's path without ".json". A document is its attributes without the key: `ids` (who appended, in order),
`color` and `rank` (for indexes and filters) and `w`, the token of the write that made it; no two writes share a token.
A step is a list that begins with its kind:
  see SCOPE FOUND       what was there: {key: document, or True where only its being was seen}
  listed TABLE NAMES    which partitions a table showed; also some that were made or emptied
  colors TABLE NAMES    which keys its index by color showed
  need SCOPE FOUND      a condition that the commit asked of what was there before
  put KEY DOCUMENT, set KEY ATTRIBUTES, append KEY TOKEN, remove KEY, move FROM TO
A scope chooses keys (`key`, or `table` with `pk`, `ge`, `lt`) and of what is there those of a `color`, or `ranked` ones.
"""
import functools

FLAT, TREE = "Flat", "Tree"
COLORS = ["red", "green", "blue"]
PARTITIONS, SORTS = ["p0", "p1", "p2"], ["s0", "s1", "s2", "s3"]
KEYS = ["%s/t%d" % (FLAT, i) for i in range(10)] + ["%s/%s/%s" % (TREE, p, s) for p in PARTITIONS for s in SORTS]


def table_of(key):
    return key.partition("/")[0]


def key_attributes(key):
    table, *parts = key.split("/")
    return dict(zip(["id"] if table == FLAT else ["pk", "sk"], parts))


def key_of(table, item):
    return "/".join([table, item["id"]] if table == FLAT else [table, item["pk"], item["sk"]])


def document_of(item):
    return {name: value for name, value in item.items() if name not in ("id", "pk", "sk")}


# ---- Typed JSON ----

def typed(value):
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [typed(element) for element in value]}
    return {name: typed(element) for name, element in value.items()}


def untyped(value):
    (kind, inner), = value.items()
    return {"S": str, "N": int, "L": lambda elements: [untyped(e) for e in elements]}[kind](inner)


def untyped_item(item):
    return item and {name: untyped(value) for name, value in item.items()}


# ---- Scopes ----

@functools.lru_cache(maxsize=None)
def chosen(key=None, table=None, pk=None, ge=None, lt=None):
    def fits(candidate):
        attributes = key_attributes(candidate)
        last = list(attributes.values())[-1]
        return (table_of(candidate) == table and pk in (None, attributes.get("pk")) and (ge is None or last >= ge)
                and (lt is None or last < lt))
    return [key] if key else [candidate for candidate in KEYS if fits(candidate)]


def holds(scope, found, state):
    """Whether a look at the state finds just that; else the first key that differs."""
    choice = {name: value for name, value in scope.items() if name not in ("color", "ranked")}
    for key in chosen(**choice):
        document = state(key)
        there = document is not None and scope.get("color", document.get("color")) == document.get("color") and (
            "ranked" not in scope or "rank" in document)
        saw = found.get(key)
        if (saw is None) == there or (there and saw is not True and saw != document):
            return key
    return None


# ---- Steps ----

def change(step, document):
    kind, argument = step[0], step[2] if len(step) > 2 else None
    if kind == "put":
        return argument
    if kind == "set":
        return {**(document or {}), **argument}
    if kind == "append":
        document = document or {}
        return {**document, "ids": document.get("ids", []) + [argument], "w": argument}
    return None


def perform(steps, state, needs=True):
    """Runs steps on a state. What they write, and the first step that saw what is not there, with a key."""
    written, first = {}, None

    def now(key):
        return written[key] if key in written else state(key)

    for step in steps:
        wrong = None
        if step[0] == "see":
            wrong = holds(step[1], step[2], now)
        elif step[0] == "need":
            wrong = holds(step[1], step[2], state) if needs else None
        elif step[0] == "listed":
            there = {key.split("/")[1] for key in chosen(table=step[1]) if now(key) is not None}
            wrong = next(iter(there - set(step[2])), None)
        elif step[0] == "colors":
            documents = filter(None, map(now, chosen(table=step[1])))
            there = {document["color"] for document in documents if "color" in document}
            wrong = next(iter(there ^ set(step[2])), None)
        elif step[0] == "move":
            written[step[2]], written[step[1]] = now(step[1]), None
        else:
            written[step[1]] = change(step, now(step[1]))
        if wrong and not first:
            first = step, wrong
    return written, first


def keys_written(steps):
    keys = set()
    for step in steps:
        if step[0] == "move":
            keys.update(step[1:3])
        elif step[0] not in ("see", "need", "listed", "colors"):
            keys.add(step[1])
    return keys


def elsewhere(steps, key, other):
    """The same steps on another item."""
    def renamed(value):
        if isinstance(value, dict):
            return {renamed(name): renamed(inner) if name == "key" else inner for name, inner in value.items()}
        return other if value == key else value
    return [[step[0], *map(renamed, step[1:])] for step in steps]


def tokens(steps):
    for step in steps:
        if step[0] in ("put", "set"):
            yield step[2]["w"]
        elif step[0] == "append":
            yield step[2]
