/* smarketing: built from src/, see Makefile */

-- complain if the script is read by psql instead of CREATE EXTENSION
\echo Use "CREATE EXTENSION smarketing" to load this file. \quit

-- Plain CREATE SCHEMA: a schema of this name that somebody else owns is an error, never adopted.
CREATE SCHEMA smarketing;

COMMENT ON SCHEMA smarketing IS 'sales and marketing KPIs computed from the tables of a CRM';

GRANT USAGE ON SCHEMA smarketing TO PUBLIC;
