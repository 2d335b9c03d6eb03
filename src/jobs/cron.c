/*-------------------------------------------------------------------------
 * cron.c
 *	  When a cron expression is due next, as pg_cron has it: five fields of
 *	  numbers, names, ranges, lists and steps; @hourly and the like; "30
 *	  seconds"; "$" for the last day of a month.  If both the day of the month
 *	  and the day of the week are restricted, either will do.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "mlops/jobs.h"

/*
 * Longest gap: of a 29 February that has to be a certain weekday, across a century
 * that has none, as from 2088 to 2128.
 */
#define HORIZON_YEARS 41

typedef struct CronExpression
{
	uint64		minutes;		/* bits */
	uint64		hours;
	uint64		days;			/* of the month, from 1 */
	uint64		months;			/* from 1 */
	uint64		weekdays;		/* 0 is Sunday */
	bool		any_day;		/* the field began with "*" */
	bool		any_weekday;
	bool		last_day;		/* "$" */
} CronExpression;

typedef struct FieldRange
{
	int			minimum;
	int			maximum;
	const char *names;			/* "janfeb...", NULL: none */
	int			first_name;		/* value of the first */
} FieldRange;

static const FieldRange ranges[5] = {
	{0, 59, NULL, 0},
	{0, 23, NULL, 0},
	{1, 31, NULL, 0},
	{1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
	{0, 7, "sunmontuewedthufrisat", 0}
};

/* A number or a name at *text, which is moved behind it; -1: neither. */
static int
parse_value(const char **text, const FieldRange *range)
{
	int			value = 0;
	int			digits = 0;

	while (isdigit((unsigned char) (*text)[digits]) && digits < 3)
		value = value * 10 + ((*text)[digits++] - '0');
	if (digits > 0)
	{
		*text += digits;
		return value;
	}
	for (const char *name = range->names; name && *name; name += 3)
	{
		if (pg_strncasecmp(*text, name, 3) == 0)
		{
			*text += 3;
			return range->first_name + (int) (name - range->names) / 3;
		}
	}
	return -1;
}

/* "*", "5", "1-5", "mon-fri/2", "*" with a step; false: not one of them. */
static bool
parse_part(const char **text, const FieldRange *range, uint64 *bits)
{
	int			from = range->minimum;
	int			to = range->maximum;
	int			step = 1;

	if (**text == '*')
		(*text)++;
	else
	{
		from = to = parse_value(text, range);
		if (**text == '-')
		{
			(*text)++;
			to = parse_value(text, range);
		}
	}
	if (**text == '/')
	{
		(*text)++;
		step = isdigit((unsigned char) **text) ? parse_value(text, range) : -1;
	}
	if (from < range->minimum || to > range->maximum || from > to || step < 1)
		return false;
	for (int value = from; value <= to; value += step)
		*bits |= UINT64CONST(1) << value;
	return true;
}

/* A field: parts with commas between them. */
static bool
parse_field(const char **text, const FieldRange *range, uint64 *bits)
{
	do
	{
		if (!parse_part(text, range, bits))
			return false;
	} while (**text == ',' && *(*text)++ == ',');
	return **text == '\0' || isspace((unsigned char) **text);
}

/* Moves text behind blanks. */
static void
skip_blanks(const char **text)
{
	while (isspace((unsigned char) **text))
		(*text)++;
}

/*
 * The five fields, with nothing behind them; false: it is no expression.  7 is
 * Sunday too.
 */
static bool
parse_fields(const char *text, CronExpression *cron)
{
	uint64	   *fields[] = {&cron->minutes, &cron->hours, &cron->days, &cron->months, &cron->weekdays};

	memset(cron, 0, sizeof(CronExpression));
	for (int i = 0; i < 5; i++)
	{
		skip_blanks(&text);
		if (i == 2)
			cron->any_day = *text == '*';
		if (i == 4)
			cron->any_weekday = *text == '*';
		if (i == 2 && *text == '$')
		{
			text++;
			cron->last_day = true;
		}
		else if (!parse_field(&text, &ranges[i], fields[i]))
			return false;
	}
	skip_blanks(&text);
	if (cron->weekdays & (1 << 7))
		cron->weekdays |= 1;
	return *text == '\0';
}

/* False: it is no expression.  @reboot is none, since no moment is due by it. */
static bool
parse_expression(const char *text, CronExpression *cron)
{
	static const char *const nicknames[][2] = {
		{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"}};

	for (int i = 0; i < lengthof(nicknames); i++)
	{
		if (pg_strcasecmp(text, nicknames[i][0]) == 0)
			return parse_fields(nicknames[i][1], cron);
	}
	return parse_fields(text, cron);
}

/*
 * If one of the fields for days began with "*", be it with a step, both must match;
 * else either will do.
 */
static bool
day_matches(const CronExpression *cron, const struct pg_tm *tm)
{
	bool		day = (cron->days >> tm->tm_mday) & 1;
	int			date = date2j(tm->tm_year, tm->tm_mon, tm->tm_mday);
	bool		weekday = (cron->weekdays >> j2day(date)) & 1;

	if (cron->last_day)
	{
		int			year;
		int			month;
		int			tomorrow;

		j2date(date + 1, &year, &month, &tomorrow);
		day = tomorrow == 1;
	}
	return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

/*
 * How many minutes to go on by from a time that does not match, to none that might be
 * behind one that does; 0: it does.  Clocks are set by three hours at most, so of days
 * and months that do not match the last hours are looked at one by one.
 */
static int
minutes_to_next(const CronExpression *cron, const struct pg_tm *tm)
{
	int			to_hour = MINS_PER_HOUR - tm->tm_min;
	int			hours_to_pass = Max(20 - tm->tm_hour, 0);
	int			days_to_pass = Max(27 - tm->tm_mday, 0);

	if (((cron->months >> tm->tm_mon) & 1) == 0)
		return to_hour + (days_to_pass * HOURS_PER_DAY + hours_to_pass) * MINS_PER_HOUR;
	if (!day_matches(cron, tm))
		return to_hour + hours_to_pass * MINS_PER_HOUR;
	if (((cron->hours >> tm->tm_hour) & 1) == 0)
		return to_hour;
	return ((cron->minutes >> tm->tm_min) & 1) == 0;
}

/*
 * Looks at four hours of a day that does not match and at a few of a month, at each
 * hour of a day that does, and at the minutes of those that match: some 13,000 steps
 * for an expression that is never due.  It goes by the clock of the zone: a time
 * that is left out when the clock is set forward is not due that day, one that is
 * shown twice is due twice.
 */
TimestampTz
mljobs_next_cron_run(const char *expression, TimestampTz after, pg_tz *zone)
{
	CronExpression cron;
	int			seconds;
	int			length = 0;
	TimestampTz t = after - after % USECS_PER_MINUTE + USECS_PER_MINUTE;
	TimestampTz horizon = after + HORIZON_YEARS * 366 * USECS_PER_DAY;

	if (sscanf(expression, "%d %n", &seconds, &length) == 1 && seconds >= 1 && seconds <= 59 &&
		(strcmp(expression + length, "second") == 0 || strcmp(expression + length, "seconds") == 0))
		return after + seconds * USECS_PER_SEC;
	if (!parse_expression(expression, &cron))
		return DT_NOBEGIN;
	while (t < horizon)
	{
		struct pg_tm tm;
		fsec_t		fsec;
		int			offset;
		int			minutes;

		if (timestamp2tm(t, &offset, &tm, &fsec, NULL, zone) != 0)
			return DT_NOEND;
		minutes = minutes_to_next(&cron, &tm);
		if (minutes == 0)
			return t;
		t += minutes * USECS_PER_MINUTE;
	}
	return DT_NOEND;
}
