"""Histories that are wrong, each made of one that is not: the judge must find every one of them."""
import copy
import random
import world


def spoiled(told):
    """(what is wrong, the history) for each kind; a kind that this history has no room for is not found, either."""
    order = random.Random(1).sample(range(len(told["log"])), len(told["log"]))
    for spoil in SPOILS:
        history = {**told, "log": [dict(line) for line in told["log"]], "records": list(told["records"])}
        any(spoil(history, history["log"][i]) for i in order)
        yield spoil.__doc__, history


def writes(line):
    return line["outcome"] == "ok" and "commit" in line and any(world.tokens(line["steps"]))


def token_of(line):
    return next(world.tokens(line["steps"]))


def at(history, token):
    """The record of a write, if it was not overwritten in its own transaction."""
    return next((i for i, record in enumerate(history["records"]) if record[3] and record[3].get("w") == token), None)


def lost(history, line):
    """an acknowledged write that is not there"""
    steps = [["put", world.KEYS[0], {"w": "lost"}]]
    history["log"].append({**line, "how": "put", "outcome": "ok", "commit": [0, 1], "steps": steps})
    return True


def half(history, line):
    """a transaction of which a part is not there"""
    if not writes(line) or world.KEYS[0] in world.keys_written(line["steps"]):
        return False
    line["steps"] = line["steps"] + [["put", world.KEYS[0], {"w": "half"}]]
    return True


def dirty(history, line):
    """a refused write that happened"""
    if not writes(line):
        return False
    line["outcome"] = "no"
    return True


def twice(history, line):
    """a write that happened twice"""
    if not writes(line) or at(history, token_of(line)) is None:
        return False
    number, key, _, new = history["records"][at(history, token_of(line))]
    last = history["records"][-1][0]
    now = history["final"].get(key)
    if now == new:
        return False
    history["records"].append([last + 1, key, now, new])
    history["final"] = {**history["final"], key: new}
    return True


def stale(history, line):
    """a snapshot without what was committed before it began"""
    if line["how"] != "snapshot":
        return False
    for step in line["steps"]:
        if step[0] == "see" and "key" in step[1] and step[2]:
            (key, document), = step[2].items()
            made = next((i for i, record in enumerate(history["records"])
                         if [record[1], record[3]] == [key, document]), None)
            maker = next((other for other in history["log"] if other["outcome"] == "ok" and made is not None
                          and document.get("w") in world.tokens(other["steps"])), None)
            if maker and "commit" in maker and maker["commit"][1] < line["begin"][0]:
                old = history["records"][made][2]
                if not old:
                    continue  # a removal beside the snapshot may explain that it is absent
                line["steps"] = [["see", {"key": key}, {key: old}]]
                return True
    return False


def phantom(history, line):
    """a range that was read and is not what it was at the commit"""
    if line["how"] != "transaction" or not writes(line):
        return False
    steps = copy.deepcopy(line["steps"])
    for step in steps:
        if step[0] == "see" and "pk" in step[1] and step[2]:
            step[2].popitem()
            line["steps"] = steps
            return True
    return False


def torn(history, line):
    """a transaction whose records have another between them"""
    if not writes(line):
        return False
    records, own = history["records"], [at(history, token) for token in world.tokens(line["steps"])]
    if len(own) < 2 or None in own or max(own) + 1 == len(records):
        return False
    if records[max(own) + 1][1] in world.keys_written(line["steps"]):
        return False
    part = range(min(own) + 1, max(own) + 2)
    turned = [records[i][1:] for i in (part[-1], *part[:-1])]
    for i, rest in zip(part, turned):
        records[i] = [records[i][0], *rest]
    return True


def late(history, line):
    """commits in another order than the clock's"""
    place = at(history, token_of(line)) if line["how"] == "put" and writes(line) else None
    if place is None or place > len(history["records"]) // 2:  # others must have ended behind it
        return False
    line["commit"] = [time + (1 << 40) for time in line["commit"]]
    return True


SPOILS = [lost, half, dirty, twice, stale, phantom, torn, late]
