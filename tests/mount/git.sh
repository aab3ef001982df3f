# A git work tree on the mount whose repository is elsewhere: what git does to the items, and what becomes of text that is
# no document (conflict markers, a commit with a bad one).
. "$TESTS/lib.sh" || exit 1

export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1 HOME=$work
cat >"$GIT_CONFIG_GLOBAL" <<'END'
[user]
  name = Test
  email = test@localhost
[init]
  defaultBranch = main
[advice]
  detachedHead = false
END
start trace="$work/trace"
export GIT_DIR=$work/repository GIT_WORK_TREE=$mnt
t=$mnt/Parts
mkdir "$t"
cat >"$t/.table.json" <<'END'
{"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
 "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "S"}]}
END
for p in a b; do
  mkdir "$t/$p"
  for s in 1 2 3; do echo '{"v": 1, "x": '$s'}' >"$t/$p/$s.json"; done
done

clean() { same "$1: status" "" "$(git status --porcelain)"; }
quietly() { # WHAT COMMAND…: succeeds; what it says is told only otherwise
  local what=$1
  shift
  "$@" >"$work/said" 2>&1 || fail "$what: exit $?: $(cat "$work/said")"
}
tree() { (cd "$mnt" && find . -type f | sort | xargs -d '\n' sha256sum | sha256sum); }
# The engine's writes of items since the last time, in order, each with how often in succession
writes() {
  jq -r 'select(.operation | test("^(Put|Update|Delete|BatchWrite|Move)")) | .operation' "$work/trace" | sort | uniq -c | xargs
  : >"$work/trace"
}

# add, commit, and a clean status, also when git has to compare contents anew
quietly "init" git init -q
quietly "add" git add -A
same "added" 7 "$(git ls-files | wc -l)"
quietly "commit" git commit -qm one
clean "committed"
one=$(tree)
rm "$GIT_DIR/index"
quietly "reset" git reset -q
clean "a new index"
touch "$t/a/1.json"
clean "touched"
# a change that the size does not tell, of an item that is older than the index
touch -d 2001-01-01 "$t/b/3.json"
clean "dated"
echo '{"v": 9, "x": 3}' >"$t/b/3.json"
same "the same size" " M Parts/b/3.json" "$(git status --porcelain)"
quietly "checkout" git checkout -q -- .
clean "checked out"
same "as before" "$one" "$(tree)"

# diff and status of changed, removed, new items; stash and back
echo '{"v": 2}' >"$t/a/1.json"
rm "$t/a/2.json"
mkdir "$t/c"
echo '{"v": 1}' >"$t/c/1.json"
two=$(tree)
status="M Parts/a/1.json D Parts/a/2.json ?? Parts/c/"
same "status" "$status" "$(git status --porcelain | xargs)"
same "diff" '-"v":1,-"x":1+"v":2' "$(git diff -- Parts/a/1.json | grep '^[-+] ' | tr -d ' \n')"
same "diff --stat" "2 files changed, 1 insertion(+), 8 deletions(-)" "$(git diff --stat | tail -n 1 | xargs)"
: >"$work/trace"
quietly "stash" git stash -u
same "stash: writes" "2 DeleteItem 2 PutItem" "$(writes)"
clean "stashed"
same "stashed" "$one" "$(tree)"
quietly "stash pop" git stash pop
same "popped" "$two" "$(tree)"
same "status again" "$status" "$(git status --porcelain | xargs)"
quietly "add" git add -A
quietly "commit" git commit -qm two
clean "committed"

# older commits and branches
: >"$work/trace"
quietly "checkout of the first" git checkout -q HEAD~1
same "checkout: writes" "2 DeleteItem 2 PutItem" "$(writes)"
same "the first" "$one" "$(tree)"
clean "the first"
same "no empty partition" absent "$(stat "$t/c" 2>/dev/null || echo absent)"
quietly "checkout main" git checkout -q main
same "main" "$two" "$(tree)"
clean "main"
quietly "checkout of one file" git checkout -q HEAD~1 -- Parts/a/1.json
same "one file" 1 "$(jq .v "$t/a/1.json")"
quietly "restore" git restore --staged --worktree Parts/a/1.json
same "restored" "$two" "$(tree)"

# clean, rm, reset --hard, apply; mv, which changes the key in the document
mkdir -p "$t/new"
echo '{}' >"$t/new/1.json"
echo text >"$t/a/notes.txt"
quietly "clean" git clean -qfd
same "cleaned" "$two" "$(tree)"
quietly "rm" git rm -rq Parts/b
same "rm" absent "$(stat "$t/b" 2>/dev/null || echo absent)"
quietly "reset --hard" git reset -q --hard
same "reset" "$two" "$(tree)"
git diff HEAD HEAD~1 >"$work/patch"
quietly "apply" git apply --unsafe-paths --directory="$mnt" "$work/patch"
same "applied" "$one" "$(tree)"
quietly "reset --hard" git reset -q --hard
quietly "clean" git clean -qfd
: >"$work/trace"
quietly "mv" git mv Parts/a/3.json Parts/a/4.json
same "mv: writes" "1 MoveItem" "$(writes)"
same "mv: key" 4 "$(jq -r .s "$t/a/4.json")"
quietly "reset --hard" git reset -q --hard
same "reset" "$two" "$(tree)"

# a merge of items that do not touch, and one with a conflict: its markers are no document. git says so; the item stays, and
# both sides are in the repository.
quietly "branch" git checkout -qb side HEAD~1
echo '{"v": 5}' >"$t/b/1.json"
quietly "commit" git commit -qam side
quietly "merge" git merge -q --no-edit main
same "merged" "2 5" "$(jq .v "$t/a/1.json" "$t/b/1.json" | xargs)"
clean "merged"
quietly "branch" git checkout -qb other main~1
echo '{"v": 3}' >"$t/a/1.json"
quietly "commit" git commit -qam other
other=$(tree)
refused "merge with a conflict" git merge -q main
last_error .path | grep -q 'Parts/a/1.json$' || fail "the refusal is told: $(last_error .)"
same "a conflict: the item stays" 3 "$(jq .v "$t/a/1.json")"
same "a conflict: our branch" other "$(git rev-parse --abbrev-ref HEAD)"
quietly "reset --hard" git reset -q --hard
quietly "clean" git clean -qfd
same "after the conflict" "$other" "$(tree)"
quietly "merge with a side" git merge -q -X theirs --no-edit main
same "theirs" 2 "$(jq .v "$t/a/1.json")"
clean "theirs"

# a commit with one bad document of many: git names it, the others are there, nothing of the repository is lost
quietly "checkout main" git checkout -q main
blob=$(printf '{"v": 1e126}' | git hash-object -w --stdin)
quietly "update-index" git update-index --cacheinfo 100644 "$blob" Parts/a/1.json
for i in $(seq 10); do
  blob=$(printf '{\n  "p": "d",\n  "s": "%s"\n}\n' "$i" | git hash-object -w --stdin)
  quietly "update-index" git update-index --add --cacheinfo 100644 "$blob" "Parts/d/$i.json"
done
quietly "commit" git commit -qm bad
quietly "branch" git branch bad
quietly "reset --hard" git reset -q --hard HEAD~1
same "before" "$two" "$(tree)"
said=$(git checkout bad 2>&1) # it says so and exits 0
[[ $said == *"unable to write file Parts/a/1.json"* ]] || fail "checkout of a bad document said $said"
same "the bad one: status" " D Parts/a/1.json" "$(git status --porcelain)" # it removes a file before it writes it anew
same "the others" 10 "$(find "$t/d" -name '*.json' | wc -l)"
quietly "back" git checkout -qf main
same "back" "$two" "$(tree)"
clean "back"

# definitions: a branch with another one (an index), and rm -rf of the table
quietly "branch" git checkout -qb deletion main
jq '.DeletionProtectionEnabled = true' "$t/.table.json" >"$t/.new" && mv "$t/.new" "$t/.table.json" || fail "definition"
git diff --quiet && fail "the definition has not changed"
quietly "commit" git commit -qam protected
for branch in main deletion main; do
  quietly "checkout $branch" git checkout -q $branch
  clean "$branch"
  protected=false
  [ $branch = main ] || protected=true
  same "$branch" $protected "$(jq .DeletionProtectionEnabled "$t/.status.json")"
done
rm -rf "$t"
same "gone" absent "$(stat "$t" 2>/dev/null || echo absent)"
quietly "checkout of all" git checkout -q -- .
same "all is back" "$two" "$(tree)"
clean "all is back"
quietly "fsck" git fsck --no-dangling
finish
