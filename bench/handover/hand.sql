-- Who waits for a call, by hand: what an analyst writes, with the same indexes.
SELECT a.lead_id, a.at AS triggered_at, CASE WHEN a.at + interval '30 minutes' < now() THEN 'late' WHEN a.at + interval '24 minutes' <= now() THEN 'warning' ELSE 'running' END AS state
FROM activity a
JOIN lead l ON l.id = a.lead_id
LEFT JOIN LATERAL (SELECT min(c.at) AS at FROM activity c WHERE c.lead_id = a.lead_id AND c.kind = 'call' AND c.is_automatic IS NOT TRUE AND c.at >= a.at) c ON true
LEFT JOIN LATERAL (SELECT min(s.at) AS at FROM stage_change s WHERE s.lead_id = a.lead_id AND s.stage IN ('disqualified', 'lost', 'won') AND s.at >= a.at) s ON true
WHERE a.kind = 'demo_request' AND a.at <= now() AND c.at IS NULL AND s.at IS NULL AND (l.disqualified_at >= a.at) IS NOT TRUE
