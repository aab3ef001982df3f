# What writes a whole document: shells, cp and its like, filters, temporaries that are renamed.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

tools_start
cases <<'TABLE'

# ---- Shells

bash: echo over an item
  run     echo "$(<"$doc")" >Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *write error*

bash: echo to a new name
  run     echo '{"age":1}' >Users/carol.json
  item    Users/carol {"id":"carol","age":1}
  writes  PutItem:Users/carol

bash: echo of a refused document to a new name
  run     echo '{"id":"eve"}' >Users/carol.json
  exit    1
  says    *write error: Invalid argument

bash: printf over an item
  run     printf %s "$(<"$doc")" >Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *write error*

dash: echo over an item
  run     dash -c 'echo "$(cat "$doc")" >Users/alice.json'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *echo: I/O error*

dash: printf over an item
  run     dash -c 'printf "%s\n" "$(cat "$doc")" >Users/alice.json'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *I/O error*

bash: >> updates an item
  run     echo '{"city":"Bern"}' >>Users/alice.json
  item    Users/alice {"id":"alice","age":41,"city":"Bern"}
  writes  UpdateItem:Users/alice

bash: >> of a document
  run     echo "$(<"$doc")" >>Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  UpdateItem:Users/alice
  bad-says *write error*

dash: >> of a document
  run     dash -c 'echo "$(cat "$doc")" >>Users/alice.json'
  item    Users/alice {"id":"alice","age":42}
  writes  UpdateItem:Users/alice
  bad-says *echo: I/O error*

bash: >> to a new name
  run     echo '{"date":"3","total":1}' >>Orders/alice/3.json
  item    Orders/alice/3 {"customer":"alice","date":"3","total":1}
  writes  UpdateItem:Orders/alice/3

bash: set -C on an item
  run     set -C; echo '{"age":1}' >Users/alice.json
  exit    1
  says    *cannot overwrite existing file

bash: set -C on a new name
  run     set -C; echo '{"age":1}' >Users/carol.json
  item    Users/carol {"id":"carol","age":1}
  writes  PutItem:Users/carol?if_absent

dash: set -C on an item
  run     dash -c 'set -C; echo "{}" >Users/alice.json'
  exit    2
  says    *cannot create Users/alice.json: File exists

dash: set -C on a new name
  run     dash -c 'set -C; echo "{}" >Users/carol.json'
  item    Users/carol {"id":"carol"}
  writes  PutItem:Users/carol?if_absent

bash: a here-document
  run     cat >Orders/alice/1.json <<END
  run     {"total":13}
  run     END
  item    Orders/alice/1 {"customer":"alice","date":"1","total":13}
  writes  PutItem:Orders/alice/1

bash: truncation alone
  run     : >Users/alice.json

# ---- Copies

cat >
  run     cat "$doc" >Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cat: *

cat > of a file in blocks of a pipe
  run     cat "$doc" | cat | cat >Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cat: *

cp over an item
  run     cp "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cp: *

cp of a new item from another
  run     cp Users/alice.json Users/carol.json
  exit    1
  says    cp: error writing 'Users/carol.json': Invalid argument

cp of a document without a key to a new name
  given   jq 'del(.id)' Users/alice.json >"$tmp/carol.json"
  run     cp "$tmp/carol.json" Users/
  item    Users/carol {"id":"carol","age":41}
  writes  PutItem:Users/carol?if_absent

cp -a over an item
  run     cp -a "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice SetTimes:Users/alice
  bad-says cp: *

cp -p keeps the time to the nanosecond
  given   cp "$doc" "$tmp/alice.json"; touch -d '2020-02-03 04:05:06.123456789 UTC' "$tmp/alice.json"
  run     cp -p "$tmp/alice.json" Users/ && TZ=UTC stat -c %y Users/alice.json
  prints  2020-02-03 04:05:06.123456789 +0000
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice SetTimes:Users/alice
  bad     none

cp -r of a partition out and in
  run     cp -r Orders/alice "$tmp/" && rm -r Orders/alice && cp -r "$tmp/alice" Orders/
  writes  DeleteItem:Orders/alice/[12] DeleteItem:Orders/alice/[12] PutItem:Orders/alice/[12]?if_absent PutItem:Orders/alice/[12]?if_absent

cp -a of a table out and over itself
  run     cp -a Users "$tmp/" && cp -a "$tmp/Users" .
  writes  *PutItem:Users/alice= SetTimes:Users/alice*

cp -a of a table within the mount
  run     cp -a Orders Orders2 && diff -r Orders Orders2 && rm -r Orders2
  writes  CreateTable:Orders2 *PutItem:Orders2/alice/* DeleteTable:Orders2

cp --reflink=auto
  run     cp --reflink=auto "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cp: *

cp --reflink=always is refused
  run     cp --reflink=always "$doc" Users/alice.json
  exit    1
  says    cp: failed to clone *
  bad     none

cp -b keeps the old text as a scratch file
  run     cp -b "$doc" Users/alice.json && grep -c 41 Users/alice.json~
  prints  1
  item    Users/alice {"id":"alice","age":42}
  left    Users/alice.json~
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice?if_absent
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

cp -n, cp -u
  run     cp -n "$doc" Users/alice.json; touch -d 2001-01-01 "$tmp/o"; cp -u "$tmp/o" Users/alice.json
  bad     none

cp --remove-destination
  run     cp --remove-destination "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice PutItem:Users/alice?if_absent
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice

install
  run     install -m 644 "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice PutItem:Users/alice?if_absent
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice

tee
  run     tee Users/alice.json <"$doc" >/dev/null
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says tee: *

tee -a
  run     tee -a Users/alice.json <"$doc" >/dev/null
  item    Users/alice {"id":"alice","age":42}
  writes  UpdateItem:Users/alice
  bad-says tee: *

dd
  run     dd if="$doc" of=Users/alice.json status=none
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says dd: *

dd in small blocks, with fsync
  run     dd if="$doc" of=Users/alice.json bs=7 conv=fsync status=none
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad     key text
  bad-says dd: *

dd conv=notrunc over the whole
  run     dd if="$doc" of=Users/alice.json conv=notrunc status=none
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says dd: *

dd conv=notrunc into the middle
  run     printf 42 | dd of=Users/alice.json bs=1 seek=$(grep -abo 41 Users/alice.json | cut -d: -f1) conv=notrunc status=none
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice

dd conv=notrunc of garbage into the middle
  run     printf '}}' | dd of=Users/alice.json bs=1 seek=4 conv=notrunc status=none
  exit    1
  says    dd: *Invalid argument*

dd conv=notrunc,fsync of garbage into the middle
  run     printf '}}' | dd of=Users/alice.json bs=1 seek=4 conv=notrunc,fsync status=none
  exit    1
  says    dd: *Invalid argument

dd, cp and cat of a refused document to a new name
  run     echo '{"id":"eve"}' >"$tmp/d"; dd if="$tmp/d" of=Users/carol.json status=none; cp "$tmp/d" Users/carol.json
  run     cat "$tmp/d" >Users/carol.json || ls Users/carol.json
  exit    2
  says    dd: *cp: *cat: *No such file or directory

sponge
  run     jq -c "$filter" Users/alice.json | sponge Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice

truncate to nothing
  run     truncate -s 0 Users/alice.json

truncate to a part
  run     truncate -s 10 Users/alice.json
  exit    1
  says    truncate: *

truncate to more
  run     truncate -s 100 Users/alice.json
  exit    1
  says    truncate: *

# ---- jq

jq > temporary && mv
  run     jq "$filter" Users/alice.json >Users/t && mv Users/t Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<t
  scratch ScratchCreate:t ScratchWrite:t
  bad-says mv: cannot move 'Users/t' to 'Users/alice.json': *
  bad-left Users/t

jq > mktemp elsewhere && mv
  run     t=$(mktemp) && jq "$filter" Users/alice.json >"$t" && mv "$t" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice PutItem:Users/alice?if_absent SetTimes:Users/alice
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice

jq over what it reads
  run     jq . Users/alice.json >Users/alice.json
  writes  PutItem:Users/alice=

jq over what it reads, from the same text
  run     jq "$filter" <<<"$(<Users/alice.json)" >Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says Error: writing output failed: *

# ---- New names, times

touch of a new name
  run     touch Users/carol.json
  item    Users/carol {"id":"carol"}
  writes  PutItem:Users/carol?if_absent*

touch of an item
  run     touch Users/alice.json
  writes  SetTimes:Users/alice

touch -d
  run     touch -d '2020-02-03 04:05:06.123456789 UTC' Users/alice.json && TZ=UTC stat -c %y Users/alice.json
  prints  2020-02-03 04:05:06.123456789 +0000
  writes  SetTimes:Users/alice

touch -c of nothing
  run     touch -c Users/carol.json

touch of no key's name
  run     touch Users/%41.json
  exit    1
  says    touch: cannot touch 'Users/%41.json': Invalid argument

mktemp of a scratch file
  run     t=$(mktemp -p Users) && echo x >"$t"
  left    Users/tmp.??????????
  scratch ScratchCreate:tmp.?????????? ScratchWrite:tmp.??????????

mktemp of an item
  run     t=$(mktemp Users/new-XXXXXX.json) && rm "$t"
  writes  PutItem:Users/new-??????*DeleteItem:Users/new-??????

mktemp of no key's name
  run     mktemp Users/%41-XXXXXX.json
  exit    1
  says    mktemp: failed to create file via template ?Users/%41-XXXXXX.json?: Invalid argument

# ---- Renames and removal

mv to another key
  run     mv Users/alice.json Users/carol.json
  item    Users/carol {"id":"carol","age":41}
  gone    Users/alice
  writes  MoveItem:Users/alice>Users/carol

mv over an item
  run     mv Users/alice.json Users/bob.json
  item    Users/bob {"id":"bob","age":41}
  gone    Users/alice
  writes  MoveItem:Users/alice>Users/bob

mv -n over an item
  run     mv -n Users/alice.json Users/bob.json

mv to another partition
  run     mkdir Orders/bob && mv Orders/alice/1.json Orders/bob/9.json
  item    Orders/bob/9 {"customer":"bob","date":"9","total":12}
  gone    Orders/alice/1
  writes  MoveItem:Orders/alice/1>Orders/bob/9

mv to a name that is no key's
  run     mv Users/alice.json Users/%41.json
  exit    1
  says    mv: *

mv to a scratch name and back
  run     mv Users/alice.json Users/alice.old && mv Users/alice.old Users/alice.json
  writes  DeleteItem:Users/alice>alice.old PutItem:Users/alice*<alice.old?if_absent

mv of a document from elsewhere
  given   cp "$doc" "$tmp/alice.json"
  run     mv "$tmp/alice.json" Users/
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice PutItem:Users/alice?if_absent SetTimes:Users/alice
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice

mv of an item out of the mount
  run     mv Users/alice.json "$tmp/"
  gone    Users/alice
  writes  DeleteItem:Users/alice

mv of several to another table
  run     mv Users/alice.json Users/bob.json Orders/alice/
  item    Orders/alice/alice {"customer":"alice","date":"alice","age":41,"id":"alice"}
  item    Orders/alice/bob {"customer":"alice","date":"bob","age":7,"id":"bob"}
  gone    Users/alice
  gone    Users/bob
  writes  PutItem:Orders/alice/alice?if_absent SetTimes:Orders/alice/alice DeleteItem:Users/alice
  writes  PutItem:Orders/alice/bob?if_absent SetTimes:Orders/alice/bob DeleteItem:Users/bob

mv between tables, keys disagreeing
  run     mv Users/alice.json Orders/alice/3.json && cat Orders/alice/3.json
  item    Orders/alice/3 {"customer":"alice","date":"3","age":41,"id":"alice"}
  gone    Users/alice
  writes  PutItem:Orders/alice/3?if_absent SetTimes:Orders/alice/3 DeleteItem:Users/alice

mv between tables, refused
  given   echo '{"id":7}' >>Orders/alice/1.json
  run     mv Orders/alice/1.json Users/carol.json
  exit    1
  says    mv: *Invalid argument
  item    Orders/alice/1 {"customer":"alice","date":"1","id":7,"total":12}

rm
  run     rm Users/alice.json
  gone    Users/alice
  writes  DeleteItem:Users/alice

rm of nothing
  run     rm Users/carol.json
  exit    1
  says    rm: cannot remove 'Users/carol.json': No such file or directory

rm -rf of a partition
  run     rm -rf Orders/alice && ! test -e Orders/alice
  gone    Orders/alice/1
  gone    Orders/alice/2
  writes  DeleteItem:Orders/alice/[12] DeleteItem:Orders/alice/[12]

rm -rf of a table
  run     rm -rf Users && ! test -e Users && mkdir Users
  gone    Users/alice
  gone    Users/bob
  writes  DeleteItem:Users/* DeleteItem:Users/* DeleteTable:Users CreateTable:Users

rm -rf of a protected table
  given   jq '.DeletionProtectionEnabled = true' Users/.table.json >"$tmp/d" && cat "$tmp/d" >Users/.table.json
  run     rm -rf Users; status=$?; jq '.DeletionProtectionEnabled = false' "$tmp/d" >Users/.table.json; exit $status
  exit    1
  says    rm: cannot remove 'Users': Operation not permitted
  gone    Users/alice
  gone    Users/bob
  writes  DeleteItem:Users/* DeleteItem:Users/* UpdateTable:Users

rmdir of a table that holds scratch
  run     echo x >Users/kept && rm Users/*.json && rmdir Users
  exit    1
  says    rmdir: failed to remove 'Users': Directory not empty
  gone    Users/alice
  gone    Users/bob
  left    Users/kept
  writes  DeleteItem:Users/* DeleteItem:Users/*
  scratch *

ln
  run     ln Users/alice.json Users/carol.json
  exit    1
  says    ln: *Operation not permitted

ln -s
  run     ln -s alice.json Users/carol.json
  exit    1
  says    ln: *Operation not permitted

ln -sf over an item
  run     ln -sf bob.json Users/alice.json
  exit    1
  says    ln: *Operation not permitted

chmod, chown, chgrp
  run     chmod 600 Users/alice.json && chown 0:0 Users/alice.json && chgrp 0 Users && chmod -R a+rX .

setfacl, getfacl
  run     getfacl -c Users/alice.json | head -n 1; setfacl -m u:0:r Users/alice.json
  exit    1
  says    setfacl: *Operation not supported
  prints  user::rw-

chattr
  run     chattr +i Users/alice.json
  exit    1
  says    chattr: *

# ---- Less usual

cp -l, cp -s
  run     cp -l Users/alice.json Users/carol.json; cp -s alice.json Users/carol.json
  exit    1
  says    cp: cannot create *Operation not permitted*cp: *

mv -b
  given   cp "$doc" "$tmp/alice.json"
  run     mv -b "$tmp/alice.json" Users/ && grep -c 41 Users/alice.json~
  prints  1
  item    Users/alice {"id":"alice","age":42}
  left    Users/alice.json~
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice?if_absent SetTimes:Users/alice
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~
  bad-gone Users/alice
  bad-left Users/alice.json~

cp --sparse=always, cp --preserve=all
  run     cp --sparse=always --preserve=all "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice SetTimes:Users/alice
  bad-says cp: *

gzip and back
  run     gzip Users/alice.json && ls Users/alice.json.gz && gunzip Users/alice.json.gz
  prints  Users/alice.json.gz
  scratch *
  writes  *DeleteItem:Users/alice PutItem:Users/alice*

xz, bzip2 and back
  run     xz Users/alice.json && unxz Users/alice.json.xz && bzip2 Users/bob.json && bunzip2 Users/bob.json.bz2
  scratch *
  writes  DeleteItem:Users/alice PutItem:Users/alice?if_absent SetTimes:Users/alice DeleteItem:Users/bob
  writes  PutItem:Users/bob?if_absent SetTimes:Users/bob

sort -u -o over what it reads, which is then no document
  run     sort -u -o Users/alice.json Users/alice.json
  exit    2
  says    sort: *

iconv -o over another item
  run     iconv -f utf8 -t utf8 -o Users/bob.json Users/alice.json
  exit    1
  says    iconv: error while closing output file: Invalid argument

shred
  run     shred -n 1 Users/alice.json
  exit    1
  says    shred: *

fallocate
  run     fallocate -l 4096 Users/alice.json
  exit    1
  says    fallocate: *

sync of a file
  run     sync Users/alice.json Users

python -m json.tool
  run     python3 -m json.tool "$doc" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *

curl -o
  run     curl -sS -o Users/alice.json "file://$doc"
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says curl: *

mkdir -p, rmdir
  run     mkdir -p Orders/bob/ Orders/alice && rmdir Orders/bob; rmdir Orders/alice
  exit    1
  says    rmdir: failed to remove 'Orders/alice': Directory not empty
TABLE
finish
