-- Rows that keep rules which nobody declared: totals, periods, dates and copies along keys.
CREATE TABLE customers (
    id int PRIMARY KEY, country text NOT NULL, currency text NOT NULL, since date NOT NULL,
    spent numeric(12,2) NOT NULL
);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
    ordered date NOT NULL, due date NOT NULL, shipped date, status text NOT NULL,
    subtotal numeric(12,2) NOT NULL, tax numeric(12,2), total numeric(12,2) NOT NULL
);
CREATE TABLE lines (
    id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders,
    quantity int NOT NULL, price numeric(8,2) NOT NULL, amount numeric(12,2) NOT NULL
);
CREATE TABLE plans (
    id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
    begins date NOT NULL, ends date, level text NOT NULL
);
CREATE FUNCTION pg_temp.h(text, int) RETURNS int LANGUAGE sql IMMUTABLE
    AS $$ SELECT abs(hashtext($1)) % $2 $$;
INSERT INTO customers
SELECT n, c, CASE c WHEN 'NZ' THEN 'NZD' WHEN 'AU' THEN 'AUD' ELSE 'EUR' END,
    date '2019-01-01' + pg_temp.h('s' || n, 700), 0
FROM generate_series(1, 400) AS n,
    LATERAL (SELECT (ARRAY['NZ', 'AU', 'DE', 'FR', 'IT'])[1 + pg_temp.h('c' || n, 5)]) AS x (c);
INSERT INTO orders
SELECT n, c.id, o, o + 14, CASE WHEN pg_temp.h('x' || n, 4) > 0 THEN o + pg_temp.h('d' || n, 20) END,
    CASE WHEN pg_temp.h('x' || n, 4) > 0 THEN 'shipped' ELSE 'open' END, 0, 0, 0
FROM generate_series(1, 2000) AS n JOIN customers AS c ON c.id = 1 + pg_temp.h('k' || n, 400),
    LATERAL (SELECT c.since + pg_temp.h('o' || n, 900)) AS x (o);
INSERT INTO lines
SELECT n, 1 + pg_temp.h('l' || n, 2000), q, p, q * p
FROM generate_series(1, 6000) AS n,
    LATERAL (SELECT 1 + pg_temp.h('q' || n, 9), 1 + pg_temp.h('p' || n, 9999) / 100.0) AS x (q, p);
UPDATE orders AS o SET subtotal = coalesce((SELECT sum(amount) FROM lines WHERE order_id = o.id), 0);
UPDATE orders SET tax = round(subtotal * 0.15, 2);
UPDATE orders SET total = subtotal + tax;
UPDATE customers AS c
SET spent = coalesce((SELECT sum(total) FROM orders WHERE customer_id = c.id), 0);
INSERT INTO plans
SELECT row_number() OVER (), c.id, c.since + b, lead(c.since + b) OVER (PARTITION BY c.id ORDER BY b),
    (ARRAY['basic', 'plus', 'pro'])[1 + pg_temp.h('v' || c.id || b, 3)]
FROM customers AS c, LATERAL (
    SELECT DISTINCT 1 + pg_temp.h(c.id || 'b' || n, 1200)
    FROM generate_series(0, pg_temp.h('n' || c.id, 5)) AS n) AS x (b);
