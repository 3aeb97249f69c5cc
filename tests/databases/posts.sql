-- Staff hired over ten years: half of their posts begin that day, others up to four years later,
-- and one of four has a second post. A salary is paid from the day the first post begins, another
-- one each year until the last one ends; two of three have not ended. Staff borrow books in three busy weeks, whoever they are.
CREATE TABLE staff (id int PRIMARY KEY, name text NOT NULL, hired date NOT NULL);
CREATE TABLE post (
    staff int REFERENCES staff, begins date, ends date NOT NULL, PRIMARY KEY (staff, begins)
);
CREATE TABLE salary (
    staff int REFERENCES staff, begins date, ends date NOT NULL, PRIMARY KEY (staff, begins)
);
CREATE TABLE loan (
    id int PRIMARY KEY, staff int NOT NULL REFERENCES staff, lent timestamp NOT NULL
);
INSERT INTO staff
SELECT n, 'Person ' || n, date '1990-01-01' + abs(hashtext('h' || n) % 3650)
FROM generate_series(1, 1200) AS n;
CREATE TEMPORARY TABLE careers AS
SELECT id, hired + CASE WHEN id % 2 = 0 THEN 0 ELSE abs(hashtext('d' || id) % 1400) END AS first,
    CASE WHEN id % 3 > 0 THEN date '9999-01-01'
    ELSE hired + 2200 + abs(hashtext('e' || id) % 1200) END AS last
FROM staff;
INSERT INTO post
SELECT id, first, CASE WHEN id % 4 = 0 THEN first + 700 ELSE last END
FROM careers
UNION ALL
SELECT id, first + 700, last FROM careers WHERE id % 4 = 0;
INSERT INTO salary
SELECT id, date(paid), least(last, date(paid + interval '1 year'))
FROM careers, generate_series(first, least(last - 1, date '2006-01-01'), '1 year') AS paid;
UPDATE salary AS s SET ends = last
FROM careers, (SELECT staff, max(begins) AS begins FROM salary GROUP BY staff) AS l
WHERE s.staff = id AND (l.staff, l.begins) = (s.staff, s.begins);
DROP TABLE careers;
INSERT INTO loan
SELECT row_number() OVER (), id, timestamp '2005-01-01'
    + (abs(hashtext('w' || id || '.' || n) % 3) * 40
        + abs(hashtext('t' || id || '.' || n) % 7000) / 1000.0) * interval '1 day'
FROM staff, generate_series(1, 2 + abs(hashtext('c' || id) % 9)) AS n;
CREATE VIEW employed AS
SELECT staff, min(begins) AS begins, max(ends) AS ends FROM post GROUP BY staff;
CREATE VIEW paid AS
SELECT staff, min(begins) AS begins, max(ends) AS ends FROM salary GROUP BY staff;
