# Editors: whole saves, in their various ways, and saves that are refused.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

tools_start
cases <<'TABLE'
vim
  run     vim -u DEFAULTS -es -c "source $edit" -c 'wq' Users/alice.json; echo $?
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  scratch *

sed -i
  run     sed -i -f "$edit" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<sed??????
  scratch ScratchCreate:sed?????? ScratchWrite:sed??????

TABLE
finish
