"""numbered_parameters.py - prints where the body of an SQL function names a parameter by its number.

Texts of statements that are run with USING have numbers alone: strings are passed over.
"""
import re
import sys

TOKEN = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|\$([A-Za-z_]\w*)\$.*?\$\1\$|\$(?P<number>\d+)|\n""", re.S)

for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as file:
        text = file.read().replace('$$', '  ')      # the bodies themselves are looked at
    for token in TOKEN.finditer(text):
        if token['number']:
            print('%s:%d: $%s' % (path, text.count('\n', 0, token.start()) + 1, token['number']))
