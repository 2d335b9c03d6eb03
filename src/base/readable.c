/*-------------------------------------------------------------------------
 * readable.c
 *	  Texts that do not come in as values of SQL.
 *
 * PostgreSQL verifies texts of statements and their parameters against the
 * database's encoding.  Settings of the startup packet, of roles and of the
 * server, names of roles (which databases of all encodings share), messages of
 * the operating system and what another database answers are bytes.  One row
 * with such bytes, and a dump cannot be restored.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "mlops/base.h"

/* A zero byte is not valid either. */
bool
mlbase_is_readable(const char *text, Size size)
{
	return pg_verify_mbstr(GetDatabaseEncoding(), text, (int) size, true);
}

/* Itself, or a copy in the current memory context, of the same length. */
const char *
mlbase_readable(const char *text)
{
	int			encoding = GetDatabaseEncoding();
	int			left = (int) strlen(text);
	char	   *copy;

	if (mlbase_is_readable(text, left))
		return text;
	copy = pstrdup(text);
	for (char *at = copy; left > 0;)
	{
		int			length = pg_encoding_verifymbchar(encoding, at, left);

		if (length <= 0)
			*at = '?';
		length = Max(length, 1);
		at += length;
		left -= length;
	}
	return copy;
}

/* Errors: 22021, what has the text, and the text as far as it can be shown. */
void
mlbase_refuse_unreadable(const char *what, const char *text, Size size)
{
	if (!mlbase_is_readable(text, size))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("\"%s\" is not valid in encoding \"%s\" of this database", mlbase_readable(what), GetDatabaseEncodingName()),
				 errdetail("It is \"%s\".", mlbase_excerpt(mlbase_readable(pnstrdup(text, size)))),
				 errhint("It would be stored, and no dump of this database could be restored. SET it anew in this session, "
						 "or ALTER ROLE or DATABASE ... SET it, in this encoding.")));
}

/* In the current memory context.  Errors: 42704 no such setting, 22021. */
char *
mlbase_setting(const char *name)
{
	char	   *value = GetConfigOptionByName(name, NULL, false);

	mlbase_refuse_unreadable(name, value, strlen(value));
	return value;
}

/* A role that is gone has no name to refuse. */
void
mlbase_refuse_unreadable_role(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	/* what runs by itself needs none */
	if (name == NULL || (role == BOOTSTRAP_SUPERUSERID && MyBackendType == B_BG_WORKER))
		return;
	if (!mlbase_is_readable(name, strlen(name)))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("the name of role \"%s\" is not valid in encoding \"%s\" of this database", mlbase_readable(name), GetDatabaseEncodingName()),
				 errdetail("What it owns or did would be stored under that name, and no dump of this database could be restored."),
				 errhint("In a database of the encoding that the role was made in: ALTER ROLE ... RENAME TO a name of ASCII letters.")));
}
