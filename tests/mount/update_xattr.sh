# user.update: an UpdateExpression, run atomically, by setting an attribute.
. "$TESTS/lib.sh" || exit 1
export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

start
mkdir "$mnt/Users" "$mnt/Orders"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Users/.table.json"
u=$mnt/Users/alice.json
echo '{"name":"Alice","visits":1,"tags":{"$ss":["a"]},"address":{"city":"Bonn"},"list":[1,2]}' >"$u"
update() { setfattr -n user.update -v "$1" "${2:-$u}"; }
# becomes WHAT EXPRESSION FILTER EXPECTED
becomes() {
  check "$1" update "$2"
  same "$1" "$4" "$(jq -c "$3" "$u")"
}
becomes "SET a number" "SET visits = visits + 1" .visits 2
becomes "single quotes" "SET name = 'Alice O' REMOVE nothing" .name '"Alice O"'
becomes "double quotes" 'SET name = "it'"'"'s"' .name "\"it's\""
becomes "literals" "SET yes = true, no = false, nil = null, num = -1.5e2" '[.yes, .no, .nil, .num]' '[true,false,null,-150]'
becomes "reserved words and quoted names" 'SET size = 3, `a b` = 4' '[.size, ."a b"]' '[3,4]'
becomes "nested" "SET address.city = 'Köln', list[1] = 'two'" '[.address.city, .list[1]]' '["Köln","two"]'
becomes "functions" "SET first = if_not_exists(first, 7), list = list_append(list, list)" '[.first, (.list | length)]' '[7,4]'
becomes "the old image on the right" "SET visits = num, num = visits" '[.visits, .num]' '[-150,2]'
becomes "ADD" "ADD visits 200" .visits 50
becomes "REMOVE" "REMOVE address, list[0]" '[.address, (.list | length)]' '[null,3]'
becomes "several clauses" "remove yes, no set x = 1 add num 1" '[.yes, .x, .num]' '[null,1,3]'

check "what it answers" python3 - <<'PYTHON'
from calls import *
f = "Users/alice.json"
def update(expression, path=f, flags=0):
    return call(os.setxattr, path, "user.update", expression.encode(), flags)
before = read(f)
for expression, why in {
    "": "Invalid UpdateExpression: The expression can not be empty;",
    "SET": "Invalid UpdateExpression: Syntax error;",
    "SET a = :v": "Invalid UpdateExpression: ",
    "SET #a = 1": "Invalid UpdateExpression: ",
    "SET a = 1, a = 2": "Invalid UpdateExpression: Two document paths overlap with each other;",
    "SET a = 1 SET b = 2": "Invalid UpdateExpression: ",
    "SET id = 'x'": "Cannot update attribute id. This attribute is part of the key",
    "SET none.a = 1": "The document path provided in the update expression is invalid for update",
    "SET a = name + 1": "",
    "ADD name 1": "",
    "SET a = " + "x" * 4096: "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;",
    "SET a = 1E200": "",
    "SET a = " + "(" * 2000 + "1" + ")" * 2000: "",
}.items():
    same("refused: " + expression[:40], "EINVAL", update(expression))
    same("recorded: " + expression[:40], "%s setxattr EINVAL ValidationException" % f, last("path", "operation", "errno", "type"))
    same("why: " + expression[:40] + ": " + last("message"), True, why in last("message"))
for raw in (b"SET a = '\xff'", b"SET `\xc3` = 1"):
    same("no text", ("EINVAL", "An expression is UTF-8 text"), (call(os.setxattr, f, "user.update", raw), last("message")))
same("nothing has changed", before, read(f))
write("Users/big.json", json.dumps({"a": "x" * 300000}))
same("too large", "EFBIG", update("SET b = a", "Users/big.json"))
same("why", "Item size to update has exceeded the maximum allowed size", last("message"))
same("a file that is not there", "ENOENT", update("SET a = 1", "Users/nobody.json"))
same("it is not made", "ENOENT", read("Users/nobody.json"))
same("write-only", "EACCES", call(os.getxattr, f, "user.update"))
same("not to be removed", "EACCES", call(os.removexattr, f, "user.update"))
same("not listed", [], call(os.listxattr, f))
for path in ("Users", ".status", "Users/.table.json", "Users/.items.jsonl", ""):
    same("not of /" + path, "ENOTSUP", update("SET a = 1", path))
same("not of a query's entry", "EACCES", update("SET a = 1", "Users/.query/pk=alice/alice.json"))
same("flags do not matter", ("ok", "ok"), (update("SET flag = 1", flags=os.XATTR_CREATE), update("SET flag = 2", flags=os.XATTR_REPLACE)))

# the change is seen by everyone at once; who has the file open goes on with what he opened
for turn in range(50):
    held = open(mnt + f)
    size, seen = os.fstat(held.fileno()).st_size, os.stat(mnt + f).st_size
    same("updated", "ok", update("SET turn = '%s'" % ("x" * turn)))
    same("new text", "x" * turn, json.loads(read(f))["turn"])
    same("typed text", {"S": "x" * turn}, json.loads(read("Users/.typed/alice.json"))["turn"])
    same("new size", len(read(f)), os.stat(mnt + f).st_size)
    same("what is open stays", size, len(held.read()))
    held.close()
same("also in its typed file", "ok", update("SET turn = 1", "Users/.typed/alice.json"))
same("seen in the plain one", 1, json.loads(read(f))["turn"])
os.utime(mnt + f, ns=(1, 1))
same("it has changed now", ("ok", True), (update("SET turn = 2"), os.stat(mnt + f).st_mtime_ns > 1))

# many at once: none is lost
same("a counter", "ok", write("Users/counter.json", '{"n":0}'))
children = []
for child in range(4):
    pid = os.fork()
    if not pid:
        for i in range(100):
            if update("ADD n 1", "Users/counter.json") != "ok":
                os._exit(1)
        os._exit(0)
    children.append(pid)
same("all updates succeed", [0] * 4, [os.waitpid(pid, 0)[1] for pid in children])
same("none is lost", 400, json.loads(read("Users/counter.json"))["n"])

# a provisional table's items, too; not its keys
same("provisional", ("ok", "ok"), (write("Orders/a.json", '{"n":1}'), update("SET n = n + 1", "Orders/a.json")))
same("updated", 2, json.loads(read("Orders/a.json"))["n"])
finish()
PYTHON
stop
start ro
refused "read-only" update "SET a = 1"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
