. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

tools_start
cases <<'TABLE'
cp over an item
  run     cp "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice

sed -i
  run     sed -i -f "$edit" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<sed??????
  scratch ScratchCreate:sed?????? ScratchWrite:sed??????
TABLE
finish
