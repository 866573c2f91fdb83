-- The sample CRM: schema crm, two years (2024-11-01 .. 2026-10-31) of a B2B company that sells by subscription.
--   psql -X -v ON_ERROR_STOP=1 [-v seed=1] [-v scale=1] -f test/sample/crm.sql
-- seed is any integer, scale a number from 0.02 (400 leads) to 200 (4 million). One seed and scale give the same rows
-- on every server: chance comes from hashint8extended, reckoned with + - * / alone, and no setting of the session counts.
-- What is built in, and the figures it yields, stand in README.md. The database must be in UTF8.

\if :{?seed}
\else
    \set seed 1
\endif
\if :{?scale}
\else
    \set scale 1
\endif

BEGIN;

SET LOCAL client_encoding = 'UTF8';
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL timezone = 'Etc/UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = warning;
SET LOCAL synchronous_commit = off;
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL work_mem = '256MB';
SET LOCAL maintenance_work_mem = '512MB';

CREATE SCHEMA crm;

COMMENT ON SCHEMA crm IS 'The sample CRM of smarketing, made by test/sample/crm.sql';

-- ---------------------------------------------------------------------------------------------------------------------
-- Chance and time. All moments are whole seconds since 1970 in UTC until they are stored.
-- ---------------------------------------------------------------------------------------------------------------------

-- A number in [0, 1) for one thing (id) and one question (salt). Each question below has a salt of its own.
CREATE FUNCTION pg_temp.u(id bigint, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(id, :seed::bigint * 1000003 + salt) & 4294967295)::float8 / 4294967296::float8;

-- Rounded down, for numbers not below 0: one of n, from 1.
CREATE FUNCTION pg_temp.pick(u float8, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + trunc(u * n)::int;

-- The company's key: its number, scattered.
CREATE FUNCTION pg_temp.company_key(company bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex(hashint8extended(company, :seed::bigint * 1000003 + 1)), 16, '0')
     || lpad(to_hex(hashint8extended(company, :seed::bigint * 1000003 + 2)), 16, '0'))::uuid;

-- Seconds by which the clock of Paris is ahead, written out so that no time zone database has a say.
CREATE FUNCTION pg_temp.ahead(s bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN s BETWEEN 1743296400 AND 1761440399 OR s BETWEEN 1774746000 AND 1792889999 THEN 7200 ELSE 3600 END;

-- The moment itself in working hours (8 to 19, Monday to Friday), else the next morning, up to two hours in. Never earlier.
-- PostgreSQL inlines it only where s is a plain column, and is thirty times slower where it does not.
CREATE FUNCTION pg_temp.at_work(s bigint, u float8) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- Day 0 was a Thursday, so Saturday is 2.
    WHEN (s + pg_temp.ahead(s)) % 86400 BETWEEN 28800 AND 68399 AND (s + pg_temp.ahead(s)) / 86400 % 7 NOT IN (2, 3) THEN s
    ELSE s - (s + pg_temp.ahead(s)) % 86400 + 28800 + trunc(u * 7200)::bigint
       + 86400 * CASE (s + pg_temp.ahead(s)) / 86400 % 7
             WHEN 2 THEN 2
             WHEN 3 THEN 1
             WHEN 1 THEN CASE WHEN (s + pg_temp.ahead(s)) % 86400 < 28800 THEN 0 ELSE 3 END
             ELSE CASE WHEN (s + pg_temp.ahead(s)) % 86400 < 28800 THEN 0 ELSE 1 END
         END
END;

-- The last second of the two years; what comes later has not happened yet.
CREATE FUNCTION pg_temp.until_end(s bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN s <= 1793491199 THEN s END;

CREATE FUNCTION pg_temp.moment(s bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(s::float8);

CREATE FUNCTION pg_temp.day_of(s bigint) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date '1970-01-01' + (s / 86400)::int;

-- ---------------------------------------------------------------------------------------------------------------------
-- The company itself: reps, teams, products, channels and campaigns. Scale changes none of these.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE crm.team (id int PRIMARY KEY, name text NOT NULL);

INSERT INTO crm.team VALUES (1, 'Team North'), (2, 'Team South');

CREATE TABLE crm.rep (
    id int PRIMARY KEY,
    name text NOT NULL,
    team_id int NOT NULL REFERENCES crm.team,
    manager text NOT NULL,
    active boolean NOT NULL
);

INSERT INTO crm.rep VALUES
    (1, 'Claire Dubois', 1, 'Hélène Martin', true),   -- excellent: answers within hours, qualifies and closes well
    (2, 'Marc Lefèvre', 1, 'Hélène Martin', true),
    (3, 'Anna Schmidt', 1, 'Hélène Martin', true),    -- qualifies well, closes badly
    (4, 'Tom O''Neill', 1, 'Hélène Martin', true),
    (5, 'Lucía Fernández', 2, 'Paolo Conti', true),
    (6, 'Jan Nowak', 2, 'Paolo Conti', true),         -- slow to answer, loses leads, closes what is left
    (7, 'Sofia Rossi', 2, 'Paolo Conti', true),
    (8, 'Peter Brown', 2, 'Paolo Conti', false);      -- left on 2026-03-31, his leads are still his

-- ignored: share of the leads never called back; hours: to the first answer, on average and before nights and weekends;
-- sql, opp, won: factors on the steps that he or she makes. 0 is a lead without an owner.
CREATE TEMP TABLE habit ON COMMIT DROP AS
SELECT * FROM (VALUES
    (0, 0.90::float8, 60::float8, 1.00::float8, 1.00::float8, 1.00::float8),
    (1, 0.02,  2, 1.20, 1.15, 1.60),
    (2, 0.08,  9, 1.00, 1.00, 1.00),
    (3, 0.03,  4, 1.50, 1.25, 0.35),
    (4, 0.09, 14, 0.95, 1.00, 1.10),
    (5, 0.06,  7, 1.05, 1.00, 1.15),
    (6, 0.20, 40, 0.75, 0.90, 1.20),
    (7, 0.07,  6, 1.00, 1.05, 1.05),
    (8, 0.16, 26, 0.80, 0.85, 0.75)
) AS h(rep, ignored, hours, sql, opp, won);

CREATE TABLE crm.product (id int PRIMARY KEY, name text NOT NULL, kind text NOT NULL);

INSERT INTO crm.product VALUES
    (1, 'Platform', 'subscription'), (2, 'Analytics', 'subscription'), (3, 'Support plan', 'subscription'),
    (4, 'Onboarding', 'one-off'), (5, 'Sensor kit', 'one-off');

CREATE TABLE crm.campaign (
    id int PRIMARY KEY,
    name text NOT NULL,
    channel_name text NOT NULL,
    starts_on date NOT NULL,
    currency text NOT NULL
);

INSERT INTO crm.campaign VALUES
    ( 1, 'Search brand', 'Google Ads', '2024-11-01', 'EUR'),
    ( 2, 'Search generic', 'Google Ads', '2024-11-01', 'EUR'),
    ( 3, 'ABM Enterprise', 'LinkedIn Ads', '2024-11-01', 'USD'),
    ( 4, 'Lead gen forms', 'LinkedIn Ads', '2024-11-01', 'USD'),
    ( 5, 'Lookalike', 'Meta Ads', '2024-11-01', 'EUR'),
    ( 6, 'Retargeting', 'Meta Ads', '2024-11-01', 'EUR'),
    ( 7, 'Webinar series', 'Events', '2024-11-01', 'EUR'),
    ( 8, 'Hannover fair', 'Events', '2024-11-01', 'EUR'),
    ( 9, 'Newsletter', 'Email', '2024-11-01', 'EUR'),
    (10, 'Nurturing', 'Email', '2024-11-01', 'EUR'),
    (11, 'Partner programme', 'Partners', '2024-11-01', 'EUR'),
    (12, 'Refer a friend', 'Partners', '2024-11-01', 'EUR');

-- share: of the leads, on days without a fair; cost: euros a lead; mql, sql, opp, won: share that makes the step.
-- Channel 3 is the cheapest per lead and the dearest per customer.
CREATE TEMP TABLE channel ON COMMIT DROP AS
SELECT * FROM (VALUES
    (1, 'google / cpc', 0.30::float8,  70::float8, 0.44::float8, 0.43::float8, 0.63::float8, 0.24::float8),
    (2, 'linkedin',     0.14, 125, 0.50, 0.50, 0.68, 0.28),
    (3, 'facebook',     0.23,  22, 0.22, 0.22, 0.45, 0.12),
    (4, 'webinar',      0.12,  72, 0.52, 0.48, 0.65, 0.26),
    (5, 'newsletter',   0.10,  32, 0.40, 0.41, 0.60, 0.24),
    (6, 'partner',      0.11,  58, 0.56, 0.54, 0.70, 0.33)
) AS c(channel, label, share, cost, mql, sql, opp, won);

-- One row a day: its weight is season x weekday x growth, and holds as many leads as its share of the weights.
CREATE TEMP TABLE day ON COMMIT DROP AS
SELECT n, day, start, is_fair, share,
       1 + round(leads * coalesce(sum(share) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS first,
       CASE WHEN n = 729 THEN leads ELSE round(leads * sum(share) OVER (ORDER BY n))::bigint END AS last
FROM (
    SELECT n, day, start, is_fair, leads, round((weight / sum(weight) OVER ())::numeric, 12) AS share
    FROM (
        SELECT n, date '2024-11-01' + n AS day,
               1730419200 + n * 86400 - pg_temp.ahead(1730419200 + n * 86400) AS start,
               n BETWEEN 157 AND 161 OR n BETWEEN 535 AND 539 AS is_fair,
               round(20000 * :scale::numeric)::bigint AS leads,
               (ARRAY[1.00, 1.00, 1.20, 1.05, 0.95, 1.10, 0.70, 0.50, 1.25, 1.20, 1.15, 0.65]::numeric[])[extract(month FROM date '2024-11-01' + n)::int]
             * (ARRAY[1.10, 1.25, 1.20, 1.15, 0.90, 0.25, 0.20]::numeric[])[extract(isodow FROM date '2024-11-01' + n)::int]
             * (1 + 0.25 * n / 365.0)
             * CASE WHEN n BETWEEN 157 AND 161 OR n BETWEEN 535 AND 539 THEN 1.4 ELSE 1 END AS weight
        FROM generate_series(0, 729) n
    ) weighed
) shared;

-- Companies: so many, and the last tenth were customers before the two years began.
CREATE TEMP TABLE size ON COMMIT DROP AS
SELECT greatest(20, round(6000 * :scale::numeric))::bigint AS companies,
       greatest(18, round(5400 * :scale::numeric))::bigint AS prospects;

-- ---------------------------------------------------------------------------------------------------------------------
-- Companies
-- ---------------------------------------------------------------------------------------------------------------------

-- Every hundredth company is a target account, and larger than most.
CREATE FUNCTION pg_temp.segment_of(company bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN company % 100 = 50 THEN CASE WHEN pg_temp.u(company, 10) < 0.65 THEN 3 ELSE 2 END
    WHEN pg_temp.u(company, 10) < 0.58 THEN 1
    WHEN pg_temp.u(company, 10) < 0.90 THEN 2
    ELSE 3
END;

CREATE FUNCTION pg_temp.country_of(company bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (ARRAY['FR', 'FR', 'FR', 'FR', 'FR', 'FR', 'DE', 'DE', 'DE', 'DE', 'GB', 'GB', 'ES', 'IT', 'NL', 'BE', 'US', 'US', 'US', 'US'])
    [pg_temp.pick(pg_temp.u(company, 11), 20)];

-- The account's own rep, some of whose are still the one who left.
CREATE FUNCTION pg_temp.keeper_of(company bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_temp.pick(pg_temp.u(company, 12), 8);

CREATE TEMP TABLE company ON COMMIT DROP AS
SELECT company, pg_temp.company_key(company) AS account, pg_temp.segment_of(company) AS segment, pg_temp.country_of(company) AS country,
       (ARRAY['Dupont', 'Müller', 'O''Brien', 'Łukasz', 'García', 'Brontë', 'Ångström', 'D''Angelo', 'Smith', 'Šimek', 'Lefèvre', 'Weiß',
              'Northwind', 'Acier du Rhône', 'Blue Harbour', 'Ibérica', 'Polder', 'Alpenglühn', 'Granite', 'L''Atelier', 'Vega', 'Hélios',
              'Øresund', 'Kowalski', 'Rossi', 'Van den Berg', 'Stahlwerk', 'Lumière', 'Evergreen', 'Æther', 'Quartz', 'Žižka'])
           [pg_temp.pick(pg_temp.u(company, 13), 32)]
       || (ARRAY['', ' & Sons', ' Frères', ' Robotics', ' Maschinenbau', ' Foods', ' Énergie', ' Logistics', ' Pharma', ' "Premium" Tools',
                 ' Textiles', ' Medical', ' 東京', ' Systems', ' Chimie', ' Packaging'])[pg_temp.pick(pg_temp.u(company, 14), 16)]
       || (ARRAY[' SA', ' SARL', ' GmbH', ' Ltd', ' AG', ' S.p.A.', ' Inc.', ' B.V.', '', ' Sp. z o.o.'])[pg_temp.pick(pg_temp.u(company, 15), 10)] AS name
FROM generate_series(1, (SELECT companies FROM size)) company;

-- ---------------------------------------------------------------------------------------------------------------------
-- The life of each lead, as moments. NULL: that step was never made.
-- ---------------------------------------------------------------------------------------------------------------------

-- Level by level: each is a subquery of its own (OFFSET 0 keeps the planner from copying its expressions into the next),
-- a "wish" is a step before it is moved into working hours.
CREATE TEMP TABLE life ON COMMIT DROP AS
WITH met AS (
    SELECT l.id, l.channel, l.created, l.company, l.rep,
           pg_temp.segment_of(coalesce(l.company, l.id)) AS segment,
           c.mql AS p_mql, c.sql AS p_sql, c.opp AS p_opp, c.won * r.won AS won,
           r.hours, r.sql AS by_sql, r.opp AS by_opp,
           2 * l.channel - CASE WHEN l.is_fair AND l.channel = 4 THEN 0 WHEN pg_temp.u(l.id, 31) < CASE l.channel WHEN 4 THEN 0.94 ELSE 0.55 END THEN 1 ELSE 0 END AS campaign,
           pg_temp.u(l.id, 32) >= r.ignored + CASE l.channel WHEN 3 THEN 0.12 WHEN 6 THEN -0.03 ELSE 0.02 END AS is_called,
           pg_temp.u(l.id, 33) < CASE l.channel WHEN 1 THEN 0.35 WHEN 2 THEN 0.22 WHEN 6 THEN 0.45 WHEN 3 THEN 0.05 ELSE 0.12 END AS is_demo
    FROM (
        SELECT *,
               -- The rep who left gets nothing new; half of it goes to the slowest of his team.
               CASE WHEN u_rep < 0.04 THEN 0
                    WHEN u_rep >= 0.93 AND created >= 1774994400 THEN CASE WHEN u_rep < 0.965 THEN 6 ELSE 5 END
                    WHEN u_rep < 0.19 THEN 1 WHEN u_rep < 0.31 THEN 2 WHEN u_rep < 0.46 THEN 3 WHEN u_rep < 0.59 THEN 4
                    WHEN u_rep < 0.72 THEN 5 WHEN u_rep < 0.83 THEN 6 WHEN u_rep < 0.93 THEN 7 ELSE 8 END AS rep,
               CASE WHEN is_fair AND pg_temp.u(id, 21) < 0.35 THEN 4
                    WHEN u_channel < 0.30 THEN 1 WHEN u_channel < 0.44 THEN 2 WHEN u_channel < 0.67 THEN 3
                    WHEN u_channel < 0.79 THEN 4 WHEN u_channel < 0.89 THEN 5 ELSE 6 END AS channel
        FROM (
            SELECT id, is_fair,
                   pg_temp.u(id, 20) AS u_channel,
                   pg_temp.u(id, 22) AS u_rep,
                   -- Most of a day's leads come from 8 to 19; q is where this one stands among them.
                   start + trunc(CASE WHEN q < 0.06 THEN 3600 + q / 0.06 * 25200
                                        WHEN q < 0.48 THEN 28800 + (q - 0.06) / 0.42 * 16200
                                        WHEN q < 0.90 THEN 45000 + (q - 0.48) / 0.42 * 23400
                                        ELSE 68400 + (q - 0.90) / 0.10 * 17400 END)::bigint AS created,
                   -- Companies differ in how many contacts they have, target accounts have more; a few contacts have none.
                   CASE WHEN pg_temp.u(id, 24) < 0.03 THEN NULL
                        WHEN pg_temp.u(id, 24) < 0.08 THEN least(prospects, 100 * pg_temp.pick(pg_temp.u(id, 25), greatest(1, prospects / 100)::int) - 50)
                        ELSE pg_temp.pick((0.35 + 0.65 * pg_temp.u(id, 25)) * pg_temp.u(id, 26), prospects::int) END AS company
            FROM (
                SELECT d.start, d.is_fair, s.prospects, i AS id, (i - d.first + pg_temp.u(i, 23)) / (d.last - d.first + 1)::float8 AS q
                FROM day d CROSS JOIN size s CROSS JOIN LATERAL generate_series(d.first, d.last) i
                OFFSET 0
            ) numbered
            OFFSET 0
        ) dated
        OFFSET 0
    ) l
    JOIN channel c ON c.channel = l.channel
    JOIN habit r ON r.rep = l.rep
    OFFSET 0
), marked AS (
    SELECT *,
           CASE WHEN is_called THEN created + 300 + trunc(pg_temp.u(id, 101) * pg_temp.u(id, 102) * hours * 4 * 3600)::bigint END AS answer_wish,
           -- Some are qualified by the form they sent, most by what they do in the weeks that follow.
           CASE WHEN pg_temp.u(id, 104) < p_mql * CASE segment WHEN 3 THEN 1.15 WHEN 1 THEN 0.94 ELSE 1 END
                THEN created + CASE WHEN pg_temp.u(id, 105) < 0.15 THEN 60
                                    ELSE 600 + trunc(pg_temp.u(id, 106) * pg_temp.u(id, 107) * pg_temp.u(id, 108) * 3888000)::bigint END
           END AS mql,
           pg_temp.u(id, 109) < p_sql * by_sql AS is_qualified
    FROM met
    OFFSET 0
), answered AS (
    SELECT *, pg_temp.at_work(answer_wish, pg_temp.u(id, 103)) AS answered
    FROM marked
    OFFSET 0
), considered AS (
    SELECT *,
           CASE WHEN mql IS NOT NULL AND is_called AND (is_qualified OR pg_temp.u(id, 110) < 0.50)
                THEN greatest(mql, answered) + trunc(pg_temp.u(id, 111) * hours * 3600)::bigint END AS sal_wish
    FROM answered
    OFFSET 0
), accepted AS (
    SELECT *, pg_temp.at_work(sal_wish, pg_temp.u(id, 112)) AS sal
    FROM considered
    OFFSET 0
), examined AS (
    SELECT *,
           CASE WHEN sal IS NOT NULL AND is_qualified THEN sal + trunc(pg_temp.u(id, 121) * pg_temp.u(id, 122) * 1814400)::bigint END AS sql_wish
    FROM accepted
    OFFSET 0
), qualified AS (
    SELECT *, pg_temp.at_work(sql_wish, pg_temp.u(id, 123)) AS sql
    FROM examined
    OFFSET 0
), pursued AS (
    SELECT *,
           CASE WHEN sql IS NOT NULL AND pg_temp.u(id, 130) < p_opp * by_opp
                THEN sql + trunc(pg_temp.u(id, 131) * pg_temp.u(id, 132) * 1209600)::bigint END AS opp_wish,
           CASE WHEN sql IS NULL AND pg_temp.u(id, 140) < CASE WHEN sal IS NOT NULL THEN 0.70 WHEN mql IS NULL THEN 0.45 WHEN is_called THEN 0.55 ELSE 0.10 END
                THEN coalesce(sal, greatest(mql, answered, created)) + trunc(pg_temp.u(id, 141) * pg_temp.u(id, 142) * 2592000)::bigint END AS exit_wish
    FROM qualified
    OFFSET 0
), ended AS (
    SELECT *, pg_temp.at_work(opp_wish, pg_temp.u(id, 133)) AS opp, pg_temp.at_work(exit_wish, pg_temp.u(id, 143)) AS exited
    FROM pursued
    OFFSET 0
)
SELECT id, channel, campaign, company, segment, rep, is_called, is_demo, created,
       pg_temp.until_end(answered) AS answered,
       pg_temp.until_end(mql) AS mql,
       pg_temp.until_end(sal) AS sal,
       pg_temp.until_end(sql) AS sql,
       pg_temp.until_end(opp) AS opp,
       pg_temp.until_end(exited) AS exited,
       mql IS NOT NULL AND is_called AND pg_temp.u(id, 144) < 0.35 AS is_recycled,
       won AS won_rate
FROM ended;

-- ---------------------------------------------------------------------------------------------------------------------
-- Deals, customers and what they pay
-- ---------------------------------------------------------------------------------------------------------------------

-- Euros a year: key is what the deal is drawn from.
CREATE FUNCTION pg_temp.year_value(key bigint, segment int) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round((CASE segment
    WHEN 1 THEN 2000 + pg_temp.u(key, 301) * pg_temp.u(key, 302) * 8000
    WHEN 2 THEN 6000 + pg_temp.u(key, 301) * pg_temp.u(key, 302) * 20000
    ELSE 14000 + pg_temp.u(key, 301) * pg_temp.u(key, 302) * 28000
END)::numeric, CASE WHEN pg_temp.u(key, 303) < 0.7 THEN -2 ELSE 2 END);

-- New business: deals that leads became, and those that reps opened on their own (keys above a billion).
-- due is when it closes, seen from outside of time; NULL is a deal that nobody will ever close.
CREATE TEMP TABLE pitch ON COMMIT DROP AS
SELECT key, contact, company, segment, country, rep, product, opened, wins, euros, due,
       pg_temp.until_end(due) AS closed, CASE WHEN due <= 1793491199 THEN wins END AS won,
       -- Who has won this company before sells more of it now.
       coalesce(opened > min(CASE WHEN wins THEN pg_temp.until_end(due) END) OVER (PARTITION BY company), false) AS is_more
FROM (
    SELECT key, contact, company, segment, country, rep, product, opened, wins, pg_temp.year_value(key, segment) AS euros,
           CASE WHEN pg_temp.u(key, 310) >= 0.06 OR wins
                THEN opened + trunc(86400 * CASE WHEN wins THEN 1 ELSE 1.25 END * CASE segment
                         WHEN 1 THEN 12 + pg_temp.u(key, 311) * pg_temp.u(key, 312) * 80
                         WHEN 2 THEN 20 + pg_temp.u(key, 311) * pg_temp.u(key, 312) * 140
                         ELSE 40 + pg_temp.u(key, 311) * pg_temp.u(key, 312) * 230 END)::bigint END AS due_wish
    FROM (
        SELECT p.key, p.contact, p.company, c.segment, c.country, p.rep, p.opened,
               pg_temp.u(key, 320) < p.rate * CASE c.segment WHEN 1 THEN 1.1 WHEN 2 THEN 1 ELSE 0.8 END AS wins,
               CASE WHEN pg_temp.u(key, 321) < 0.6 THEN 1 WHEN pg_temp.u(key, 321) < 0.88 THEN 2 ELSE 3 END AS product
        FROM (
            SELECT l.id AS key, l.id AS contact, coalesce(l.company, pg_temp.pick(pg_temp.u(l.id, 322), s.prospects::int)) AS company,
                   -- What nobody owns and yet converts was taken by somebody.
                   CASE l.rep WHEN 0 THEN pg_temp.pick(pg_temp.u(l.id, 323), 7) ELSE l.rep END AS rep, l.opp AS opened, l.won_rate AS rate
            FROM life l CROSS JOIN size s
            WHERE l.opp IS NOT NULL
            UNION ALL
            SELECT key, NULL, company, rep, pg_temp.at_work(opened, pg_temp.u(key, 334)), 0.20 * h.won
            FROM (
                SELECT 1000000000 + i AS key,
                       CASE WHEN pg_temp.u(i, 330) < 0.3 THEN least(prospects, 100 * pg_temp.pick(pg_temp.u(i, 331), greatest(1, prospects / 100)::int) - 50)
                            ELSE pg_temp.pick(pg_temp.u(i, 331), prospects::int) END AS company,
                       pg_temp.pick(pg_temp.u(i, 332), 7) AS rep,
                       1730419200 + trunc(pg_temp.u(i, 333) * 62985600)::bigint AS opened
                FROM size CROSS JOIN LATERAL generate_series(1, round(260 * :scale::numeric)::bigint) i
                OFFSET 0
            ) cold
            JOIN habit h USING (rep)
            -- The evening of the last Friday would be moved past the last day.
            WHERE pg_temp.at_work(opened, pg_temp.u(key, 334)) <= 1793491199
        ) p
        JOIN company c USING (company)
        OFFSET 0
    ) tried
    OFFSET 0
) dealt
CROSS JOIN LATERAL (SELECT pg_temp.at_work(due_wish, pg_temp.u(key, 313)) AS due OFFSET 0) d;

-- Customers: those of before, and the companies won since. churns is an anniversary, maybe one still to come.
CREATE TEMP TABLE customer ON COMMIT DROP AS
SELECT company, key, contact, segment, country, rep, product, euros, since, changes, factor, crosses, cross_product,
       churns, CASE WHEN churns <= date '2026-10-31' THEN churns END AS ended,
       CASE WHEN pg_temp.u(company, 401) < 0.12 AND churns + 90 + pg_temp.pick(pg_temp.u(company, 402), 200) <= date '2026-10-31'
            THEN churns + 90 + pg_temp.pick(pg_temp.u(company, 402), 200) END AS back
FROM (
    SELECT w.*,
           -- The year of the cancellation, at the rate of the segment.
           (SELECT min(w.since + 365 * k) FROM generate_series(1, 8) k
            WHERE pg_temp.u(w.company * 8 + k, 410) < CASE w.segment WHEN 1 THEN 0.22 WHEN 2 THEN 0.12 ELSE 0.06 END) AS churns,
           CASE WHEN pg_temp.u(company, 411) < 0.50 THEN greatest(since, date '2024-11-01') + 60 + pg_temp.pick(pg_temp.u(company, 412), 660) END AS changes,
           CASE WHEN pg_temp.u(company, 413) < 0.84 THEN 1.15 + 0.7 * pg_temp.u(company, 414) ELSE 0.6 + 0.3 * pg_temp.u(company, 414) END AS factor,
           CASE WHEN pg_temp.u(company, 415) < 0.30 THEN greatest(since, date '2024-11-01') + 60 + pg_temp.pick(pg_temp.u(company, 416), 660) END AS crosses,
           CASE WHEN pg_temp.u(company, 417) < 0.5 THEN product % 3 + 1 ELSE 4 + pg_temp.pick(pg_temp.u(company, 418), 2) - 1 END AS cross_product
    FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (company) company, key, contact, segment, country, rep, product, euros, pg_temp.day_of(closed) AS since
            FROM pitch
            WHERE won
            ORDER BY company, closed, key
        ) new
        UNION ALL
        SELECT company, 2000000000 + company, NULL, segment, country, pg_temp.keeper_of(company), CASE WHEN pg_temp.u(company, 420) < 0.7 THEN 1 ELSE 2 END,
               pg_temp.year_value(2000000000 + company, segment), date '2021-01-04' + pg_temp.pick(pg_temp.u(company, 421), 1390)
        FROM company CROSS JOIN size
        WHERE company > prospects
    ) w
    OFFSET 0
) c;

-- A change after the last day, or after the cancellation, is none.
UPDATE customer
SET changes = CASE WHEN changes <= date '2026-10-31' AND changes < coalesce(churns, date '9999-01-01') THEN changes END,
    crosses = CASE WHEN crosses <= date '2026-10-31' AND crosses < coalesce(churns, date '9999-01-01') THEN crosses END;

-- Every deal, in the order in which they were opened.
CREATE TEMP TABLE bargain ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY opened, deal_type COLLATE "C", key) AS id, *
FROM (
    SELECT key, contact, company, CASE WHEN is_more THEN 'Upsell' ELSE 'New business' END AS deal_type, country, rep, product,
           opened, due, wins, closed, won, euros
    FROM pitch
    UNION ALL
    SELECT key, contact, company, deal_type, country,
           CASE WHEN rep = 8 AND opened >= 1774994400 THEN 7 ELSE rep END,
           product, opened, due, wins, pg_temp.until_end(due), CASE WHEN due <= 1793491199 THEN wins END, round(euros, 2)
    FROM (
        SELECT key, contact, company, deal_type, country, rep, product, wins, euros, ends,
               pg_temp.at_work(open_wish, pg_temp.u(key, 501)) AS opened, pg_temp.at_work(due_wish, pg_temp.u(key, 502)) AS due
        FROM (
            SELECT 3000000000 + company * 16 + k AS key, contact, company, 'Renewal' AS deal_type, country, rep, product,
                   (since + 365 * k - 75 - date '1970-01-01')::bigint * 86400 + trunc(pg_temp.u(company * 16 + k, 503) * 1296000)::bigint AS open_wish,
                   (since + 365 * k - 25 - date '1970-01-01')::bigint * 86400 + trunc(pg_temp.u(company * 16 + k, 504) * 1900800)::bigint AS due_wish,
                   since + 365 * k IS DISTINCT FROM churns AS wins,
                   euros * CASE WHEN changes < since + 365 * k THEN factor::numeric ELSE 1 END AS euros,
                   NULL::date AS ends
            FROM customer CROSS JOIN LATERAL generate_series(1, 6) k
            WHERE since + 365 * k <= coalesce(churns, date '9999-01-01')
            UNION ALL
            SELECT 3000000000 + company * 16, contact, company, 'Upsell', country, rep, product,
                   (changes - 15 - pg_temp.pick(pg_temp.u(company, 510), 40) - date '1970-01-01')::bigint * 86400 + 36000,
                   (changes - date '1970-01-01')::bigint * 86400 + 28800 + trunc(pg_temp.u(company, 512) * 30000)::bigint, true, euros * (factor::numeric - 1), NULL
            FROM customer
            WHERE changes IS NOT NULL AND factor > 1
            UNION ALL
            SELECT 3000000000 + company * 16 + 7, contact, company, 'Cross-sell', country, rep, cross_product,
                   (crosses - 15 - pg_temp.pick(pg_temp.u(company, 520), 40) - date '1970-01-01')::bigint * 86400 + 36000,
                   (crosses - date '1970-01-01')::bigint * 86400 + 28800 + trunc(pg_temp.u(company, 522) * 30000)::bigint, true, euros * 0.35, NULL
            FROM customer
            WHERE crosses IS NOT NULL
            UNION ALL
            -- What customers were offered and did not take.
            SELECT 3000000000 + company * 16 + 8, contact, company, CASE WHEN pg_temp.u(company, 531) < 0.5 THEN 'Upsell' ELSE 'Cross-sell' END, country, rep,
                   CASE WHEN pg_temp.u(company, 531) < 0.5 THEN product ELSE cross_product END,
                   wish, wish + 1209600 + trunc(pg_temp.u(company, 533) * 5184000)::bigint, false, euros * 0.4, churns
            FROM (
                SELECT *, (greatest(since, date '2024-11-01') - date '1970-01-01')::bigint * 86400 + 2592000 + trunc(pg_temp.u(company, 535) * 58000000)::bigint AS wish
                FROM customer
                WHERE pg_temp.u(company, 530) < 0.45
            ) offered
            OFFSET 0
        ) wished
        OFFSET 0
    ) again
    WHERE opened BETWEEN 1730419200 AND 1793491199 AND coalesce(pg_temp.day_of(opened) < ends, true)
) every;

CREATE TABLE crm.company (
    id uuid NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    segment text NOT NULL,
    is_target boolean NOT NULL,
    tier text,
    owner_id int,
    customer_since date
);

INSERT INTO crm.company
SELECT c.account, c.name, c.country, (ARRAY['SMB', 'Mid-Market', 'Enterprise'])[c.segment], c.company % 100 = 50,
       CASE WHEN c.company % 100 = 50 THEN (ARRAY['A', 'B', 'C'])[pg_temp.pick(pg_temp.u(c.company, 16), 3)] END,
       CASE WHEN pg_temp.u(c.company, 17) >= 0.02 THEN pg_temp.keeper_of(c.company) END, u.since
FROM company c LEFT JOIN customer u USING (company);

-- A few deals were closed some seconds before they were opened, as an import leaves them.
CREATE TABLE crm.deal (
    id bigint NOT NULL,
    contact_id bigint,
    company_id uuid NOT NULL,
    title text NOT NULL,
    deal_type text NOT NULL,
    value numeric(12,2),
    currency text NOT NULL,
    opened_on timestamptz NOT NULL,
    closed_on timestamptz,
    is_won boolean,
    expected_close date,
    probability numeric(3,2) NOT NULL,
    phase text NOT NULL,
    lost_reason text,
    rep_id int NOT NULL,
    product_id int NOT NULL
);

-- The part of the way to its end that a deal has gone by the last day; without an end it stays where it was early on.
CREATE TEMP TABLE pace ON COMMIT DROP AS
SELECT id, key, contact, opened, closed, won,
       CASE WHEN closed IS NULL OR pg_temp.u(key, 610) >= 0.002 THEN closed ELSE opened - pg_temp.pick(pg_temp.u(key, 611), 50) END AS closed_on,
       pg_temp.until_end(opened + (coalesce(due, opened + 8640000) - opened) * 3 / 10) AS proposal,
       CASE WHEN due IS NOT NULL AND (wins OR pg_temp.u(key, 612) < 0.55) THEN pg_temp.until_end(opened + (due - opened) * 13 / 20) END AS negotiation
FROM bargain;

INSERT INTO crm.deal
SELECT b.id,
       CASE WHEN pg_temp.u(b.key, 620) >= 0.06 THEN b.contact END,
       c.account, c.name || ': ' || b.deal_type, b.deal_type,
       -- Some amounts are not known yet.
       CASE WHEN b.closed IS NOT NULL OR pg_temp.u(b.key, 621) >= 0.04
            THEN CASE b.country WHEN 'US' THEN round(b.euros / 0.92, 2) ELSE b.euros END END,
       CASE b.country WHEN 'US' THEN 'USD' ELSE 'EUR' END,
       pg_temp.moment(b.opened), pg_temp.moment(p.closed_on), b.won,
       CASE WHEN pg_temp.u(b.key, 622) >= 0.03
            THEN pg_temp.day_of(b.opened + trunc((coalesce(b.due, b.opened + 5184000) - b.opened) * (0.7 + 0.6 * pg_temp.u(b.key, 623)))::bigint) END,
       CASE WHEN b.won THEN 1 WHEN NOT b.won THEN 0 WHEN p.negotiation IS NOT NULL THEN 0.75 WHEN p.proposal IS NOT NULL THEN 0.40 ELSE 0.10 END,
       CASE WHEN b.won THEN 'Closed Won' WHEN NOT b.won THEN 'Closed Lost' WHEN p.negotiation IS NOT NULL THEN 'Negotiation'
            WHEN p.proposal IS NOT NULL THEN 'Proposal' ELSE 'Discovery' END,
       CASE WHEN NOT b.won THEN (ARRAY['Price', 'Price', 'Competitor', 'No decision', 'No decision', 'No budget', 'Missing feature', 'Timing'])
                                [pg_temp.pick(pg_temp.u(b.key, 624), 8)] END,
       b.rep, b.product
FROM bargain b
JOIN pace p USING (id)
JOIN company c ON c.company = b.company;

-- end_on is the first day that is no longer paid for; value is per month.
CREATE TEMP TABLE agreement ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY start_on, company, part) AS id, company, part, start_on,
       end_on, round(euros / 12 / CASE country WHEN 'US' THEN 0.92 ELSE 1 END, 2) AS mrr,
       CASE country WHEN 'US' THEN 'USD' ELSE 'EUR' END AS currency, product, rep
FROM (
    SELECT company, 1::bigint AS part, since AS start_on, coalesce(changes, ended) AS end_on, euros, country, product, rep FROM customer
    UNION ALL
    SELECT company, 2, changes, ended, euros * factor::numeric, country, product, rep FROM customer WHERE changes IS NOT NULL
    UNION ALL
    SELECT company, 3, crosses, ended, euros * 0.35, country, cross_product, rep FROM customer WHERE crosses IS NOT NULL AND cross_product <= 3
    UNION ALL
    SELECT company, 4, back, NULL, euros * 0.8, country, product, rep FROM customer WHERE back IS NOT NULL
    UNION ALL
    SELECT p.company, p.key, pg_temp.day_of(p.closed), CASE WHEN c.ended > pg_temp.day_of(p.closed) THEN c.ended END, p.euros, p.country, p.product, p.rep
    FROM pitch p
    JOIN customer c USING (company)
    WHERE p.won AND p.key <> c.key
) every;

-- end_on is the first day that is no longer paid for; mrr is the amount per month.
CREATE TABLE crm.contract (
    id bigint NOT NULL,
    company_id uuid NOT NULL,
    product text NOT NULL,
    start_on date NOT NULL,
    end_on date,
    mrr numeric(12,2) NOT NULL,
    currency text NOT NULL,
    rep_id int
);

INSERT INTO crm.contract
SELECT a.id, c.account, p.name, a.start_on, a.end_on, a.mrr, a.currency, a.rep
FROM agreement a
JOIN company c USING (company)
JOIN crm.product p ON p.id = a.product;

-- Subscriptions are invoiced a month ahead; of two hundred invoices one is credited nine days later.
CREATE TABLE crm.invoice (
    id bigint NOT NULL,
    company_id uuid NOT NULL,
    issued_on date NOT NULL,
    amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    product text NOT NULL,
    rep_id int
);

INSERT INTO crm.invoice
SELECT row_number() OVER (ORDER BY b.issued_on, b.agreement, b.part), c.account, b.issued_on, b.amount, b.currency, b.kind, p.name, b.rep
FROM (
    SELECT a.id AS agreement, i.part, a.company, a.product, a.currency, a.rep,
           m.issued_on + 9 * i.part AS issued_on, CASE i.part WHEN 0 THEN a.mrr ELSE -a.mrr END AS amount,
           CASE WHEN i.part = 1 THEN 'Credit note' WHEN a.part = 3 THEN 'Cross-sell' WHEN a.part = 2 OR a.part > 4 THEN 'Upsell'
                WHEN m.issued_on < a.start_on + 365 THEN 'New business' ELSE 'Renewal' END AS kind
    FROM agreement a
    -- Months since the contract began, of those within the two years.
    CROSS JOIN LATERAL generate_series(
        greatest(0, (2024 - extract(year FROM a.start_on)::int) * 12 + 10 - extract(month FROM a.start_on)::int),
        (extract(year FROM coalesce(a.end_on, date '2026-10-31'))::int - extract(year FROM a.start_on)::int) * 12
            + extract(month FROM coalesce(a.end_on, date '2026-10-31'))::int - extract(month FROM a.start_on)::int) k
    CROSS JOIN LATERAL (SELECT (a.start_on + make_interval(months => k))::date AS issued_on OFFSET 0) m
    CROSS JOIN LATERAL generate_series(0, CASE WHEN pg_temp.u(a.id * 128 + k, 710) < 0.005 THEN 1 ELSE 0 END) AS i(part)
    WHERE m.issued_on >= date '2024-11-01' AND m.issued_on < coalesce(a.end_on, date '2026-11-01') AND m.issued_on + 9 * i.part <= date '2026-10-31'
    UNION ALL
    SELECT 0, company, company, cross_product, CASE country WHEN 'US' THEN 'USD' ELSE 'EUR' END, rep, crosses,
           round(euros * 0.35 / CASE country WHEN 'US' THEN 0.92 ELSE 1 END, 2), 'Cross-sell'
    FROM customer
    WHERE crosses IS NOT NULL AND cross_product > 3
) b
JOIN company c USING (company)
JOIN crm.product p ON p.id = b.product;

-- ---------------------------------------------------------------------------------------------------------------------
-- Contacts and what happened with them
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE crm.contact (
    id bigint NOT NULL,
    full_name text,
    company_id uuid,
    created_on timestamptz NOT NULL,
    status text NOT NULL,
    source text,
    campaign_id int,
    owner_id int,
    assigned_on timestamptz,
    mql_on timestamptz,
    accepted_on timestamptz,
    sql_on timestamptz,
    disqualified_on timestamptz,
    disqualified_reason text,
    score int NOT NULL
);

-- Steps that were made and not written down are NULL; of five hundred SQLs one was dated before it became an MQL.
CREATE TEMP TABLE written ON COMMIT DROP AS
SELECT id, CASE WHEN sql IS NULL OR pg_temp.u(id, 801) >= 0.06 THEN mql END AS mql,
       CASE WHEN pg_temp.u(id, 802) >= 0.12 THEN sal END AS sal,
       CASE WHEN pg_temp.u(id, 803) < 0.002 THEN mql - 7200 ELSE sql END AS sql
FROM life
WHERE mql IS NOT NULL;

INSERT INTO crm.contact
SELECT l.id,
       CASE WHEN pg_temp.u(l.id, 810) >= 0.02 THEN
           (ARRAY['Marie', 'Jean', 'Zoë', 'Lukas', 'Ana', 'José', 'Emma', 'Oliver', 'Giulia', 'Søren', 'Ewa', 'Piotr', 'Chloé', 'Jürgen', 'Nora', 'Ian'])
               [pg_temp.pick(pg_temp.u(l.id, 811), 16)] || ' ' ||
           (ARRAY['Martin', 'Nguyen', 'Schäfer', 'O''Connor', 'Núñez', 'De Luca', 'Wójcik', 'Brown', 'Janssens', 'Leroy', 'Kaya', 'Björk', 'Costa', 'Peeters', 'Keller', 'D''Arcy'])
               [pg_temp.pick(pg_temp.u(l.id, 812), 16)] END,
       c.account, pg_temp.moment(l.created),
       CASE WHEN b.won THEN 'Customer'
            WHEN NOT b.won AND pg_temp.u(l.id, 813) < 0.3 THEN 'Recycled'
            WHEN l.opp IS NOT NULL THEN 'Converted'
            WHEN l.exited IS NOT NULL THEN CASE WHEN l.is_recycled THEN 'Recycled' ELSE 'Disqualified' END
            WHEN l.sql IS NOT NULL THEN 'Sales Qualified'
            WHEN l.sal IS NOT NULL THEN 'Sales Accepted'
            WHEN l.mql IS NOT NULL THEN 'Marketing Qualified'
            WHEN l.answered IS NOT NULL THEN 'Working'
            ELSE 'New' END,
       CASE WHEN pg_temp.u(l.id, 814) >= 0.015 THEN CASE WHEN l.channel = 6 AND l.campaign = 12 THEN 'referral' ELSE h.label END END,
       CASE WHEN pg_temp.u(l.id, 814) >= 0.03 THEN l.campaign END,
       CASE WHEN l.rep > 0 THEN l.rep END,
       CASE WHEN l.rep > 0 THEN pg_temp.moment(l.created + 60 + trunc(pg_temp.u(l.id, 815) * 200)::bigint) END,
       pg_temp.moment(w.mql), pg_temp.moment(w.sal), pg_temp.moment(w.sql),
       CASE WHEN NOT l.is_recycled THEN pg_temp.moment(l.exited) END,
       CASE WHEN l.exited IS NOT NULL AND NOT l.is_recycled THEN CASE WHEN l.channel = 3
            THEN (ARRAY['Bad data', 'Bad data', 'Student', 'Student', 'No answer', 'No budget', 'Company too small', 'No need'])[pg_temp.pick(pg_temp.u(l.id, 816), 8)]
            ELSE (ARRAY['No budget', 'No answer', 'No answer', 'Company too small', 'Competitor', 'No need', 'Bad data', 'Student'])[pg_temp.pick(pg_temp.u(l.id, 816), 8)] END END,
       CASE WHEN l.mql IS NULL THEN trunc(60 * pg_temp.u(l.id, 817)) ELSE 45 + trunc(30 * pg_temp.u(l.id, 817)) + CASE WHEN l.sql IS NULL THEN 0 ELSE 20 END END::int
FROM life l
JOIN channel h USING (channel)
LEFT JOIN written w USING (id)
LEFT JOIN pace b ON b.contact = l.id AND b.key = l.id
LEFT JOIN company c ON c.company = l.company;

-- What a contact or a deal became, and when: deal_id NULL is a step of the contact.
CREATE TABLE crm.phase_history (
    contact_id bigint,
    deal_id bigint,
    changed_at timestamptz NOT NULL,
    phase text NOT NULL
);

INSERT INTO crm.phase_history
SELECT contact, deal, pg_temp.moment(at), phase
FROM (
    SELECT l.id AS contact, NULL::bigint AS deal,
           unnest(ARRAY[l.created, CASE WHEN l.answered < coalesce(l.mql, 9999999999) THEN l.answered END, w.mql, w.sal, w.sql, l.opp,
                        CASE WHEN b.won THEN b.closed END, CASE WHEN NOT l.is_recycled THEN l.exited END,
                        coalesce(CASE WHEN l.is_recycled THEN l.exited END, CASE WHEN NOT b.won AND pg_temp.u(l.id, 813) < 0.3 THEN b.closed END)]) AS at,
           unnest(ARRAY['New', 'Working', 'Marketing Qualified', 'Sales Accepted', 'Sales Qualified', 'Converted', 'Customer', 'Disqualified', 'Recycled']) AS phase
    FROM life l
    LEFT JOIN written w USING (id)
    LEFT JOIN pace b ON b.contact = l.id AND b.key = l.id
    UNION ALL
    SELECT CASE WHEN pg_temp.u(key, 620) >= 0.06 THEN contact END, id,
           unnest(ARRAY[opened, proposal, negotiation, closed_on]),
           unnest(ARRAY['Discovery', 'Proposal', 'Negotiation', CASE WHEN won THEN 'Closed Won' ELSE 'Closed Lost' END])
    FROM pace
) step
WHERE at IS NOT NULL;

-- happened_at has no time zone: it is UTC. by_robot: written by the web site or by the mailing tool.
CREATE TABLE crm.activity (
    contact_id bigint NOT NULL,
    happened_at timestamp NOT NULL,
    type text NOT NULL,
    by_robot boolean NOT NULL,
    rep_id int
);

-- The prospect's request, the robot's reply, the first call, up to three attempts more, and the meetings of those who went on.
INSERT INTO crm.activity
SELECT id, pg_temp.moment(at) AT TIME ZONE 'UTC', type, n <= 2, CASE WHEN n > 2 THEN taker END
FROM (
    SELECT id, taker, until, type, n, CASE WHEN n <= 2 THEN wish ELSE pg_temp.at_work(wish, u3) END AS at
    FROM (
        SELECT id, taker, until, u3, generate_series(1, 8) AS n,
               unnest(ARRAY['demo_request', 'email', CASE WHEN u2 < 0.8 THEN 'call' ELSE 'email' END, 'call', 'email', 'note', 'meeting', 'meeting']) AS type,
               unnest(ARRAY[CASE WHEN is_demo THEN created END,
                            CASE WHEN u1 < 0.90 THEN created + 15 + trunc(u1 * 120)::bigint END,
                            answered,
                            CASE WHEN u2 < 0.65 THEN answered + 86400 + trunc(u1 * 345600)::bigint END,
                            CASE WHEN u3 < 0.35 THEN answered + 432000 + trunc(u1 * 864000)::bigint END,
                            CASE WHEN u1 < 0.15 THEN answered + 1296000 + trunc(u2 * 864000)::bigint END,
                            sql,
                            CASE WHEN u3 < 0.8 THEN opp + 172800 + trunc(u2 * 604800)::bigint END]) AS wish
        FROM (
            SELECT id, created, answered, sql, opp, is_demo, pg_temp.u(id, 901) AS u1, pg_temp.u(id, 902) AS u2, pg_temp.u(id, 903) AS u3,
                   -- Until the lead was given up; a lead without an owner was called by whoever had time.
                   CASE WHEN answered IS NOT NULL THEN coalesce(exited, 1793491199) END AS until,
                   CASE rep WHEN 0 THEN pg_temp.pick(pg_temp.u(id, 904), 7) ELSE rep END AS taker
            FROM life
            OFFSET 0
        ) l
    ) wished
    WHERE wish IS NOT NULL
    OFFSET 0
) done
WHERE at <= CASE WHEN n <= 2 THEN 1793491199 ELSE until END;

-- Touches: what brought the contact, what it had seen before, and what it saw on the way; and visits known by company alone.
CREATE TABLE crm.web_visit (
    visited_at timestamptz NOT NULL,
    contact_id bigint,
    company_id uuid,
    channel text NOT NULL,
    campaign text,
    kind text NOT NULL
);

CREATE TEMP TABLE touch_label ON COMMIT DROP AS
SELECT c.id AS campaign, c.name, h.label, (ARRAY['ad_click', 'ad_click', 'ad_click', 'webinar', 'email_click', 'page_view'])[h.channel] AS kind
FROM crm.campaign c
JOIN channel h ON h.channel = (c.id + 1) / 2;

INSERT INTO crm.web_visit
SELECT pg_temp.moment(t.at), t.id, NULL, n.label, CASE WHEN t.u < 0.9 OR t.j = 0 THEN n.name END, CASE t.j WHEN 0 THEN 'form_fill' ELSE n.kind END
FROM (
    SELECT id, j, pg_temp.u(id * 8 + j, 910) AS u,
           -- Before the form half of the others, within forty days; after it the rest, more of it mail and events.
           CASE WHEN j = 0 THEN created
                WHEN j <= 2 THEN created - 600 - trunc(pg_temp.u(id * 8 + j, 911) * pg_temp.u(id * 8 + j, 912) * 3456000)::bigint
                ELSE created + 3600 + trunc(pg_temp.u(id * 8 + j, 911) * pg_temp.u(id * 8 + j, 912) * 5184000)::bigint END AS at,
           CASE WHEN j = 0 OR pg_temp.u(id * 8 + j, 913) < 0.25 THEN campaign
                WHEN j <= 2 THEN (ARRAY[1, 2, 2, 2, 3, 4, 5, 5, 6, 6, 6, 7, 9, 11])[pg_temp.pick(pg_temp.u(id * 8 + j, 914), 14)]
                ELSE (ARRAY[1, 1, 3, 6, 6, 7, 7, 9, 9, 10, 10, 10])[pg_temp.pick(pg_temp.u(id * 8 + j, 914), 12)] END AS campaign
    FROM life
    CROSS JOIN LATERAL generate_series(CASE WHEN campaign > 10 AND pg_temp.u(id, 915) < 0.35 THEN 1 ELSE 0 END,
        2 + CASE WHEN mql IS NULL THEN 0 ELSE 1 + trunc(pg_temp.u(id, 916) * 2)::int END + CASE WHEN opp IS NULL THEN 0 ELSE 2 END) j
    WHERE j = 0 OR j > 2 OR pg_temp.u(id * 8 + j, 917) < 0.45
    OFFSET 0
) t
JOIN touch_label n USING (campaign)
WHERE t.at BETWEEN 1730419200 AND 1793491199;

INSERT INTO crm.web_visit
SELECT pg_temp.moment(t.at), NULL, c.account, n.label, n.name, n.kind
FROM (
    SELECT company, 1730419200 + trunc(pg_temp.u(company * 64 + j, 920) * 63072000)::bigint AS at,
           (ARRAY[3, 3, 3, 4, 1, 2, 8, 7])[pg_temp.pick(pg_temp.u(company * 64 + j, 921), 8)] AS campaign
    FROM size
    CROSS JOIN LATERAL generate_series(50, prospects, 100) company
    CROSS JOIN LATERAL generate_series(1, 10 + pg_temp.pick(pg_temp.u(company, 922), 40)) j
    OFFSET 0
) t
JOIN touch_label n USING (campaign)
JOIN company c USING (company);

-- ---------------------------------------------------------------------------------------------------------------------
-- Money spent, exchange rates and goals
-- ---------------------------------------------------------------------------------------------------------------------

-- period_end NULL: spent on that day. Else a lump for [day, period_end).
CREATE TABLE crm.ad_cost (
    day date NOT NULL,
    period_end date,
    channel text,
    campaign text,
    cost numeric(14,2) NOT NULL,
    currency text NOT NULL,
    cost_type text NOT NULL
);

-- A campaign's day costs what its leads of that day should, dearer by a twelfth a year, give or take a quarter.
INSERT INTO crm.ad_cost
SELECT d.day, NULL, c.channel_name, c.name,
       round(20000 * :scale::numeric * d.share * h.share::numeric
             * CASE WHEN c.id = 7 THEN 1 WHEN c.id % 2 = 1 THEN 0.55 ELSE 0.45 END
             * (h.cost * (0.92 + d.n * 0.08 / 365) * (0.75 + 0.5 * pg_temp.u(d.n * 16 + c.id, 950)))::numeric
             / CASE c.currency WHEN 'USD' THEN 0.92 ELSE 1 END, 2),
       c.currency, 'marketing'
FROM day d
CROSS JOIN crm.campaign c
JOIN channel h ON h.channel = (c.id + 1) / 2
WHERE c.id <> 8
ORDER BY d.n, c.id;

INSERT INTO crm.ad_cost
-- The fair is paid for once; what it cost belongs to its days.
SELECT v.day, v.period_end, 'Events', 'Hannover fair', round(v.cost * :scale::numeric, 2), 'EUR', 'marketing'
FROM (VALUES
    (date '2025-04-07', date '2025-04-12', 21500.00), (date '2025-04-05', date '2025-04-13', 6330.40),
    (date '2026-04-20', date '2026-04-25', 23900.00), (date '2026-04-18', date '2026-04-26', 7210.75)
) AS v(day, period_end, cost)
UNION ALL
-- The agency's retainer, a quarter at a time, belongs to no channel.
SELECT (date '2024-11-01' + make_interval(months => 3 * q))::date, (date '2024-11-01' + make_interval(months => 3 * q + 3))::date,
       NULL, NULL, round((5200 + 150 * q) * :scale::numeric, 2), 'EUR', 'marketing'
FROM generate_series(0, 7) q
UNION ALL
-- The mailing tool is billed by the month.
SELECT (date '2024-11-01' + make_interval(months => m))::date, (date '2024-11-01' + make_interval(months => m + 1))::date,
       'Email', NULL, round(349.90 * :scale::numeric, 2), 'USD', 'marketing'
FROM generate_series(0, 23) m
UNION ALL
-- Salaries by team and month: a raise every January, and one rep fewer from April 2026.
SELECT (date '2024-11-01' + make_interval(months => m))::date, (date '2024-11-01' + make_interval(months => m + 1))::date,
       NULL, NULL, round(CASE WHEN t.id = 2 AND m >= 17 THEN 18300.00 ELSE 24400.00 END * (1 + 0.03 * ((m + 10) / 12)) * :scale::numeric, 2), 'EUR', 'sales'
FROM generate_series(0, 23) m
CROSS JOIN crm.team t
UNION ALL
SELECT (date '2024-11-01' + make_interval(years => y))::date, (date '2024-11-01' + make_interval(years => y + 1))::date,
       NULL, NULL, round((13800 + 900 * y) * :scale::numeric, 2), 'USD', 'sales'
FROM generate_series(0, 1) y;

-- Euros for one unit, on business days.
CREATE TABLE crm.fx (
    currency text NOT NULL,
    day date NOT NULL,
    rate numeric(10,6) NOT NULL
);

INSERT INTO crm.fx
SELECT 'USD', date '2020-12-31' + n,
       round((0.89 + 0.06 * abs(n % 700 - 350) / 350.0 + (pg_temp.u(n, 960) - 0.5)::numeric * 0.008), 6)
FROM generate_series(0, 2129) n
WHERE extract(isodow FROM date '2020-12-31' + n) < 6;

-- Goals. owner_id NULL: of the whole company.
CREATE TABLE crm.quota (
    metric text NOT NULL,
    period text NOT NULL,
    starts_on date NOT NULL,
    value numeric NOT NULL,
    owner_id int
);

INSERT INTO crm.quota
SELECT 'revenue_evolution.revenue', 'month', (date '2024-11-01' + make_interval(months => m))::date, round((372000 + 19500 * m) * :scale::numeric, -2), NULL::int
FROM generate_series(0, 23) m
UNION ALL
SELECT 'revenue_evolution.revenue', 'quarter', (date '2025-01-01' + make_interval(months => 3 * q))::date,
       round((372000 + 19500 * (3 * q + 3)) * 3 * (ARRAY[0.16, 0.12, 0.08, 0.12, 0.14, 0.12, 0.13, 0.13])[r.id] * :scale::numeric, -2), r.id
FROM generate_series(0, 6) q
CROSS JOIN crm.rep r
WHERE r.active OR q < 5
UNION ALL
SELECT 'sales_qualified_leads.sqls', 'month', (date '2024-11-01' + make_interval(months => m))::date, round((110 + 2.5 * m) * :scale::numeric), NULL
FROM generate_series(0, 23) m
UNION ALL
SELECT v.metric, 'quarter', (date '2025-01-01' + make_interval(months => 3 * q))::date, v.value, NULL
FROM generate_series(0, 6) q
CROSS JOIN (VALUES ('opportunity_win_rate.win_rate', 0.27), ('customer_retention.retention_rate', 0.965), ('marketing_roi.roi', 2.0)) AS v(metric, value)
UNION ALL
SELECT v.metric, 'year', v.day, v.value, NULL
FROM (VALUES ('cost_per_lead.cost_per_lead', date '2025-01-01', 60.0), ('cost_per_lead.cost_per_lead', '2026-01-01', 62.0),
             ('cost_per_opportunity.cost_per_opportunity', '2025-01-01', 600), ('cost_per_opportunity.cost_per_opportunity', '2026-01-01', 600),
             ('customer_acquisition_cost.customer_acquisition_cost', '2025-01-01', 5000), ('customer_acquisition_cost.customer_acquisition_cost', '2026-01-01', 4800)
     ) AS v(metric, day, value);

-- ---------------------------------------------------------------------------------------------------------------------
-- Keys and indexes, and views for who counts in euros and by day
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE crm.company ADD PRIMARY KEY (id);
ALTER TABLE crm.contact ADD PRIMARY KEY (id);
ALTER TABLE crm.deal ADD PRIMARY KEY (id);
ALTER TABLE crm.contract ADD PRIMARY KEY (id);
ALTER TABLE crm.invoice ADD PRIMARY KEY (id);
ALTER TABLE crm.fx ADD PRIMARY KEY (currency, day);
CREATE INDEX contact_created ON crm.contact (created_on);
CREATE INDEX contact_company ON crm.contact (company_id);
CREATE INDEX deal_opened ON crm.deal (opened_on);
CREATE INDEX deal_closed ON crm.deal (closed_on);
CREATE INDEX deal_contact ON crm.deal (contact_id);
CREATE INDEX deal_company ON crm.deal (company_id);
CREATE INDEX phase_history_changed ON crm.phase_history (changed_at);
CREATE INDEX phase_history_contact ON crm.phase_history (contact_id);
CREATE INDEX phase_history_deal ON crm.phase_history (deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX activity_happened ON crm.activity (happened_at);
CREATE INDEX activity_contact ON crm.activity (contact_id);
CREATE INDEX web_visit_visited ON crm.web_visit (visited_at);
CREATE INDEX web_visit_contact ON crm.web_visit (contact_id);
CREATE INDEX contract_company ON crm.contract (company_id);
CREATE INDEX contract_start ON crm.contract (start_on);
CREATE INDEX invoice_issued ON crm.invoice (issued_on);
CREATE INDEX invoice_company ON crm.invoice (company_id);
CREATE INDEX ad_cost_day ON crm.ad_cost (day);

\ir views.sql

ANALYZE crm.team, crm.rep, crm.product, crm.campaign, crm.company, crm.contact, crm.deal, crm.phase_history, crm.activity, crm.web_visit,
    crm.contract, crm.invoice, crm.ad_cost, crm.fx, crm.quota;

DROP FUNCTION pg_temp.u, pg_temp.pick, pg_temp.company_key, pg_temp.ahead, pg_temp.at_work, pg_temp.until_end, pg_temp.moment, pg_temp.day_of,
    pg_temp.segment_of, pg_temp.country_of, pg_temp.keeper_of, pg_temp.year_value CASCADE;

COMMIT;
