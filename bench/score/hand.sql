WITH rule (kind, points, half_life) AS (
    VALUES ('email_open', 3, 1209600), ('email_click', 8, 1209600), ('page_view', 2, 1209600), ('form', 15, 5184000),
        ('webinar', 12, 5184000), ('demo_request', 40, NULL), ('call', 20, 5184000), ('bounce', -10, NULL)),
-- Points that fade are summed as they would have been worth at one instant for all, and faded from there.
worth AS (
    SELECT activity.lead_id, activity.at, extract(epoch FROM activity.at - timestamptz '2024-11-01')::float8 AS seconds,
        CASE WHEN rule.half_life IS NULL THEN rule.points ELSE 0 END AS steady,
        CASE WHEN rule.half_life = 1209600 THEN rule.points * 2 ^ (extract(epoch FROM activity.at - timestamptz '2024-11-01')::float8 / 1209600) ELSE 0 END AS short,
        CASE WHEN rule.half_life = 5184000 THEN rule.points * 2 ^ (extract(epoch FROM activity.at - timestamptz '2024-11-01')::float8 / 5184000) ELSE 0 END AS long
    FROM activity JOIN rule USING (kind)
    WHERE activity.at <= timestamptz '2026-11-01'),
running AS (
    SELECT lead_id, at, sum(steady) OVER earlier + sum(short) OVER earlier * 2 ^ (-seconds / 1209600) + sum(long) OVER earlier * 2 ^ (-seconds / 5184000) AS score
    FROM worth
    WINDOW earlier AS (PARTITION BY lead_id ORDER BY at)),
crossing AS (
    SELECT lead_id, min(at) AS crossed_at FROM running WHERE score >= 60 * (1 - 1e-9) GROUP BY lead_id),
total AS (
    SELECT lead_id, sum(steady) + sum(short) * 2 ^ (-extract(epoch FROM timestamptz '2026-11-01' - timestamptz '2024-11-01')::float8 / 1209600)
        + sum(long) * 2 ^ (-extract(epoch FROM timestamptz '2026-11-01' - timestamptz '2024-11-01')::float8 / 5184000) AS score
    FROM worth GROUP BY lead_id)
SELECT lead.lead_id::text AS lead_id, lead.label, coalesce(total.score, 0) AS score, CASE WHEN crossing.crossed_at IS NULL THEN 'lead' ELSE 'sql' END AS stage, crossing.crossed_at
FROM lead LEFT JOIN total USING (lead_id) LEFT JOIN crossing USING (lead_id)
