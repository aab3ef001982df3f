"""The names of keys, made independently of the program: SPEC's rule in a few lines. For the scripts here."""
import base64, hashlib
def encode(key):
    out = ""
    for i, c in enumerate(key):
        if c in "/%~" or ord(c) < 32 or ord(c) == 127 or (c == "." and i == 0):
            out += "%%%02X" % ord(c)
        else:
            out += c
    return out
def cut(full, suffix):
    if len((full + suffix).encode()) <= 255:
        return full + suffix
    pieces, i = [], 0
    while i < len(full):
        n = 3 if full[i] == "%" else 1
        pieces.append(full[i:i + n])
        i += n
    head, size = "", 0
    for piece in pieces:
        if size + len(piece.encode()) > 200:
            break
        head += piece
        size += len(piece.encode())
    digest = hashlib.blake2b(full.encode(), digest_size=20).digest()
    return head + "~~" + base64.b32encode(digest).decode().lower() + suffix
