#!/usr/bin/env python3
"""format.py - C laid out as pgindent does it; comments end before column 110.

    python3 tools/format.py FILE...            rewrites them
    python3 tools/format.py --check FILE...    prints what it would change; exit status 1 if anything

pg_bsd_indent does the work (package pg-bsd-indent), with the options of pgindent;
compound literals are hidden from it, and some of its ways mended behind it, as
pgindent does.  tools/typedefs.list has the types that the sources name.
"""
import difflib
import os
import re
import subprocess
import sys

TYPEDEFS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'typedefs.list')
OPTIONS = ('-bad -bap -bbb -bc -bl -cli1 -cp33 -nce -d0 -di12 -nfc1 -i4 -l110 -lc100 -nfcb -ncdb -sc -lp -lpl -nip -npro '
           '-sac -tpg -ts4').split() + ['-U' + TYPEDEFS]
HEXADECIMAL = re.compile(r'\b0x[0-9a-f]+(?:\.[0-9a-f]*)?p[-+]?\d+')
TO_WORD, FROM_WORD = str.maketrans('.-+', 'PMU'), str.maketrans('PMU', '.-+')
WORD = re.compile(r'\$(0x[0-9a-fPMUp]+)')
LITERAL = re.compile(r'(\((?:const )?(?:struct )?\w+(?:\[\w*\])?\)) ?\{')
HIDDEN = re.compile(r'(\((?:const )?(?:struct )?\w+(?:\[\w*\])?\))\s*\$\(')


def close_of(text, at, brackets):
    """Where the bracket ends that opens at text[at]."""
    depth = 0
    for end in range(at, len(text)):
        depth += (text[end] == brackets[0]) - (text[end] == brackets[1])
        if depth == 0:
            return end
    raise ValueError('no end of ' + text[at:at + 40])


def hide_literals(text):
    """(Type) {a, {b}} becomes (Type)$(a, @(b)): calls, as far as an indenter knows.  Hexadecimal floats become words."""
    text = HEXADECIMAL.sub(lambda found: '$' + found[0].translate(TO_WORD), text)
    while found := LITERAL.search(text):
        start = found.end() - 1
        end = close_of(text, start, '{}')
        inside = text[start + 1:end].replace('{', '@(').replace('}', ')')
        text = text[:found.start()] + found[1] + '$(' + inside + ')' + text[end + 1:]
    return text


def show_literals(text):
    text = WORD.sub(lambda found: found[1].translate(FROM_WORD), text)
    while found := HIDDEN.search(text):
        start = found.end() - 1
        end = close_of(text, start, '()')
        text = text[:found.start()] + found[1] + ' {' + text[start + 1:end] + '}' + text[end + 1:]
    while '@(' in text:
        start = text.index('@(') + 1
        end = close_of(text, start, '()')
        text = text[:start - 1] + '{' + text[start + 1:end] + '}' + text[end + 1:]
    return text


def mend(text):
    text = re.sub(r'^((?:const |struct |static |extern )*\w+)[ \t]+(\*+)$', r'\1 \2', text, flags=re.M)
    text = re.sub(r',(\.\w+ = |\[\w+\] = )', r', \1', text)
    text = re.sub(r'\b(text|bytea) \* (?=\w)', r'\1 *', text)
    text = re.sub(r'\bconst\t+(text|bytea) \*', r'const \1 *', text)
    text = re.sub(r'^(static inline __attribute__\(\(always_inline\)\))\n(\w+)$', r'\1 \2', text, flags=re.M)
    text = re.sub(r'^(\w[^;={}]*\[)\n[\t ]+', r'\1', text, flags=re.M)
    return text


def keep_continuations(text, before):
    """Only where statements begin is laid down; how their further lines line up is the author's."""
    was, now = before.split('\n'), text.split('\n')
    same = difflib.SequenceMatcher(None, [''.join(line.split()) for line in was], [''.join(line.split()) for line in now], autojunk=False)
    for block in same.get_matching_blocks():
        for i in range(block.size):
            if continues(now, block.b + i):
                line = now[block.b + i].strip()
                now[block.b + i] = was[block.a + i][:len(was[block.a + i]) - len(was[block.a + i].lstrip())] + line
    return '\n'.join(now)


def continues(lines, at):
    """Does this line go on with what an earlier one began, or is it within a comment?"""
    if not lines[at].strip() or lines[at].startswith('#'):
        return False
    for before in reversed(lines[:at]):
        code = re.sub(r'/\*.*?\*/', '', before).strip()
        if code and not code.startswith('#'):
            return not code.endswith((';', '{', '}', ':', '*/', ')')) or code.startswith('*')
    return False


def formatted(path):
    with open(path, encoding='utf-8') as file:
        before = file.read()
    done = subprocess.run(['pg_bsd_indent'] + OPTIONS, input=hide_literals(before), capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        sys.exit('format.py: %s: %s' % (path, done.stderr.strip() or 'pg_bsd_indent failed'))
    return before, keep_continuations(mend(show_literals(done.stdout)), before)


def main():
    check = sys.argv[1:2] == ['--check']
    differs = False
    for path in sys.argv[1 + check:]:
        before, after = formatted(path)
        if before == after:
            continue
        differs = True
        if check:
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), path, path + ' (formatted)', n=0))
        else:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(after)
    return 1 if check and differs else 0


if __name__ == '__main__':
    sys.exit(main())
