-- Business calendars against a slow reference in plain SQL.
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
SET jit = off;
CREATE EXTENSION smarketing;
SELECT plan(3);

SELECT smarketing.define_calendar('night', 'Europe/Paris', '{"sun": ["1:00-4:00"]}');
SELECT is(smarketing.business_hours('2026-03-29 00:00+01', '2026-03-30 00:00+02', 'night'), 2::float8, 'a skipped hour does not count');
SELECT is(smarketing.business_hours('2026-10-25 00:00+02', '2026-10-26 00:00+01', 'night'), 4::float8, 'a repeated hour counts twice');
SELECT is(smarketing.add_business_hours('2026-03-29 00:00+01', 1.5, 'night'), '2026-03-29 03:30+02', 'time passes over the gap');
SELECT finish();
