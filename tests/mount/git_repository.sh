# A whole git repository in a scratch directory: beside the tables whose work tree it keeps, and as files of any name.
. "$TESTS/lib.sh" || exit 1

export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1 HOME=$work
cat >"$GIT_CONFIG_GLOBAL" <<'END'
[user]
  name = Test
  email = test@localhost
[init]
  defaultBranch = main
[protocol "file"]
  allow = always
[gc]
  auto = 0
END
quietly() { # WHAT COMMAND…: succeeds; what it says is told only otherwise
  local what=$1
  shift
  "$@" >"$work/said" 2>&1 || fail "$what: exit $?: $(cat "$work/said")"
}
clean() { same "$1: status" "" "$(git status --porcelain)"; }
tree() { (cd "$1" && find . -name .git -prune -o -type f -print | sort | xargs -d '\n' sha256sum | sha256sum); }
sound() {
  quietly "$1: fsck" git fsck --full --strict
  [ ! -s "$work/said" ] || ! grep -qv '^Checking\|^dangling' "$work/said" || fail "$1: fsck says $(cat "$work/said")"
}

# ---- .git in the root: the tables are the work tree

start
cd "$mnt" || exit 1
mkdir Parts
printf '{"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
  "AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"S"}]}' \
  >Parts/.table.json
for p in a b; do
  mkdir Parts/$p
  for s in 1 2 3; do echo '{"v": 1, "x": '$s'}' >Parts/$p/$s.json; done
done
quietly "init" git init -q
check "a .git" test -d .git
same "listed beside the tables" ".git Parts" "$(ls -A | xargs)"
quietly "add" git add -A
quietly "commit" git commit -qm one
clean "committed"
one=$(tree .)
for i in $(seq 20); do
  echo '{"v": '"$i"'}' >Parts/a/1.json
  quietly "commit -a" git commit -qam "commit $i"
done
clean "twenty commits"
same "log" 21 "$(git log --oneline | wc -l)"
quietly "branch" git checkout -qb side HEAD~15
same "the branch" 5 "$(jq .v Parts/a/1.json)"
clean "the branch"
echo '{"v": 0}' >Parts/b/1.json
quietly "commit" git commit -qam side
quietly "merge" git merge -q --no-edit main
same "merged" "20 0" "$(jq .v Parts/a/1.json Parts/b/1.json | xargs)"
echo '{"v": 9}' >Parts/b/2.json
quietly "stash" git stash
clean "stashed"
quietly "stash pop" git stash pop
quietly "commit" git commit -qam popped
sound "before gc"
quietly "gc" git gc -q --prune=now
sound "after gc"
same "one pack" 1 "$(find .git/objects/pack -name '*.pack' | wc -l)"
same "no loose objects" 0 "$(git count-objects | cut -d' ' -f1)"
same "log after gc" 24 "$(git log --oneline --first-parent main side | sort -u | wc -l)"
quietly "repack" git repack -adfq
sound "after repack"
quietly "tag" git tag -a -m v1 v1 main~20
quietly "checkout of a tag" git checkout -q v1
same "the tag" "$one" "$(tree .)"
quietly "worktree" git worktree add -q "$work/worktree" main
same "worktree" 20 "$(jq .v "$work/worktree/Parts/a/1.json")"
quietly "checkout" git checkout -q side
side=$(tree .)
same "items are the tables' alone" 6 "$(jq .ItemCount Parts/.status.json)"

# it outlives the mount, and a kill
cd / || exit 1
stop
start
cd "$mnt" || exit 1
same "after a remount" "$side" "$(tree .)"
clean "after a remount"
sound "after a remount"
echo '{"v": 33}' >Parts/b/3.json
quietly "commit" git commit -qam last
cd / || exit 1
die
start
cd "$mnt" || exit 1
clean "after a kill"
sound "after a kill"
same "the last commit" last "$(git log -1 --format=%s)"

# ---- A clone in a scratch directory: files of all names, modes and sizes

mkdir .work
quietly "clone" git clone -q "$work/worktree" .work/clone
cd .work/clone || exit 1
same "the clone" "$(tree "$work/worktree")" "$(tree .)"
python3 - <<'PYTHON'
import os, random
random.seed(3)
os.makedirs("src/deep/er")
for i in range(60):
    with open("src/%sfile%d.%s" % (random.choice(("", "deep/", "deep/er/")), i, random.choice(("c", "json", "txt"))), "wb") as f:
        f.write(random.randbytes(random.choice((0, 10, 5000, 70000))))
with open("src/big", "wb") as f:
    f.write(random.randbytes(3 << 20))
PYTHON
quietly "add" git add -A
quietly "commit" git commit -qm files
clean "files"
files=$(tree .)
quietly "mv" git mv src/deep moved
quietly "commit" git commit -qm moved
quietly "rm" git rm -rq src
quietly "commit" git commit -qm removed
same "removed" absent "$(stat src 2>/dev/null || echo absent)"
quietly "back" git checkout -q HEAD~2
same "back" "$files" "$(tree .)"
quietly "gc" git gc -q --prune=now
sound "the clone"
quietly "push" git push -q "$work/worktree" HEAD:refs/heads/pushed
# a conflict here is ordinary text
quietly "branches" git checkout -qb left
echo left >text
git add text
quietly "left" git commit -qm left
quietly "branches" git checkout -qb right HEAD~1
echo right >text
git add text
quietly "right" git commit -qm right
git merge -q left >/dev/null 2>&1 && fail "a merge without a conflict"
check "conflict markers" grep -q '^<<<<<<<' text
quietly "abort" git merge --abort
clean "aborted"
cd "$mnt" || exit 1
check "rm -rf" rm -rf .work .git
same "only the tables" Parts "$(ls -A)"
cd / || exit 1
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
