# What reads, walks and works on many files at once.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

tools_start
cases <<'TABLE'

# ---- Reading: nothing is written

cat
  run     cat Orders/alice/1.json
  prints  {
  prints    "customer": "alice",
  prints    "date": "1",
  prints    "total": 12
  prints  }

head, tail, wc
  run     head -n 2 Users/alice.json; tail -n 2 Users/alice.json; tail -c 3 Users/alice.json; wc -lc Users/alice.json
  prints  {
  prints    "id": "alice",
  prints    "age": 41
  prints  }
  prints
  prints  }
  prints   4 33 Users/alice.json

stat
  run     stat -c '%s %F %h %a' Users/alice.json Users Orders/alice
  prints  33 regular file 1 644
  prints  * directory 1 755
  prints  * directory 1 755

ls, ls -A, ls -R
  run     ls Users; ls -A Users; ls -R Orders
  prints  alice.json
  prints  bob.json
  prints  .table.json
  prints  alice.json
  prints  bob.json
  prints  Orders:
  prints  alice
  prints
  prints  Orders/alice:
  prints  1.json
  prints  2.json

ls --color
  run     ls --color=always Users | grep -c alice && ls -l --color=always Users | wc -l
  prints  1
  prints  3

ls of nothing
  run     ls Users/carol.json
  exit    2
  says    ls: cannot access 'Users/carol.json': No such file or directory

grep -r
  run     grep -rl alice Users Orders | sort
  prints  Orders/alice/1.json
  prints  Orders/alice/2.json
  prints  Users/alice.json

grep -R
  run     grep -Rc '"age"' Users --include='[!.]*.json' | sort
  prints  Users/alice.json:1
  prints  Users/bob.json:1

grep of nothing
  run     grep -rq nobody .
  exit    1

ripgrep
  run     rg -l --sort path '"(age|total)"'
  prints  Orders/alice/1.json
  prints  Orders/alice/2.json
  prints  Users/alice.json
  prints  Users/bob.json

ripgrep through a memory map
  run     rg --mmap --no-filename --sort path -o '"total": \d+' Orders
  prints  "total": 12
  prints  "total": 5

find -size
  run     find Users -size -34c -name '*.json' | sort; find . -empty; find Users -size +33c -name '[!.]*.json'
  prints  Users/alice.json
  prints  Users/bob.json

find -type, -links, -perm
  run     find . -type d | sort; find . -type f -links 1 -perm 644 | wc -l; find . -type l
  prints  .
  prints  ./Orders
  prints  ./Orders/alice
  prints  ./Users
  prints  6

find -newer
  given   touch -d 2020-01-01 Users/*.json Orders/alice/*.json; touch -d 2021-01-01 Users/bob.json
  run     find Users Orders -name '[!.]*.json' -newer Users/alice.json; find Users -newermt 2020-06-01 ! -newermt 2022-01-01
  prints  Users/bob.json
  prints  Users/bob.json

du, df
  run     test "$(du -s Users | cut -f1)" -gt 0 && df --output=source,fstype,target Users | tail -n 1
  prints  * fuse.dynamount *

diff, cmp
  run     diff Users/alice.json Users/bob.json; cmp Users/alice.json Users/alice.json && diff -r Users Users
  prints  2,3c2,3
  prints  <   "id": "alice",
  prints  <   "age": 41
  prints  ---
  prints  >   "id": "bob",
  prints  >   "age": 7

sort, uniq, cut, awk, paste
  run     sort Users/*.json | uniq -c | awk '{ print $1 }' | paste -sd' '; awk -F: '/age/ { n += $2 } END { print n }' Users/*.json
  prints  1 1 1 1 2 2
  prints  48

sha256sum -c
  run     sha256sum Users/*.json >"$tmp/sums" && sha256sum -c --quiet "$tmp/sums"

file, test, readlink, realpath
  run     test -s Users/alice.json -a -d Users -a ! -L Users && realpath --relative-to=. Users/../Users/alice.json
  prints  Users/alice.json

jq of all
  run     jq -s 'map(.age) | add' Users/*.json; jq -r .total Orders/alice/*.json
  prints  48
  prints  12
  prints  5

# ---- Many files

find -exec
  run     find Users Orders -name '[!.]*.json' -exec sh -c 'echo "{\"seen\":true}" >>"$1"' - {} \;
  item    Users/alice {"id":"alice","age":41,"seen":true}
  item    Users/bob {"id":"bob","age":7,"seen":true}
  item    Orders/alice/1 {"customer":"alice","date":"1","seen":true,"total":12}
  item    Orders/alice/2 {"customer":"alice","date":"2","seen":true,"total":5}
  writes  UpdateItem:Users/* UpdateItem:Users/* UpdateItem:Orders/alice/[12] UpdateItem:Orders/alice/[12]

find -exec sed -i
  run     find Users -name '[!.]*.json' -exec sed -i 's/"age": /&1/' {} +
  item    Users/alice {"id":"alice","age":141}
  item    Users/bob {"id":"bob","age":17}
  writes  PutItem:Users/*<sed?????? PutItem:Users/*<sed??????
  scratch *

find -exec cp
  run     find Users -name 'alice.json' -exec cp "$doc" {} +
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cp: *

find -delete
  run     find Orders -name '[!.]*.json' -delete
  gone    Orders/alice/1
  gone    Orders/alice/2
  writes  DeleteItem:Orders/alice/[12] DeleteItem:Orders/alice/[12]

find -delete of a partition
  run     find Orders/alice -delete && ls -A Orders
  prints  .table.json
  gone    Orders/alice/1
  gone    Orders/alice/2
  writes  DeleteItem:Orders/alice/[12] DeleteItem:Orders/alice/[12]

xargs -P8
  run     seq 100 | xargs -P8 -I{} sh -c 'echo "{\"n\":{}}" >Orders/alice/n{}.json' && jq -s 'map(.n) | add' Orders/alice/n*.json
  +         && rm Orders/alice/n*.json
  prints  5050
  writes  PutItem:Orders/alice/n* DeleteItem:Orders/alice/n*

xargs -P8 of the same item
  run     seq 50 | xargs -P8 -I{} sh -c 'echo "{\"id\":\"alice\",\"age\":41}" >Users/alice.json'
  writes  PutItem:Users/alice*

xargs -P8, one refused
  run     seq 9 | xargs -P8 -I{} sh -c 'test {} != 5 && cat Users/bob.json >/dev/null || cat "$doc" >Users/alice.json'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says cat: *

split, cat
  run     split -l 2 Users/alice.json Users/part. && cat Users/part.a? >Users/alice.json && rm Users/part.a?
  writes  PutItem:Users/alice=
  scratch *

sort -o over what it reads
  run     jq -c . Users/alice.json >Users/t; sort -o Users/t Users/t && mv Users/t Users/alice.json
  writes  PutItem:Users/alice<t=
  scratch *

shuf, paste, join into lines
  run     jq -c 'del(.id) | {id: "new\(.age)"}' Users/*.json | shuf >Users/.items.jsonl
  item    Users/new41 {"id":"new41"}
  item    Users/new7 {"id":"new7"}
  writes  BatchWriteItem:Users

lines
  run     tr -d '\n' <"$doc" >"$tmp/line" && cat "$tmp/line" >Users/.items.jsonl
  item    Users/alice {"id":"alice","age":42}
  writes  BatchWriteItem:Users
  bad     text large
  bad-says cat: *

mapfile, while read
  run     ls Users | while IFS= read -r name; do jq -r .id "Users/$name"; done
  prints  alice
  prints  bob

ls | xargs
  run     cd Users && ls | xargs -d '\n' cat -- | wc -l
  prints  8

names that need care
  given   echo '{}' >'Users/a b.json'; echo '{}' >"Users/it's.json"; echo '{}' >'Users/%2Fetc.json'; echo '{}' >Users/-n.json
  run     find Users -name '[!.]*.json' -print0 | xargs -0 cat | wc -l; rm -- Users/a\ b.json Users/it*.json Users/*etc.json Users/-n.json
  prints  20
  writes  DeleteItem:Users/a b DeleteItem:Users/it's DeleteItem:Users//etc DeleteItem:Users/-n

flock
  run     flock Users/alice.json -c 'flock -n Users/alice.json true || echo locked'
  prints  locked

inotifywait
  given   inotifywait -q -m -e close_write,delete --format '%e %f' Users >"$tmp/events" 2>&1 & echo $! >"$tmp/pid"
  given   until grep -qs inotify /proc/$(<"$tmp/pid")/fdinfo/*; do sleep 0.01; done
  run     echo '{"age":42}' >Users/alice.json; rm Users/bob.json
  run     for i in {1..500}; do grep -q DELETE "$tmp/events" && break; sleep 0.02; done; kill $(<"$tmp/pid"); cat "$tmp/events"
  prints  CLOSE_WRITE,CLOSE alice.json
  prints  DELETE bob.json
  item    Users/alice {"id":"alice","age":42}
  gone    Users/bob
  writes  PutItem:Users/alice DeleteItem:Users/bob
TABLE
finish
