"""Transactions and snapshots by files."""
import json
import os
import time
import world
from client import Away, Refused
from single import append_to


class View:
    """A directory below .txn or .snapshot, and what was seen and staged there."""

    def __init__(self, client, parent):
        self.client, self.name = client, "v%d-%d" % (client.process, client.number)
        self.path = "%s/%s/" % (parent, self.name)
        began = time.monotonic_ns()
        client.try_call(os.mkdir, self.path[:-1])
        self.begin = [began, time.monotonic_ns()]
        self.steps, self.touched = [], set()

    def staged(self, *step):
        self.steps.append(list(step))
        self.touched |= world.keys_written([step])

    # ---- Looks ----

    def look(self):
        self.client.rng.choices([self.see_item, self.see_item_by_stat, self.list_items, self.query, self.query_index,
                                 self.list_partitions, self.list_colors, self.lines], [8, 3, 3, 3, 3, 1, 2, 1])[0]()

    def see_item(self):
        self.steps.append(self.client.see(self.client.key(), self.path))

    def see_item_by_stat(self):
        key = self.client.key()
        found = self.exists("%s%s.json" % (self.path, key))
        self.steps.append(["see", {"key": key}, {key: True} if found else {}])

    def exists(self, path):
        try:
            self.client.try_call(os.stat, path)
            return True
        except Refused as refusal:
            if refusal.answer != "ENOENT":
                raise
            return False

    def names(self, path):
        return self.client.names(self.path + path)

    def list_items(self):
        table = self.client.rng.choice([world.FLAT, world.TREE])
        scope = {"table": table}
        if table == world.TREE:
            scope["pk"] = self.client.rng.choice(world.PARTITIONS)
        directory = "/".join(scope.values())
        self.seen_names(scope, [directory + "/" + name for name in self.names(directory)])

    def seen_names(self, scope, keys):
        if len(set(keys)) != len(keys):
            raise ValueError("a name twice in %s: %s" % (scope, keys))
        self.steps.append(["see", scope, dict.fromkeys(keys, True)])

    def list_partitions(self):
        self.steps.append(["listed", world.TREE, self.names(world.TREE)])

    def list_colors(self):
        table = self.client.rng.choice([world.FLAT, world.TREE])
        self.steps.append(["colors", table, self.names(table + "/.index/by_color")])

    def query(self):
        """Of a range, or a scan, each perhaps with a filter; the documents, or just the names."""
        rng, path, scope = self.client.rng, [], {"table": world.TREE}
        if rng.random() < 0.7:
            scope["pk"] = rng.choice(world.PARTITIONS)
            path.append("pk=" + scope["pk"])
            for name, bound in zip(("ge", "lt"), sorted(rng.sample(world.SORTS, 2))):
                if rng.random() < 0.5:
                    scope[name] = bound
                    path.append("sk.%s=%s" % (name, bound))
        else:
            scope["table"] = rng.choice([world.FLAT, world.TREE])
            path.append("page=%d" % rng.choice([2, 1000]))
        if rng.random() < 0.4 or not path:
            scope["color"] = rng.choice(world.COLORS)
            path.append("filter=color = '%s'" % scope["color"])
        self.results("%s/.query/%s" % (scope["table"], "/".join(path)), scope)

    def query_index(self):
        table, color = self.client.rng.choice([world.FLAT, world.TREE]), self.client.rng.choice(world.COLORS)
        kind = self.client.rng.randrange(3)
        if kind == 0:
            pk = self.client.rng.choice(world.PARTITIONS)
            scope = {"table": world.TREE, "pk": pk, "ranked": True}
            self.results("%s/.index/by_rank/.query/pk=%s" % (world.TREE, pk), scope)
        elif kind == 1:
            self.results("%s/.index/by_color/.query/pk=%s" % (table, color), {"table": table, "color": color})
        else:
            parts = 1 if table == world.FLAT else 2
            names = self.names("%s/.index/by_color/%s" % (table, color))
            keys = ["/".join([table] + name.split("~")[-parts:]) for name in names]
            self.seen_names({"table": table, "color": color}, keys)

    def results(self, path, scope):
        self.steps.append(self.client.items("%s%s/items.jsonl" % (self.path, path), scope))

    def lines(self):
        table = self.client.rng.choice([world.FLAT, world.TREE])
        self.steps.append(self.client.items("%s%s/.items.jsonl" % (self.path, table), {"table": table}))

    # ---- Changes ----

    def change(self):
        changes = [(5, self.put), (4, self.set), (4, self.append), (3, self.remove), (2, self.move), (1, self.exclusive),
                   (1, self.put_lines), (1, self.move_partition)]
        weights, choices = zip(*changes)
        self.client.rng.choices(choices, weights)[0]()

    def put(self):
        key, document = self.client.key(), self.client.document()
        self.client.write("%s%s.json" % (self.path, key), document, os.O_TRUNC)
        self.staged("put", key, document)

    def exclusive(self):
        key, document = self.client.key(), self.client.document()
        try:
            self.client.write("%s%s.json" % (self.path, key), document, os.O_EXCL)
        except Refused as refusal:
            if refusal.answer != "EEXIST":
                raise
            self.steps.append(["see", {"key": key}, {key: True}])
            return
        self.steps.append(["see", {"key": key}, {}])
        self.staged("put", key, document)

    def set(self):
        key, attributes = self.client.key(), self.client.attributes()
        self.client.write("%s%s.json" % (self.path, key), attributes, os.O_APPEND)
        self.staged("set", key, attributes)

    def append(self):
        key, token = self.client.key(), self.client.token()
        try:
            append_to(self.client, key, token, self.path)
        except Refused as refusal:
            if refusal.answer not in ("ENOENT", "EINVAL"):
                raise
            return
        self.steps.append(["see", {"key": key}, {key: True}])
        self.staged("append", key, token)

    def absent(self, call, key):
        """Whether the call found no item, which is as good as a look."""
        try:
            self.client.try_call(*call)
        except Refused as refusal:
            if refusal.answer != "ENOENT":
                raise
            self.steps.append(["see", {"key": key}, {}])
            return True
        self.steps.append(["see", {"key": key}, {key: True}])
        return False

    def remove(self):
        key = self.client.key()
        if not self.absent((os.unlink, "%s%s.json" % (self.path, key)), key):
            self.staged("remove", key)

    def move(self):
        key = self.client.key()
        target = self.client.key(world.table_of(key))
        if key == target:
            return
        if target.startswith(world.TREE):
            self.client.partition("%s%s.json" % (self.path, target))
        if not self.absent((os.rename, "%s%s.json" % (self.path, key), "%s%s.json" % (self.path, target)), key):
            self.staged("move", key, target)

    def move_partition(self):
        """To a key of which there is nothing."""
        source, target = self.client.rng.sample(world.PARTITIONS, 2)
        try:
            self.client.try_call(os.rename, *("%s%s/%s" % (self.path, world.TREE, name) for name in (source, target)))
        except Refused as refusal:
            if refusal.answer == "ENOENT":
                self.steps.append(["see", {"table": world.TREE, "pk": source}, {}])
            elif refusal.answer not in ("ENOTEMPTY", "EEXIST"):
                raise
            return
        self.steps.append(["see", {"table": world.TREE, "pk": target}, {}])
        for sort in world.SORTS:
            self.staged("move", *("/".join([world.TREE, name, sort]) for name in (source, target)))

    def put_lines(self):
        keys = self.client.rng.sample(world.chosen(table=self.client.rng.choice([world.FLAT, world.TREE])), 3)
        lines = {key: self.client.document() for key in keys}
        text = "".join(json.dumps({**world.key_attributes(key), **document}) + "\n" for key, document in lines.items())
        self.client.write("%s%s/.items.jsonl" % (self.path, world.table_of(keys[0])), text, os.O_APPEND)
        for key, document in lines.items():
            self.staged("put", key, document)

    def condition(self):
        key, color = self.client.key(), self.client.rng.choice(world.COLORS)
        text, need = self.client.rng.choice([
            ("attribute_exists(w)", ["need", {"key": key}, {key: True}]),
            ("attribute_not_exists(w)", ["need", {"key": key}, {}]),
            ("not (color = '%s')" % color, ["need", {"key": key, "color": color}, {}])])
        line = {"path": key + ".json", "condition": text}
        self.client.write(self.path + ".conditions.jsonl", line, os.O_APPEND)
        self.steps.append(need)

    # ---- Ends ----

    def drop(self):
        self.client.try_call(os.rmdir, self.path[:-1])

    def commit(self, name):
        self.client.try_call(os.rename, self.path[:-1], ".txn/committed/" + name)


def transaction(client):
    """Looks and changes, and a commit, or an abort, or a refusal: then it was a snapshot."""
    rng = client.rng
    view, outcome, span = View(client, ".txn"), "no", None
    try:
        for _ in range(rng.choice([1, 2, 3, 3, 4, 6, 9])):
            view.look() if rng.random() < 0.55 else view.change()
        if rng.random() < 0.2:
            view.condition()
        if view.touched:
            view.put()  # so that it has a token of its own, whatever came after the others
        if rng.random() < 0.1:
            view.drop()
        else:
            began, outcome = time.monotonic_ns(), "unknown"
            try:
                view.commit(view.name)
                outcome = "ok"
            except Refused as refusal:
                if refusal.answer != "ECANCELED":
                    raise
                outcome = "no"
            span = [began, time.monotonic_ns()]
            if outcome == "no":
                reasons_of(client, view)
                view.drop()
    except Away:
        if outcome == "unknown":
            span = [began, time.monotonic_ns()]
        raise
    finally:
        client.record("transaction", outcome, view.steps, view.begin, span)


def reasons_of(client, view):
    reasons = json.loads(client.read(view.path + ".reasons.json"))
    if not reasons or not all(reason["Code"] and reason["Message"] for reason in reasons):
        raise ValueError("cancelled for no reason: %s" % reasons)


def token_transaction(client):
    """Whole documents under a token: the same again is the same transaction."""
    steps = [["put", key, client.document()] for key in client.rng.sample(world.KEYS, client.rng.randint(1, 4))]
    token = client.token()

    def stage_and_commit():
        view = View(client, ".txn")
        try:
            for _, key, document in steps:
                client.write("%s%s.json" % (view.path, key), document, os.O_TRUNC)
            view.commit("k" + token)
        except Refused:
            view.drop()
            raise
    client.lasting("token", steps, stage_and_commit, True, ("ECANCELED",))


def snapshot(client):
    view = View(client, ".snapshot")
    try:
        for _ in range(client.rng.randint(2, 8)):
            view.look()
        view.drop()
    finally:
        client.record("snapshot", "no", view.steps, view.begin)


def whole(client):
    """Everything, as of one moment."""
    view = View(client, ".snapshot")
    for table in (world.FLAT, world.TREE):
        view.results(table + "/.query/page=1000", {"table": table})
    view.drop()
    client.record("whole", "no", view.steps, view.begin)


OPERATIONS = [(40, transaction), (10, token_transaction), (8, snapshot), (4, whole)]
