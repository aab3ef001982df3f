# Editors: whole saves, in their various ways, and saves that are refused. Below /tmp some make no backups of their own
# accord: they are told to.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_tools.sh" || exit 1

vim_as_usual() {
  vim -u "$HOME/.vimrc" -i NONE "$@"
}

# vim_edit EDIT OPTION…: with status 1 and a message if the save fails
vim_edit() {
  local edit=$1
  shift
  vim -i NONE -es "$@" --cmd 'set verbose=1 backupskip=' Users/alice.json \
    -S <(printf '%%' && cat "$edit" && printf 'w\nqa!\n') 2>"$tmp/messages" || { cat "$tmp/messages" >&2 && false; }
}

# emacs_replace DOCUMENT OPTION…: makes Users/alice.json the document
emacs_replace() {
  local document=$1
  shift
  emacs -Q -nw --batch --eval '(setq backup-enable-predicate (lambda (_) t))' "$@" Users/alice.json \
    --eval "(progn (erase-buffer) (insert-file-contents \"$document\") (save-buffer))" 2>"$tmp/messages" ||
    { cat "$tmp/messages" >&2 && false; }
}

# at_terminal SAVED COMMAND…: SAVED must come to be on the screen (see tools_pty.py), or the screen goes to stderr
at_terminal() {
  local saved=$1
  shift
  python3 "$TESTS/tools_pty.py" "$@" >"$tmp/screen" && grep -q "$saved" "$tmp/screen" || { cat "$tmp/screen" >&2 && false; }
}
export -f vim_as_usual vim_edit emacs_replace at_terminal
export TESTS

tools_start
printf 'source $VIMRUNTIME/defaults.vim\nset backupskip=\n' >"$HOME/.vimrc"
cases <<'TABLE'

# ---- vim

vim
  run     vim_edit "$edit" -u NONE -N
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch ScratchCreate:.alice.json.swp ScratchCreate:.alice.json.swx ScratchRemove:.alice.json.swx
  scratch ScratchRemove:.alice.json.swp ScratchCreate:.alice.json.swp ScratchWrite:.alice.json.swp
  scratch ScratchCreate:4913 ScratchRemove:4913 ScratchWrite:.alice.json.swp
  scratch ScratchRemove:alice.json~ ScratchRemove:.alice.json.swp
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

vim with its defaults
  run     vim_edit "$edit" -u "$HOME/.vimrc"
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

vim, backupcopy=yes
  run     vim_edit "$edit" -u NONE -N --cmd 'set backupcopy=yes'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  scratch *
  bad-writes PutItem:Users/alice=
  bad-left Users/alice.json~

vim, backupcopy=no
  run     vim_edit "$edit" -u NONE -N --cmd 'set backupcopy=no'
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch ScratchCreate:.alice.json.swp ScratchCreate:.alice.json.swx ScratchRemove:.alice.json.swx
  scratch ScratchRemove:.alice.json.swp ScratchCreate:.alice.json.swp ScratchWrite:.alice.json.swp
  scratch ScratchRemove:alice.json~ ScratchRemove:.alice.json.swp
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

vim, backup
  run     vim_edit "$edit" -u NONE -N --cmd 'set backup backupcopy=yes' && grep -c 41 Users/alice.json~
  prints  1
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  scratch *
  left    Users/alice.json~
  bad-writes PutItem:Users/alice=
  bad-left Users/alice.json~

vim at a terminal
  run     at_terminal 'B written' vim -u "$HOME/.vimrc" -i NONE Users/alice.json --
  +         41 ":%!cat $doc\r" filtered ':w\r' 'written|E[0-9]+:' '\r:qa!\r'
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  bad-says *E514: Write error*
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

vim, a new item
  run     vim_as_usual -es Users/carol.json -c 'call setline(1, "{}")' -c wq
  item    Users/carol {"id":"carol"}
  writes  PutItem:Users/carol
  scratch *

vim, a new item that is refused
  run     vim_as_usual -es Users/carol.json -c 'call setline(1, "{]")' -c w -c 'qa!'
  exit    1
  scratch *

vim, through a filter
  run     vim_as_usual -es Users/alice.json -c '%!jq -c .age=42' -c wq
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *

vim, saved three times with a backup
  run     vim_as_usual -es --cmd 'set backup backupcopy=no' Users/alice.json
  +         -c '%s/41/42/' -c w -c '%s/42/43/' -c w -c '%s/43/44/' -c wq && grep -c 43 Users/alice.json~
  prints  1
  item    Users/alice {"id":"alice","age":44}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  left    Users/alice.json~

vim, undofile and patchmode
  run     vim_as_usual -es --cmd 'set undofile undodir=. patchmode=.orig' Users/alice.json -c '%s/41/42/' -c wq
  run     vim_as_usual -es --cmd 'set undofile undodir=.' Users/alice.json -c undo -c wq
  run     grep -c 41 Users/alice.json.orig
  prints  1
  item    Users/alice {"id":"alice","age":41}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  left    Users/.alice.json.un~ Users/alice.json.orig

vim -r after it was killed
  run     python3 "$TESTS/tools_pty.py" vim -u "$HOME/.vimrc" -i NONE Users/alice.json --
  +         41 ':%s/41/42/\r' 42 ':preserve\r' preserved ':!kill -9 $PPID\r' >"$tmp/screen"
  run     vim_as_usual -es -r Users/alice.json -c wq && rm Users/.alice.json.swp
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *

ex
  run     { printf '%%' && cat "$edit" && echo x; } | ex -u "$HOME/.vimrc" -s Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

# ---- nano

nano
  run     at_terminal Wrote nano -I Users/alice.json --
  +         41 '\x1bt' '' '\x12' 'File to insert' "$doc\r" 'age' '\x0f' 'File Name to Write' '\r' 'Wrote|Error' '\x18' 'Save' n
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  bad-says *Error writing Users/alice.json:*

# ---- emacs

# In a batch emacs is at its end before it has put back what it renamed.
emacs
  run     emacs_replace "$doc"
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  left Users/alice.json~
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice>alice.json~
  bad-left Users/alice.json~

emacs at a terminal
  run     at_terminal Wrote emacs -Q -nw --eval '(setq backup-enable-predicate (lambda (_) t))' Users/alice.json --
  +         41 '\x18h\x17\x18i' 'Insert file' "\x01\x0b$doc\r" age '\x18\x13' 'Wrote|error|argument' '\x18\x03' 'Save file' n 'anyway' 'yes\r'
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json~ PutItem:Users/alice
  scratch *
  left    Users/alice.json~
  bad-says *Write error*
  bad-left Users/#alice.json#
  bad-writes DeleteItem:Users/alice>alice.json~ PutItem:Users/alice<alice.json~

emacs, backup-by-copying
  run     emacs_replace "$doc" --eval '(setq backup-by-copying t)'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  scratch *
  left Users/alice.json~
  bad-left Users/alice.json~

emacs, without backups
  run     emacs_replace "$doc" --eval '(setq make-backup-files nil)'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice
  scratch *

emacs, file-precious-flag
  run     emacs_replace "$doc" --eval '(setq make-backup-files nil file-precious-flag t)'
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<tmp??????
  scratch *
  bad-left Users/tmp??????

# ---- ed, sed, perl

ed
  run     { printf , && cat "$edit" && printf 'w\nq\n'; } | ed -s Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice

sed -i
  run     sed -i -f "$edit" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<sed??????
  scratch ScratchCreate:sed?????? ScratchWrite:sed??????

sed -i.bak
  run     sed -i.bak -f "$edit" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json.bak PutItem:Users/alice<sed??????
  scratch ScratchCreate:sed?????? ScratchWrite:sed??????
  left    Users/alice.json.bak
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice>alice.json.bak
  bad-left Users/alice.json.bak

perl -i
  run     perl -i -p "$edit" Users/alice.json
  item    Users/alice {"id":"alice","age":42}
  writes  PutItem:Users/alice<XX??????
  scratch ScratchCreate:XX?????? ScratchWrite:XX??????

perl -i.bak
  run     perl -i.bak -p "$edit" Users/alice.json && grep -c 41 Users/alice.json.bak
  prints  1
  item    Users/alice {"id":"alice","age":42}
  writes  DeleteItem:Users/alice>alice.json.bak PutItem:Users/alice<XX??????
  scratch ScratchCreate:XX?????? ScratchWrite:XX??????
  left    Users/alice.json.bak
  bad-gone Users/alice
  bad-writes DeleteItem:Users/alice>alice.json.bak
  bad-left Users/alice.json.bak

patch
  given   sed 's/41/42/' Users/alice.json | diff -u Users/alice.json - >"$tmp/p" || true
  run     patch -s Users/alice.json "$tmp/p"
  item    Users/alice {"id":"alice","age":42}
  scratch *
  writes  PutItem:Users/alice<alice.json.o??????
TABLE
finish
