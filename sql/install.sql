-- CREATE EXTENSION makes the schema itself and adopts none.
\set SHOW_CONTEXT never
CREATE SCHEMA smarketing;
CREATE EXTENSION smarketing;
DROP SCHEMA smarketing;
CREATE EXTENSION smarketing;
SELECT extname, extversion, nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'smarketing';
