-- Payments with frauds in them, invoices of which some are overdue, and customers who own both.
CREATE SCHEMA bank;

CREATE TABLE bank.branches (
    id integer PRIMARY KEY,
    city text NOT NULL
);

CREATE TABLE bank.customers (
    id serial PRIMARY KEY,
    first_name text NOT NULL,
    country text NOT NULL,
    segment text NOT NULL CHECK (segment IN ('private', 'business', 'public')),
    age integer CHECK (age BETWEEN 18 AND 99)
);

CREATE TABLE bank.payments (
    id bigserial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES bank.customers,
    branch_id integer NOT NULL REFERENCES bank.branches,
    status text NOT NULL,
    country text NOT NULL,
    channel text NOT NULL,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0),
    fee numeric(10, 2) NOT NULL,
    device text,
    CHECK (fee <= amount),
    CHECK (channel <> 'branch' OR device IS NULL)
);

CREATE TABLE bank.invoices (
    id serial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES bank.customers,
    number text NOT NULL UNIQUE,
    due date NOT NULL,
    paid date,
    kind text NOT NULL,
    total integer NOT NULL,
    reminded boolean NOT NULL,
    CHECK (NOT reminded OR paid IS NULL OR paid > due)
);

SELECT setseed(0.4);

INSERT INTO bank.branches SELECT n, (ARRAY['Rome', 'Oslo', 'Bern'])[1 + n % 3]
FROM generate_series(1, 12) AS n;

INSERT INTO bank.customers (first_name, country, segment, age)
SELECT 'Ann', (ARRAY['NZ', 'NZ', 'NZ', 'AU', 'FR'])[1 + floor(random() * 5)::int],
    CASE WHEN random() < 0.7 THEN 'private' WHEN random() < 0.8 THEN 'business' ELSE 'public' END,
    18 + floor(random() * 60)::int
FROM generate_series(1, 1500) AS n;

INSERT INTO bank.payments
    (customer_id, branch_id, status, country, channel, amount, fee, device)
SELECT customer, branch, status, country, channel, amount, round(amount * 0.01, 2),
    CASE WHEN channel = 'branch' OR lucky < 0.2 THEN NULL
        WHEN status = 'fraud' AND lucky < 0.8 THEN 'emulator'
        ELSE (ARRAY['phone', 'laptop', 'tablet'])[1 + floor(chance * 3)::int] END
FROM (
    SELECT *, CASE
            WHEN chance < CASE status WHEN 'fraud' THEN 0.7 ELSE 0.3 END THEN 'web'
            WHEN chance < 0.8 THEN 'app' ELSE 'branch' END AS channel,
        round((CASE status WHEN 'fraud' THEN 400 ELSE 40 END * exp(random()))::numeric, 2) AS amount
    FROM (
        SELECT *, CASE
                WHEN roll < CASE country WHEN 'NZ' THEN 0.02 ELSE 0.1 END THEN 'fraud'
                WHEN roll < 0.15 THEN 'chargeback' ELSE 'done' END AS status
        FROM (
            SELECT c.id AS customer, 1 + floor(random() * 12)::int AS branch,
                random() AS roll, random() AS chance, random() AS lucky,
                CASE WHEN random() < 0.8 THEN c.country ELSE 'US' END AS country
            FROM bank.customers AS c, generate_series(1, 1 + (c.id * 7) % 11) AS n
        ) AS drawn
    ) AS judged
) AS told
ORDER BY random();

INSERT INTO bank.invoices (customer_id, number, due, paid, kind, total, reminded)
SELECT customer, 'R-' || lpad((row_number() OVER ())::text, 6, '0'), due,
    CASE WHEN roll < 0.1 THEN NULL ELSE due - 20 + floor(chance * 30)::int END,
    CASE WHEN roll < 0.1 AND chance < 0.7 THEN 'service'
        WHEN chance < 0.5 THEN 'goods' ELSE 'rent' END,
    (CASE WHEN roll < 0.1 THEN 900 ELSE 200 END * (1 + chance))::int,
    roll < 0.05
FROM (
    SELECT c.id AS customer, date '2024-01-01' + floor(random() * 300)::int AS due,
        random() AS roll, random() AS chance
    FROM bank.customers AS c, generate_series(1, 2 + c.id % 4) AS n
) AS drawn;
