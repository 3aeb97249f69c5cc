-- Rules along keys that own nothing, keys that differ or reach every row, texts of few people, a key
-- that follows from a number most of whose values few people share, a key of words that are invented,
-- and a column that follows from each of three others.
CREATE FUNCTION pg_temp.h(text, int) RETURNS int LANGUAGE sql IMMUTABLE
    AS $$ SELECT abs(hashtext($1)) % $2 $$;
CREATE TABLE lockers (id int PRIMARY KEY, floor int NOT NULL);
INSERT INTO lockers SELECT n, 1 + n % 7 FROM generate_series(1, 420) AS n;
CREATE TABLE members (
    id int PRIMARY KEY, locker_id int NOT NULL REFERENCES lockers, joined date NOT NULL
);
INSERT INTO members
SELECT n, 1 + n * 11 % 420, date '2018-01-01' + pg_temp.h('j' || n, 700)
FROM generate_series(1, 400) AS n;
CREATE TABLE books (id int PRIMARY KEY, shelf text NOT NULL);
INSERT INTO books SELECT n, 'shelf ' || n % 9 FROM generate_series(1, 300) AS n;
CREATE TABLE desks (id int PRIMARY KEY, hall text NOT NULL);
INSERT INTO desks SELECT n, 'hall ' || n FROM generate_series(1, 12) AS n;
CREATE TABLE loans (
    id int PRIMARY KEY, member_id int NOT NULL REFERENCES members,
    book_id int NOT NULL REFERENCES books, taken date NOT NULL,
    sent_to text NOT NULL, town text NOT NULL,
    mark int NOT NULL, desk_id int NOT NULL REFERENCES desks
);
INSERT INTO loans
SELECT row_number() OVER (ORDER BY t, m, b), m, b, t, 'no ' || m * 7 || ' lane ' || m,
    'town ' || m % 40, mark, 1 + pg_temp.h('d' || mark, 12)
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT 1 + pg_temp.h('m' || n, 400), 1 + n % 300,
        date '2020-01-01' + pg_temp.h('t' || n, 900),
        CASE WHEN n % 3 = 0 THEN n % 30 ELSE 100 + n % 700 END) AS x (m, b, t, mark);
CREATE TABLE units (code char(3) PRIMARY KEY, label text NOT NULL);
INSERT INTO units SELECT code, 'in ' || code FROM unnest(ARRAY['EA ', 'CM ', 'OZ ', 'KG ']) AS code;
CREATE TABLE parts (
    id int PRIMARY KEY, model int NOT NULL, unit char(3) NOT NULL REFERENCES units,
    size text, colour text NOT NULL, made boolean NOT NULL, price int NOT NULL
);
INSERT INTO parts
SELECT n, m, (ARRAY['EA ', 'CM ', 'OZ ', 'KG '])[1 + c % 4], CASE WHEN c > 3 THEN 'S' || m % 6 END,
    'colour ' || c, c % 2 = 0, 10 * c + pg_temp.h('p' || n, 10)
FROM generate_series(1, 1500) AS n,
    LATERAL (SELECT pg_temp.h('m' || n, 70) AS m) AS x, LATERAL (SELECT m % 12 AS c) AS y;
