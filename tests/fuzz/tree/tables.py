"""Operations on tables of one's own: provisional ones, their definitions, and their end."""
import documents
import json
import model
import time
from decimal import Decimal

STEMS = ["1", "2", "17", "a", "b c", "Ünï"]
DIRECTORIES = ["3", "4", "eins"]


def own(w):
    return [table for name, table in sorted(w.tree.tables.items()) if name not in model.SHARED_TABLES]


def some_own(w):
    tables = own(w)
    return w.rng.choice(tables) if tables else None


def idle(w, table):
    """Nobody writes below it."""
    return not any(count and path.startswith(table.name + "/") for path, count in w.busy.items())


def definition_text(w, keys):
    text = json.dumps(model.definition(keys), indent=w.rng.choice([None, 1]))
    return text.encode()


def make_table(w):
    name = "Own.p%d_%d" % (w.process, w.rng.randrange(2))
    got = w.calls.mkdir(name)
    if name in w.tree.tables:
        w.expect("EEXIST", got)
        return
    w.expect("ok", got)
    w.tree.tables[name] = model.Table(name, (), defined=False)
    yield


def put_own(w):
    """The first file decides whether a provisional table has a sort key."""
    table = some_own(w)
    if not table or not idle(w, table):
        return
    composite = len(table.keys) == 2 if table.keys else w.chance(0.5)
    stem, directory = w.rng.choice(STEMS), w.rng.choice(DIRECTORIES)
    if table.defined:
        kinds = [kind for _, kind in table.keys]
        if kinds[-1] == "N" and not stem.isdigit() or kinds[0] == "N" and composite and not directory.isdigit():
            path = "%s/%s.json" % (table.name, stem) if not composite else table.name + "/" + directory
            if composite:
                return
            w.expect("EINVAL", only_errno(w.calls.write_file(path, "WRONLY|CREAT", b"{}")))
            return
    key = tuple(Decimal(part) if kind == "N" else part for part, (_, kind) in
                zip((directory, stem) if composite else (stem,), table.keys or 2 * (("", "S"),)))
    wrong = table.keys and not table.defined and w.chance(0.1)
    if wrong and composite:
        w.expect("EINVAL", only_errno(w.calls.write_file(table.name + "/x.json", "WRONLY|CREAT", b"{}")))
        return
    if wrong:
        w.expect("EINVAL", w.calls.mkdir(table.name + "/directory"))
        return
    if not table.keys:
        table.keys = (("pk", "S"), ("sk", "S"))[:1 + composite]
    w.prepare(table, key)
    document, written = w.new_document(table, key, agree=None if table.defined else False)
    if not table.defined and w.chance(0.2):
        attribute = w.rng.choice(["id", "n"])
        written[attribute] = document[attribute] = w.rng.choice([key[-1], key[-1], Decimal(len(key[-1])), "other"])
    before = time.time_ns()
    w.expect("ok", w.calls.write_file(table.path(key), "WRONLY|CREAT|TRUNC", documents.spell(w.rng, written)))
    w.put(table, key, document, before)
    w.check_item(table, key)
    yield


def only_errno(said):
    return said.split()[-1]


def canonical(stem, kind):
    """The key that a stem is the name of, or None."""
    if kind == "S":
        return stem
    return Decimal(stem) if stem.isdigit() else None


def refiled(table, keys):
    """The items under a definition's keys; None when one would not keep its name."""
    items = {}
    for key, item in table.items.items():
        new, document = [], dict(item.document)
        for stem, (name, kind) in zip(key, keys):
            value = canonical(stem, kind)
            present = document.pop(name, value)
            if value is None or type(present) is not type(value) or present != value:
                return None
            new.append(value)
        items[tuple(new)] = (item, document)
    return items


def define(w):
    table = some_own(w)
    if not table or table.defined or not idle(w, table):
        return
    composite = len(table.keys) == 2 if table.keys else w.chance(0.5)
    keys = ((w.rng.choice(["id", "n"]), w.rng.choice("SSN")), ("range", w.rng.choice("SSN")))[:1 + composite]
    wrong_kind = table.keys and w.chance(0.1)
    items = None if wrong_kind else refiled(table, keys)
    if wrong_kind:
        keys = keys[:1] if composite else (*keys, ("range", "S"))
    got = w.calls.write_file(table.name + "/.table.json", "WRONLY|CREAT|TRUNC", definition_text(w, keys))
    if items is None:
        w.expect("write 1 EINVAL", got)
        w.expect("ENOENT", w.calls.read(table.name + "/.table.json"))
    else:
        w.expect("ok", got)
        made = {canonical(partition, keys[0][1]) for partition in table.made}
        table.keys, table.defined, table.text, table.items = keys, True, None, {}
        table.made = made - {None}
        for key, (item, document) in items.items():
            item.document, item.ino = document, None
            table.items[key] = item
    for key in table.items:
        w.settle(lambda: w.stat_problem(table, key), table.path(key))
        w.check_item(table, key)
    yield


def read_definition(w):
    table = some_own(w)
    if not table:
        return
    got = w.calls.read(table.name + "/.table.json")
    if not table.defined or table.hidden:
        w.expect("ENOENT", got)
    elif table.text is not None:
        w.expect(table.text, got, "the same definition")
    else:
        tree, want = json.loads(got), model.definition(table.keys)
        w.expect(want["KeySchema"], tree["KeySchema"])
        key = lambda attribute: attribute["AttributeName"]
        w.expect(sorted(want["AttributeDefinitions"], key=key), sorted(tree["AttributeDefinitions"], key=key))
        table.text = got
    yield


def rewrite_definition(w):
    """An equal one changes nothing, and brings a hidden one back; other keys are refused."""
    table = some_own(w)
    if not table or not table.defined:
        return
    path, other = table.name + "/.table.json", w.chance(0.3)
    keys = (("other", "S"), *table.keys[1:]) if other else table.keys
    got = w.calls.write_file(path, "WRONLY|CREAT|TRUNC", definition_text(w, keys))
    if other:
        w.expect("write 1 EINVAL", got)
    else:
        w.expect("ok", got)
        table.hidden = False
    got = w.calls.read(path)
    w.expect(table.hidden, got == "ENOENT", "hidden")
    if not table.hidden and table.text is not None:
        w.expect(table.text, got)
    if not table.hidden:
        w.expect("EACCES", w.calls.write_file(path, "WRONLY|APPEND", b"{}"))
    yield


def hide_definition(w):
    table = some_own(w)
    if not table or not table.defined:
        return
    path = table.name + "/.table.json"
    if w.chance(0.5):
        w.expect("ENOENT" if table.hidden else "ok", w.calls.unlink(path))
        w.left(path)
        table.hidden = True
    elif not table.hidden:  # as an editor does
        text, backup = w.calls.read(path), table.name + "/.table.json.swp"
        w.expect("ok", w.calls.rename(path, backup))
        w.left(path)
        w.expect(text, w.calls.read(backup))
        w.expect("ENOENT", w.calls.read(path))
        w.expect("ok", w.calls.rename(backup, path))
        w.expect(text, w.calls.read(path))
        w.expect("ENOENT", w.calls.read(backup))
    yield


def lines_in_own(w):
    table = some_own(w)
    if table and not table.defined:
        w.expect("write 1 EINVAL", w.calls.write_file(table.name + "/.items.jsonl", "WRONLY", b'{"pk": "1"}\n'))
    yield


def remove_table(w):
    table = some_own(w)
    if not table or not idle(w, table):
        return
    if table.items or table.partitions() or any(p.startswith(table.name + "/") for p in w.tree.scratch):
        w.expect("ENOTEMPTY", w.calls.rmdir(table.name))
        if w.chance(0.5):
            return
    remove_all(w, table)
    w.expect("ENOENT", w.calls.stat(table.name))
    yield


def remove_all(w, table):
    """As rm -r."""
    for key in list(table.items):
        w.expect("ok", w.calls.unlink(table.path(key)))
        w.removed(table, key)
    for partition in table.partitions():
        w.expect("ok", w.calls.rmdir(table.directory(partition)))
        w.left(table.directory(partition))
    if table.defined and not table.hidden:
        w.expect("ok", w.calls.unlink(table.name + "/.table.json"))
        w.left(table.name + "/.table.json")
    w.expect("ok", w.calls.rmdir(table.name))
    w.left(table.name)
    del w.tree.tables[table.name]


OPERATIONS = [
    (3, make_table), (8, put_own), (3, define), (3, read_definition), (2, rewrite_definition), (2, hide_definition),
    (1, lines_in_own), (1, remove_table),
]
