/*-------------------------------------------------------------------------
 * registry.h
 *	  Models, versions and runs: names, who may do what, and recording.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_REGISTRY_H
#define MLOPS_REGISTRY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/jsonb.h"

#include "mlops/compat.h"
#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/ingest.h"

/* ---------------------------------------------------------------- names */

/* Error (22023) unless name matches [a-z0-9_][a-z0-9_.-]{0,62}. */
extern void mlreg_check_name(const char *name);

/* "fraud" (what is deployed), "fraud/3" (a version), "fraud@champion" (an alias). */
typedef struct MlModelReference
{
	char	   *name;
	int			version;		/* 0: not given */
	char	   *alias;			/* NULL: not given */
} MlModelReference;

/* Error (22023) if text is none of the three. */
extern void mlreg_parse_reference(const char *text, MlModelReference *reference);

/* Error (42704) for a model that does not exist, with the nearest name as hint. */
extern void mlreg_no_such_model(Oid user, const char *name) pg_attribute_noreturn();

/* Highest number of a model's versions, dropped ones too; 0 if there is none. */
extern int	mlreg_last_version(int64 model_id);

/* Error (42704) for a version that does not exist, listing what there is. */
extern void mlreg_no_such_version(const char *name, int version) pg_attribute_noreturn();

/* ---------------------------------------------------------------- rights */

/*
 * What somebody is about to do with a model.  The owner's members may do
 * everything; others need a privilege on the model, granted to a role whose
 * privileges they have, or to PUBLIC: score, view (read what is recorded about
 * it), train and deploy, which include view, or manage (everything).  Any
 * privilege allows to evaluate it and to see that it exists.
 */
typedef enum MlAction
{
	ML_TO_SCORE,
	ML_TO_EVALUATE,
	ML_TO_TRAIN,
	ML_TO_DEPLOY,
	ML_TO_MANAGE,				/* settings, aliases, stages, gates, grants, deletion */
	ML_TO_INSPECT,				/* read what is recorded about it */
	ML_TO_SEE					/* its name, versions and what answers, without metrics */
} MlAction;

/* May the user do this?  An index scan on the grants: not for every row. */
extern bool mlreg_may(Oid user, const MlCatalogModel *model, MlAction action);

/* Error (42501) that names model, owner and privilege unless the user may. */
extern void mlreg_check_right(Oid user, const char *name, const MlCatalogModel *model,
							  MlAction action);

/*
 * The model of a name, with the user's right checked.  Errors: 22023 for an
 * invalid name, 42704 for one that does not exist, 42501.
 */
extern MlCatalogModel mlreg_require(Oid user, const char *name, MlAction action);

/* An error (42501) if the role that recorded a query no longer exists. */
extern void mlreg_require_author(Oid recorder);

/* ---------------------------------------------------------------- reach */

/*
 * Has the planner refuse (42501) what may not be reached (MlReach in base.h), and
 * function calls that come past it: of input functions while a text is parsed,
 * of casts inside to_json.  At load.
 */
extern void mlreg_check_statements(void);

/*
 * Has DROP EXTENSION mlops say what goes with it, where this library is loaded.  At
 * load.
 */
extern void mlreg_warn_of_uninstall(void);

/* The same check of an expression or rewritten query, now. */
extern void mlreg_check_reach(Node *node);

/* Of what a statement runs that is never planned: the procedure of a CALL. */
extern void mlreg_check_statement(const Query *query);

/* ---------------------------------------------------------------- for somebody */

/*
 * The way back from the owner of the catalog to a role whose query must be run.
 *
 * A recorded query runs as whoever asks for it, what runs by itself as the role
 * that set it up; both in a restricted context, and neither reaches what that
 * role does not trust (see reach).  Settings that it changes are put back before
 * the owner goes on, or it could bend the owner's search_path.
 */
typedef struct MlRoleScope
{
	Oid			user;
	int			security_context;
	int			nest_level;
	ErrorContextCallback first_line;	/* of ours among those that tell where an error comes from */
} MlRoleScope;

/*
 * Acts as role until mlreg_leave_role (an error does it too), under settings, an
 * object of texts such as {"search_path": "public"}, and reaching no more than
 * reach says.  Error (42704) if the role is gone.
 */
extern void mlreg_enter_role(Oid role, Jsonb *settings, MlReach reach, MlRoleScope *scope);
extern void mlreg_leave_role(const MlRoleScope *scope);

/*
 * Runs a SELECT, whose $1 is argument (jsonb): each row comes as an object, in
 * SPI_tuptable.  The caller is connected to SPI.
 */
extern void mlreg_select_json(const char *statement, Datum argument);

/*
 * Runs a statement of ours, such as the call of a function in mlops_catalog; rows are
 * in SPI_tuptable.  Its errors do not show that we are between, nor that
 * mlreg_select_json is, but for internal ones.
 */
extern void mlreg_run_ours(const char *sql, int n, Oid *types, Datum *values, const char *nulls, bool read_only);

/* ---------------------------------------------------------------- snapshots */

/* Names of types are told and hashed as they are, whatever a recorded setting says. */
extern void mlreg_name_types_alike(void);

/* A type in full, and that in which a copy keeps a column. */
extern char *mlreg_type_text(Oid type, int32 typmod);
extern char *mlreg_kept_type_text(Form_pg_attribute attribute);

/*
 * Reads a source, as the current user, and copies its rows into target unless that
 * is InvalidOid.  Returns their number; *hash is of columns and rows, whatever their
 * order, in hexadecimal digits.
 */
extern int64 mlreg_read_snapshot(MlSource *source, Oid target, char **hash);

/* ---------------------------------------------------------------- audit */

/*
 * Notes an event for the audit log, in the current transaction; it is chained
 * to the log at commit.  role is who did it (not the catalog's owner that
 * writes it); model, version (0) and detail (JSON text of an object) may be
 * absent.
 */
extern void mlreg_audit(Oid role, const char *event, const char *model, int version,
						const char *detail);

/* The same of counts: an event of this transaction that waits gets the sums. */
extern void mlreg_audit_counts(Oid role, const char *event, const char *model, const char *detail);

/* ---------------------------------------------------------------- search */

/* A filter of search_runs as SQL without any of the user's text. */
typedef struct MlFilter
{
	StringInfoData sql;			/* over runs r and experiments e; parameter $1 is jsonb: */
	StringInfoData arguments;	/* elements of its array, JSON text */
	int			n_arguments;
	int			n_operands;
} MlFilter;

extern void mlreg_init_filter(MlFilter *filter);

/* Appends the condition (an empty filter: true) to filter.  Errors: 42601 with
 * position and token, 22023 for an unknown attribute. */
extern void mlreg_compile_filter(const char *text, MlFilter *filter);

/* Appends one item of ORDER BY: "metrics.pr_auc DESC". */
extern void mlreg_compile_order(const char *text, MlFilter *filter);

/* ---------------------------------------------------------------- recording */

typedef struct MlNamedText
{
	const char *name;
	const char *value;
} MlNamedText;

typedef struct MlNamedMetric
{
	const char *name;
	int			step;
	double		value;			/* NaN is stored as NULL */
} MlNamedMetric;

/* Everything that a finished training leaves in the catalog. */
typedef struct MlRegistration
{
	const char *model;
	const char *experiment;		/* NULL: the model's name */
	const char *algorithm;
	const char *target;
	const char *positive;		/* NULL: boolean or 0/1 */
	int64		seed;
	Jsonb	   *tags;
	TimestampTz started_at;

	/* data set */
	const char *source;			/* NULL: a query */
	const char *query;
	const char *search_path;	/* that names in query were resolved by */
	Oid			recorded_by;	/* role whose text query is */
	const char *settings;		/* others that query was read under, JSON text */
	List	   *relations;		/* OIDs of the tables and views it was read from */
	char		content_hash[33];
	int64		rows;
	int64		positives;
	int64		unlabelled;
	int64		train_rows;
	int64		validation_rows;
	int64		test_rows;
	const char *time_column;	/* NULL: none */
	double		time_from;		/* seconds since 1970, local */
	double		time_to;
	const char *time_zone;
	const char *columns;		/* JSON text */
	bool		has_test_window;	/* there are a time column and test rows */
	double		test_from;		/* earliest and latest time of the test rows, */
	double		test_to;		/* as the engine has them */
	const char *request;		/* arguments of the training, JSON text */
	const char *findings;		/* what people ought to know of the columns, JSON text */

	int			n_params;
	const MlNamedText *params;
	int			n_run_metrics;
	const MlNamedMetric *run_metrics;

	/* version */
	const char *signature;		/* JSON text */
	const char *metrics;		/* JSON text */
	double		threshold;
	const uint8 *bytes;
	size_t		size;
} MlRegistration;

/*
 * Records the run and registers its version in the current transaction.  The
 * model is created if there is none, else the user must have the right to train it.
 */
extern void mlreg_register(const MlRegistration *registration,
						   int *version, int64 *run_id, uint8 sha256[32]);

/* SHA-256 of bytes. */
extern void mlreg_sha256(const uint8 *bytes, size_t size, uint8 sha256[32]);

/* ---------------------------------------------------------------- labels */

typedef struct MlLabelsAdded
{
	int64		rows;			/* read */
	int64		added;
	int64		changed;		/* of a key and time that were there with the other label */
	int64		ignored;		/* without key or label */
} MlLabelsAdded;

/* Type of the target that a version was trained on, as mling_type_name gives it; NULL if it was not recorded. */
extern char *mlreg_target_type(int64 version_id);

/* How many rows with a label a version's training read, and positives among them; false: not known. */
extern bool mlreg_labelled_rows(int64 version_id, int64 *rows, int64 *positives);

/*
 * Reads labels of decisions from the source's columns key, label and
 * labelled_at (NULL: now), as the current user, and records them.  A warning
 * counts rows with a label and NULL as their time, which are known now, and a
 * notice tells if no decision has one of the keys.  positive is
 * the value that counts as positive, NULL for the model's own, which a notice
 * tells, or true and 1 where it has none; a warning tells if no row has it, unless the labels are booleans or 0/1 all the same.  Errors: no
 * right to train the model, columns that are missing or of a wrong type, two
 * labels of one key and time that differ, a time in the future.
 */
extern void mlreg_add_labels(const char *model, MlSource *source, const char *key,
							 const char *label, const char *labelled_at, const char *positive,
							 MlLabelsAdded *added);

#endif							/* MLOPS_REGISTRY_H */
