"""Runs pgspot over an extension's script and prints its findings, a line each.

pgspot stops at the first body it cannot parse.  Here such a place is a finding
of its own (UNPARSED) and the rest is looked at.
"""
import sys
from argparse import Namespace
from re import MULTILINE, sub

from pgspot import visitors
from pgspot.state import Counter, State

path = sys.argv[1]
with open(path, encoding="utf8") as file:
    script = file.read()

# libpg_query knows no composite types: their fields could not be assigned to.
script = sub(r"^(\t+)([a-z_]+) mlops(?:_catalog)?\.[a-z_]+((?: :=.*)?);", r"\1\2 record\3;", script, flags=MULTILINE)

# Nor does pgspot know bodies of the standard's form, whose names are resolved when the
# function is made, under the script's search_path.
script = sub(r"(CREATE FUNCTION [^$;]*)\nBEGIN ATOMIC([^;]*);\nEND;", r"\1 SET search_path = pg_catalog, pg_temp AS $$ \2 $$;", script)
script = sub(r"(CREATE FUNCTION [^$;]*)\n\tRETURN ([^;]*);", r"\1 SET search_path = pg_catalog, pg_temp AS $$ SELECT \2 $$;", script)

arguments = Namespace(files=[path], append=False, proc_without_search_path=[], summary_only=False, plpgsql=True,
                      ignore=[], ignore_lang=[], sql_fn=[], explain=None)
state = State(Counter(arguments))
visit_sql, visit_plpgsql = visitors.visit_sql, visitors.visit_plpgsql


def careful_sql(to, sql, toplevel=False):
    if toplevel:
        return visit_sql(to, sql, toplevel)
    try:
        return visit_sql(to, sql)
    except Exception as error:
        print("UNPARSED", " ".join(sql.split())[:100], "|", error)


def careful_plpgsql(to, node, *rest, **named):
    try:
        return visit_plpgsql(to, node, *rest, **named)
    except Exception as error:
        print("UNPARSED", " ".join(getattr(x, "sval", "?") for x in getattr(node, "funcname", None) or []), "|", error)


class Printer(visitors.RawStream):
    """pglast cannot print all that it parses, as operators with a schema."""

    def __call__(self, node, *rest, **named):
        try:
            return super().__call__(node, *rest, **named)
        except TypeError:
            return type(node).__name__


visitors.RawStream = Printer
visitors.visit_sql, visitors.visit_plpgsql = careful_sql, careful_plpgsql
visitors.visit_sql(state, script, toplevel=True)
