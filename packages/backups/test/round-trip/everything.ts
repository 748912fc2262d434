/** Roles of the whole server; all but the superuser have the password `p`. */
export const ROLES = `
  CREATE ROLE rt_owner LOGIN CREATEDB PASSWORD 'p'; CREATE ROLE rt_app LOGIN PASSWORD 'p'; CREATE ROLE rt_reader LOGIN PASSWORD 'p';
  CREATE ROLE "rt web-App" LOGIN PASSWORD 'p'; CREATE ROLE rt_stranger LOGIN PASSWORD 'p'; CREATE ROLE database LOGIN PASSWORD 'p';
  GRANT pg_signal_backend TO rt_owner;`;
export const TABLESPACE = `CREATE TABLESPACE "rt space" LOCATION ''`;
export const WHO = ['rt_owner', 'rt_app', 'rt_reader', 'rt web-App', 'rt_stranger', 'database'];

/** What a database itself can be given. `d` is its name, quoted. */
export const givenTo = (d: string) => `
  ALTER DATABASE ${d} SET search_path = shop, public, "$user"; ALTER DATABASE ${d} SET temp_tablespaces = 'rt space', ''; ALTER DATABASE ${d} SET work_mem = '7MB';
  ALTER DATABASE ${d} SET app.tenant = 'x;y''z"; \\connect "ä'; ALTER DATABASE ${d} SET statement_timeout = '7min'; ALTER DATABASE ${d} SET datestyle = 'SQL, DMY';
  ALTER DATABASE ${d} SET session_preload_libraries = 'auto_explain', 'pg_stat_statements';
  ALTER ROLE rt_app IN DATABASE ${d} SET search_path = s, public; ALTER ROLE rt_app IN DATABASE ${d} SET statement_timeout = '3min';
  ALTER ROLE database IN DATABASE ${d} SET work_mem = '3MB'; ALTER ROLE "rt web-App" IN DATABASE ${d} SET app.who = 'it''s me';
  ALTER DATABASE ${d} CONNECTION LIMIT 50; ALTER DATABASE ${d} IS_TEMPLATE true;
  REVOKE ALL ON DATABASE ${d} FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE ${d} TO rt_app WITH GRANT OPTION; GRANT CONNECT ON DATABASE ${d} TO database;
  GRANT CREATE, CONNECT ON DATABASE ${d} TO "rt web-App"; SET ROLE rt_app; GRANT CONNECT ON DATABASE ${d} TO rt_reader; RESET ROLE;
  COMMENT ON DATABASE ${d} IS 'Größe;
\\connect elsewhere
-- and "so" on, ''quoted''';`;

/** What the dump does not create, and what it does. Names in no schema are in public. */
export const CONTENT = `
  SET search_path = public; SET ROLE rt_owner;
  CREATE SCHEMA ext; CREATE SCHEMA shop; CREATE SCHEMA s; CREATE SCHEMA "Odd Schema"; RESET ROLE;
  CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext; CREATE EXTENSION "uuid-ossp" SCHEMA ext; CREATE EXTENSION hstore; CREATE EXTENSION pg_stat_statements;
  ALTER SCHEMA public OWNER TO rt_owner; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO rt_app; GRANT USAGE ON SCHEMA public TO "rt web-App";
  COMMENT ON SCHEMA public IS 'ours; with a
line'; GRANT SELECT ON pg_stat_statements TO rt_app WITH GRANT OPTION; COMMENT ON EXTENSION hstore IS 'ours as well';
  REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC; GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO rt_reader; REVOKE EXECUTE ON FUNCTION ext.uuid_nil() FROM PUBLIC;
  REVOKE SELECT ON pg_catalog.pg_stats FROM PUBLIC; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO rt_owner, rt_app;
  GRANT USAGE ON SCHEMA shop, s, ext, "Odd Schema" TO rt_app, rt_reader, database;
  CREATE FUNCTION event_f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION event_f();
  CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nobody; GRANT USAGE ON FOREIGN SERVER elsewhere TO rt_owner; CREATE FOREIGN TABLE shop.foreign_t (n int) SERVER elsewhere;
  SET ROLE rt_owner; SET search_path = shop, public, ext;
  ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT, INSERT ON TABLES TO rt_app; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
  CREATE TYPE mood AS ENUM ('good', 'bad'); ALTER TYPE mood ADD VALUE 'so so' BEFORE 'bad';
  CREATE FUNCTION is_even(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n % 2 = 0'; GRANT EXECUTE ON FUNCTION is_even(int) TO rt_app;
  CREATE DOMAIN even AS int CHECK (shop.is_even(VALUE)); CREATE TYPE pair AS (a int, b text); CREATE COLLATION "no case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 7) PRIMARY KEY, email citext UNIQUE, name text COLLATE "no case", tags hstore, mood mood DEFAULT 'good', n even, p pair, hidden text, gone int, twice int GENERATED ALWAYS AS (n * 2) STORED);
  ALTER TABLE people DROP COLUMN gone; INSERT INTO people (email, name, tags, n, p, hidden) SELECT 'P' || n || '@x', 'n' || n, 'a=>1', n * 2, (n, 'b'::text)::pair, NULLIF(n, 3)::text FROM generate_series(1, 20) n;
  CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
  INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED;
  CREATE TABLE ranged (k int, v text) PARTITION BY RANGE (k); CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (0) TO (10) PARTITION BY HASH (k);
  CREATE TABLE ranged_1_0 PARTITION OF ranged_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE ranged_1_1 PARTITION OF ranged_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE ranged_2 (v text, k int REFERENCES a); ALTER TABLE ranged ATTACH PARTITION ranged_2 FOR VALUES FROM (10) TO (20); CREATE TABLE ranged_3 PARTITION OF ranged FOR VALUES FROM (20) TO (30); ALTER TABLE ranged DETACH PARTITION ranged_3;
  INSERT INTO ranged SELECT n, 'v' FROM generate_series(0, 9) n; CREATE INDEX ranged_v ON ONLY ranged (v); CREATE INDEX ranged_2_v ON ranged_2 (v); ALTER INDEX ranged_v ATTACH PARTITION ranged_2_v;
  CREATE TABLE keyed (k int PRIMARY KEY) PARTITION BY RANGE (k); CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM (0) TO (9); CREATE TABLE to_keyed (k int REFERENCES keyed);
  CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END $f$; CREATE TRIGGER tr1 BEFORE INSERT ON ranged FOR EACH ROW EXECUTE FUNCTION tr();
  CREATE TRIGGER tr2 BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tr(); ALTER TABLE people DISABLE TRIGGER tr2; CREATE TRIGGER tr3 BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION tr(); ALTER TABLE people ENABLE ALWAYS TRIGGER tr3;
  CREATE CONSTRAINT TRIGGER tr4 AFTER INSERT ON a DEFERRABLE FOR EACH ROW EXECUTE FUNCTION tr(); CREATE UNLOGGED TABLE quick (n int); INSERT INTO quick VALUES (1); CREATE TABLE parent (x int); CREATE TABLE child (y int) INHERITS (parent); INSERT INTO child VALUES (1, 2);
  CREATE MATERIALIZED VIEW m1 AS SELECT id FROM shop.people; CREATE MATERIALIZED VIEW m2 AS SELECT count(*) FROM m1; CREATE MATERIALIZED VIEW m3 AS SELECT 1 AS one WITH NO DATA;
  CREATE TABLE ruled (n int); CREATE RULE r AS ON INSERT TO ruled DO ALSO NOTIFY x; CREATE VIEW barred WITH (security_barrier) AS SELECT id, email FROM people WHERE id > 100; GRANT SELECT ON barred TO rt_reader;
  CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int, initcond = '0'); CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq); CREATE TEXT SEARCH CONFIGURATION conf (COPY = simple); CREATE STATISTICS st ON email, name FROM people;
  GRANT SELECT (id, name) ON people TO rt_reader; GRANT SELECT, UPDATE, DELETE ON people TO rt_app; ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY part ON people TO rt_app USING (id < 170);
  CREATE TABLE checked (n int, m int); INSERT INTO checked VALUES (-1, 9); ALTER TABLE checked ADD CONSTRAINT later CHECK (n > 0) NOT VALID; ALTER TABLE checked ADD CONSTRAINT fk FOREIGN KEY (m) REFERENCES a NOT VALID; ALTER TABLE checked REPLICA IDENTITY FULL;
  CREATE INDEX people_name ON people (name) WITH (fillfactor = 70); ALTER TABLE people CLUSTER ON people_pkey; ALTER TABLE people ALTER hidden SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500; CREATE TABLE "none" (); INSERT INTO "none" DEFAULT VALUES;
  CREATE TABLE booked (r int4range, EXCLUDE USING gist (r WITH &&)); CREATE PROCEDURE atomic() BEGIN ATOMIC INSERT INTO ruled VALUES (1); END; CREATE TABLE "Odd Schema"."T ""q"" $1.x" ("a b" text); INSERT INTO "Odd Schema"."T ""q"" $1.x" VALUES (E'x\\\\.\\n\\ty');
  CREATE SEQUENCE down INCREMENT -3 MAXVALUE 100 START 90; SELECT nextval('down'), nextval('down'); CREATE SEQUENCE unused START 42; CREATE SEQUENCE put; SELECT setval('put', 500, false); GRANT USAGE ON SEQUENCE unused TO rt_app;
  CREATE TABLE given_ids (id serial PRIMARY KEY, n text); INSERT INTO given_ids VALUES (1, 'x'), (999999, 'y'); CREATE TABLE circle (id int GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 3 CYCLE), n int); INSERT INTO circle (n) SELECT generate_series(1, 8);
  CREATE SEQUENCE inv; CREATE TABLE invoices (code text PRIMARY KEY DEFAULT 'INV-' || nextval('shop.inv'), u uuid DEFAULT gen_random_uuid()); ALTER SEQUENCE inv OWNED BY invoices.code; INSERT INTO invoices DEFAULT VALUES;
  SELECT lo_from_bytea(70001, decode(repeat('00ff10', 9000), 'hex')); GRANT SELECT ON LARGE OBJECT 70001 TO rt_reader; COMMENT ON LARGE OBJECT 70001 IS 'large'; COMMENT ON TABLE people IS 'who'; COMMENT ON COLUMN people.n IS 'even';
  RESET ROLE; CREATE PUBLICATION pub FOR TABLE shop.checked WHERE (n IS NOT NULL);`;

/** Only the newer have it: named and unvalidated not-null constraints, virtual columns, constraints that are not enforced, periods. */
export const CONTENT_18 = `
  SET ROLE rt_owner; SET search_path = shop, public;
  CREATE TABLE nulls (id int, email text); INSERT INTO nulls VALUES (1, NULL), (2, 'b'); ALTER TABLE nulls ADD CONSTRAINT named NOT NULL email NOT VALID;
  CREATE TABLE virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, CONSTRAINT soft CHECK (a > 9) NOT ENFORCED); INSERT INTO virtual (a) VALUES (1);
  CREATE TABLE periods (id int4range, during int4range, PRIMARY KEY (id, during WITHOUT OVERLAPS)); INSERT INTO periods VALUES ('[1,2)', '[1,5)'); RESET ROLE;`;

/** What each role tries; each in a transaction that is rolled back. */
export const TRIED = [
  'SELECT 1 AS connected',
  'SHOW search_path',
  'SHOW work_mem',
  'SHOW statement_timeout',
  'SHOW datestyle',
  'SHOW app.tenant',
  'SHOW app.who',
  'CREATE TABLE public.new (n int)',
  'CREATE TABLE shop.new (n int)',
  'CREATE TABLE s.new (n int)',
  'CREATE TEMP TABLE new (n int)',
  'CREATE SCHEMA new',
  'SELECT count(*) FROM shop.people',
  'SELECT id, name FROM shop.people ORDER BY id LIMIT 3',
  'SELECT email FROM shop.people',
  'SELECT * FROM shop.barred ORDER BY 1 LIMIT 2',
  'SELECT * FROM shop.a',
  'UPDATE shop.people SET hidden = NULL',
  'DELETE FROM shop.people',
  'TRUNCATE shop.a CASCADE',
  'INSERT INTO shop.a VALUES (5, 1)',
  `INSERT INTO shop.people (n) VALUES (2)`,
  'SELECT count(*) FROM pg_stat_statements WHERE false',
  'SELECT pg_sleep(0)',
  'SELECT ext.uuid_nil()',
  'SELECT count(*) > 0 AS some FROM pg_stats',
  'SELECT shop.is_even(2)',
  'CALL shop.atomic()',
  `SELECT nextval('shop.unused')`,
  `SELECT nextval('shop.down')`,
  `SELECT md5(lo_get(70001))`,
  `DO LANGUAGE plpgsql 'BEGIN END'`,
  'SELECT count(*) FROM shop."none"',
  'SELECT lower(email::text) FROM people LIMIT 1',
  `SELECT x FROM (VALUES ('Zebra'), ('äpfel'), ('apfel')) v (x) ORDER BY x`,
  'CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1',
  'DROP TABLE shop.a CASCADE',
  `SET SESSION AUTHORIZATION rt_owner`,
  `CREATE TABLE shop.defaulted (n int); SELECT relacl::text FROM pg_class WHERE relname = 'defaulted'`,
];
