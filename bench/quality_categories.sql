-- Trains on data sets with categories, each with a quarter of the rows held back, drawn by
-- so many seeds, and keeps the scores of those.
--   psql -v data=DIRECTORY -v seeds=N -v params=JSON -f bench/quality_categories.sql
-- Run in a database of its own that has mlops.
\set ON_ERROR_STOP true
\set QUIET 1
SET client_min_messages = warning;
CREATE SCHEMA sets;

-- Census incomes; German credits.
CREATE TABLE sets.adult (age int, workclass text, fnlwgt int, education text, education_num int, marital_status text,
	occupation text, relationship text, race text, sex text, capital_gain int, capital_loss int,
	hours_per_week int, native_country text, split text, y int);
\set copy '\\copy sets.adult FROM PROGRAM \'gzip -dc ' :data '/adult_census.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy
ALTER TABLE sets.adult DROP COLUMN split;
CREATE TABLE sets.german (checking_status text, duration_months int, credit_history text, purpose text, credit_amount int, savings text,
	employment_since text, installment_rate int, personal_status_sex text, other_debtors text, residence_since int, property text, age int,
	other_installment_plans text, housing text, existing_credits int, job text, n_liable int, telephone text, foreign_worker text, y int, sex text);
\set copy '\\copy sets.german FROM PROGRAM \'gzip -dc ' :data '/german_credit.csv.gz\' WITH (FORMAT csv, HEADER)'
:copy

-- Accused persons and whether they were accused again within two years, as ProPublica
-- published them; 438 charges.
\set there `test -r :'data'/compas-scores-two-years.csv && echo true || echo false`
\if :there
CREATE TEMP TABLE compas (id int, name text, first text, last text, screened text, sex text, dob text, age int, age_cat text, race text, juv_fel_count int, decile_score int,
	juv_misd_count int, juv_other_count int, priors_count int, days_b_screening_arrest text, c_jail_in text, c_jail_out text, c_case_number text, c_offense_date text,
	c_arrest_date text, c_days_from_compas text, c_charge_degree text, c_charge_desc text, is_recid text, r_case_number text, r_charge_degree text, r_days_from_arrest text,
	r_offense_date text, r_charge_desc text, r_jail_in text, r_jail_out text, violent_recid text, is_violent_recid text, vr_case_number text, vr_charge_degree text,
	vr_offense_date text, vr_charge_desc text, type_of_assessment text, decile_score_2 text, score_text text, screening_date text, v_type_of_assessment text,
	v_decile_score text, v_score_text text, v_screening_date text, in_custody text, out_custody text, priors_count_2 text, start text, "end" text, event text, y int);
\set copy '\\copy compas FROM \'' :data '/compas-scores-two-years.csv\' WITH (FORMAT csv, HEADER)'
:copy
CREATE TABLE sets.compas AS SELECT age, sex, race, juv_fel_count, juv_misd_count, juv_other_count, priors_count, c_charge_degree, c_charge_desc, y FROM compas;
\endif

-- 40,000 payments to some 2,000 merchants, by Zipf's law; each has its own share of frauds.
CREATE TABLE sets.merchants AS
SELECT 'merchant ' || m AS merchant, 'country ' || m % 30 AS country, round(exp(3 + 1.2 * (u[1] + u[2] + u[3] - 1.5) * 2)::numeric, 2)::float8 AS amount,
	u[4] < 1 / (1 + exp(3.2 - 1.6 * (merchant_u[1] + merchant_u[2] + merchant_u[3] - 1.5) * 2 - 0.8 * (u[1] + u[2] + u[3] - 1.5))) AS y
FROM generate_series(1, 40000) AS i,
	LATERAL (SELECT array_agg((hashint4extended(i, k) & 1048575) / 1048576.0::float8 ORDER BY k) AS u FROM generate_series(1, 5) AS k) AS draws,
	LATERAL (SELECT floor(2000 ^ u[5])::int AS m) AS m,
	LATERAL (SELECT array_agg((hashint4extended(m, k) & 1048575) / 1048576.0::float8 ORDER BY k) AS merchant_u FROM generate_series(11, 13) AS k) AS own;

CREATE TABLE score (data_set text, seed int, nr int, score float8);
CREATE PROCEDURE judge(data_set text, seeds int, params jsonb) LANGUAGE plpgsql AS $$
DECLARE
	version int;
BEGIN
	EXECUTE format('ALTER TABLE sets.%I ADD COLUMN nr int GENERATED ALWAYS AS IDENTITY', data_set);
	FOR seed IN 1 .. seeds LOOP
		EXECUTE format('CREATE TEMP VIEW divided AS SELECT *, CASE WHEN hashint4extended(nr, %s) & 3 = 0 THEN ''test'' ELSE ''train'' END AS part FROM sets.%I', seed, data_set);
		SELECT t.version INTO version FROM mlops.train(data_set, 'divided', target => 'y', key => 'nr', split => '{"fold": "part"}', params => params, seed => seed) AS t;
		INSERT INTO score SELECT data_set, seed, d.nr, mlops.score_version(data_set, version, d) FROM divided AS d WHERE part = 'test';
		DROP VIEW divided;
	END LOOP;
END
$$;
SELECT format('CALL judge(%L, %s, %L)', relname, :'seeds', :'params') FROM pg_class WHERE relnamespace = 'sets'::regnamespace AND relkind = 'r' ORDER BY relname \gexec
