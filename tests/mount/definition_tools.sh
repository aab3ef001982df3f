# A table's .table.json under the tools that copy, edit, move and remove files: none of them loses anything.
. "$TESTS/lib.sh" || exit 1
export HOME=$work

start
cd "$mnt" || fail "cd"
mkdir Notes
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >Notes/.table.json
for i in 1 2 3; do echo "{\"n\":$i}" >Notes/$i.json; done
cp -a Notes/.table.json "$work/definition"

# whole WHAT: the table has its definition, its items and nothing else
whole() {
  same "$1: what is there" ".table.json 1.json 2.json 3.json" "$(ls -A Notes | xargs)"
  check "$1: the definition" cmp "$work/definition" Notes/.table.json
  same "$1: the items" "1 2 3" "$(jq .n Notes/*.json | xargs)"
}
whole "made"

# Copies
check "cp -a" cp -a Notes Copied
check "cp -a: the same" diff -r Notes Copied
same "cp -a: times" "$(stat -c %y Notes/.table.json Notes/1.json)" "$(stat -c %y Copied/.table.json Copied/1.json)"
check "rsync -a" rsync -a Notes/ Synced
check "rsync: the same" diff -r Notes Synced
same "rsync again: no file" "" "$(rsync -ai Notes/ Synced | grep '^>')"
mkdir Unpacked
check "tar" sh -c 'tar -C Notes -cf - . | tar -C Unpacked -xf -'
check "tar: the same" diff -r Notes Unpacked

# It hides and comes back, the table goes on
check "rm" rm Notes/.table.json
[ ! -e Notes/.table.json ] || fail "it is still to be seen"
same "an item meanwhile" 2 "$(jq .n Notes/2.json)"
check "cp" cp -p "$work/definition" Notes/.table.json
whole "written again"
check "mv away" mv Notes/.table.json Notes/.old
[ ! -e Notes/.table.json ] || fail "it is still to be seen"
check "mv back" mv Notes/.old Notes/.table.json
whole "moved away and back"

# Editors; what they write means the same
check "sed -i" sed -i 's/"S"/"S" /' Notes/.table.json
whole "sed -i"
for copy in yes no; do
  check "vim" vim -N -u NONE -i NONE -es -c "set backupcopy=$copy writebackup" -c '%s/"S"/"S"  /' -c wq Notes/.table.json </dev/null
  whole "vim, backupcopy=$copy"
done
check "emacs" sh -c "emacs -nw --batch -Q Notes/.table.json --eval \
  '(progn (setq make-backup-files nil) (goto-char (point-max)) (insert \"\n\") (save-buffer))' 2>/dev/null"
whole "emacs"
check "ed" sh -c 'printf "g/\"S\"/s//\"S\" /\nw\nq\n" | ed -s Notes/.table.json'
whole "ed"

# What is refused changes nothing
refused "sed -i" sed -i 's/HASH/HUSH/' Notes/.table.json
same "why" EBADMSG "$(last_error .errno)"
rm -f Notes/sed*
whole "sed -i, refused"
refused "ed" sh -c 'printf "g/HASH/s//HUSH/\nw\nQ\n" | ed -s Notes/.table.json'
whole "ed, refused"

check "rm -rf" rm -rf Notes Copied Synced Unpacked
same "all gone" "" "$(ls -A)"
cd / || fail "cd"
finish
