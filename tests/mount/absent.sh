# A name that was looked up in vain, and comes to exist by another path than its own, is there as soon as that is acknowledged.
. "$TESTS/lib.sh" || exit 1
export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

start
mkdir "$mnt/Users"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Users/.table.json"

check "it is there at once" python3 - <<'PYTHON'
from calls import *


def by_api(name):
    file = os.open(mnt + ".api/PutItem", os.O_RDWR)
    os.write(file, json.dumps({"TableName": "Users", "Item": {"id": {"S": name}}}).encode())
    same("the answer", b"{}", os.read(file, 1000).strip())
    os.close(file)


def by_transaction(name):
    same("begin", "ok", call(os.mkdir, ".txn/" + name))
    same("a put", "ok", write(".txn/%s/Users/%s.json" % (name, name), "{}"))
    same("commit", "ok", rename(".txn/" + name, ".txn/committed/" + name))


ways = {"the API": by_api, "a transaction": by_transaction,
        "a line": lambda name: same("a line", "ok", write("Users/.items.jsonl", json.dumps({"id": name}))),
        "typed": lambda name: same("typed", "ok", write("Users/.typed/%s.json" % name, "{}"))}
for way, put in ways.items():
    for number in range(100):
        name = "%s%d" % (way.replace(" ", "-"), number)
        same("before", "ENOENT", call(os.stat, "Users/%s.json" % name))
        put(name)
        same("by " + way, True, isinstance(call(os.stat, "Users/%s.json" % name), os.stat_result))
finish()
PYTHON
finish
