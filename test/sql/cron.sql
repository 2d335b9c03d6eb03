-- When cron expressions are due: croniter's answers, pg_cron's own forms, what
-- is no expression.
\getenv abs_srcdir PG_ABS_SRCDIR
\set golden :abs_srcdir '/golden/cron.sql'
\set ECHO none
\i :golden
\set ECHO all
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE mlops_catalog.next_cron_run(cron, after, zone) IS DISTINCT FROM next) AS different
FROM due;
SELECT * FROM (SELECT *, mlops_catalog.next_cron_run(cron, after, zone) AS ours FROM due) AS d WHERE ours IS DISTINCT FROM next LIMIT 5;
SET timezone = 'UTC';
SELECT form, mlops_catalog.next_cron_run(form, '2026-02-10 10:20:30', 'UTC')
FROM (VALUES (1, '@hourly'), (2, '@daily'), (3, '@midnight'), (4, '@weekly'), (5, '@monthly'), (6, '@YEARLY'), (7, '@annually'),
	(8, '30 seconds'), (9, '1 second'), (10, '0 3 $ * *'), (11, '  0   4 * * SUN '), (12, '0 0 30 2 *')) AS f (n, form)
ORDER BY n;
-- a day that comes once in eight years, or in forty; clocks that are set by two hours; never
SELECT form, mlops_catalog.next_cron_run(form, after, zone)
FROM (VALUES (1, '0 0 29 2 *', timestamptz '2096-02-29 00:00', 'UTC'), (2, '0 0 29 2 */7', '2088-02-29 00:00', 'UTC'), (3, '30 22 29 2 */7', '2088-03-01 00:00', 'America/New_York'),
	(4, '30 3 * 3 0', '2027-03-28 00:30', 'Antarctica/Troll'), (5, '0 1 28 10 *', '2026-11-01 00:00', 'Australia/Lord_Howe'), (6, '0 0 31 4 *', '2026-11-01 00:00', 'UTC')) AS f (n, form, after, zone)
ORDER BY n;
-- clocks go forward over 02:30 on 29 March, and back on 25 October
SELECT mlops_catalog.next_cron_run('30 2 * * *', '2026-03-28 12:00', 'Europe/Berlin'),
	mlops_catalog.next_cron_run('30 2 * * *', '2026-10-24 12:00', 'Europe/Berlin');
\set VERBOSITY terse
\set ON_ERROR_STOP 0
SELECT mlops_catalog.next_cron_run('', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('60 * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* 24 * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * 0 * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * * 13 *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * * * 8', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('5-1 * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('*/0 * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('1, * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('1x * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('-1 * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('60 seconds', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('99999999999 * * * *', now(), 'UTC');
SELECT mlops_catalog.next_cron_run('* * * * *', now(), 'Mars/Olympus');
