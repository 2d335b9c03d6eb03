# rows_plot.awk - lines ROWS|MILLISECONDS|... to an SVG: time by rows, both on logarithmic
# axes, beside the line on which time rises as rows do.
function x(rows) { return 70 + (log(rows) - log(first)) / (log(last) - log(first)) * 480 }
function y(ms) { return 270 - (log(ms) - log(low)) / (log(high) - log(low)) * 230 }
function seconds(ms) { return ms < 10000 ? sprintf("%.1f s", ms / 1000) : sprintf("%.0f s", ms / 1000) }
{
	rows[NR] = $1
	ms[NR] = $2
}
END {
	first = rows[1]
	last = rows[NR]
	low = ms[1] / 1.5
	high = (ms[NR] > ms[1] * last / first ? ms[NR] : ms[1] * last / first) * 1.5
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 320\" font-family=\"sans-serif\" font-size=\"13\">"
	print "<rect width=\"640\" height=\"320\" fill=\"#fff\"/>"
	print "<text x=\"70\" y=\"22\">Seconds of a training by rows (30 columns, 100 trees)</text>"
	printf "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#999\" stroke-dasharray=\"5 4\" fill=\"none\"/>\n", x(first), y(ms[1]), x(last), y(ms[1] * last / first)
	printf "<path d=\""
	for (i = 1; i <= NR; i++)
		printf "%s%.1f %.1f", i == 1 ? "M" : "L", x(rows[i]), y(ms[i])
	print "\" stroke=\"#06c\" stroke-width=\"2\" fill=\"none\"/>"
	for (i = 1; i <= NR; i++) {
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#06c\"/>\n", x(rows[i]), y(ms[i])
		printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x(rows[i]) + (i == 1 ? 10 : -10), y(ms[i]) + (i == 1 ? 18 : -8), i == 1 ? "start" : "end", seconds(ms[i])
		printf "<text x=\"%.1f\" y=\"296\" text-anchor=\"middle\">%.1f million</text>\n", x(rows[i]), rows[i] / 1e6
	}
	print "<text x=\"560\" y=\"312\" text-anchor=\"end\" fill=\"#666\">dashed: in proportion to rows</text>"
	print "</svg>"
}
