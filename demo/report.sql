-- What an analyst wants to see.  Variables: test_from, layout (handbook or ulb).

\pset footer off
\pset border 1
\pset null '-'
-- what it costs to look into one alert: an assumption
\set alert_cost 5

\echo
\echo 'The transactions'
\echo '================'
SELECT CASE WHEN tx_datetime < :'test_from' THEN 'to learn from' ELSE 'later 20 % of time, to judge on' END AS part,
	   to_char(min(tx_datetime), 'YYYY-MM-DD HH24:MI') AS "from",
	   to_char(max(tx_datetime), 'YYYY-MM-DD HH24:MI') AS "to",
	   to_char(count(*), '999,999,999') AS transactions,
	   to_char(count(*) FILTER (WHERE tx_fraud), '999,999') AS frauds,
	   to_char(100 * avg(tx_fraud::int), '990.00" %"') AS "fraud rate",
	   to_char(coalesce(sum(tx_amount) FILTER (WHERE tx_fraud), 0), '999,999,990') AS "fraud amount"
FROM prepared
GROUP BY 1
ORDER BY 2;

\echo 'The two models'
\echo '=============='
\echo 'Trained by  SELECT * FROM mlops.train(''fraud'', ''prepared'', target => ''tx_fraud'', ...)'
\echo 'and judged on the later 20 % of time.  Average precision is 1 if every fraud is ranked'
\echo 'before every genuine transaction; guessing would reach the fraud rate.'
SELECT v.version, replace(v.algorithm, '_', ' ') AS algorithm,
	   to_char(v.train_rows, '999,999,999') AS "rows learned from",
	   to_char(r.train_ms / 1000, '990.0') AS seconds,
	   to_char(v.pr_auc, '0.000') AS "average precision",
	   to_char(v.roc_auc, '0.000') AS "ROC AUC",
	   CASE WHEN v.deployed_as IS NULL THEN '' ELSE 'deployed' END AS state
FROM mlops.versions AS v
JOIN mlops.runs AS r USING (run_id)
WHERE v.model = 'fraud'
ORDER BY v.version;

\echo 'Frauds caught among the highest scores'
\echo '======================================'
\echo 'If the team looks into only so many transactions of the later 20 % of time:'
WITH ranked AS (
	SELECT tx_amount, tx_fraud,
		   row_number() OVER (ORDER BY gradient_boosting DESC, transaction_id) AS gb,
		   row_number() OVER (ORDER BY logistic_regression DESC, transaction_id) AS lr
	FROM test_scores
), total AS (
	SELECT count(*) FILTER (WHERE tx_fraud) AS frauds FROM test_scores
), budget AS (
	SELECT k
	FROM total, unnest('{50, 100, 200, 500, 1000, 2000, 5000, 10000}'::int[]) AS k
	WHERE k <= greatest(2 * frauds, 50)
	ORDER BY k DESC
	LIMIT 4
)
SELECT to_char(k, '999,999') AS alerts,
	   count(*) FILTER (WHERE tx_fraud AND gb <= k) AS "gradient boosting",
	   to_char(100.0 * count(*) FILTER (WHERE tx_fraud AND gb <= k) / frauds, '990" %"') AS "of all",
	   count(*) FILTER (WHERE tx_fraud AND lr <= k) AS "logistic regression",
	   to_char(100.0 * count(*) FILTER (WHERE tx_fraud AND lr <= k) / frauds, '990" %"') AS "of all ",
	   least(k, frauds) AS "a perfect model"
FROM ranked, total, budget
GROUP BY k, frauds
ORDER BY k;

\echo 'What it costs'
\echo '============='
\echo 'Every transaction that the deployed model flags is looked into, for' :alert_cost 'each (assumed).'
WITH judged AS (
	SELECT t.tx_amount, t.tx_fraud, a.transaction_id IS NOT NULL AS flagged
	FROM test_scores AS t LEFT JOIN alerts AS a USING (transaction_id)
), sums AS (
	SELECT count(*) FILTER (WHERE flagged) AS alerts,
		   count(*) FILTER (WHERE flagged AND tx_fraud) AS caught,
		   count(*) FILTER (WHERE tx_fraud) AS frauds,
		   coalesce(sum(tx_amount) FILTER (WHERE flagged AND tx_fraud), 0) AS stopped,
		   coalesce(sum(tx_amount) FILTER (WHERE tx_fraud), 0) AS lost
	FROM judged
)
SELECT what AS " ",
	   to_char("without", form) AS "without a model",
	   to_char("with", form) AS "with the model"
FROM sums, LATERAL (VALUES
	(1, '999,999,990', 'transactions looked into', 0, alerts),
	(2, '999,999,990', '  of them frauds', 0, caught),
	(3, '999,999,990', '  of them false alarms', 0, alerts - caught),
	(4, '999,999,990', 'frauds that go through', frauds, frauds - caught),
	(5, '999,999,990.00', 'lost to fraud', lost, lost - stopped),
	(6, '999,999,990.00', 'spent on looking', 0, alerts * :alert_cost),
	(7, '999,999,990.00', 'together', lost, lost - stopped + alerts * :alert_cost)
) AS line (n, form, what, "without", "with")
ORDER BY n;

SELECT :'layout' = 'handbook' AS is_handbook \gset
\if :is_handbook
SELECT count(*) > 0 AS knows_scenarios FROM transactions WHERE tx_fraud_scenario > 0 \gset
\if :knows_scenarios
\echo 'Which frauds are found'
\echo '======================'
\echo 'The kind of fraud is known because the transactions are simulated; no model has seen it.'
SELECT CASE tx_fraud_scenario
			WHEN 1 THEN 'amount above a limit'
			WHEN 2 THEN 'compromised terminal'
			WHEN 3 THEN 'stolen card'
	   END AS kind,
	   count(*) AS frauds,
	   count(a.transaction_id) AS caught,
	   to_char(100.0 * count(a.transaction_id) / count(*), '990" %"') AS share
FROM transactions AS t LEFT JOIN alerts AS a USING (transaction_id)
WHERE t.tx_datetime >= :'test_from' AND t.tx_fraud
GROUP BY tx_fraud_scenario
ORDER BY tx_fraud_scenario;
\endif
\endif

\echo 'Ten of the alerts'
\echo '================='
\echo 'From the surest to the least sure: the first of each tenth.'
CREATE TEMP VIEW example AS
SELECT p.*, a.score
FROM (SELECT *, row_number() OVER by_score AS position, count(*) OVER () AS n
	  FROM alerts
	  WINDOW by_score AS (ORDER BY score DESC, transaction_id)) AS a
JOIN prepared AS p USING (transaction_id)
WHERE 10 * (position - 1) / n > 10 * (position - 2) / n OR position = 1;
\if :is_handbook
SELECT transaction_id AS transaction,
	   to_char(tx_datetime, 'YYYY-MM-DD HH24:MI') AS time,
	   customer_id AS customer,
	   to_char(tx_amount, '999,990.00') AS amount,
	   to_char(customer_id_avg_amount_30day_window, '999,990.00') AS "usual amount",
	   terminal_id AS terminal,
	   to_char(100 * terminal_id_risk_30day_window, '990" %"') AS "terminal risk",
	   to_char(example.score, '0.000') AS score,
	   CASE WHEN tx_fraud THEN 'fraud' ELSE 'genuine' END AS "in truth"
FROM example
ORDER BY example.score DESC, transaction_id;	-- not by the rounded text
\else
SELECT transaction_id AS transaction,
	   to_char(tx_datetime, 'YYYY-MM-DD HH24:MI') AS time,
	   to_char(tx_amount, '999,990.00') AS amount,
	   round(v4::numeric, 2) AS v4,
	   round(v10::numeric, 2) AS v10,
	   round(v14::numeric, 2) AS v14,
	   to_char(example.score, '0.000') AS score,
	   CASE WHEN tx_fraud THEN 'fraud' ELSE 'genuine' END AS "in truth"
FROM example
ORDER BY example.score DESC, transaction_id;	-- not by the rounded text
\endif

\echo 'Why the surest of all alerts, and one from the middle, were flagged'
\echo '==================================================================='
\echo 'What each column added to the log odds of fraud: mlops.explain_text(''fraud'', the row).'
\echo
\pset tuples_only on
SELECT line
FROM alerts AS a JOIN prepared AS p USING (transaction_id),
	regexp_split_to_table(format(E'Transaction %s: %s\n', transaction_id, mlops.explain_text('fraud', p, 6)), '\n') WITH ORDINALITY AS x(line, n)
WHERE transaction_id IN ((SELECT transaction_id FROM alerts ORDER BY score DESC, transaction_id LIMIT 1),
	(SELECT transaction_id FROM alerts ORDER BY score DESC, transaction_id OFFSET (SELECT count(*) / 2 FROM alerts) LIMIT 1))
ORDER BY a.score DESC, n;
\pset tuples_only off

\echo 'What gradient boosting looks at'
\echo '==============================='
SELECT feature,
	   to_char(100 * share, '990.0" %"') AS importance,
	   repeat('#', ceil(40 * share)::int) AS " "
FROM mlops.feature_importance
WHERE model = 'fraud' AND version = 1 AND gain > 0
ORDER BY gain DESC
LIMIT 8;

\echo 'What logistic regression looks at'
\echo '================================='
\echo 'Odds ratio: how the odds of fraud change with one standard deviation more.'
SELECT feature,
	   to_char(odds_ratio, '999,990.00') AS "odds ratio",
	   to_char(standard_error, '990.000') AS "standard error",
	   CASE WHEN p_value < 0.0001 THEN '< 0.0001' ELSE to_char(p_value, '0.0000') END AS "p value"
FROM mlops.coefficients
WHERE model = 'fraud' AND version = 2 AND kind = 'value'
ORDER BY abs(coefficient) DESC
LIMIT 5;

\if :is_handbook
\echo 'Payments as they come in'
\echo '========================'
\echo 'A thousand INSERTs: the trigger computes the features, scores and logs the decision.'
SELECT count(*) AS payments,
	   to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), '990.00" ms"') AS median,
	   to_char(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), '990.00" ms"') AS "99 % within",
	   (SELECT count(*) FILTER (WHERE score IS NOT NULL) FROM transactions) AS scored,
	   (SELECT count(*) FILTER (WHERE flagged) FROM transactions) AS flagged
FROM took;
\endif
