#!/bin/sh
# logical_subscriber.sh - payments that arrive by logical replication: who scores
# them, who logs, and what a worker that applies them does when scoring fails.
# And a server that publishes all its tables, ours too.  TAP.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

# Publisher and subscriber are two databases of one server.
on_subscriber()
{
	query -d subscriber "$@"
}

private_server start "shared_preload_libraries = 'mlops'" "mlops.maintenance_interval = 0" "fsync = off" "wal_level = logical" \
	"max_wal_senders = 8" "max_replication_slots = 8" "max_logical_replication_workers = 8" "max_worker_processes = 24" \
	"wal_retrieve_retry_interval = '100ms'"
query -c "CREATE DATABASE subscriber"
for database in postgres subscriber; do
	query -d $database <<'SQL'
CREATE EXTENSION mlops;
CREATE TABLE tx AS
SELECT i AS id, (i * 7919 % 10007) / 100.0::float8 AS amount, (i * 7919 % 10007) > 9000 AS is_fraud FROM generate_series(1, 2000) AS i;
CREATE TABLE payment (id int PRIMARY KEY, amount float8, score float8, flagged boolean);
CREATE TABLE scored (id int PRIMARY KEY, amount float8, score float8, flagged boolean);
SQL
done
# Models that answer differently, so that a score tells whose it is.
query -o /dev/null <<'SQL'
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 3}');
SELECT mlops.deploy('fraud', 1);
CREATE TRIGGER decide BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flagged', 'id');
CREATE TRIGGER score BEFORE INSERT OR UPDATE ON scored FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
CREATE PUBLICATION payments FOR TABLE payment, scored;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION decisions FOR TABLE mlops_catalog.prediction WITH (publish_via_partition_root);
SELECT pg_create_logical_replication_slot('payments', 'pgoutput'), pg_create_logical_replication_slot('decisions', 'pgoutput');
SQL
on_subscriber -o /dev/null <<'SQL'
SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{"n_estimators": 9}');
SELECT mlops.deploy('fraud', 1);
SQL
[ "$(query -c "SELECT mlops.score('fraud', ROW(95.5::float8))")" != "$(on_subscriber -c "SELECT mlops.score('fraud', ROW(95.5::float8))")" ] ||
	echo "Bail out! the two models score alike"

# ---- all tables are published: no statement of ours fails for want of a replica identity
outcome()
{
	error_of "$@" | head -n 1
}
is "payments are decided, one and many" "$(outcome -c "INSERT INTO payment SELECT id, amount FROM tx WHERE id <= 100" -c "INSERT INTO scored SELECT id, amount FROM tx WHERE id <= 100" \
	-c "INSERT INTO payment VALUES (9001, 95.5)" -c "UPDATE scored SET amount = 95.5 WHERE id = 1")" ""
is "a release, labels, a monitor, a gate, a run, a copy" "$(outcome -c "SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{\"n_estimators\": 5}')" \
	-c "SELECT mlops.deploy('fraud', 2, 'canary', percent => 10, key => 'id')" -c "SELECT mlops.promote('fraud')" -c "SELECT mlops.set_alias('fraud', 'champion', 2)" \
	-c "SELECT mlops.set_alias('fraud', 'champion', 1)" -c "SELECT mlops.drop_alias('fraud', 'champion')" -c "SELECT mlops.set_model_tag('fraud', 'team', 'x')" \
	-c "SELECT * FROM mlops.add_labels('fraud', query => 'SELECT id, is_fraud FROM tx', key => 'id', label => 'is_fraud')" \
	-c "SELECT mlops.monitor('fraud', every => '1 minute')" -c "SELECT mlops.set_alert_rule('fraud', 'rule', 'decisions', min => 1)" \
	-c "SELECT mlops.drop_alert_rule('fraud', 'rule')" -c "SELECT mlops.run_monitor('fraud')" -c "SELECT mlops.check_guards()" -c "SELECT mlops.unmonitor('fraud')" -c "SELECT mlops.snapshot('tx', 'kept')" -c "SELECT mlops.drop_snapshot('kept')" \
	-c "SELECT * FROM mlops.maintain()" -c "SELECT mlops.drop_version('fraud', 1)")" ""
job=$(query -c "SELECT mlops.submit('SELECT 1')")
is "a job runs" "$(query -c "CALL mlops.wait($job, '20 s')")" succeeded
is "every table of ours can be changed while it is published" "$(query -c "SELECT p.tablename FROM pg_publication_tables AS p JOIN pg_class AS c ON c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass
	WHERE p.pubname = 'everything' AND p.schemaname LIKE 'mlops%' AND c.relkind = 'r' AND c.relreplident <> 'f'
		AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)")" ""

# ---- rows arrive with the publisher's scores: triggers do not fire there
subscribe()
{
	on_subscriber -c "CREATE SUBSCRIPTION $1 CONNECTION 'host=$server/socket port=5432 user=postgres dbname=postgres' PUBLICATION $1
		WITH (create_slot = false, slot_name = '$1' $2)" 2>/dev/null
}
with_triggers()
{
	on_subscriber -c "ALTER TABLE payment $1 TRIGGER decide" -c "ALTER TABLE scored $1 TRIGGER score"
}
# What is in both tables once they have so many rows.
arrived()
{
	until_true "SELECT count(*) = $2 FROM $1" 20 -d subscriber
	on_subscriber -c "SELECT count(*), count(score) FROM $1"
}
on_subscriber <<'SQL'
CREATE TRIGGER decide BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', 'flagged', 'id');
CREATE TRIGGER score BEFORE INSERT OR UPDATE ON scored FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('fraud', 'score', 'flagged');
SQL
subscribe payments ""
is "rows that were there are copied" "$(arrived payment 101) $(arrived scored 100)" "101|101 100|100"
query -c "INSERT INTO payment SELECT id, amount FROM tx WHERE id BETWEEN 101 AND 200" -c "INSERT INTO scored SELECT id, amount FROM tx WHERE id BETWEEN 101 AND 200"
is "rows that come are applied" "$(arrived payment 201) $(arrived scored 200)" "201|201 200|200"
is "with the publisher's scores" "$(on_subscriber -c "SELECT string_agg(p.id || ' ' || p.score, ',' ORDER BY id) FROM payment AS p")" "$(query -c "SELECT string_agg(id || ' ' || score, ',' ORDER BY id) FROM payment")"
is "and no decision of its own" "$(on_subscriber -c "SELECT count(*) FROM mlops.predictions")" 0

# ---- ENABLE ALWAYS: the subscriber decides too, once a row
with_triggers "ENABLE ALWAYS"
query -c "INSERT INTO payment SELECT id, amount FROM tx WHERE id BETWEEN 201 AND 300" -c "INSERT INTO scored SELECT id, amount FROM tx WHERE id BETWEEN 201 AND 300" \
	-c "UPDATE scored SET amount = 0.25 WHERE id = 1"
is "rows arrive" "$(arrived payment 301) $(arrived scored 300)" "301|301 300|300"
until_true "SELECT amount = 0.25 FROM scored WHERE id = 1" 20 -d subscriber
own="count(*) FILTER (WHERE t.score = mlops.score('fraud', t)), count(*) FILTER (WHERE t.flagged = (mlops.predict('fraud', t)).flagged)"
is "with scores of the subscriber's model" "$(on_subscriber -c "SELECT $own FROM payment AS t WHERE id BETWEEN 201 AND 300" -c "SELECT $own FROM scored AS t WHERE id BETWEEN 201 AND 300" | tr '\n' ' ')" "100|100 100|100 "
is "also of a row that is updated" "$(on_subscriber -c "SELECT t.score = mlops.score('fraud', t) FROM scored AS t WHERE id = 1")" t
is "a decision is logged for each, once" "$(on_subscriber -c "SELECT count(*), count(DISTINCT key), count(*) FILTER (WHERE p.score = t.score) FROM mlops.predictions AS p JOIN payment AS t ON t.id::text = p.key AND t.id BETWEEN 201 AND 300")" "100|100|100"
is "and no other" "$(on_subscriber -c "SELECT count(*) FROM mlops.predictions")" 100
is "on the publisher once, too" "$(query -c "SELECT count(*), count(DISTINCT key) FROM mlops.predictions WHERE key::int BETWEEN 201 AND 300 AND NOT shadow")" "100|100"

# a release while the worker runs
on_subscriber -o /dev/null -c "SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{\"n_estimators\": 17}')" -c "SELECT mlops.deploy('fraud', 2)"
query -c "INSERT INTO payment VALUES (9002, 95.5)"
is "a worker that runs takes up a new release" "$(arrived payment 302 >/dev/null; on_subscriber -c "SELECT t.score = mlops.score_version('fraud', 2, t) FROM payment AS t WHERE id = 9002" -c "SELECT version FROM mlops.predictions WHERE key = '9002'" | tr '\n' ' ')" "t 2 "

# a transaction of which the publisher takes back a part, and one as a whole
query <<'SQL'
BEGIN; INSERT INTO payment VALUES (9003, 95.5); SAVEPOINT s; INSERT INTO payment VALUES (9004, 95.5); ROLLBACK TO s; COMMIT;
BEGIN; INSERT INTO payment VALUES (9005, 95.5); ROLLBACK;
SQL
is "what is rolled back is decided nowhere" "$(arrived payment 303 >/dev/null; on_subscriber -c "SELECT string_agg(key, ' ') FROM mlops.predictions WHERE key IN ('9003', '9004', '9005')")" 9003

# rows that are copied when a table is added
for database in postgres subscriber; do query -d $database -c "CREATE TABLE late (id int PRIMARY KEY, amount float8, score float8)"; done
query -c "INSERT INTO late SELECT id + 50000, amount FROM tx" -c "ALTER PUBLICATION payments ADD TABLE late"
on_subscriber -c "CREATE TRIGGER decide BEFORE INSERT ON late FOR EACH ROW EXECUTE FUNCTION mlops.decide_trigger('fraud', 'score', '', 'id')" \
	-c "ALTER TABLE late ENABLE ALWAYS TRIGGER decide" -c "ALTER SUBSCRIPTION payments REFRESH PUBLICATION"
is "rows that are copied at first are decided as well, once" "$(arrived late 2000)|$(on_subscriber -c "SELECT count(*), count(DISTINCT key) FROM mlops.predictions WHERE key::int BETWEEN 50001 AND 52000")" "2000|2000|2000|2000"

# ---- scoring fails: payments are applied, without scores
worker="SELECT pid FROM pg_stat_subscription WHERE subname = 'payments' AND relid IS NULL"
before=$(on_subscriber -c "$worker")
on_subscriber -o /dev/null -c "SELECT mlops.undeploy('fraud')" -c "SELECT mlops.drop_model('fraud')" 2>/dev/null
query -c "INSERT INTO payment SELECT id, amount FROM tx WHERE id BETWEEN 301 AND 320" -c "INSERT INTO scored SELECT id, amount FROM tx WHERE id BETWEEN 301 AND 320"
is "rows arrive though the model is gone" "$(arrived payment 323) $(arrived scored 320)" "323|303 320|300"
query -c "SET client_min_messages = error" -c "INSERT INTO payment VALUES (9006, 'infinity')" -c "UPDATE scored SET amount = 1 WHERE id = 2" -c "DELETE FROM scored WHERE id = 3"
is "updates and deletions too" "$(arrived scored 319)|$(on_subscriber -c "SELECT amount, score FROM scored WHERE id = 2")" "319|298|1|"
is "the worker has not stopped once" "$(on_subscriber -c "$worker")|$(on_subscriber -c "SELECT apply_error_count, sync_error_count FROM pg_stat_subscription_stats WHERE subname = 'payments'")" "$before|0|0"

# ---- decisions as they are logged can be subscribed to: a store of its own
query -c "CREATE DATABASE store"
columns=$(query -c "SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'mlops_catalog.prediction'::regclass AND attnum > 0 AND NOT attisdropped")
query -d store -c "CREATE SCHEMA mlops_catalog" -c "CREATE TABLE mlops_catalog.prediction ($columns)"
query -d store -c "CREATE SUBSCRIPTION decisions CONNECTION 'host=$server/socket port=5432 user=postgres dbname=postgres' PUBLICATION decisions WITH (create_slot = false, slot_name = 'decisions')" 2>/dev/null
until_true "SELECT count(*) = $(query -c "SELECT count(*) FROM mlops_catalog.prediction") FROM mlops_catalog.prediction" 20 -d store
query -c "INSERT INTO payment SELECT id + 100000, amount FROM tx"
decisions="SELECT count(*), md5(string_agg(p::text, ',' ORDER BY prediction_id)) FROM mlops_catalog.prediction AS p"
until_true "SELECT count(*) = $(query -c "SELECT count(*) FROM mlops_catalog.prediction") FROM mlops_catalog.prediction" 20 -d store
is "every decision is there, to the bit" "$(query -d store -c "$decisions")" "$(query -c "$decisions")"

# ---- a registry that follows another one: sessions forget what they know of models
query -c "CREATE DATABASE mirror"
query -d mirror -c "CREATE EXTENSION mlops"
registry=$(query -c "SELECT string_agg('mlops_catalog.' || t, ', ') FROM unnest('{experiment,dataset,run,model,model_version,model_artifact,model_grant,alias,deployment,deployment_route,release}'::text[]) AS t")
query -o /dev/null -c "CREATE PUBLICATION registry FOR TABLE $registry" -c "SELECT pg_create_logical_replication_slot('registry', 'pgoutput')"
query -d mirror -c "CREATE SUBSCRIPTION registry CONNECTION 'host=$server/socket port=5432 user=postgres dbname=postgres' PUBLICATION registry WITH (create_slot = false, slot_name = 'registry')" 2>/dev/null
until_true "SELECT count(*) = 11 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel" 30 -d mirror
for database in postgres mirror; do query -d $database -c "CREATE TABLE price AS SELECT 95.5::float8 AS amount"; done
score="SELECT mlops.score('fraud', p) FROM price AS p"	# what a session knows of a table's rows outlives the statement
is "it scores by what was there" "$(query -d mirror -c "$score")" "$(query -c "$score")"
mkfifo "$server/warm"
query -d mirror -f - <"$server/warm" >"$server/answers" 2>&1 &
warm=$!
exec 3>"$server/warm"
echo "$score;" >&3
until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'mirror' AND state = 'idle' AND query LIKE '%mlops.score(%'"
was=$(query -c "$score")
query -o /dev/null -c "SELECT mlops.train('fraud', 'tx', target => 'is_fraud', features => '{amount}', params => '{\"n_estimators\": 19}')" -c "SELECT mlops.deploy('fraud', 3)"
until_true "SELECT count(*) > 0 FROM mlops.deployments WHERE version = 3" 20 -d mirror
echo "$score;" >&3
exec 3>&-
wait $warm || :
is "and in a session that is warm, by what is deployed then" "$(tr '\n' ' ' <"$server/answers")" "$was $(query -c "$score") "
versions="SELECT model, version, sha256, encode(sha256(mlops.export_model(model, version)), 'hex') = sha256 FROM mlops.versions WHERE size > 0 ORDER BY version DESC LIMIT 2"
is "with the same bytes" "$(query -d mirror -c "$versions")" "$(query -c "$versions")"
query -d mirror -c "ALTER SUBSCRIPTION registry DISABLE" -c "ALTER SUBSCRIPTION registry SET (slot_name = NONE)" -c "DROP SUBSCRIPTION registry"

# ---- who owns a subscription and ceases to be superuser: from PostgreSQL 16 on such a worker
# takes the role of the table's owner, which he may not
query -c "CREATE DATABASE forge" -c "CREATE ROLE rep LOGIN SUPERUSER" -c "GRANT pg_write_all_data, pg_read_all_data TO rep"
query -d forge -c "CREATE SCHEMA mlops_catalog" -c "CREATE TABLE mlops_catalog.job (job_id bigint PRIMARY KEY, command text, owner regrole, priority int, max_retries int)" \
	-c "CREATE TABLE mlops_catalog.trust (role regrole, trusted regrole, PRIMARY KEY (role, trusted))" -c "CREATE PUBLICATION forge FOR ALL TABLES"
query -d forge -c "SELECT pg_create_logical_replication_slot('forge', 'pgoutput')" >/dev/null
query -d mirror -c "SET SESSION AUTHORIZATION rep" -c "CREATE SUBSCRIPTION forge CONNECTION 'host=$server/socket port=5432 user=postgres dbname=forge' PUBLICATION forge WITH (create_slot = false, slot_name = 'forge', copy_data = false)" \
	-c "RESET SESSION AUTHORIZATION" -c "ALTER ROLE rep NOSUPERUSER" 2>/dev/null
query -d forge -c "INSERT INTO mlops_catalog.job VALUES (1000, 'ALTER ROLE rep SUPERUSER', 10, 0, 0)" -c "INSERT INTO mlops_catalog.trust SELECT 10, 'rep'::regrole"
until_true "SELECT apply_error_count > 0 FROM pg_stat_subscription_stats WHERE subname = 'forge'" 30 -d mirror
is "applies nothing to the catalog" "$(query -d mirror -c "SELECT count(*) FROM mlops.jobs" -c "SELECT count(*) FROM mlops.trusted_roles" | tr '\n' ' ')$(grep -c 'permission denied to write table "job"' "$server/log" | sed 's/^[1-9].*/told/')" "0 0 told"
query -d mirror -c "ALTER ROLE rep SUPERUSER" -c "ALTER SUBSCRIPTION forge DISABLE" -c "ALTER SUBSCRIPTION forge SET (slot_name = NONE)" -c "DROP SUBSCRIPTION forge" 2>/dev/null
on_subscriber -c "ALTER SUBSCRIPTION payments DISABLE" -c "ALTER SUBSCRIPTION payments SET (slot_name = NONE)" -c "DROP SUBSCRIPTION payments"
query -d store -c "ALTER SUBSCRIPTION decisions DISABLE" -c "ALTER SUBSCRIPTION decisions SET (slot_name = NONE)" -c "DROP SUBSCRIPTION decisions"
echo "1..$n"
