/*-------------------------------------------------------------------------
 * record.c
 *	  Reports of drift to mlops_catalog.drift_window.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/monitor.h"

#define N_ARRAYS 7

/* One INSERT of all tests, as arrays; as the catalog's owner (mlcat_begin). */
void
mlmon_record(const MlResolved *resolved, Oid user, TimestampTz window_start,
			 TimestampTz window_end, const MlDriftReport *report)
{
	static const Oid element[N_ARRAYS] = {TEXTOID, TEXTOID, TEXTOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, BOOLOID};
	static const Oid array[N_ARRAYS] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID,
	FLOAT8ARRAYOID, BOOLARRAYOID};
	int			n = list_length(report->tests);
	Datum	   *columns[N_ARRAYS];
	bool	   *nulls[N_ARRAYS];
	Oid			types[7 + N_ARRAYS] = {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, OIDOID, TIMESTAMPTZOID};
	Datum		values[7 + N_ARRAYS];
	char		is_null[7 + N_ARRAYS];
	MlCatalogScope scope;
	int			i = 0;
	ListCell   *lc;

	for (int c = 0; c < N_ARRAYS; c++)
	{
		columns[c] = palloc0(Max(n, 1) * sizeof(Datum));
		nulls[c] = palloc0(Max(n, 1) * sizeof(bool));
	}
	foreach(lc, report->tests)
	{
		const MlDriftRow *row = (const MlDriftRow *) lfirst(lc);

		columns[0][i] = CStringGetTextDatum(row->feature);
		columns[1][i] = CStringGetTextDatum(row->kind);
		columns[2][i] = CStringGetTextDatum(mlmon_test_names[row->test]);
		columns[3][i] = Float8GetDatum(row->statistic);
		columns[4][i] = Float8GetDatum(row->p_value);
		columns[5][i] = Float8GetDatum(row->threshold);
		columns[6][i] = BoolGetDatum(row->drifted);
		nulls[3][i] = nulls[6][i] = isnan(row->statistic);
		nulls[4][i] = isnan(row->p_value);
		i++;
	}
	values[0] = Int64GetDatum(resolved->served->version.model_id);
	values[1] = Int32GetDatum(resolved->served->version.version);
	values[2] = TimestampTzGetDatum(window_start);
	values[3] = TimestampTzGetDatum(window_end);
	values[4] = Int64GetDatum(report->rows);
	values[5] = ObjectIdGetDatum(user);
	values[6] = TimestampTzGetDatum(GetCurrentTimestamp());
	for (int c = 0; c < N_ARRAYS; c++)
	{
		bool		by_value = element[c] != TEXTOID;
		int			length = element[c] == TEXTOID ? -1 : element[c] == BOOLOID ? 1 : 8;
		char		align = element[c] == TEXTOID ? TYPALIGN_INT : element[c] == BOOLOID ? TYPALIGN_CHAR : TYPALIGN_DOUBLE;
		int			lower = 1;

		types[7 + c] = array[c];
		values[7 + c] = PointerGetDatum(construct_md_array(columns[c], nulls[c], 1, &n, &lower, element[c],
														   length, by_value && (length < 8 || FLOAT8PASSBYVAL), align));
	}
	memset(is_null, ' ', sizeof(is_null));
	is_null[2] = TIMESTAMP_IS_NOBEGIN(window_start) ? 'n' : ' ';
	is_null[3] = TIMESTAMP_IS_NOEND(window_end) ? 'n' : ' ';
	mlcat_begin(&scope);
	mlcat_execute("INSERT INTO mlops_catalog.drift_window (model_id, version, window_start, window_end, rows, recorded_by, recorded_at, "
				  "place, feature, kind, test, statistic, p_value, threshold, drifted) "
				  "SELECT $1, $2, $3, $4, $5, $6::regrole, $7, t.place, t.feature, t.kind, t.test, t.statistic, t.p_value, t.threshold, t.drifted "
				  "FROM ROWS FROM (pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), "
				  "pg_catalog.unnest($12), pg_catalog.unnest($13), pg_catalog.unnest($14)) "
				  "WITH ORDINALITY AS t(feature, kind, test, statistic, p_value, threshold, drifted, place)",
				  7 + N_ARRAYS, types, values, is_null);
	mlcat_end(&scope);
}
