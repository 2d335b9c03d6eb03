-- Writes docs/reference.md from the catalog of a database that has mlops:
--   psql -X -q -A -t -f docs/make_reference.sql > docs/reference.md
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
SELECT E'# Reference\n\nMade from the catalog''s own comments by docs/make_reference.sql; a test compares the two.\n\n## Functions\n';
SELECT format(E'### %s\n\n%s\n\n```\n%s.%s(%s)\n  -> %s\n```\n\n%s%s.\n', p.proname, obj_description(p.oid, 'pg_proc'),
	n.nspname, p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
	CASE p.provolatile WHEN 'i' THEN 'Immutable' WHEN 's' THEN 'Stable' ELSE 'Volatile' END,
	CASE p.proparallel WHEN 's' THEN ', parallel safe' ELSE '' END)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'mlops' ORDER BY p.proname, pg_get_function_arguments(p.oid);
SELECT E'## Views\n';
SELECT format(E'### %s\n\n%s\n\n| column | type | meaning |\n|---|---|---|\n%s\n', c.relname, obj_description(c.oid, 'pg_class'),
	string_agg(format('| %s | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod),
		replace(coalesce(col_description(c.oid, a.attnum), ''), '|', '\|')), E'\n' ORDER BY a.attnum))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname = 'mlops' AND c.relkind = 'v' GROUP BY c.oid, c.relname ORDER BY c.relname;
SELECT E'## Types\n';
SELECT format(E'### %s\n\n%s\n\n| field | type | meaning |\n|---|---|---|\n%s\n', c.relname, obj_description(c.reltype, 'pg_type'),
	string_agg(format('| %s | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(c.oid, a.attnum), '')),
		E'\n' ORDER BY a.attnum))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname = 'mlops' AND c.relkind = 'c' GROUP BY c.oid, c.relname, c.reltype ORDER BY c.relname;
SELECT E'## Parameters of the learners\n';
SELECT format(E'### %s\n\n%s.\n\n| parameter | type | default | range | meaning |\n|---|---|---|---|---|\n%s\n', algorithm, min(description),
	string_agg(format('| %s | %s | %s | %s | %s |', parameter, type, default_value,
		coalesce(choices, minimum || ' to ' || maximum, ''), replace(meaning, '|', '\|')), E'\n' ORDER BY parameter))
FROM mlops.algorithms GROUP BY algorithm ORDER BY algorithm;
SELECT E'## Keys of arguments in JSON\n\nThe keys that each argument or document may have, also as rows in `mlops.argument_keys`. Those of `params` are [above](#parameters-of-the-learners). `tags` and `labels` have keys of your own.\nWhere keys differ by strategy, action or pruner, an error lists those that go with it.\n';
SELECT format(E'### `%s`\n\nIn `%s`.\n\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n%s\n', argument, replace(min(functions), ', ', '`, `'),
	string_agg(format('| `%s` | %s | %s | %s | `%s` |', key, type, replace(default_value, '<', '\<'), replace(meaning, '<', '\<'), example), E'\n' ORDER BY place))
FROM (SELECT k.*, row_number() OVER () AS place FROM mlops.argument_keys AS k) AS k GROUP BY argument ORDER BY min(place);
SELECT E'## Settings\n\n| setting | default | unit | range | who may set it | meaning |\n|---|---|---|---|---|---|';
SELECT format('| %s | %s | %s | %s | %s | %s |', name, boot_val, coalesce(unit, ''), coalesce(min_val || ' to ' || max_val, ''),
	-- what is preloaded takes it when the server starts; this session may not be
	CASE name WHEN 'mlops.shared_cache_size' THEN 'postmaster' ELSE context END,
	concat_ws(' ', short_desc, extra_desc))
FROM pg_settings WHERE name LIKE 'mlops.%' ORDER BY name;
