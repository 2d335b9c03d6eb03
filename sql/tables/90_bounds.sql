-- Bounds of what our own functions compute with, as the functions that write it
-- keep them: a row that was edited by hand or in a dump is refused where it goes
-- in, not where all models are read.  Counts are bounded so that no sum of a few
-- of them overflows.

DO $$
DECLARE
	c record;
	col pg_catalog.text;
BEGIN
	FOR c IN
		SELECT b.relation, b.columns, k.condition
		FROM (VALUES
			('dataset', 'rows,positives,unlabelled,train_rows,validation_rows,test_rows', 'count'),
			('model_version', 'size', 'count'),
			('model_artifact', 'part', 'count'),
			('upkeep', 'crashes,failures', 'count'),
			('trial', 'number,steps', 'count'),
			('release', 'step', 'count'),
			('decision_seal', 'rows', 'count'),
			('decision_seal_block', 'block', 'count'),
			('snapshot', 'rows', 'count'),
			('guard_count', 'version,decisions,flagged,errors,labelled_alerts,true_alerts', 'count'),
			('guard_alert', 'version,n', 'count'),
			('decision_total', 'version,bucket,decisions,flagged,errors', 'count'),
			('decision_total', 'nanoseconds', 'not negative'),
			('drift_window', 'rows,place', 'count'),
			('job', 'rows,attempts,peak_memory', 'count'),
			('job_event', 'attempt', 'count'),
			('traffic_window', 'version,decisions,alerts,errors', 'count'),
			('performance_window', 'version,decisions,true_positives,false_positives,false_negatives,true_negatives', 'count'),
			('alert_rule', 'windows', 'windows'),
			('alert_rule', 'min_decisions', 'not negative'),
			('job', 'max_retries', 'retries'),
			('schedule', 'max_retries', 'retries'),
			('monitor', 'every', 'window'),
			('monitor', 'label_delay', 'wait'),
			('policy', 'cooldown', 'wait'),
			('model_version', 'threshold', 'threshold'),
			('deployment', 'threshold', 'threshold'),
			('deployment_route', 'threshold', 'threshold'),
			('imported_decision', 'threshold', 'threshold'),
			('imported_decision', 'score', 'probability'),
			('imported_decision', 'version', 'count'),
			('imported_decision', 'features', 'object'),
			('deployment', 'min_percent', 'percent'),
			('monitor', 'segments', 'whole list'),
			('model', 'tags', 'object'),
			('run', 'tags', 'object'),
			('model_version', 'metrics,tags', 'object'),
			('model_version', 'signature', 'array'),
			('dataset', 'columns', 'array'),
			('deployment', 'guard', 'object'),
			('deployment', 'ramp,routes', 'array'),
			('deployment_route', 'rule', 'object'),
			('deployment_route', 'rule_types', 'object'),
			('audit_log', 'detail', 'object'),
			('audit_waiting', 'detail', 'object'),
			('gate', 'gate', 'object'),
			('gate_check', 'detail', 'object'),
			('study', 'space,tags', 'object'),
			('trial', 'params', 'object'),
			('stated_route', 'route', 'object'),
			('monitor', 'settings', 'object'),
			('snapshot', 'settings', 'object'),
			('dataset', 'settings', 'object'),
			('job', 'settings,error', 'object'),
			('job_event', 'error', 'object'),
			('performance_window', 'segment', 'object'),
			('alert_rule', 'labels', 'object'),
			('alert', 'labels', 'object'),
			('policy', 'triggers,gate,options', 'object')) AS b(relation, columns, kind)
		JOIN (VALUES
			('count', '%1$I OPERATOR(pg_catalog.>=) 0 AND %1$I OPERATOR(pg_catalog.<=) 1000000000000000'),
			('not negative', '%1$I OPERATOR(pg_catalog.>=) 0'),
			('windows', '%1$I OPERATOR(pg_catalog.>=) 1 AND %1$I OPERATOR(pg_catalog.<=) 100'),
			('retries', '%1$I OPERATOR(pg_catalog.>=) 0 AND %1$I OPERATOR(pg_catalog.<=) 100'),
			('window', '%1$I OPERATOR(pg_catalog.>=) ''00:01''::pg_catalog.interval AND %1$I OPERATOR(pg_catalog.<=) ''366 days''::pg_catalog.interval '
				'AND pg_catalog.date_part(''month'', %1$I) OPERATOR(pg_catalog.=) 0 AND pg_catalog.date_part(''year'', %1$I) OPERATOR(pg_catalog.=) 0'),
			('wait', '%1$I OPERATOR(pg_catalog.>=) ''00:00''::pg_catalog.interval AND %1$I OPERATOR(pg_catalog.<=) ''100 years''::pg_catalog.interval'),
			-- just above 1: flags nothing, not even a score of 1
			('threshold', '%1$I OPERATOR(pg_catalog.>=) 0 AND %1$I OPERATOR(pg_catalog.<=) 1.0000000000000002::pg_catalog.float8'),
			('probability', '%1$I OPERATOR(pg_catalog.>=) 0 AND %1$I OPERATOR(pg_catalog.<=) 1'),
			('percent', '%1$I OPERATOR(pg_catalog.>=) 0 AND %1$I OPERATOR(pg_catalog.<=) 100'),
			('whole list', 'pg_catalog.array_position(%1$I, NULL) IS NULL'),
			('object', 'pg_catalog.jsonb_typeof(%1$I) OPERATOR(pg_catalog.=) ''object'''),
			('array', 'pg_catalog.jsonb_typeof(%1$I) OPERATOR(pg_catalog.=) ''array''')) AS k(kind, condition)
			ON k.kind OPERATOR(pg_catalog.=) b.kind
	LOOP
		FOREACH col IN ARRAY pg_catalog.string_to_array(c.columns, ',') LOOP
			EXECUTE pg_catalog.format('ALTER TABLE mlops_catalog.%I ADD CONSTRAINT %I CHECK (%s)', c.relation, c.relation OPERATOR(pg_catalog.||) '_' OPERATOR(pg_catalog.||) col OPERATOR(pg_catalog.||) '_bounds',
				pg_catalog.format(c.condition, col));
		END LOOP;
	END LOOP;
END
$$;

-- Windows of monitors are spans of time that can be added to.
ALTER TABLE mlops_catalog.monitor_window ADD CONSTRAINT monitor_window_span_bounds
	CHECK (window_start OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00');
ALTER TABLE mlops_catalog.traffic_window ADD CONSTRAINT traffic_window_span_bounds
	CHECK (window_start OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00');
ALTER TABLE mlops_catalog.performance_window ADD CONSTRAINT performance_window_span_bounds
	CHECK (window_start OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.>) '-infinity' AND window_end OPERATOR(pg_catalog.<) '10000-01-01 00:00:00+00');
-- Views read the number of the version of each route.
ALTER TABLE mlops_catalog.deployment ADD CONSTRAINT deployment_routes_version_bounds
	CHECK (NOT pg_catalog.jsonb_path_exists(routes, '$[*] ? (!exists(@.version ? (@ >= 1 && @ <= 2147483647 && @ == @.floor())))'));
