-- A shop with what a gate has to see: keys, checks, indexes, contacts, dependences, families.
SELECT setseed(0.25);

CREATE TABLE customers (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE,
    segment text NOT NULL CHECK (segment IN ('private', 'business', 'public')),
    country text NOT NULL,
    joined date NOT NULL
);

INSERT INTO customers
SELECT n, 'customer' || n || '@shop' || n % 7 || '.nz', segment,
    CASE WHEN random() < 0.8
        THEN CASE segment WHEN 'private' THEN 'NZ' WHEN 'business' THEN 'AU' ELSE 'FJ' END
        ELSE (ARRAY['NZ', 'AU', 'FJ', 'WS'])[1 + floor(random() * 4)] END,
    date '2022-01-01' + floor(random() * 365)::integer
FROM (
    SELECT n, CASE WHEN r < 0.6 THEN 'private' WHEN r < 0.9 THEN 'business' ELSE 'public' END
    FROM (SELECT n, random() AS r FROM generate_series(1, 2000) AS n) AS drawn
) AS s (n, segment);

CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    placed timestamp NOT NULL,
    channel text NOT NULL CHECK (channel IN ('web', 'app', 'phone')),
    status text NOT NULL,
    amount integer NOT NULL CHECK (amount > 0)
);

-- One to seven orders each, days or weeks apart, bigger for businesses, mostly by one channel.
INSERT INTO orders
SELECT row_number() OVER (ORDER BY c.id, number), c.id,
    c.joined + number * interval '9 days' + random() * interval '7 days',
    channel,
    CASE WHEN random() < 0.85
        THEN CASE channel WHEN 'web' THEN 'shipped' WHEN 'app' THEN 'collected' ELSE 'billed' END
        ELSE 'returned' END,
    1 + floor(random() * 50 + CASE c.segment WHEN 'business' THEN 200 WHEN 'public' THEN 80 ELSE 0 END)
FROM (SELECT *, random() AS taste, 1 + floor(random() * random() * 7)::integer AS many FROM customers) AS c,
    generate_series(1, many) AS number,
    LATERAL (SELECT CASE WHEN random() + number * 0 < 0.85
        THEN (ARRAY['web', 'app', 'phone'])[1 + floor(c.taste * 3)]
        ELSE (ARRAY['web', 'app', 'phone'])[1 + floor(random() * 3)] END) AS d (channel);

CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX orders_by_time ON orders (placed);
ANALYZE;
