"""catalog_calls.py - prints what C reaches of the catalog by the text of a statement: a line "MODULE function|relation NAME" each.

An include shows which layer knows which; a statement's text does not.  test/lint/catalog_calls.txt is the list.
"""
import re
import sys

COMMENT = re.compile(r'/\*.*?\*/', re.S)
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
NAME = re.compile(r'mlops_catalog\.([a-z_]+)(\(?)')

found = set()
for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as file:
        text = ''.join(STRING.findall(COMMENT.sub('', file.read())))
    for name, called in NAME.findall(text):
        found.add('%s %s %s' % (path.split('/')[1], 'function' if called else 'relation', name))
print('\n'.join(sorted(found)))
