# Definitions under everyday programs: as text that is edited, and as part of a table that is copied, moved or removed.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

# Edits of a definition: one that is accepted, and one that changes the key
export accepted='.BillingMode = "PAY_PER_REQUEST" | .DeletionProtectionEnabled = true'
export refused='.KeySchema[0].AttributeName = "key" | .AttributeDefinitions[0].AttributeName = "key"'

tools_start
cases <<'TABLE'

cp of the same definition
  run     cp Users/.table.json "$tmp/d" && cp "$tmp/d" Users/.table.json

jq > temporary && mv
  run     jq "$accepted" Users/.table.json >Users/t && mv Users/t Users/.table.json
  run     jq .DeletionProtectionEnabled Users/.table.json; jq 'del(.DeletionProtectionEnabled)' Users/.table.json >Users/t && mv Users/t Users/.table.json
  prints  true
  writes  UpdateTable:Users SetTimes:Users UpdateTable:Users SetTimes:Users
  scratch *

jq > temporary && mv, refused
  run     jq "$refused" Users/.table.json >Users/t && mv Users/t Users/.table.json
  exit    1
  says    mv: cannot move 'Users/t' to 'Users/.table.json': Bad message
  left    Users/t
  writes  *!*
  scratch *

echo, refused
  run     echo '{"KeySchema":[]}' >Users/.table.json
  exit    1
  says    *write error: Invalid argument
  writes  *

sed -i
  run     sed -i 's/"KeySchema"/"TableClass": "STANDARD_INFREQUENT_ACCESS", &/' Users/.table.json && jq -r .TableClass Users/.table.json
  prints  STANDARD_INFREQUENT_ACCESS
  writes  UpdateTable:Users SetTimes:Users
  scratch ScratchCreate:sed?????? ScratchWrite:sed?????? ScratchRemove:sed??????

sed -i to an equal definition
  run     sed -i 's/^{/&\n  "DeletionProtectionEnabled": false,/' Users/.table.json
  writes  SetTimes:Users
  scratch *

vim
  run     vim -u DEFAULTS -i NONE -es --cmd 'set backupskip=' Users/.table.json -c '%s/"id"/"key"/' -c w -c 'qa!'
  exit    1
  left    Users/.table.json~
  writes  *!*
  scratch *

rm alone loses nothing
  run     rm Users/.table.json && ls -A Users && cat Users/alice.json >/dev/null && echo '{"age":42}' >Users/alice.json
  prints  alice.json
  prints  bob.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice

mv away and back
  run     mv Users/.table.json Users/d && mv Users/d Users/.table.json && ls -A Users | head -n 1
  prints  .table.json
  writes  SetTimes:Users
  scratch *

tar out of one table and into another
  run     tar -C Orders -c . | { mkdir Copy && tar -C Copy -x; } && diff -r Orders Copy && rm -rf Copy
  writes  CreateTable:Copy*DeleteTable:Copy

a table without ceremony
  run     mkdir New && echo '{"n":1}' >New/a.json && jq -c . New/a.json && ls -A New; rm -r New
  prints  {"pk":"a","n":1}
  prints  a.json
  writes  CreateTable:New *PutItem:New/a DeleteItem:New/a DeleteTable:New
TABLE
finish
