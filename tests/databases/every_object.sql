-- One of each kind of object that a schema's DDL must carry, in names that need quoting.

CREATE SCHEMA sales;
CREATE SCHEMA "Odd ""Schema""; --";

CREATE DOMAIN sales.email AS text CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE DOMAIN sales.positive AS numeric(12, 2) DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TYPE sales.status AS ENUM ('open', 'it''s paid', 'sent; closed');
CREATE TYPE sales.money_of AS (amount numeric(12, 2), currency character(3));
CREATE TYPE sales.days AS RANGE (subtype = date);
CREATE COLLATION sales.plain FROM "C";
CREATE SEQUENCE sales.ticket START 1000 INCREMENT 7;

CREATE TABLE sales.customer (
    id bigint GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY,
    email sales.email NOT NULL UNIQUE,
    name character varying(80) COLLATE sales.plain,
    referred_by bigint REFERENCES sales.customer,
    tags text[] DEFAULT '{}',
    CHECK (name <> '100 % {0} $1')
);

CREATE TABLE sales.team (id serial PRIMARY KEY, captain integer NOT NULL);
CREATE TABLE sales.player (id integer PRIMARY KEY, team integer REFERENCES sales.team);
ALTER TABLE sales.team ADD FOREIGN KEY (captain) REFERENCES sales.player
    DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE sales.orders (
    id bigint DEFAULT nextval('sales.ticket'),
    placed date NOT NULL,
    customer bigint NOT NULL REFERENCES sales.customer ON DELETE CASCADE,
    state sales.status DEFAULT 'open',
    price sales.positive,
    quantity integer DEFAULT 1 CHECK (quantity BETWEEN 1 AND 99),
    total numeric GENERATED ALWAYS AS (quantity * 2) STORED,
    valid sales.days,
    worth sales.money_of,
    PRIMARY KEY (id, placed)
) PARTITION BY RANGE (placed);
CREATE TABLE sales.orders_2024 PARTITION OF sales.orders
    FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales.orders_rest PARTITION OF sales.orders DEFAULT;
CREATE INDEX orders_by_customer ON sales.orders (customer, placed DESC);

CREATE TABLE sales.note (id integer, body text, deleted boolean);
CREATE TABLE sales.loud_note (volume integer) INHERITS (sales.note);
CREATE INDEX note_words ON sales.note (lower(body), (length(body) % 7)) WHERE NOT deleted;
CREATE UNIQUE INDEX note_once ON sales.note (id) INCLUDE (body);
ALTER TABLE sales.note ALTER COLUMN body SET (n_distinct = -0.5);
ALTER TABLE sales.note ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
ALTER TABLE sales.note ADD EXCLUDE USING btree (body WITH =);

CREATE TABLE "Odd ""Schema""; --"."select * FROM ""x"".*?" (
    "a'b\c;" integer PRIMARY KEY,
    "line
break" text DEFAULT E'tab\there; -- not a comment',
    "ünïcode €" sales.status
);
COMMENT ON TABLE "Odd ""Schema""; --"."select * FROM ""x"".*?" IS 'Said "hi"; it''s
two lines: sales.customer(id)';
COMMENT ON COLUMN sales.customer.email IS '100 % sure {0} $1';

CREATE FUNCTION sales.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count(*) FROM sales.customer; -- a body may name what comes later
    RETURN NEW;
END $$;
CREATE FUNCTION sales.twice(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN amount * 2;
CREATE PROCEDURE sales.nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE sales.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE TRIGGER stamped BEFORE INSERT ON sales.note FOR EACH ROW EXECUTE FUNCTION sales.stamp();
COMMENT ON TRIGGER stamped ON sales.note IS 'stamps';

CREATE VIEW sales.spending AS
    SELECT c.id, c.email, sum(sales.twice(o.price)) AS spent
    FROM sales.customer c JOIN sales.orders o ON o.customer = c.id GROUP BY c.id;
CREATE VIEW sales.big_spenders AS SELECT * FROM sales.spending WHERE spent > 1000;
CREATE MATERIALIZED VIEW sales.ranking AS
    SELECT id, rank() OVER (ORDER BY spent) AS place FROM sales.big_spenders;
CREATE UNIQUE INDEX ranking_id ON sales.ranking (id);
CREATE RULE kept AS ON DELETE TO sales.player DO INSTEAD NOTHING;

ALTER TABLE sales.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sales.customer USING (email = CURRENT_USER);
CREATE STATISTICS sales.together ON customer, state FROM sales.orders;
CREATE PUBLICATION feed FOR TABLE sales.note;
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER remote FOREIGN DATA WRAPPER elsewhere OPTIONS (host 'secret.invalid');
CREATE FOREIGN TABLE sales.far_away (id integer) SERVER remote;
CREATE VIEW sales.near_far AS SELECT * FROM sales.far_away;
