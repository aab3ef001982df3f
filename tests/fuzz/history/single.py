"""Operations of one moment, by files and by the API."""
import os
import time
import world
from client import Refused

STALE = ("ESTALE",)


def put_file(client):
    key, document = client.key(), client.document()
    client.single("put", [["put", key, document]],
                  lambda: client.write(key + ".json", document, os.O_TRUNC), STALE)


def set_file(client):
    key, attributes = client.key(), client.attributes()
    client.single("set", [["set", key, attributes]],
                  lambda: client.write(key + ".json", attributes, os.O_APPEND), STALE)


def put_lines(client):
    key, document = client.key(), client.document()
    line = {**world.key_attributes(key), **document}
    client.single("lines", [["put", key, document]],
                  lambda: client.write(world.table_of(key) + "/.items.jsonl", line, os.O_APPEND), STALE)


def append_xattr(client):
    """Of what has a list; else nothing happens."""
    key, token = client.key(), client.token()
    client.single("user.update", [["see", {"key": key}, {key: True}], ["append", key, token]],
                  lambda: append_to(client, key, token), ("ENOENT", "EINVAL", "ESTALE"))


def append_to(client, key, token, view=""):
    """A literal cannot be a list, so the token goes behind the end."""
    client.try_call(os.setxattr, "%s%s.json" % (view, key), "user.update",
                    ("SET ids[99999] = '%s', w = '%s'" % (token, token)).encode())


def remove_file(client):
    """Only the owner of a key removes it by itself, so that a removal in the stream has one maker."""
    key = client.rng.choice(client.owned)
    client.single("unlink", [["see", {"key": key}, {key: True}], ["remove", key]],
                  lambda: client.try_call(os.unlink, key + ".json"), ("ENOENT", "ESTALE"))


def rename_file(client):
    key = client.rng.choice(client.owned)
    target = client.key(world.table_of(key))
    if key == target:
        return

    def rename():
        client.partition(target + ".json") if target.startswith(world.TREE) else None
        client.try_call(os.rename, key + ".json", target + ".json")
    client.single("rename", [["see", {"key": key}, {key: True}], ["move", key, target]], rename, ("ENOENT", "ESTALE"))


def list_files(client):
    """Names, or documents of a query: each of them of a moment of its own."""
    table, partition = client.rng.choice([(world.FLAT, None), *((world.TREE, p) for p in world.PARTITIONS)])
    directory = "/".join(filter(None, (table, partition)))
    kind, began = client.rng.choice(["names", "documents"]), time.monotonic_ns()
    if kind == "documents":
        query = "pk=" + partition if partition else "page=%d" % client.rng.choice([3, 1000])
        found = client.items("%s/.query/%s/items.jsonl" % (table, query), {"table": table})[2]
    else:
        found = {"%s/%s" % (directory, name): True for name in client.names(directory)}
    span = [began, time.monotonic_ns()]
    for key in world.chosen(table=table, pk=partition):
        client.record(kind, "ok", [["see", {"key": key}, {key: found[key]} if key in found else {}]], commit=span)


def read_file(client):
    key = client.key()
    client.single("read", [], lambda: [client.see(key)], STALE)


# ---- The API ----

def place(key):
    return {"TableName": world.table_of(key), "Key": typed_key(key)}


def typed_key(key):
    return world.typed(world.key_attributes(key))


def seen(key, item):
    """A step for an image that the API returned, or its want."""
    return ["see", {"key": key}, {key: world.document_of(world.untyped_item(item))} if item else {}]


def appending(token):
    return {"UpdateExpression": "SET ids = list_append(if_not_exists(ids, :e), :t), w = :w",
            "ExpressionAttributeValues": {":e": {"L": []}, ":t": {"L": [{"S": token}]}, ":w": {"S": token}}}


def api_put(client):
    key, document = client.key(), client.document()
    request = {"TableName": world.table_of(key), "ReturnValues": "ALL_OLD",
               "Item": {**typed_key(key), **world.typed(document)}}
    exclusive = client.rng.random() < 0.3
    if exclusive:
        request.update({"ConditionExpression": "attribute_not_exists(w)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
    conditional(client, "PutItem", request, key, [["put", key, document]])


def api_append(client):
    key, token = client.key(), client.token()
    request = {**place(key), **appending(token), "ReturnValues": "ALL_OLD"}
    conditional(client, "UpdateItem", request, key, [["append", key, token]])


def api_delete(client):
    key = client.rng.choice(client.owned)
    conditional(client, "DeleteItem", {**place(key), "ReturnValues": "ALL_OLD"}, key, [["remove", key]])


def conditional(client, operation, request, key, steps):
    """What the reply shows of before is seen at the same moment; also that of a condition that did not hold."""
    def call():
        try:
            reply = client.api(operation, request)
        except Refused as refusal:
            if refusal.answer != "ConditionalCheckFailedException" or "Item" not in refusal.reply:
                raise
            return [seen(key, refusal.reply["Item"])]
        return [seen(key, reply.get("Attributes"))] + (steps if steps[0][0] != "remove" or "Attributes" in reply else [])
    client.single(operation, steps, call)


def api_get(client):
    key = client.key()
    client.single("GetItem", [], lambda: [
        seen(key, client.api("GetItem", {**place(key), "ConsistentRead": True}).get("Item"))])


def api_transact_get(client):
    keys = client.rng.sample(world.KEYS, client.rng.randint(2, 8))

    def call():
        reply = client.api("TransactGetItems", {"TransactItems": [{"Get": place(key)} for key in keys]})
        return [seen(key, response.get("Item")) for key, response in zip(keys, reply["Responses"])]
    client.single("TransactGetItems", [], call, ("TransactionCanceledException", "TransactionConflictException"))


def api_query(client):
    partition, low = client.rng.choice(world.PARTITIONS), client.rng.choice(world.SORTS)
    color = client.rng.choice(world.COLORS)
    scope, request = client.rng.choice([
        ({"table": world.TREE, "pk": partition, "ge": low}, {
            "KeyConditionExpression": "pk = :a AND sk >= :b",
            "ExpressionAttributeValues": {":a": {"S": partition}, ":b": {"S": low}}, "ConsistentRead": True}),
        ({"table": world.FLAT, "color": color}, {
            "IndexName": "by_color", "KeyConditionExpression": "color = :a",
            "ExpressionAttributeValues": {":a": {"S": color}}}),
        ({"table": world.TREE, "pk": partition, "ranked": True}, {
            "IndexName": "by_rank", "KeyConditionExpression": "pk = :a", "ConsistentRead": True,
            "ExpressionAttributeValues": {":a": {"S": partition}}}),
        ({"table": world.TREE}, {})])

    def call():
        reply = client.api("Query" if request else "Scan", {"TableName": scope["table"], **request})
        if "LastEvaluatedKey" in reply:
            raise ValueError("a page of few items is not the last")
        items = [world.untyped_item(item) for item in reply["Items"]]
        found = {world.key_of(scope["table"], item): world.document_of(item) for item in items}
        if len(found) != len(items):
            raise ValueError("twice in one result: %s" % items)
        return [["see", scope, found]]
    client.single("Query" if request else "Scan", [], call)


def api_transact_write(client):
    """Deletions ask for what they delete: which removal in the stream is theirs is certain, then."""
    keys = client.rng.sample(world.KEYS, client.rng.randint(1, 5))
    steps, actions = [], []
    for at, key in enumerate(keys):
        kind = client.rng.choice(["put", "append", "append", "delete", "check"]) if at else "append"
        if kind == "put":
            document = client.document()
            steps.append(["put", key, document])
            actions.append({"Put": {"TableName": world.table_of(key), "Item": {**typed_key(key), **world.typed(document)}}})
        elif kind == "append":
            token = client.token()
            steps.append(["append", key, token])
            actions.append({"Update": {**place(key), **appending(token)}})
        else:
            steps.append(["need", {"key": key}, {key: True}])
            steps += [["remove", key]] if kind == "delete" else []
            action = "Delete" if kind == "delete" else "ConditionCheck"
            actions.append({action: {**place(key), "ConditionExpression": "attribute_exists(w)"}})
    request = {"TransactItems": actions}
    if client.rng.random() < 0.5:
        request["ClientRequestToken"] = client.token()
    client.lasting("TransactWriteItems", steps, lambda: client.api("TransactWriteItems", request),
                   "ClientRequestToken" in request, ("TransactionCanceledException", "TransactionConflictException"))


OPERATIONS = [(6, put_file), (6, set_file), (3, put_lines), (6, append_xattr), (4, remove_file), (4, rename_file),
              (12, read_file), (4, list_files), (4, api_put), (6, api_append), (2, api_delete), (6, api_get),
              (6, api_transact_get), (8, api_query), (12, api_transact_write)]
