#!/bin/sh
# report_page.sh - the report in a browser: at 1280 and 390 pixels, light and dark,
# nothing is wider than the page, no text leaves its drawing, and the colours
# change.  TAP; skips without Chromium.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/test/lib/server.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
	echo "1..0 # skip there is no Chromium"
	exit 0
fi

private_server start "fsync = off"
query -o /dev/null -f - <<'SQL'
SET client_min_messages = error;
CREATE EXTENSION mlops;
CREATE TABLE tx AS SELECT * FROM mlops.simulate_transactions(customers => 100, terminals => 200);
SELECT mlops.train('fraud', 'tx', target => 'tx_fraud', time_column => 'tx_datetime', key => 'transaction_id', exclude => '{tx_fraud_scenario}', params => '{"n_estimators": 20}') FROM generate_series(1, 2);
SELECT mlops.describe('fraud', 'A description with aVeryLongWordThatHasNoPlaceToBreak_aVeryLongWordThatHasNoPlaceToBreak_aVeryLongWord');
SELECT mlops.deploy('fraud', 1);
SELECT mlops.deploy('fraud', 2, 'canary', percent => 20, key => 'customer_id');
SELECT mlops.monitor('fraud');
SELECT count(mlops.decide('fraud', t, transaction_id::text)) FROM tx AS t;
UPDATE mlops_catalog.monitor SET created_at = now() - interval '14 days';
UPDATE mlops_catalog.prediction SET created_at = now() - (1 + abs(hashtext(key)) % 12) * interval '1 day';
SELECT mlops.add_labels('fraud', 'tx', key => 'transaction_id', label => 'tx_fraud');
SELECT mlops.set_alert_rule('fraud', 'recall', 'recall', min => 0.99);
SELECT count(*) FROM mlops.run_monitor('fraud');
SELECT mlops.retrain('fraud', repeat('because of this and that ', 20));
SQL
query -c "SELECT mlops.report('fraud')" >"$server/report.html"
# measured WIDTH: the report in a frame of that width (a window is never narrower than
# 500 pixels), and what is seen of it, written into the page around it
measured()
{
	printf '<!DOCTYPE html><html><body><iframe style="border:0;width:%spx;height:900px" srcdoc="' "$1"
	sed 's/&/\&amp;/g; s/"/\&quot;/g' "$server/report.html"
	cat <<'HTML'
"></iframe><script>
addEventListener('load', () => {
	const frame = document.querySelector('iframe').contentWindow, page = frame.document, out = [];
	if (page.documentElement.scrollWidth > frame.innerWidth) out.push('the page is ' + page.documentElement.scrollWidth + ' wide');
	for (const t of page.querySelectorAll('svg text')) {
		const b = t.getBBox(), v = t.ownerSVGElement.viewBox.baseVal;
		if (b.x < -1 || b.y < -3 || b.x + b.width > v.width + 1 || b.y + b.height > v.height + 1) out.push('text "' + t.textContent + '" leaves its drawing');
	}
	for (const p of page.querySelectorAll('polyline')) {
		const b = p.getBBox();
		if (b.x < 47 || b.y < 9 || b.x + b.width > 349 || b.y + b.height > 151) out.push('a line leaves its drawing');
	}
	document.body.dataset.faults = out.join('; ');
	document.body.dataset.width = frame.innerWidth;
	document.body.dataset.colour = frame.getComputedStyle(page.body).backgroundColor;
	document.body.dataset.drawings = page.querySelectorAll('svg').length;
});
</script></body></html>
HTML
}
for width in 1280 390; do
	measured "$width" >"$server/measured-$width.html"
done
chmod 755 "$server"

# seen WIDTH light|dark: the attributes of the body
seen()
{
	"$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync \
		--user-data-dir="$server/browser-$1-$2" --blink-settings="preferredColorScheme=$([ "$2" = dark ] && echo 0 || echo 1)" --window-size=1400,1000 \
		--dump-dom "file://$server/measured-$1.html" 2>/dev/null | grep -o '<body [^>]*>'
}
attribute()
{
	echo "$2" | sed -n "s/.*data-$1=\"\([^\"]*\)\".*/\1/p"
}
for width in 1280 390; do
	for scheme in light dark; do
		body=$(seen "$width" "$scheme")
		is "$width $scheme: the page is as wide as it is shown" "$(attribute width "$body")" "$width"
		is "$width $scheme: nothing overflows" "$(attribute faults "$body")" ""
		is "$width $scheme: colours" "$(attribute colour "$body")" "$([ "$scheme" = dark ] && echo 'rgb(20, 25, 31)' || echo 'rgb(255, 255, 255)')"
		is "$width $scheme: drawings" "$([ "$(attribute drawings "$body")" -ge 9 ] && echo many)" many
	done
done
echo "1..$n"
