#!/bin/sh
# soak.sh - 30 sessions of eight roles call random functions of schema mlops with
# random arguments, good and hostile ones (test/fuzz/soak.sql), first while
# backends and workers are killed (kill -9) and caches are invalidated, then
# undisturbed in long sessions: the server never crashes by itself, no decision
# that was answered is lost, the audit log and the catalog are intact, no role
# gains a right, memory stays flat, and no error is an internal one.  TAP.
#
#	MLOPS_TEST_SECONDS	how long it calls (60; MLOPS_TEST_SECONDS=1200 for 20 minutes)
#	MLOPS_SOAK_SEED		of the random calls (1)
#	MLOPS_SOAK_KEEP		a file to keep the server's log in
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"
seconds=${MLOPS_TEST_SECONDS:-60}
seed=${MLOPS_SOAK_SEED:-1}
sessions=30
echo "# seed $seed, $seconds s"

private_server start "shared_preload_libraries = 'mlops'" "fsync = off" "max_connections = 100" "shared_buffers = '256MB'" \
	"deadlock_timeout = '200ms'" "restart_after_crash = on" "mlops.maintenance_interval = 2" "max_worker_processes = 24" "mlops.max_workers = 4" \
	"log_error_verbosity = verbose" "log_min_messages = 'warning'" "log_min_error_statement = 'error'" "autovacuum_naptime = '1s'" \
	"backtrace_functions = 'format_type_extended'"
query -f "$root/test/fuzz/soak.sql" >/dev/null
train()
{
	query -d postgres -U "$1" -c "SELECT mlops.train('$2', '$3', target => 'label', key => 'id', params => '{\"n_estimators\": 2, \"max_depth\": 2}')" >/dev/null
}
for owner in owner_1 owner_2 owner_3 attacker; do
	for model in a b; do
		train $owner ${owner}_$model fuzz.tx
		train $owner ${owner}_$model fuzz.tx
		query -d postgres -U $owner -c "SELECT mlops.deploy('${owner}_$model', 1)" >/dev/null
	done
	query -d postgres -U $owner -c "SELECT mlops.grant('${owner}_a', 'app', 'score')" -c "SELECT mlops.grant('${owner}_a', 'attacker', 'score')" >/dev/null
done
train attacker attacker_a evil.tx
train attacker attacker_b evil.typed
train keeper steady fuzz.steady
query -d postgres -U keeper -c "SELECT mlops.deploy('steady', 1)" -c "SELECT mlops.grant('steady', 'public', 'score')" >/dev/null
steady()
{
	query -c "SELECT owner, last_version, deployed_version, description FROM mlops.models WHERE model = 'steady'" -c "SELECT version, sha256, stage FROM mlops.versions WHERE model = 'steady'" \
		-c "SELECT variant, version, percent, deployment_id FROM mlops.deployments WHERE model = 'steady'" -c "SELECT role, privilege, granted_by FROM mlops.grants WHERE model = 'steady' ORDER BY 1, 2"
}
steady_before=$(steady)
log=$server/log
: >"$log"

# ---- sessions

role_of()
{
	case $(($1 % 9)) in
		0) echo owner_1 ;; 1) echo owner_2 ;; 2) echo owner_3 ;; 3) echo app ;; 4) echo attacker ;;
		5) echo outsider ;; 6) echo 'We"ird; Role' ;; 7) echo postgres ;; 8) echo owner_1 ;;
	esac
}

# round SESSION NUMBER: what psql gets.  A decision is told only when it has committed.
round()
{
	call=statement
	[ $(($1 % 9)) -ne 7 ] || call=upkeep
	echo "ROLLBACK; RESET ROLE; SELECT setseed($(((seed * 7919 + $1 * 104729 + $2 * 31) % 20011)) / 20011.0 - 0.5) \\g /dev/null"
	echo "SELECT fuzz.$call() FROM generate_series(1, 12) \\gexec"
	echo "ROLLBACK; RESET ROLE; SET search_path = public;"
	echo "SELECT 'decided ' || (mlops.decide('steady', t, key => '$1-$2')).prediction_id FROM fuzz.steady AS t WHERE id = $((1 + $2 % 300));"
}

# Until the time: a connection a round, or one for all of them.
session()
{
	number=$1 until=$2 long=$3
	turn=$(date +%N | sed 's/^0*//')
	while [ "$(date +%s)" -lt "$until" ]; do
		turn=$((turn + 1))
		if [ "$long" = long ]; then
			while [ "$(date +%s)" -lt "$until" ]; do
				turn=$((turn + 1))
				round "$number" $turn || break
			done
		else
			round "$number" $turn
		fi | PGAPPNAME=soak PGOPTIONS="-c client_min_messages=error -c statement_timeout=2s -c lock_timeout=1s" query -v ON_ERROR_STOP=0 -U "$(role_of "$number")" -d postgres 2>/dev/null |
			grep -E '^(decided|called) ' >>"$server/said.$number" || :
	done
}

start_sessions()
{
	pids=
	for number in $(seq $sessions); do
		session "$number" "$1" "$2" &
		pids="$pids $!"
	done
}

# Caches that are invalidated, and messages of it that overflow.
storm()
{
	while [ "$(date +%s)" -lt "$1" ]; do
		query -v ON_ERROR_STOP=0 >/dev/null 2>&1 <<-'SQL' || :
			ALTER TABLE fuzz.steady ADD COLUMN extra int DEFAULT 1;
			ALTER TABLE fuzz.tx ADD COLUMN extra int;
			DO $$ BEGIN FOR i IN 1 .. 300 LOOP EXECUTE format('CREATE TEMP TABLE t%s (a int)', i); EXECUTE format('DROP TABLE t%s', i); END LOOP; END $$;
			ALTER TABLE fuzz.steady DROP COLUMN extra;
			ALTER TABLE fuzz.tx DROP COLUMN extra;
			GRANT owner_2 TO app;
			REVOKE owner_2 FROM app;
			SELECT pg_sleep(0.5);
		SQL
	done
}

# Kills one of them, whichever; prints its pid.
kill_one()
{
	victim=$(query -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'soak' OR backend_type LIKE 'mlops%' OR backend_type LIKE 'autovacuum worker'
		ORDER BY backend_type = 'client backend' AND random() < 0.5, random() LIMIT 1" 2>/dev/null || :)
	[ -n "$victim" ] && kill -9 "$victim" 2>/dev/null && kills=$((kills + 1)) || :
}

now=$(date +%s)
half=$((now + seconds / 2))
kills=0
start_sessions $half short
storm $half &
storm_pid=$!
while [ "$(date +%s)" -lt $((half - 3)) ]; do
	sleep 4
	kill_one
done
# shellcheck disable=SC2086	# a list of numbers
wait $pids $storm_pid || :
until_true "SELECT true" 30

end=$(($(date +%s) + seconds - seconds / 2))
start_sessions $end long
# kB of their own of each long session
memory()
{
	query -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'soak' ORDER BY 1" | while read -r pid; do
		echo "$pid $(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null)"
	done
}
sleep $((seconds / 4))
memory >"$server/memory.1"
sleep $((seconds / 4 - 2))
memory >"$server/memory.2"
while [ "$(date +%s)" -lt "$end" ]; do sleep 1; done
# what is still in the pipes would take minutes
query -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'soak'" >/dev/null
# shellcheck disable=SC2086	# a list of numbers
wait $pids || :

# ---- what must hold

cat "$server"/said.* >"$server/said"
sed -n 's/^decided //p' "$server/said" >"$server/ids"
chmod 644 "$server/ids"
decided=$(grep -c . "$server/ids")
# of all functions, those that did what they were asked at least once
called=$(sed -n 's/^called \([^|]*\).*/\1/p' "$server/said" | sort -u | wc -l)
functions=$(query -c "SELECT count(DISTINCT proname) FROM pg_proc WHERE pronamespace = 'mlops'::regnamespace AND prorettype <> 'trigger'::regtype")
errors=$(grep -oE '(ERROR|FATAL|PANIC):  [0-9A-Z]{5}' "$log" | sort | uniq -c | sort -rn | sed 's/^ *//; s/:  / /')
printf '%s\n' "$errors" | sed 's/^/# /'
echo "# $kills processes killed, $(grep -c '^called' "$server/said") calls succeeded, of $called of $functions functions; $decided decisions answered, $(query -c "SELECT count(*) FROM mlops.predictions") logged, $(query -c "SELECT count(*) FROM mlops.audit_log") audit entries"
echo "# not once: $(query -c "SELECT string_agg(proname, ' ' ORDER BY proname) FROM (SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'mlops'::regnamespace
	AND prorettype <> 'trigger'::regtype) AS f WHERE proname <> ALL (string_to_array('$(sed -n 's/^called \([^|]*\).*/\1/p' "$server/said" | sort -u | tr '\n' ' ')', ' '))")"
is "the model that nobody spoils has answered" "$([ "$decided" -gt $sessions ] && echo yes)" yes
is "two of three functions did what they were asked" "$([ $((3 * called)) -ge $((2 * functions)) ] && echo yes)" yes
is "processes were killed" "$([ "$kills" -gt 0 ] && echo yes)" yes
is "no process ended by a signal but the kills" "$(grep -E 'was terminated by signal|TRAP:|PANIC' "$log" | grep -v 'signal 9' || :)" ""
is "nor more than those that were killed" "$([ "$(grep -c 'was terminated by signal 9' "$log")" -le "$kills" ] && echo yes)" yes
# XX001 is damaged data: what hostile bytes are
# A timeout that strikes while PostgreSQL forgets what it knows of all tables leaves it
# with a row type that is no more (lost_messages.sh), which it says in this way.  That
# is its own where no frame is ours.
is "no error is an internal one" "$(grep -A 24 -E '(ERROR|FATAL|PANIC):  XX00[02]' "$log" | cut -c 1-400 | awk '
	function tell() { if (text != "" && !(text ~ /LOCATION:  format_type_extended/ && text ~ /ExecScan/ && text !~ /mlops\.so/)) printf "%s", text; text = "" }
	/(ERROR|FATAL|PANIC):  XX00[02]/ { tell(); inside = 1 }
	/STATEMENT:/ && inside { text = text $0 "\n"; tell(); inside = 0 }
	inside { text = text $0 "\n" }
	END { tell() }')" ""
is "no decision that was answered is lost" "$(query <<SQL
CREATE TEMP TABLE answered (prediction_id uuid);
\copy answered FROM '$server/ids'
SELECT count(*) FROM answered LEFT JOIN mlops_catalog.prediction USING (prediction_id) WHERE model_id IS NULL;
SQL
)" 0
is "and each has the score that its row has now" "$(query <<SQL
CREATE TEMP TABLE answered (prediction_id uuid);
\copy answered FROM '$server/ids'
WITH said AS MATERIALIZED (SELECT p.* FROM answered JOIN mlops.predictions AS p USING (prediction_id))
SELECT count(*) FROM said AS p LEFT JOIN fuzz.steady AS t ON t.id = 1 + split_part(p.key, '-', 2)::bigint % 300
	WHERE p.version <> 1 OR p.score IS DISTINCT FROM mlops.score_version('steady', 1, t);
SQL
)" 0
is "the model that nobody may change is as it was" "$(steady)" "$steady_before"
is "the audit log verifies" "$(query -c "SELECT intact, problem FROM mlops.verify_audit()")" "t|"
# a monitor whose role has lost its right since has failed, a rule whose monitor has
# gone is not judged, a policy waits for a rule that is gone: all rightly said
is "the catalog is consistent" "$(query -c "SELECT * FROM mlops.check_catalog() WHERE problem !~ '^(has failed: permission denied|is judged by nothing)'
	AND NOT (object = 'retraining policy' AND problem ~ 'rule')")" ""
is "no role gained a right" "$(query -c "SELECT r.kind, r.object, r.rights, b.rights FROM fuzz.rights AS r LEFT JOIN fuzz.rights_before AS b USING (kind, object)
	WHERE r.rights <> b.rights OR b.rights IS NULL AND r.kind IN ('role', 'membership', 'schema', 'database')")" ""
is "nobody's code ran as superuser" "$(query -c "SELECT DISTINCT role, path FROM evil.loot")" ""
is "the outsider sees nothing of others" "$(query -d postgres -U outsider -c "SELECT count(*) FROM mlops.models WHERE owner::text <> 'outsider' AND model <> 'steady'")" 0
growth=$(sort "$server/memory.1" >"$server/m1"; sort "$server/memory.2" | join "$server/m1" - | awk '{ print $3 - $2 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[NR] }')
echo "# kB by which long sessions grew in $((seconds / 4)) s, median and most: $growth"
is "long sessions do not grow" "$(echo "$growth" | awk '{ print $1 < 20000 ? "flat" : "grew" }')" flat
[ -z "${MLOPS_SOAK_KEEP-}" ] || cp "$log" "$MLOPS_SOAK_KEEP"
echo "1..$n"
