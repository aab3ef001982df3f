# .table.json: canonical bytes, the spellings it takes, what changes nothing, hiding and showing; provisional tables of both kinds.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "definitions" python3 - <<'PYTHON'
from calls import *
table("Users")
file = "Users/.table.json"
plain = read(file)
def look():
    st = os.stat(mnt + file)
    return st.st_mtime_ns, st.st_ino, st.st_size
first = look()

# the same definition, however it is written, changes nothing
whole = {**json.loads(plain), "TableName": "Another", "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": False, "TableClass": "STANDARD",
         "StreamSpecification": {"StreamEnabled": False}, "SSESpecification": {"Enabled": False}, "Tags": [],
         "TimeToLiveSpecification": {"AttributeName": "x", "Enabled": False}}
for text in (plain, json.dumps(json.loads(plain)), json.dumps(whole), json.dumps({"Type": "AWS::DynamoDB::Table", "Properties": whole})):
    same("written again: " + text, "ok", write(file, text))
    same("is as it was", (plain, first), (read(file), look()))
for text in ("", " \n"):
    same("truncation alone", "ok", write(file, text))
    same("changes nothing", (plain, first), (read(file), look()))
same("truncate", "ok", call(os.truncate, file, 0))
same("changes nothing", (plain, first), (read(file), look()))

# CloudFormation's spellings, in another order
members = {
    "KeySchema": [{"KeyType": "HASH", "AttributeName": "id"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "N"}],
    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}, "SSESpecification": {"SSEEnabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "Tags": [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}], "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"},
    "GlobalSecondaryIndexes": [
        {"IndexName": name, "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": projection}
        for name, projection in (("byZ", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["q", "a"]}), ("byA", {"ProjectionType": "ALL"}))]}
same("CloudFormation", "ok", write(file, json.dumps({"Type": "AWS::DynamoDB::Table", "Properties": members})))
shown = json.loads(read(file))
same("its members", ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "StreamSpecification", "SSESpecification", "Tags",
                     "TimeToLiveSpecification"], list(shown))
same("its stream", {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}, shown["StreamSpecification"])
same("its lists are in one order", ["byA byZ", "a b", "g id", "a q"],
     [" ".join(row[name] for row in shown[part]) for part, name in (("GlobalSecondaryIndexes", "IndexName"), ("Tags", "Key"),
                                                                    ("AttributeDefinitions", "AttributeName"))]
     + [" ".join(shown["GlobalSecondaryIndexes"][1]["Projection"]["NonKeyAttributes"])])
same("jq's layout", json.dumps(shown, indent=2) + "\n", read(file))
second = look()
assert second[0] > first[0] and second[1] == first[1]
def turned(value):
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(inner) for inner in reversed(value)] if isinstance(value, list) else value
text = read(file)
same("every list and member the other way round", "ok", write(file, json.dumps(turned(shown))))
same("is equal", (text, second), (read(file), look()))
same("the first again", "ok", write(file, plain))
same("its bytes", plain, read(file))

# refusals, in DynamoDB's words
for more, message in (
    ({"KeySchema": []}, "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: "
                        "Member must have length greater than or equal to 1"),
    ({"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]}, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    ({"AttributeDefinitions": []}, "One or more parameter values were invalid: Some index key attributes are not defined in "
                                   "AttributeDefinitions. Keys: [id], AttributeDefinitions: []"),
    ({"BillingMode": "FREE"}, "1 validation error detected: Value 'FREE' at 'billingMode' failed to satisfy constraint: "
                              "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"),
    ({"BillingMode": "PROVISIONED"}, "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be "
                                     "specified when BillingMode is PROVISIONED"),
    ({"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}]}, None),
    ({"Colour": 1}, None), ({"ResourcePolicy": "x"}, None), ({"DeletionProtectionEnabled": "true"}, None)):
    same("refused: %s" % more, "write 1 EINVAL", write(file, json.dumps({**json.loads(plain), **more})))
    same("why", message or last("message"), last("message"))
for text in ("[1]", "x", plain + "x", '{"KeySchema":[],"KeySchema":[]}'):
    same("refused: " + text, "write 1 EINVAL", write(file, text))
same("trailing text has its place", "Unexpected text after the document at line %d, column 1" % (plain.count("\n") + 1),
     (write(file, plain + "x"), last("message"))[1])
same("unfinished", "close EINVAL", write(file, '{"KeySchema":'))
same("appending", "open EACCES", append(file, plain))
same("all that changed nothing", plain, read(file))

# hidden by unlink and by renaming it away, shown by writing; the table lives on
same("unlink", "ok", call(os.unlink, file))
same("hidden", ("ENOENT", "ENOENT", []), (call(os.stat, file), call(os.unlink, file), names("Users")))
same("an item of a table without the file", "ok", write("Users/a.json", '{"x":1}'))
same("of the defined key", '{"id":"a","x":1}', document("Users/a.json"))
same("another key is refused", "write 1 EINVAL", write(file, definition("uid:S")))
same("and it stays hidden", "ENOENT", read(file))
same("what git checkout does", "ok", write(file, plain, flags=os.O_CREAT | os.O_EXCL | os.O_WRONLY))
same("shown", plain, read(file))
same("exclusively, when it is there", "open EEXIST", write(file, plain, flags=os.O_CREAT | os.O_EXCL | os.O_WRONLY))
same("renamed away", "ok", rename(file, "Users/backup"))
same("leaves its text", (plain, "ENOENT"), (read("Users/backup"), read(file)))
same("and back", "ok", rename("Users/backup", file))
same("shown", (plain, "ENOENT"), (read(file), read("Users/backup")))
same("a bad text", "ok", write("Users/bad", '{"x"'))
same("renamed to it", "EBADMSG", rename("Users/bad", file))
same("stays", (plain, '{"x"'), (read(file), read("Users/bad")))
same("RENAME_NOREPLACE", "EEXIST", rename("Users/bad", file, NOREPLACE))
same("RENAME_EXCHANGE", "EINVAL", rename("Users/bad", file, EXCHANGE))
same("to an item's name", "EXDEV", rename(file, "Users/b.json"))
same("an item to it", "EXDEV", rename("Users/a.json", file))
os.unlink(mnt + "Users/bad")
os.unlink(mnt + "Users/a.json")
finish()
PYTHON
t=$mnt/Users
check "sed -i" sed -i 's/^{/{"DeletionProtectionEnabled": true,/' "$t/.table.json"
same "sed -i" true "$(jq .DeletionProtectionEnabled "$t/.table.json")"
check "vim" vim -es -u NONE -c '%s/"DeletionProtectionEnabled": true/"DeletionProtectionEnabled": false/' -c wq "$t/.table.json"
same "vim" null "$(jq .DeletionProtectionEnabled "$t/.table.json")"
check "vim with a backup by renaming" vim -es -u NONE -c 'set backup backupcopy=no' -c '%s/^{/{"TableClass": "STANDARD_INFREQUENT_ACCESS",/' \
  -c wq "$t/.table.json"
same "vim with a backup" STANDARD_INFREQUENT_ACCESS "$(jq -r .TableClass "$t/.table.json")"
same "left over" "" "$(ls -A "$t" | grep -v '^\.table\.json~\?$')"
rm -f "$t/.table.json~"
cp -p "$t/.table.json" "$work/definition"
touch -d '2005-01-01 UTC' "$work/definition"
check "rsync" rsync -a "$work/definition" "$t/.table.json"
same "its time" 1104537600 "$(stat -c %Y "$t/.table.json")"
same "again: nothing to do" "" "$(rsync -a --out-format=%n "$work/definition" "$t/.table.json")"
rm "$t/.table.json"
stop
start
check "hidden in that mount only" cmp "$work/definition" "$t/.table.json"

check "provisional tables" python3 - <<'PYTHON'
from calls import *
for name in ("Simple", "Pairs", "Typed", "Kind", "Wrong", "Large"):
    os.mkdir(mnt + name)
same("no definition", ("ENOENT", [], "CREATING"), (read("Simple/.table.json"), names("Simple"), json.loads(read("Simple/.status.json"))["TableStatus"]))
for path in ("Simple/.items.jsonl", "Simple/.typed/.items.jsonl"):
    same("lines", "write 1 EINVAL", write(path, '{"pk":"a"}\n'))
same("why", True, "no definition yet" in last("message"))
same("no items of it", ("", ""), (read("Simple/.items.jsonl"), read("Simple/.scan/items.jsonl")))

# the first file makes it simple, the first directory gives it a sort key
same("a file", "ok", write("Simple/a.json", '{"x":1}'))
same("shows the key", '{"pk":"a","x":1}', document("Simple/a.json"))
same("its own pk", ("ok", '{"pk":7,"sk":1}'), (write("Simple/b.json", '{"sk":1,"pk":7}'), document("Simple/b.json")))
same("a directory", "EINVAL", call(os.mkdir, "Simple/d"))
same("lines, still", "write 1 EINVAL", write("Simple/.items.jsonl", '{"pk":"c"}\n'))
same("renamed", ("ok", '{"pk":"aa","x":1}'), (rename("Simple/a.json", "Simple/aa.json"), document("Simple/aa.json")))
same("appended", ("ok", '{"pk":"aa","x":1,"y":{"$ss":["a"]}}'), (append("Simple/.typed/aa.json", '{"y":{"SS":["a"]}}'), document("Simple/aa.json")))
same("a partition", "ok", call(os.mkdir, "Pairs/7"))
same("a file beside it", "open EINVAL", write("Pairs/x.json", "{}"))
same("a file in it", ("ok", '{"pk":"7","sk":"AAI","v":1}'), (write("Pairs/7/AAI.json", '{"v":1}'), document("Pairs/7/AAI.json")))
same("the key in another spelling", "ok", write("Pairs/7/AAE.json", '{"p":7.0,"s":{"$binary":"AAE="}}'))
same("a scratch file", "ok", write("Pairs/7/note", "text"))
same("an empty partition", "ok", call(os.mkdir, "Pairs/8"))

# documents that hold the key in another spelling of its value
for name, text in (("1", '{"id":1.0}'), ("-0.5", '{"id":-5e-1}'), ("100", '{"id":1e2}'), ("2", "{}")):
    same(name, "ok", write("Typed/%s.json" % name, text))
finish()
PYTHON
inode=$(stat -c '%i %y' "$mnt/Pairs/7/AAI.json")
stop
start
check "across mounts" python3 - <<'PYTHON'
from calls import *
same("still provisional", ("ENOENT", '{"pk":"aa","x":1,"y":{"$ss":["a"]}}', "EINVAL"),
     (read("Simple/.table.json"), document("Simple/aa.json"), call(os.mkdir, "Simple/d")))
same("and of its kind", "open EINVAL", write("Pairs/x.json", "{}"))
same("the sort key is missing", "write 1 EINVAL", write("Pairs/.table.json", definition("p:N")))
same("a sort key too many", "write 1 EINVAL", write("Simple/.table.json", definition("p:S", "s:S")))

# all offenders are named, nothing is changed
def refusals(text, *offenders):
    same("refused: " + text, "write 1 EINVAL", write("Wrong/.table.json", text))
    same("named: " + text, sorted(["Wrong/%s" % name for name in offenders] + ["Wrong/.table.json"]),
         sorted(last("path", back=back) for back in range(1, len(offenders) + 2)))
for name, text in (("01", "{}"), ("1", '{"id":null}'), ("2", '{"id":"2"}'), ("3", '{"id":4}'), ("5", "{}"), ("%2F", "{}"), ("AA", "{}"), ("6", '{"id":""}')):
    same(name, "ok", write("Wrong/%s.json" % name, text))
before = sorted(document("Wrong/" + name) for name in names("Wrong"))
refusals(definition("id:N"), "01.json", "1.json", "2.json", "3.json", "%2F.json", "AA.json", "6.json")
refusals(definition("id:S"), "1.json", "3.json", "6.json")
refusals(definition("id:B"), "01.json", "1.json", "2.json", "3.json", "5.json", "%2F.json", "6.json")
same("nothing changed", (before, "ENOENT"), (sorted(document("Wrong/" + name) for name in names("Wrong")), read("Wrong/.table.json")))
same("without them", "ok", [os.unlink(mnt + "Wrong/%s.json" % name) for name in ("01", "1", "2", "3", "%2F", "AA", "6")] and write("Wrong/.table.json", definition("id:N")))
same("it is accepted", [".table.json", "5.json"], names("Wrong"))

same("N", "ok", write("Typed/.table.json", definition("id:N")))
same("its documents", ['{"id":-0.5}', '{"id":1}', '{"id":2}', '{"id":100}'], [document("Typed/%s.json" % name) for name in ("-0.5", "1", "2", "100")])
same("N and B", "ok", write("Pairs/.table.json", definition("p:N", "s:B")))
same("its documents", ['{"p":7,"s":{"$binary":"AAE="}}', '{"p":7,"s":{"$binary":"AAI="},"v":1}'], [document("Pairs/7/%s.json" % name) for name in ("AAE", "AAI")])
same("its scratch", "text", read("Pairs/7/note"))
same("in order", ["AAE.json", "AAI.json", "note"], names("Pairs/7"))
same("pk and sk are shown no more", '{"id":"x"}', (os.mkdir(mnt + "Late"), write("Late/x.json", "{}"), write("Late/.table.json", definition("id:S")), document("Late/x.json"))[-1])
same("lines, now", "ok", write("Pairs/.items.jsonl", '{"p":8,"s":{"$binary":"AA=="}}\n'))
finish()
PYTHON
same "inode and time stay" "$inode" "$(stat -c '%i %y' "$mnt/Pairs/7/AAI.json")"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
