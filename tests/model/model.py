"""Random requests to random tables with indexes, each answer compared with that of a naive reference: a list of items,
searched from front to back.

    model.py --pipe PROGRAM | --mount MOUNTPOINT  [--seed N] [--operations N]
"""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from decimal import Decimal

from engine import Failed, Mount, Pipe
from expressions import Conditions, Placeholders, Refused, Updates, look
from views import View, puts
from values import frozen, item_from_json, item_to_json, order, to_json
import directories

TABLES = 3
ATTRIBUTES = ["aa", "bb", "cc", "dd", "ee"]
TYPES = "SNB"
VIEWS, STEPS, CHANGES = 3, 12, 60  # at once; in one; in one, of items


class Mismatch(Exception):
    pass


def same(what, expected, got):
    if expected != got:
        raise Mismatch("%s:\n  expected %r\n  got      %r" % (what, expected, got))


class Index:
    def __init__(self, name, local, hash_, range_, projection, include):
        self.name, self.local, self.hash, self.range = name, local, hash_, range_
        self.projection, self.include = projection, include

    def request(self):
        schema = [{"AttributeName": n, "KeyType": "HASH"} for n in self.hash]
        schema += [{"AttributeName": n, "KeyType": "RANGE"} for n in self.range]
        projection = {"ProjectionType": self.projection}
        if self.include:
            projection["NonKeyAttributes"] = self.include
        return {"IndexName": self.name, "KeySchema": schema, "Projection": projection}


class Table:
    def __init__(self, name, hash_, range_, types):
        self.name, self.hash, self.range, self.types = name, [hash_], [range_] if range_ else [], types
        self.indexes, self.items = {}, {}
        self.identity, self.version = object(), 0  # of this table; of its definition
        self.touches, self.images = [], []  # keys that were written; of each what was there, and what is
        self.log = None  # a view's: told of every read

    def key_names(self):
        return self.hash + self.range

    def index_names(self):
        return {name for index in self.indexes.values() for name in index.hash + index.range}

    def key(self, item):
        return {name: item[name] for name in self.key_names()}

    def peek(self, key):
        return self.items.get(frozen(key))

    def get(self, key):
        self.read("key", frozen(key))
        return self.peek(key)

    def read(self, kind, subject, shown=None):
        """`subject`: a key, or for "range" and "page" whether an item is in it and what is shown of it,
        of each or of all."""
        if self.log:
            self.log(kind, subject, shown)

    def set(self, item):
        self.replace(frozen(self.key(item)), item)

    def drop(self, key):
        self.replace(frozen(key), None)

    def replace(self, key, item):
        self.touches.append(key)
        self.images += [self.items.get(key), item]
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item

    def fits(self, item):
        """Whether every index takes the item: its key attributes are missing or of their type, and not empty."""
        for index in self.indexes.values():
            for name in index.hash + index.range:
                if name in item and (item[name][0] != self.types[name] or item[name][1] in ("", b"")):
                    return False
        return True

    def entries(self, index):
        return [item for item in self.items.values() if self.has_entry(index, item)]

    def has_entry(self, index, item):
        return item is not None and all(name in item for name in index.hash + index.range)

    def shown(self, index, item):
        if not index or index.projection == "ALL":
            return item
        names = set(self.key_names() + index.hash + index.range + (index.include or []))
        return {name: value for name, value in item.items() if name in names}


class World:
    def __init__(self, engine, rng, mountpoint=None, tables=()):
        self.rng, self.engine, self.mountpoint = rng, engine, mountpoint
        self.tables, self.made, self.calls, self.last = list(tables), 0, 0, None
        self.views, self.tokens = [], 0

    # ---- Making things up ----

    def scalar(self, kind):
        rng = self.rng
        if kind == "N":
            return "N", rng.choice([Decimal(rng.randrange(-6, 7)), Decimal(rng.randrange(-30, 30)) / 10,
                                    Decimal(rng.choice(["1e30", "-1e30", "1e-20", "123456789012345678901234567890"]))])
        pool = ["a", "ab", "abc", "b", "ba", "\u00e9", "\u20ac", "\U0001f600", "\0", "a\0b", "a\x01", "z~/%"]
        text = rng.choice(pool)
        return ("S", text) if kind == "S" else ("B", text.encode("utf-16-le")[:rng.randrange(1, 5)] or b"\xff")

    def value(self, depth=2):
        rng = self.rng
        kind = rng.choice(["S", "S", "N", "N", "B", "BOOL", "NULL", "SS", "NS", "BS"] + ["L", "M"] * bool(depth))
        if kind in TYPES:
            return self.scalar(kind)
        if kind == "BOOL":
            return kind, rng.random() < 0.5
        if kind == "NULL":
            return kind, True
        if kind == "L":
            return kind, [self.value(depth - 1) for _ in range(rng.randrange(4))]
        if kind == "M":
            return kind, {name: self.value(depth - 1) for name in rng.sample(["k", "z", "y"], rng.randrange(4))}
        return kind, frozenset(self.scalar(kind[0])[1] for _ in range(rng.randrange(1, 4)))

    def key_value(self, table, name):
        return self.scalar(table.types[name])

    def some_key(self, table):
        if table.items and self.rng.random() < 0.6:
            return table.key(self.rng.choice(list(table.items.values())))
        return {name: self.key_value(table, name) for name in table.key_names()}

    def attribute(self, table, name):
        """Index keys are mostly of their type."""
        if name in table.types and self.rng.random() < 0.97:
            return self.key_value(table, name)
        return self.value()

    def item(self, table):
        item = self.some_key(table)
        for name in ATTRIBUTES:
            if name not in item and self.rng.random() < 0.6:
                item[name] = self.attribute(table, name)
        return item

    def some_path(self):
        path = [self.rng.choice(ATTRIBUTES)]
        if self.rng.random() < 0.25:
            path.append(self.rng.choice(["k", "z", 0, 1]))
        return tuple(path)

    def operand(self, table):
        """Values that often occur at the path."""
        def some_value(path):
            if table.items and path and self.rng.random() < 0.6:
                found = look(self.rng.choice(list(table.items.values())), path)
                if found:
                    return found
            return self.attribute(table, path[0]) if path else self.value()
        return some_value

    def conditions(self, table, say):
        return Conditions(self.rng, say, self.some_path, self.operand(table))

    # ---- Calls ----

    def call(self, operation, request):
        self.calls += 1
        self.last = operation, request
        return self.engine.call(operation, request)

    def act(self, name, text):
        self.calls += 1
        self.last = name, text
        return self.engine.act(name, text)

    def crash(self, how):
        """No view survives."""
        self.views = []
        how()

    def refused(self, type_, operation, request):
        try:
            self.call(operation, request)
        except Failed as failure:
            same("the refusal of %s: %s" % (operation, failure.message), type_, failure.type)
            return failure
        raise Mismatch("%s was not refused with %s" % (operation, type_))

    # ---- Tables ----

    def create_table(self):
        rng = self.rng
        self.made += 1
        names = rng.sample(ATTRIBUTES, 2)
        table = Table("Table%d" % self.made, names[0], names[1] if rng.random() < 0.7 else None, {})
        for name in table.key_names():
            table.types[name] = rng.choice(TYPES)
        request = {"TableName": table.name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(table.key_names(), ("HASH", "RANGE"))]}
        for local in (True, False):
            for _ in range(rng.randrange(3)):
                index = self.new_index(table, local)
                if index:
                    table.indexes[index.name] = index
                    member = "LocalSecondaryIndexes" if local else "GlobalSecondaryIndexes"
                    request.setdefault(member, []).append(index.request())
        used = set(table.key_names()).union(*(index.hash + index.range for index in table.indexes.values()))
        request["AttributeDefinitions"] = self.definitions(table, used)
        self.call("CreateTable", request)
        self.tables.append(table)

    def definitions(self, table, names):
        return [{"AttributeName": name, "AttributeType": table.types[name]} for name in sorted(names)]

    def new_index(self, table, local):
        rng = self.rng
        free = [name for name in ATTRIBUTES if name not in table.key_names()]
        if local:
            if not table.range:
                return None
            hash_, range_ = list(table.hash), [rng.choice(free)]
        else:
            names = rng.sample(ATTRIBUTES, 4)
            most = 2 if rng.random() < 0.3 else 1
            hash_ = names[:rng.randrange(1, most + 1)]
            range_ = names[2:2 + rng.randrange(0, most + 1)]
        for name in hash_ + range_:
            table.types.setdefault(name, rng.choice(TYPES))
        projection = rng.choice(["ALL", "KEYS_ONLY", "INCLUDE"])
        plain = [name for name in ATTRIBUTES if name not in table.key_names() + hash_ + range_]
        include = [rng.choice(plain)] if projection == "INCLUDE" and plain else None
        if not include and projection == "INCLUDE":
            projection = "ALL"
        self.made += 1
        return Index("Index%d" % self.made, local, hash_, range_, projection, include)

    def alter_table(self, table):
        """A global index goes, or a new one is filled while it is not yet readable."""
        globals_ = [index for index in table.indexes.values() if not index.local]
        if globals_ and self.rng.random() < 0.5:
            index = self.rng.choice(globals_)
            self.call("UpdateTable", {"TableName": table.name, "GlobalSecondaryIndexUpdates": [
                {"Delete": {"IndexName": index.name}}]})
            del table.indexes[index.name]
            table.version += 1
            return
        index = self.new_index(table, False)
        self.call("UpdateTable", {
            "TableName": table.name, "AttributeDefinitions": self.definitions(table, index.hash + index.range),
            "GlobalSecondaryIndexUpdates": [{"Create": index.request()}]})
        table.indexes[index.name] = index
        table.version += 1
        if self.rng.random() < 0.5:
            self.crash(self.engine.crash)
        until = time.monotonic() + 60
        while True:
            described = self.call("DescribeTable", {"TableName": table.name})["Table"]
            if all(one["IndexStatus"] == "ACTIVE" for one in described["GlobalSecondaryIndexes"]):
                break
            if time.monotonic() > until:
                raise Mismatch("the index is not filled after a minute: %s" % described)
            time.sleep(0.002)
        # what does not fit is left out of the index, and may stay in the table
        self.misfits(table, index)

    def misfits(self, table, index):
        for item in list(table.items.values()):
            if not table.fits(item):
                self.call("DeleteItem", {"TableName": table.name, "Key": item_to_json(table.key(item))})
                table.drop(table.key(item))

    def delete_table(self, table):
        self.call("DeleteTable", {"TableName": table.name})
        self.tables.remove(table)

    # ---- Writes ----

    def write(self, operation, table, request, old, new, holds, returned):
        """`new` None: nothing is there afterwards; a Refused: the service's ValidationException. What an index does not
        take of a whole item is refused before the condition is looked at."""
        misfit = new and new is not Refused and not table.fits(new)
        if misfit and operation == "PutItem":
            self.refused("ValidationException", operation, request)
            return
        table.read("maybe" if new is Refused or misfit else "key", frozen(request_key(table, request)))
        if not holds(old):
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
            failure = self.refused("ConditionalCheckFailedException", operation, request)
            same("the refused item", old, item_from_json(failure.body["Item"]) if "Item" in failure.body else None)
            return
        if new is Refused or misfit:
            self.refused("ValidationException", operation, request)
            return
        response = self.call(operation, request)
        got = item_from_json(response["Attributes"]) if "Attributes" in response else None
        same(operation + "'s Attributes", returned(old, new) or None, got)
        if new is None:
            table.drop(request_key(table, request))
        else:
            table.set(new)

    def some_condition(self, table, say, request):
        if self.rng.random() < 0.7:
            return lambda item: True
        text, holds = self.conditions(table, say).make()
        request["ConditionExpression"] = text
        return holds

    def put(self, table):
        item, say = self.item(table), Placeholders(self.rng)
        request = {"TableName": table.name, "Item": item_to_json(item)}
        holds = self.some_condition(table, say, request)
        wants = self.rng.choice(["NONE", "ALL_OLD"])
        request["ReturnValues"] = wants
        self.write("PutItem", table, say.into(request), table.peek(table.key(item)), item, holds,
                   lambda old, new: old if wants == "ALL_OLD" else None)

    def delete(self, table):
        key, say = self.some_key(table), Placeholders(self.rng)
        request = {"TableName": table.name, "Key": item_to_json(key)}
        holds = self.some_condition(table, say, request)
        wants = self.rng.choice(["NONE", "ALL_OLD"])
        request["ReturnValues"] = wants
        self.write("DeleteItem", table, say.into(request), table.peek(key), None, holds,
                   lambda old, new: old if wants == "ALL_OLD" else None)

    def update(self, table):
        key, say = self.some_key(table), Placeholders(self.rng)
        old = table.peek(key)
        names = [name for name in ATTRIBUTES if name not in key]
        request = {"TableName": table.name, "Key": item_to_json(key)}
        text, apply, creates = Updates(self.rng, say, names, table.index_names(), self.operand(table)).make()
        request["UpdateExpression"] = text
        holds = self.some_condition(table, say, request)
        try:
            new = apply(dict(old) if old else dict(key)) if old or creates else None
        except Refused:
            new = Refused
        wants = self.rng.choice(["NONE", "ALL_OLD", "ALL_NEW"])
        request["ReturnValues"] = wants
        self.write("UpdateItem", table, say.into(request), old, new, holds,
                   lambda before, after: {"NONE": None, "ALL_OLD": before, "ALL_NEW": after}[wants])

    def batch_write(self, table):
        requests, changes, keys = [], [], set()
        for _ in range(self.rng.randrange(1, 26)):
            item = self.item(table)
            if frozen(table.key(item)) in keys or not table.fits(item):
                continue
            keys.add(frozen(table.key(item)))
            if self.rng.random() < 0.3:
                requests.append({"DeleteRequest": {"Key": item_to_json(table.key(item))}})
                changes.append((table.key(item), None))
            else:
                requests.append({"PutRequest": {"Item": item_to_json(item)}})
                changes.append((table.key(item), item))
        if not requests:
            return
        same("UnprocessedItems", {}, self.call("BatchWriteItem", {"RequestItems": {table.name: requests}})["UnprocessedItems"])
        for key, item in changes:
            table.drop(key) if item is None else table.set(item)

    # ---- Transactions of the API ----

    def some_action(self, table):
        """A request that is not refused for what it is, the item's key and what it becomes, and the condition."""
        say, item = Placeholders(self.rng), self.item(table)
        key, old = table.key(item), table.peek(table.key(item))
        kind = self.rng.choice(["Put", "Update", "Delete", "ConditionCheck"])
        request, new = {"TableName": table.name, "Key": item_to_json(key)}, old
        holds = self.some_condition(table, say, request)
        if kind == "Put":
            request["Item"], new = item_to_json(item), item
            del request["Key"]
        elif kind == "Update":
            names = [name for name in ATTRIBUTES if name not in key]
            text, apply, creates = Updates(self.rng, say, names, table.index_names(), self.operand(table)).make()
            request["UpdateExpression"] = text
            try:
                new = apply(dict(old) if old else dict(key)) if old or creates else None
            except Refused:
                return None
        elif kind == "Delete":
            new = None
        elif "ConditionExpression" not in request:
            return None
        if kind != "ConditionCheck" and new is not None and not table.fits(new):
            return None
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return table, key, old, new, holds(old), {kind: say.into(request)}

    def transact_write(self, _):
        """All or nothing: every condition that does not hold is told, and what is there."""
        actions, taken = [], set()
        for _ in range(self.rng.randrange(1, 7)):
            action = self.some_action(self.rng.choice(self.tables))
            if action and (action[0], frozen(action[1])) not in taken:
                taken.add((action[0], frozen(action[1])))
                actions.append(action)
        if not actions:
            return
        request = {"TransactItems": [action[-1] for action in actions]}
        if all(holds for *_, holds, _ in actions):
            self.call("TransactWriteItems", request)
            for table, key, _, new, _, action in actions:
                if "ConditionCheck" not in action:
                    table.drop(key) if new is None else table.set(new)
            return
        failure = self.refused("TransactionCanceledException", "TransactWriteItems", request)
        reasons = [(reason["Code"], item_from_json(reason["Item"]) if "Item" in reason else None)
                   for reason in failure.body["CancellationReasons"]]
        same("the reasons", [("None", None) if holds else ("ConditionalCheckFailed", old)
                             for _, _, old, _, holds, _ in actions], reasons)

    def transact_get(self, _):
        asked = {}
        for _ in range(self.rng.randrange(1, 7)):
            table = self.rng.choice(self.tables)
            key = self.some_key(table)
            asked[table.name, frozen(key)] = table, key
        response = self.call("TransactGetItems", {"TransactItems": [
            {"Get": {"TableName": table.name, "Key": item_to_json(key)}} for table, key in asked.values()]})
        same("TransactGetItems", [table.get(key) for table, key in asked.values()],
             [item_from_json(one["Item"]) if "Item" in one else None for one in response["Responses"]])

    # ---- Reads ----

    def get(self, table):
        key, say = self.some_key(table), Placeholders(self.rng)
        request = {"TableName": table.name, "Key": item_to_json(key)}
        names = self.some_projection(table, say, request)
        response = self.call("GetItem", say.into(request))
        item = table.get(key)
        same("GetItem", project(item, names), item_from_json(response["Item"]) if "Item" in response else None)

    def batch_get(self, table):
        keys = list({frozen(key): key for key in (self.some_key(table) for _ in range(self.rng.randrange(1, 30)))}.values())
        response = self.call("BatchGetItem", {"RequestItems": {table.name: {"Keys": [item_to_json(key) for key in keys]}}})
        same("UnprocessedKeys", {}, response["UnprocessedKeys"])
        same("BatchGetItem", many(filter(None, map(table.get, keys))),
             many(map(item_from_json, response["Responses"].get(table.name, []))))

    def some_projection(self, table, say, request, index=None):
        """The names of whole attributes, or None."""
        allowed = ATTRIBUTES
        if index and not index.local and index.projection != "ALL":
            allowed = table.key_names() + index.hash + index.range + (index.include or [])
        if self.rng.random() < 0.7:
            return None
        names = self.rng.sample(sorted(set(allowed)), self.rng.randrange(1, len(set(allowed)) + 1))
        request["ProjectionExpression"] = ", ".join(say.path((name,)) for name in names)
        return names

    def pages(self, operation, request):
        """All pages, of random sizes; the items in order, and how many were examined."""
        items, examined, counted = [], 0, 0
        while True:
            if self.rng.random() < 0.7:
                request["Limit"] = self.rng.choice([1, 2, 3, 7, 100])
            else:
                request.pop("Limit", None)
            response = self.call(operation, request)
            page = response.get("Items", [])
            if request.get("Select") == "COUNT":
                same("Items of COUNT", [], page)
            else:
                same("Count", len(page), response["Count"])
            counted += response["Count"]
            examined += response["ScannedCount"]
            items += map(item_from_json, page)
            if "LastEvaluatedKey" not in response:
                return items, examined, counted
            if "Limit" in request:
                same("ScannedCount at a limit", request["Limit"], response["ScannedCount"])
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def some_index(self, table, request):
        index = self.rng.choice([None] + list(table.indexes.values()))
        if index:
            request["IndexName"] = index.name
        return index

    def read(self, table, operation, request, say, index, has, ordered, filterable):
        """Asks for the items that `has` has, filtered and projected, and compares."""
        candidates = [item for item in table.items.values() if has(item)]
        names = self.some_projection(table, say, request, index)
        holds = lambda item: True
        if index and index.projection != "ALL":
            shown = table.key_names() + index.hash + index.range + (index.include or [])
            filterable = [name for name in filterable if name in shown]
        if self.rng.random() < 0.4 and filterable:
            conditions = Conditions(self.rng, say, lambda: filterable_path(self, filterable), self.operand(table))
            request["FilterExpression"], holds = conditions.make()
        if self.rng.random() < 0.1 and not names:
            request["Select"] = "COUNT"
        fetches = index and index.local and names
        table.read("range", has, (lambda item: item) if fetches else lambda item: table.shown(index, item))
        wanted = []
        for item in candidates:
            shown = table.shown(index, item)
            if holds(item if fetches else shown):
                wanted.append(project(item if fetches else shown, names))
        items, examined, counted = self.pages(operation, say.into(request))
        same("ScannedCount", len(candidates), examined)
        same("Count", len(wanted), counted)
        if request.get("Select") == "COUNT":
            return
        same("the items", many(wanted), many(items))
        if ordered and not names:
            keys = [[order(item[name]) for name in ordered] for item in items]
            same("the order", sorted(keys, reverse=not request.get("ScanIndexForward", True)), keys)

    def query(self, table):
        request, say = {"TableName": table.name}, Placeholders(self.rng)
        index = self.some_index(table, request)
        in_index = lambda item: table.has_entry(index, item) if index else item is not None
        hash_, range_ = (index.hash, index.range) if index else (table.hash, table.range)
        like = self.rng.choice(list(table.items.values())) if table.items else {}
        wanted = {name: like[name] if name in like and like[name][0] == table.types[name]
                  else self.key_value(table, name) for name in hash_ + range_}
        parts = ["%s = %s" % (say.path((name,)), say.value(wanted[name])) for name in hash_]
        tests = [lambda item, name=name: item[name] == wanted[name] for name in hash_]
        for at, name in enumerate(range_):
            form = self.rng.randrange(4)
            if form == 0:
                break
            if form == 1:
                parts.append("%s = %s" % (say.path((name,)), say.value(wanted[name])))
                tests.append(lambda item, name=name: item[name] == wanted[name])
                continue
            text, test = self.sort_condition(table, name, wanted[name], say)
            parts.append(text)
            tests.append(lambda item, name=name, test=test: test(order(item[name])))
            break
        self.rng.shuffle(parts)
        request["KeyConditionExpression"] = " AND ".join(parts)
        if self.rng.random() < 0.5:
            request["ScanIndexForward"] = self.rng.random() < 0.5
        has = lambda item: in_index(item) and all(test(item) for test in tests)
        plain = [name for name in ATTRIBUTES if name not in hash_ + range_]
        self.read(table, "Query", request, say, index, has, range_, plain)

    def first_page(self, table):
        """So much of a partition as one page has, and no more."""
        if not table.range or not table.items:
            return
        (hash_,), (range_,), limit = table.hash, table.range, self.rng.choice([1, 2, 3])
        value, forward = self.rng.choice(list(table.items.values()))[hash_], self.rng.random() < 0.5
        say = Placeholders(self.rng)
        request = {"TableName": table.name, "Limit": limit, "ScanIndexForward": forward,
                   "KeyConditionExpression": "%s = %s" % (say.path((hash_,)), say.value(value))}
        has = lambda item: item is not None and item[hash_] == value
        page = lambda items: sorted(items, key=lambda item: order(item[range_]), reverse=not forward)[:limit]
        table.read("page", has, page)
        response = self.call("Query", say.into(request))
        same("the first page", page(filter(has, table.items.values())), list(map(item_from_json, response["Items"])))

    def sort_condition(self, table, name, value, say):
        kind = self.rng.choice(["<", "<=", ">", ">=", "BETWEEN", "begins_with"])
        key, said = order(value), say.path((name,))
        if kind == "BETWEEN":
            other = self.key_value(table, name)
            low, high = sorted((value, other), key=order)
            return ("%s BETWEEN %s AND %s" % (said, say.value(low), say.value(high)),
                    lambda found: order(low) <= found <= order(high))
        if kind == "begins_with" and value[0] != "N":
            prefix = value[0], value[1][:self.rng.randrange(1, len(value[1]) + 1)]
            return ("begins_with(%s, %s)" % (said, say.value(prefix)), lambda found: found.startswith(order(prefix)))
        if kind == "begins_with":
            kind = "<="
        return "%s %s %s" % (said, kind, say.value(value)), {
            "<": lambda found: found < key, "<=": lambda found: found <= key,
            ">": lambda found: found > key, ">=": lambda found: found >= key}[kind]

    def scan(self, table):
        request, say = {"TableName": table.name}, Placeholders(self.rng)
        index = self.some_index(table, request)
        has = lambda item: table.has_entry(index, item) if index else item is not None
        if self.rng.random() < 0.3:
            table.read("range", has, lambda item: table.shown(index, item))
            total = self.rng.randrange(1, 6)
            found = []
            for segment in range(total):
                found += self.pages("Scan", {**request, "Segment": segment, "TotalSegments": total})[0]
            candidates = filter(has, table.items.values())
            same("all segments", many(table.shown(index, item) for item in candidates), many(found))
            return
        self.read(table, "Scan", request, say, index, has, [], ATTRIBUTES)

    def counts(self, table):
        described = self.call("DescribeTable", {"TableName": table.name})["Table"]
        same("ItemCount", len(table.items), described["ItemCount"])
        indexes = described.get("LocalSecondaryIndexes", []) + described.get("GlobalSecondaryIndexes", [])
        same("the indexes", sorted(table.indexes), sorted(index["IndexName"] for index in indexes))
        for index in indexes:
            same("ItemCount of " + index["IndexName"], len(table.entries(table.indexes[index["IndexName"]])), index["ItemCount"])

    def listings(self, table):
        if self.mountpoint:
            directories.check(self.mountpoint, table, same)

    # ---- Views ----

    def some_view(self, _):
        if len(self.views) < VIEWS and self.rng.random() < (0.15 if self.views else 1):
            self.views.append(View(self, self.rng.choice(["transaction", "transaction", "snapshot"])))
            return
        view = self.rng.choice(self.views)
        inside = view.world
        operations = {inside.get: 10, inside.batch_get: 3, inside.query: 10, inside.scan: 3, inside.counts: 1,
                      inside.first_page: 10, inside.transact_get: 2}
        if view.kind == "transaction" and len(list(view.written())) < CHANGES:
            operations.update({inside.put: 20, inside.update: 20, inside.delete: 10, inside.batch_write: 1})
        if view.steps < STEPS and self.rng.random() < 0.8:
            view.step(operations)
            return
        self.views.remove(view)
        if view.kind == "transaction" and self.rng.random() < 0.8:
            self.commit(view)
        view.end()

    def commit(self, view):
        self.tokens += 1
        token = "token%d" % self.tokens if self.rng.random() < 0.3 else ""
        verdict, answer = view.commit(token)
        if answer is None:
            same("a commit that was refused", True, verdict != "succeed")
            return
        same("a commit", True, verdict != "fail")
        same("repeated", False, answer["repeated"])
        same("its changes, at least", True, answer["changes"] >= view.changed())
        view.apply()
        if token and puts(view):
            self.repeat(puts(view), token)

    def repeat(self, items, token):
        """The same again has no effect; anything else is another transaction."""
        for more in range(2):
            number = self.act(".begin", "transaction")["view"]
            for table, item in items[more:]:
                self.call("%d/PutItem" % number, {"TableName": table, "Item": item_to_json(item)})
            try:
                answer = self.act(".commit", "%d/%s" % (number, token))
                same("a token's second use", (0, True, 0), (more, answer["repeated"], answer["changes"]))
            except Failed as failure:
                same("a token's other use", (1, "IdempotentParameterMismatchException"), (more, failure.type))
            self.act(".end", "%d/" % number)

    # ---- The run ----

    def step(self):
        if not self.views:
            for table in self.tables:
                table.touches, table.images = [], []
        if len(self.tables) < TABLES:
            self.create_table()
            return
        table = self.rng.choice(self.tables)
        operation, = self.rng.choices(
            [self.put, self.update, self.delete, self.batch_write, self.get, self.batch_get, self.query, self.scan,
             self.counts, self.listings, self.alter_table, self.delete_table, self.some_view,
             self.transact_write, self.transact_get],
            [30, 30, 12, 2, 8, 3, 20, 8, 2, 8 if self.mountpoint else 0, 0.3, 0.05, 0 if self.mountpoint else 60,
             8, 3])
        operation(table)
        if self.rng.random() < 0.0005:
            self.crash(self.rng.choice([self.engine.crash, self.engine.restart]))


def request_key(table, request):
    whole = item_from_json(request.get("Key", request.get("Item")))
    return table.key(whole)


def filterable_path(world, names):
    path = [world.rng.choice(names)]
    if world.rng.random() < 0.25:
        path.append(world.rng.choice(["k", "z", 0, 1]))
    return tuple(path)


def project(item, names):
    if item is None or names is None:
        return item
    return {name: value for name, value in item.items() if name in names}


def many(items):
    """A multiset."""
    counts = {}
    for item in items:
        key = frozen(item)
        counts[key] = counts.get(key, 0) + 1
    return counts


def run(world, operations):
    for _ in range(operations):
        try:
            world.step()
        except Exception:
            print("call %d: %s %s" % (world.calls, world.last[0], json.dumps(world.last[1])), file=sys.stderr)
            raise


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe")
    parser.add_argument("--mount")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operations", type=int, default=20000)
    options = parser.parse_args()
    if os.environ.get("DYNAMOUNT_LONG"):
        options.operations *= 50
    store = tempfile.mkdtemp(prefix="dynamount-model-")
    engine = Mount(options.mount) if options.mount else Pipe(options.pipe, store)
    try:
        run(World(engine, random.Random(options.seed), options.mount), options.operations)
        engine.stop()
    except Exception:
        traceback.print_exc()
        print("seed %d" % options.seed, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
