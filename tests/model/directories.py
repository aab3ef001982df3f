"""The index directories of a mount, name by name, against the reference."""
import base64
import os

from values import number_text


def encode(value):
    kind, data = value
    if kind == "N":
        return number_text(data)
    if kind == "B":
        return base64.urlsafe_b64encode(data).decode().rstrip("=")
    special = set("/%~\x7f") | {chr(code) for code in range(32)}
    text = "".join("%%%02X" % ord(character) if character in special else character for character in data)
    return "%2E" + text[1:] if text.startswith(".") else text


def join(item, names):
    return "~".join(encode(item[name]) for name in names)


def count(path):
    with open(path) as file:
        return int(file.read())


def check(mountpoint, table, same):
    base = "%s/%s" % (mountpoint, table.name)
    same("count of " + base, len(table.items), count(base + "/.query/limit=1000000/count"))
    same("the indexes of " + base, sorted(table.indexes), sorted(os.listdir(base + "/.index")))
    for index in table.indexes.values():
        partitions = {}
        for item in table.entries(index):
            names = partitions.setdefault(join(item, index.hash), set())
            names.add(join(item, index.range + table.key_names()) + ".json")
        path = "%s/.index/%s" % (base, index.name)
        same("the partitions of " + path, sorted(partitions), sorted(os.listdir(path)))
        same("count of " + path, sum(map(len, partitions.values())), count(path + "/.query/limit=1000000/count"))
        with open(path + "/.scan/items.jsonl") as lines:
            same("lines of " + path, sum(map(len, partitions.values())), sum(1 for _ in lines))
        for partition, names in partitions.items():
            same("the entries of %s/%s" % (path, partition), sorted(names), sorted(os.listdir(path + "/" + partition)))
