-- A made-up shop in which rules are planted that the schema does not declare, beside pairs of columns that only look
-- like rules; planted.yaml lists both. Load it into an empty database, in one session:
--     psql -v ON_ERROR_STOP=1 -d NAME -f planted.sql
-- Every value comes from a hash of its key, so that the rows are the same each time.
BEGIN;

CREATE FUNCTION pg_temp.u(k text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT ('x' || substr(md5(k), 1, 8))::bit(32)::bigint / 4294967296.0::float8 $$;
CREATE FUNCTION pg_temp.r(k text, lo int, hi int) RETURNS int LANGUAGE sql IMMUTABLE AS
  $$ SELECT lo + floor(pg_temp.u(k) * (hi - lo + 1))::int $$;

-- Lookup tables ------------------------------------------------------------------------------------------------------
CREATE TABLE region (
  region_id int PRIMARY KEY, name text NOT NULL, manager text NOT NULL, hub_count int NOT NULL,
  zone text NOT NULL, opened_on date, closed_on date, note text);
INSERT INTO region
SELECT i, (ARRAY['North','South','East','West','Coast','Hills','Lakes','Delta'])[i],
       (ARRAY['Abel','Brandt','Costa','Dietz','Abel','Egger','Fuchs','Costa'])[i],
       (ARRAY[14,3,22,9,17,6,11,31])[i], (ARRAY['A','B','A','C','B','C','C','A'])[i],
       date '1990-01-01' + pg_temp.r('ro' || i, 0, 6000),
       CASE WHEN i IN (3, 7) THEN date '2020-01-01' + pg_temp.r('rc' || i, 0, 900) END,
       CASE WHEN i IN (3, 7) THEN (ARRAY['merged','moved'])[1 + i / 5] END
FROM generate_series(1, 8) i;

CREATE TABLE category (
  category_id int PRIMARY KEY, code text NOT NULL, name text NOT NULL, aisle int NOT NULL, margin_pct int NOT NULL,
  buyer text NOT NULL);
INSERT INTO category
SELECT i, (ARRAY['AU','BK','CL','DR','EL','FD','GD','HH','KT','MU','SP','TY'])[i],
       (ARRAY['Audio','Books','Clothes','Drinks','Electric','Food','Garden','Household','Kitchen','Music','Sports','Toys'])[i],
       (ARRAY[31,4,17,52,8,44,23,39,12,27,59,2])[i], (ARRAY[20,30,25,15,20,10,35,25,30,20,40,15])[i],
       (ARRAY['Kim','Lee','Kim','Moe','Ono','Moe','Lee','Kim','Ono','Lee','Moe','Ono'])[i]
FROM generate_series(1, 12) i;

CREATE TABLE payment_method (method_code text PRIMARY KEY, name text NOT NULL, fee_pct numeric(4,2) NOT NULL);
INSERT INTO payment_method VALUES ('CA','Cash',0),('CC','Card',1.80),('TR','Transfer',0.20),('VO','Voucher',0.50),
  ('DD','Debit note',0.35);

CREATE TABLE place (postcode text PRIMARY KEY, city text NOT NULL, region_id int NOT NULL REFERENCES region);
INSERT INTO place
SELECT lpad((10000 + i * 283)::text, 5, '0'), 'Town ' || c, pg_temp.r('pr' || c, 1, 8)
FROM generate_series(1, 300) i, LATERAL (SELECT pg_temp.r('pc' || i, 1, 110) AS c) x;

-- Customers and addresses --------------------------------------------------------------------------------------------
CREATE TABLE customer (
  customer_id int PRIMARY KEY, customer_code text NOT NULL, email text, first_name text NOT NULL,
  last_name text NOT NULL, full_name text NOT NULL, display_name text, birth_date date, registered_on date NOT NULL,
  last_seen_on date, postcode text NOT NULL, city text NOT NULL, region_id int NOT NULL REFERENCES region,
  phone text, company_name text, vat_no text, ssn text, newsletter boolean NOT NULL, newsletter_since date,
  consent_code text, tier text NOT NULL, rebate_pct numeric(4,1) NOT NULL, credit_limit int NOT NULL,
  order_count int NOT NULL DEFAULT 0, first_order_on date, country text NOT NULL, referrer_badge text);
INSERT INTO customer
SELECT i, 'C' || lpad(i::text, 6, '0'),
       CASE WHEN pg_temp.u('em' || i) > 0.04 THEN lower(f || '.' || l) || i * 7 % 4001 || '@example.org' END,
       f, l, f || ' ' || l,
       CASE WHEN pg_temp.u('dn' || i) < 0.07 THEN left(f, 1) || '. ' || l ELSE f || ' ' || l END,
       CASE WHEN pg_temp.u('bn' || i) > 0.12 THEN (reg - interval '16 years')::date - pg_temp.r('bd' || i, 0, 19000) END,
       reg, CASE WHEN pg_temp.u('ls' || i) < 0.025 THEN reg - pg_temp.r('lb' || i, 1, 200)
                 WHEN pg_temp.u('ls' || i) < 0.9 THEN reg + pg_temp.r('la' || i, 0, 2500) END,
       p.postcode, p.city, p.region_id,
       CASE WHEN pg_temp.u('pn' || i) > 0.15 THEN '+49 ' || pg_temp.r('ph' || i, 200000, 299999) END,
       CASE WHEN biz THEN l || ' ' || (ARRAY['Ltd','Inc','Bros','Trading','Works'])[pg_temp.r('co' || i, 1, 5)] END,
       CASE WHEN biz THEN 'DE' || pg_temp.r('va' || i, 100000000, 999999999) END,
       CASE WHEN NOT biz AND pg_temp.u('sn' || i) < 0.8 THEN pg_temp.r('ss' || i, 100000, 999999) || '-' || i % 97 END,
       nl, CASE WHEN nl THEN reg + pg_temp.r('ns' || i, 0, 700) END,
       CASE WHEN nl = (pg_temp.u('cc' || i) > 0.04) THEN substr(md5('cn' || i), 1, 6) END,
       (ARRAY['bronze','silver','gold','platinum'])[t], (ARRAY[0, 2.5, 5, 7.5])[t],
       pg_temp.r('cl' || i, 2, 60) * 250, 0, NULL, 'DE',
       CASE WHEN pg_temp.u('rn' || i) < 0.3 THEN 'B' || lpad((CASE WHEN pg_temp.u('rx' || i) < 0.04
            THEN 900 + pg_temp.r('ry' || i, 0, 50) ELSE pg_temp.r('rz' || i, 1, 400) END * 3)::text, 4, '0') END
FROM generate_series(1, 4000) i,
     LATERAL (SELECT (ARRAY['Ada','Ben','Cleo','Dan','Eva','Finn','Gus','Hana','Ida','Jan','Kai','Lea','Max','Nora','Otto',
                'Pia','Ray','Sue','Tom','Uli','Vera','Will','Xenia','Yann','Zoe'])[pg_temp.r('fn' || i, 1, 25)] AS f,
              (ARRAY['Adler','Bauer','Conrad','Dorn','Ernst','Frank','Graf','Horn','Iversen','Jung','Keller','Lang',
                'Maurer','Nolte','Otten','Peters','Quast','Reuter','Sauer','Thoma','Ulrich','Vogel','Weber','Young',
                'Ziegler','Brecht','Decker','Fabian','Gross','Hahn'])[pg_temp.r('ln' || i, 1, 30)] AS l,
              date '2014-01-01' + pg_temp.r('rg' || i, 0, 3000) AS reg, pg_temp.u('bz' || i) < 0.3 AS biz,
              pg_temp.u('nl' || i) < 0.45 AS nl,
              CASE WHEN pg_temp.u('ti' || i) < 0.5 THEN 1 WHEN pg_temp.u('ti' || i) < 0.8 THEN 2
                   WHEN pg_temp.u('ti' || i) < 0.95 THEN 3 ELSE 4 END AS t) x
     JOIN (SELECT *, row_number() OVER (ORDER BY postcode) AS n FROM place) p ON true
WHERE p.n = 1 + floor(300 * pg_temp.u('cp' || i) ^ 1.4)::int;

CREATE TABLE address (
  address_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, address_no int NOT NULL, kind text NOT NULL,
  street text NOT NULL, house_no int NOT NULL, postcode text NOT NULL, city text NOT NULL, is_main boolean NOT NULL,
  is_billing boolean NOT NULL, valid_from date NOT NULL);
INSERT INTO address
SELECT row_number() OVER (ORDER BY md5('ao' || i || '.' || k) COLLATE "C"), i, k,
       (ARRAY['home','work','parcel box','other'])[pg_temp.r('ak' || i || '.' || k, 1, 4)],
       (ARRAY['Mill','Station','Church','Oak','Lake','River','Hill','Market','Park','School'])[pg_temp.r('as' || i || '.' || k, 1, 10)]
         || (ARRAY[' Street',' Lane',' Road',' Way'])[pg_temp.r('at' || i || '.' || k, 1, 4)],
       pg_temp.r('ah' || i || '.' || k, 1, 180), p.postcode,
       CASE WHEN pg_temp.u('ax' || i || '.' || k) < 0.02 THEN 'Town ' || pg_temp.r('ay' || i || '.' || k, 1, 110) ELSE p.city END,
       k = pg_temp.r('am' || i, 1, n),
       CASE WHEN pg_temp.u('ab' || i) < 0.05 THEN n > 1 AND k < 3 ELSE k = pg_temp.r('ac' || i, 1, n) END,
       date '2014-01-01' + pg_temp.r('av' || i || '.' || k, 0, 3300)
FROM (SELECT i, pg_temp.r('an' || i, 1, 3) AS n FROM generate_series(1, 4000) i) c, generate_series(1, 3) k,
     (SELECT *, row_number() OVER (ORDER BY postcode) AS m FROM place) p
WHERE k <= n AND p.m = pg_temp.r('ap' || i || '.' || k, 1, 300);

-- Employees ----------------------------------------------------------------------------------------------------------
CREATE TABLE employee (
  employee_id int PRIMARY KEY, badge text NOT NULL, first_name text NOT NULL, last_name text NOT NULL,
  boss_id int REFERENCES employee, hired_on date NOT NULL, left_on date, dept text NOT NULL, grade int NOT NULL,
  job_title text NOT NULL, current_salary int, union_no text, car_plate text, last_review_on date);
INSERT INTO employee
SELECT i, 'B' || lpad((i * 3)::text, 4, '0'),
       (ARRAY['Anna','Bert','Cara','Dirk','Elsa','Fred','Gina','Hugo','Ines','Jens'])[pg_temp.r('ef' || i, 1, 10)],
       'Emp' || pg_temp.r('el' || i, 1, 260), NULL, date '2001-01-01' + pg_temp.r('eh' || i, 0, 5000), NULL,
       d, g, CASE WHEN pg_temp.u('ex' || i) < 0.025 THEN 'Trainee' ELSE d || ' ' || (ARRAY['clerk','clerk','expert',
         'expert','expert','lead','lead','head'])[g] END, NULL,
       CASE WHEN pg_temp.u('eu' || i) < 0.55 THEN 'U' || pg_temp.r('ev' || i, 10000, 99999) END,
       CASE WHEN (pg_temp.u('eu' || i) < 0.55) = (d = 'Legal' OR pg_temp.u('ec' || i) < 0.5) THEN 'HB ' || pg_temp.r('ep' || i, 1000, 9999) END,
       NULL
FROM generate_series(1, 400) i,
     LATERAL (SELECT (ARRAY['Sales','Stock','Support','Accounts','Web','Sales','Stock','Legal','Sales','Support'])[pg_temp.r('ed' || i, 1, 10)] AS d,
                     pg_temp.r('eg' || i, 1, 8) AS g) x;
UPDATE employee e SET boss_id = b.employee_id
FROM (SELECT employee_id, row_number() OVER (ORDER BY hired_on, employee_id) AS n FROM employee) o,
     (SELECT employee_id, row_number() OVER (ORDER BY hired_on, employee_id) AS n FROM employee) b
WHERE o.employee_id = e.employee_id AND o.n > 1 AND b.n = 1 + floor(pg_temp.u('eb' || e.employee_id) * least(o.n - 1, 45))::int;

CREATE TABLE employee_salary (
  salary_id int PRIMARY KEY, employee_id int NOT NULL REFERENCES employee, period_no int NOT NULL,
  from_date date NOT NULL, to_date date, amount int NOT NULL, monthly numeric(10,2) NOT NULL, step int NOT NULL);
INSERT INTO employee_salary
SELECT row_number() OVER (ORDER BY md5('so' || employee_id || '.' || k) COLLATE "C"), employee_id, k,
       b, CASE WHEN k < n THEN e WHEN gone THEN e END, amt, round(amt / 12.0, 2), pg_temp.r('st' || employee_id || '.' || k, 1, 7)
FROM (SELECT employee_id, k, n, pg_temp.u('sg' || employee_id) < 0.3 AS gone,
             hired_on + coalesce(sum(len) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int AS b,
             hired_on + sum(len) OVER w::int AS e,
             (pg_temp.r('sb' || employee_id, 240, 700) * 100
               + sum(CASE WHEN k = 1 THEN 0 ELSE pg_temp.r('sr' || employee_id || '.' || k, 0, 28) * 50 END) OVER w)::int AS amt
      FROM (SELECT employee_id, hired_on, k, pg_temp.r('sn' || employee_id, 2, 12) AS n,
                   pg_temp.r('sl' || employee_id || '.' || k, 190, 560) AS len
            FROM employee, generate_series(1, 12) k) s
      WHERE k <= n WINDOW w AS (PARTITION BY employee_id ORDER BY k)) t;
UPDATE employee e SET current_salary = s.amount, left_on = s.to_date,
       last_review_on = s.from_date + CASE WHEN pg_temp.u('er' || e.employee_id) < 0.06 THEN pg_temp.r('es' || e.employee_id, 1, 90) ELSE 0 END
FROM (SELECT DISTINCT ON (employee_id) * FROM employee_salary ORDER BY employee_id, from_date DESC) s WHERE s.employee_id = e.employee_id;

CREATE TABLE dept_stay (
  stay_id int PRIMARY KEY, employee_id int NOT NULL REFERENCES employee, dept text NOT NULL, from_date date NOT NULL,
  to_date date, desk_no int);
INSERT INTO dept_stay
SELECT row_number() OVER (ORDER BY md5('do' || employee_id || '.' || k) COLLATE "C"), employee_id,
       (ARRAY['Sales','Stock','Support','Accounts','Web','Legal'])[pg_temp.r('dd' || employee_id || '.' || k, 1, 6)], b,
       CASE WHEN k < n OR pg_temp.u('dx' || employee_id) < 0.4 THEN b + pg_temp.r('dl' || employee_id || '.' || k, 60, 900) END,
       CASE WHEN pg_temp.u('dk' || employee_id || '.' || k) < 0.8 THEN pg_temp.r('de' || employee_id || '.' || k, 1, 120) END
FROM (SELECT employee_id, k, n, hired_on + sum(CASE WHEN k = 1 THEN pg_temp.r('dg' || employee_id, 0, 90)
               ELSE pg_temp.r('dl' || employee_id || '.' || k - 1, 60, 900) + CASE WHEN pg_temp.u('dz' || employee_id || '.' || k) < 0.3
                    THEN 0 ELSE pg_temp.r('dg' || employee_id || '.' || k, 1, 200) END END)
             OVER (PARTITION BY employee_id ORDER BY k)::int AS b
      FROM (SELECT employee_id, hired_on, k, pg_temp.r('dn' || employee_id, 1, 8) AS n FROM employee, generate_series(1, 8) k) s
      WHERE k <= n) t;

CREATE TABLE project_stint (
  stint_id int PRIMARY KEY, employee_id int NOT NULL REFERENCES employee, from_date date NOT NULL, to_date date NOT NULL,
  role text NOT NULL, hours int);
INSERT INTO project_stint
SELECT row_number() OVER (ORDER BY md5('po' || employee_id || '.' || k) COLLATE "C"), employee_id, b,
       e - CASE WHEN pg_temp.u('px' || employee_id || '.' || k) < 0.08 THEN pg_temp.r('py' || employee_id || '.' || k, 1, 25) ELSE 0 END,
       (ARRAY['dev','test','lead','ops'])[pg_temp.r('pq' || employee_id || '.' || k, 1, 4)],
       CASE WHEN pg_temp.u('pv' || employee_id || '.' || k) < 0.85 THEN pg_temp.r('pw' || employee_id || '.' || k, 5, 400) END
FROM (SELECT employee_id, k, hired_on + coalesce(sum(len) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int AS b,
             hired_on + sum(len) OVER w::int AS e
      FROM (SELECT employee_id, hired_on, k, pg_temp.r('pl' || employee_id || '.' || k, 30, 300) AS len
            FROM employee, generate_series(1, 9) k WHERE k <= pg_temp.r('pk' || employee_id, 2, 9)) s
      WINDOW w AS (PARTITION BY employee_id ORDER BY k)) t;

CREATE TABLE room_booking (
  booking_id int PRIMARY KEY, room_no int NOT NULL, starts_at timestamp NOT NULL, ends_at timestamp NOT NULL,
  employee_id int NOT NULL REFERENCES employee, seats int NOT NULL);
INSERT INTO room_booking
SELECT row_number() OVER (ORDER BY md5('bo' || q || '.' || k) COLLATE "C"), q, t,
       t + (CASE WHEN pg_temp.u('bx' || q || '.' || k) < 0.06 THEN 400 ELSE pg_temp.r('bl' || q || '.' || k, 3, 18) * 10 END) * interval '1 minute',
       pg_temp.r('be' || q || '.' || k, 1, 400), pg_temp.r('bs' || q || '.' || k, 2, 14)
FROM (SELECT q, k, timestamp '2022-01-03 08:00' + sum(180 + pg_temp.r('bg' || q || '.' || k, 0, 20) * 10) OVER (PARTITION BY q ORDER BY k)
             * interval '1 minute' AS t
      FROM generate_series(1, 25) q, generate_series(1, 120) k) s;

-- Products -----------------------------------------------------------------------------------------------------------
CREATE TABLE product (
  product_id int PRIMARY KEY, sku text NOT NULL, name text NOT NULL, category_id int NOT NULL REFERENCES category,
  cost numeric(10,2) NOT NULL, list_price numeric(10,2) NOT NULL, weight_g int, pack_size int NOT NULL, case_weight_g int,
  volume_ml int, shelf_cm int NOT NULL, reach_cm int NOT NULL, min_stock int NOT NULL, max_stock int NOT NULL,
  active boolean NOT NULL, discontinued_on date, introduced_on date NOT NULL, reorder_qty int NOT NULL);
INSERT INTO product
SELECT i, c.code || '-' || lpad(((i * 7919) % 100003)::text, 6, '0'),
       (ARRAY['Classic','Eco','Pro','Mini','Maxi','Smart'])[pg_temp.r('na' || i, 1, 6)] || ' ' || c.name || ' ' || pg_temp.r('nb' || i, 1, 400),
       c.category_id, cost, round((cost * (1.05 + pg_temp.u('lp' || i)::numeric)), 2),
       w, ps, w * ps, (w * (0.97 + 0.06 * pg_temp.u('vo' || i)))::int,
       pg_temp.r('sh' || i, 20, 100), pg_temp.r('re' || i, 84, 220), ms, ms + pg_temp.r('mx' || i, 1, 200),
       act, CASE WHEN NOT act THEN intro + pg_temp.r('di' || i, 30, 2000) END, intro,
       CASE WHEN act THEN pg_temp.r('rq' || i, 1, 80) ELSE 0 END
FROM generate_series(1, 600) i
     JOIN category c ON c.category_id = pg_temp.r('ca' || i, 1, 12),
     LATERAL (SELECT round((3 + 180 * pg_temp.u('cs' || i) ^ 2)::numeric, 2) AS cost,
                     CASE WHEN pg_temp.u('wn' || i) > 0.08 THEN pg_temp.r('wg' || i, 40, 4000) END AS w,
                     pg_temp.r('ps' || i, 1, 12) AS ps, 5 * pg_temp.r('ms' || i, 0, 30) AS ms,
                     pg_temp.u('ac' || i) > 0.2 AS act, date '2010-01-01' + pg_temp.r('in' || i, 0, 4500) AS intro) x;

-- Orders, lines, invoices, payments ------------------------------------------------------------------------------------
CREATE TABLE orders (
  order_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, ship_address_id int NOT NULL REFERENCES address,
  bill_address_id int NOT NULL REFERENCES address, channel text NOT NULL, employee_id int REFERENCES employee,
  ordered_on date NOT NULL, order_weekday text NOT NULL, order_year int NOT NULL, required_on date NOT NULL,
  promised_on date, shipped_on date, cancelled_on date, cancel_reason text, status text NOT NULL, tax_rate numeric(4,2) NOT NULL,
  line_count int, item_count int, subtotal numeric(12,2), tax numeric(12,2), freight numeric(8,2) NOT NULL, total numeric(12,2),
  currency text NOT NULL, desk int NOT NULL);
INSERT INTO orders
SELECT i, c.customer_id, a.address_id,
       CASE WHEN pg_temp.u('ob' || i) < 0.04 THEN (SELECT address_id FROM address z WHERE z.customer_id = c.customer_id ORDER BY address_no DESC LIMIT 1)
            ELSE a.address_id END,
       ch, CASE WHEN ch <> 'web' THEN pg_temp.r('oe' || i, 1, 400) END, d,
       (ARRAY['Sun','Mon','Tue','Wed','Thu','Fri','Sat'])[1 + extract(dow FROM d)::int], extract(year FROM d)::int,
       req, CASE WHEN pg_temp.u('op' || i) < 0.1 THEN NULL WHEN pg_temp.u('op' || i) < 0.15 THEN req + pg_temp.r('oq' || i, 1, 9)
                 ELSE req - pg_temp.r('oq' || i, 0, 6) END,
       CASE WHEN st = 'shipped' THEN d + pg_temp.r('os' || i, 0, 28) END,
       CASE WHEN st = 'cancelled' THEN d + pg_temp.r('oc' || i, 0, 15) END,
       CASE WHEN st = 'cancelled' THEN CASE WHEN pg_temp.u('or' || i) < 0.06 THEN (ARRAY['price','stock','fraud'])[pg_temp.r('ov' || i, 1, 3)] ELSE 'customer' END END,
       st, (ARRAY[0.07, 0.19, 0.19])[pg_temp.r('ot' || i, 1, 3)], NULL, NULL, NULL, NULL,
       round((pg_temp.r('of' || i, 0, 40) * 0.5 + pg_temp.u('og' || i) * 0.5)::numeric, 2), NULL, 'EUR',
       pg_temp.r('ok' || i, 1, 6)
FROM generate_series(1, 8000) i
     JOIN customer c ON c.customer_id = 1 + floor(4000 * pg_temp.u('oi' || i) ^ 1.5)::int
     JOIN LATERAL (SELECT address_id FROM address z WHERE z.customer_id = c.customer_id ORDER BY md5('oa' || i || '.' || address_no) COLLATE "C" LIMIT 1) a ON true,
     LATERAL (SELECT c.registered_on + floor(pg_temp.u('od' || i) * (date '2023-12-31' - c.registered_on))::int AS d,
                     (ARRAY['web','web','web','shop','phone'])[pg_temp.r('oh' || i, 1, 5)] AS ch,
                     CASE WHEN pg_temp.u('oz' || i) < 0.8 THEN 'shipped' WHEN pg_temp.u('oz' || i) < 0.9 THEN 'cancelled' ELSE 'open' END AS st) x,
     LATERAL (SELECT d + pg_temp.r('ou' || i, 2, 30) AS req) y;

CREATE TABLE order_line (
  line_id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, line_no int NOT NULL, product_id int NOT NULL REFERENCES product,
  quantity int NOT NULL, unit_price numeric(10,2) NOT NULL, discount numeric(4,2) NOT NULL, line_total numeric(12,2) NOT NULL,
  pick_no int NOT NULL, picked_on date, bin text, gift_note text);
INSERT INTO order_line
SELECT row_number() OVER (ORDER BY md5('lo' || o.order_id || '.' || k) COLLATE "C"), o.order_id, k, p.product_id, q, up, ds,
       round(q * up * (1 - ds), 2),
       CASE WHEN pg_temp.u('lz' || o.order_id || '.' || k) < 0.05 THEN k + 1 ELSE k END,
       CASE WHEN pg_temp.u('lk' || o.order_id || '.' || k) < 0.05 THEN o.ordered_on - pg_temp.r('ll' || o.order_id || '.' || k, 1, 20)
            WHEN pg_temp.u('lk' || o.order_id || '.' || k) < 0.85 THEN o.ordered_on + pg_temp.r('ll' || o.order_id || '.' || k, 0, 20) END,
       CASE WHEN pg_temp.u('ln' || o.order_id || '.' || k) < 0.9 THEN chr(65 + pg_temp.r('lb' || o.order_id || '.' || k, 0, 19)) || pg_temp.r('lc' || o.order_id || '.' || k, 1, 60) END,
       CASE WHEN pg_temp.u('lg' || o.order_id || '.' || k) < 0.06 THEN substr(md5('lh' || o.order_id || '.' || k), 1, 12) END
FROM orders o, LATERAL generate_series(1, pg_temp.r('lm' || o.order_id, 1, 4)) k
     JOIN product p ON true,
     LATERAL (SELECT 1 + floor(9.99 * pg_temp.u('lq' || o.order_id || '.' || k) ^ 2)::int AS q,
                     round(p.list_price * (1 - (CASE WHEN pg_temp.u('lu' || o.order_id || '.' || k) < 0.5 THEN 0
                       ELSE pg_temp.r('lv' || o.order_id || '.' || k, 0, 15) END) / 100.0), 2) AS up,
                     0.05 * pg_temp.r('ld' || o.order_id || '.' || k, 0, 6) AS ds) x
WHERE p.product_id = 1 + (pg_temp.r('lp' || o.order_id, 0, 599) + k * pg_temp.r('ls' || o.order_id, 1, 140)) % 600;

UPDATE orders o SET line_count = l.n, subtotal = l.s, tax = round(l.s * o.tax_rate, 2), total = l.s + round(l.s * o.tax_rate, 2) + o.freight,
       item_count = l.q + CASE WHEN pg_temp.u('ox' || o.order_id) < 0.03 THEN pg_temp.r('oy' || o.order_id, 1, 3) ELSE 0 END
FROM (SELECT order_id, count(*) AS n, sum(line_total) AS s, sum(quantity) AS q FROM order_line GROUP BY order_id) l WHERE l.order_id = o.order_id;
UPDATE customer c SET order_count = o.n, first_order_on = o.d
FROM (SELECT customer_id, count(*) AS n, min(ordered_on) AS d FROM orders GROUP BY customer_id) o WHERE o.customer_id = c.customer_id;

CREATE TABLE invoice (
  invoice_id int PRIMARY KEY, invoice_no text NOT NULL, order_id int NOT NULL REFERENCES orders, customer_id int NOT NULL REFERENCES customer,
  issued_on date NOT NULL, due_on date NOT NULL, amount numeric(12,2) NOT NULL, paid_total numeric(12,2) NOT NULL DEFAULT 0,
  balance numeric(12,2), settled_on date, reminder_count int NOT NULL, reminded_on date, printed_on date);
INSERT INTO invoice
SELECT row_number() OVER (ORDER BY d, o.order_id),
       'R' || extract(year FROM d)::int || '-' || lpad((o.order_id * 4409 % 9973)::text, 4, '0'), o.order_id, o.customer_id, d,
       d + (CASE WHEN pg_temp.u('iv' || o.order_id) < 0.8 THEN (ARRAY[7,14,30])[pg_temp.r('iw' || o.order_id, 1, 3)] ELSE pg_temp.r('ix' || o.order_id, 0, 30) END),
       o.total, 0, NULL, NULL, rc, CASE WHEN rc > 0 THEN d + pg_temp.r('iy' || o.order_id, 20, 90) END,
       CASE WHEN pg_temp.u('ip' || o.order_id) < 0.7 THEN d + pg_temp.r('iq' || o.order_id, 0, 3) END
FROM orders o, LATERAL (SELECT o.shipped_on + pg_temp.r('id' || o.order_id, 0, 6) AS d,
       CASE WHEN pg_temp.u('ir' || o.order_id) < 0.7 THEN 0 ELSE pg_temp.r('is' || o.order_id, 1, 3) END AS rc) x
WHERE o.shipped_on IS NOT NULL;

CREATE TABLE payment (
  payment_id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoice, customer_id int NOT NULL REFERENCES customer,
  paid_on date NOT NULL, amount numeric(12,2) NOT NULL, method_code text NOT NULL, card_last4 text, iban text, voucher_code text,
  terminal int NOT NULL);
INSERT INTO payment
SELECT row_number() OVER (ORDER BY md5('yo' || invoice_id || '.' || k) COLLATE "C"), invoice_id, customer_id,
       issued_on + pg_temp.r('yd' || invoice_id || '.' || k, 0, 70),
       CASE WHEN k = n AND full_ THEN amount - (n - 1) * part ELSE part END, m,
       CASE WHEN m = 'CC' THEN lpad(pg_temp.r('yc' || invoice_id || '.' || k, 0, 9999)::text, 4, '0') END,
       CASE WHEN m IN ('TR', 'DD') THEN 'DE' || pg_temp.r('yi' || invoice_id || '.' || k, 10, 99) || pg_temp.r('yj' || invoice_id || '.' || k, 10000000, 99999999) END,
       CASE WHEN m = 'VO' OR m = 'CC' AND pg_temp.u('yv' || invoice_id || '.' || k) < 0.05 THEN upper(substr(md5('yw' || invoice_id || '.' || k), 1, 7)) END,
       pg_temp.r('yt' || invoice_id || '.' || k, 1, 8)
FROM (SELECT v.*, pg_temp.u('yf' || invoice_id) < 0.75 AS full_, pg_temp.r('yn' || invoice_id, 1, 3) AS n,
             round(amount * (0.15 + 0.15 * pg_temp.u('yp' || invoice_id))::numeric, 2) AS part FROM invoice v) s,
     generate_series(1, 3) k,
     LATERAL (SELECT (ARRAY['CC','CC','TR','TR','DD','CA','VO'])[pg_temp.r('ym' || invoice_id || '.' || k, 1, 7)] AS m) y
WHERE k <= n AND (full_ OR pg_temp.u('yx' || invoice_id) < 0.6);
UPDATE invoice v SET paid_total = coalesce(y.s, 0), balance = v.amount - coalesce(y.s, 0), settled_on = CASE WHEN v.amount = y.s THEN y.d END
FROM invoice w LEFT JOIN (SELECT invoice_id, sum(amount) AS s, max(paid_on) AS d FROM payment GROUP BY invoice_id) y USING (invoice_id)
WHERE w.invoice_id = v.invoice_id;

-- Shipments (their order is not declared as a foreign key) -------------------------------------------------------------
CREATE TABLE shipment (
  shipment_id int PRIMARY KEY, order_id int NOT NULL, customer_id int NOT NULL REFERENCES customer, tracking_no text, carrier_code text NOT NULL,
  carrier_name text NOT NULL, depot text NOT NULL, packed_at timestamp NOT NULL, left_at timestamp NOT NULL, delivered_at timestamp,
  signed_by text, net_kg numeric(8,2) NOT NULL, tare_kg numeric(8,2) NOT NULL, gross_kg numeric(8,2) NOT NULL, weighed_kg numeric(8,2),
  pct_road int NOT NULL, pct_rail int NOT NULL, pct_sea int NOT NULL, pct_paper int NOT NULL, pct_plastic int NOT NULL,
  pct_wood int NOT NULL, boxes int NOT NULL);
INSERT INTO shipment
SELECT row_number() OVER (ORDER BY md5('ho' || j) COLLATE "C"), o.order_id,
       CASE WHEN pg_temp.u('hc' || j) < 0.04 THEN pg_temp.r('hd' || j, 1, 4000) ELSE o.customer_id END,
       CASE WHEN pg_temp.u('ht' || j) < 0.93 THEN upper(substr(md5('hu' || j), 1, 12)) END,
       'K' || ca, (ARRAY['Ace','Bolt','Caro','Dash','Echo','Flux','Gogo','Hop','Iris','Jet','Kite','Luna','Ace','Bolt','Mira','Nova'])[ca],
       CASE WHEN pg_temp.u('hx' || j) < 0.02 THEN 'Depot ' || pg_temp.r('hy' || j, 1, 9) ELSE 'Depot ' || 1 + ca * 5 % 9 END,
       t, t + pg_temp.r('hl' || j, 0, 2000) * interval '1 minute',
       CASE WHEN dl THEN t + (pg_temp.r('hl' || j, 0, 2000) + pg_temp.r('hm' || j, 60, 9000)) * interval '1 minute' END,
       CASE WHEN dl THEN (ARRAY['neighbour','self','partner','reception'])[pg_temp.r('hs' || j, 1, 4)] END,
       nk, tk, nk + tk, CASE WHEN pg_temp.u('hw' || j) < 0.03 THEN nk + tk + 0.5 WHEN pg_temp.u('hw' || j) < 0.9 THEN nk + tk END,
       pa, (100 - pa) * pb / 100, 100 - pa - (100 - pa) * pb / 100,
       pc, (100 - pc) * pd / 100, 100 - pc - (100 - pc) * pd / 100 + CASE WHEN pg_temp.u('hp' || j) < 0.03 THEN 1 ELSE 0 END,
       pg_temp.r('hb' || j, 1, 8)
FROM (SELECT o.*, o.order_id * 10 + k AS j FROM orders o, generate_series(1, 2) k
      WHERE shipped_on IS NOT NULL AND (k = 1 AND pg_temp.u('hz' || order_id) > 0.02 OR k = 2 AND pg_temp.u('hz' || order_id) > 0.96)) o,
     LATERAL (SELECT o.shipped_on + pg_temp.r('hh' || j, 300, 1100) * interval '1 minute' AS t, pg_temp.r('hk' || j, 1, 16) AS ca,
                     pg_temp.u('hv' || j) < 0.88 AS dl, round((0.2 + 30 * pg_temp.u('hn' || j) ^ 2)::numeric, 2) AS nk,
                     round((0.05 + 2 * pg_temp.u('hq' || j))::numeric, 2) AS tk, pg_temp.r('ha' || j, 0, 100) AS pa,
                     pg_temp.r('hi' || j, 0, 100) AS pb, pg_temp.r('hf' || j, 0, 100) AS pc, pg_temp.r('hg' || j, 0, 100) AS pd) x;

-- Accounts and ledger --------------------------------------------------------------------------------------------------
CREATE TABLE account (
  account_id int PRIMARY KEY, account_no text NOT NULL, customer_id int NOT NULL REFERENCES customer, opened_on date NOT NULL, closed_on date,
  frozen boolean NOT NULL, interest_pct numeric(4,2) NOT NULL, balance numeric(12,2), entry_count int, last_booked_on date, page_count int NOT NULL);
INSERT INTO account
SELECT i, 'A' || lpad((i * 6007 % 99991)::text, 5, '0'), pg_temp.r('ku' || i, 1, 4000), date '2016-01-01' + pg_temp.r('ko' || i, 0, 1800), NULL, fz,
       CASE WHEN fz THEN 0 ELSE pg_temp.r('ki' || i, 0, 14) * 0.25 END, NULL, NULL, NULL, pg_temp.r('kp' || i, 1, 40)
FROM generate_series(1, 1500) i, LATERAL (SELECT pg_temp.u('kf' || i) < 0.12 AS fz) x;

CREATE TABLE ledger_entry (
  entry_id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, seq_no int NOT NULL, booked_on date NOT NULL, debit numeric(12,2),
  credit numeric(12,2), balance_after numeric(12,2) NOT NULL, page_no int NOT NULL, memo text, branch int NOT NULL);
INSERT INTO ledger_entry
SELECT row_number() OVER (ORDER BY md5('go' || account_id || '.' || k) COLLATE "C"), account_id, k,
       opened_on + sum(pg_temp.r('gd' || account_id || '.' || k, 0, 45)) OVER w::int,
       CASE WHEN x < 0 THEN -x END, CASE WHEN x >= 0 THEN x END, sum(x) OVER w,
       greatest(1, k + pg_temp.r('gh' || account_id, 0, 20) - CASE WHEN pg_temp.u('gx' || account_id || '.' || k) < 0.03 THEN pg_temp.r('gy' || account_id || '.' || k, 2, 4) ELSE 0 END),
       CASE WHEN pg_temp.u('gm' || account_id || '.' || k) < 0.4 THEN (ARRAY['rent','salary','fee','refund','gift'])[pg_temp.r('gn' || account_id || '.' || k, 1, 5)] END, 1
FROM (SELECT account_id, opened_on, k, round(((pg_temp.u('ga' || account_id || '.' || k) - 0.42) * 900)::numeric, 2) AS x
      FROM account, generate_series(1, 22) k WHERE k <= pg_temp.r('gk' || account_id, 2, 22)) s
WINDOW w AS (PARTITION BY account_id ORDER BY k);
UPDATE account a SET balance = e.balance_after, entry_count = e.seq_no, last_booked_on = e.booked_on,
       closed_on = CASE WHEN pg_temp.u('kc' || a.account_id) < 0.2 THEN e.booked_on + pg_temp.r('kd' || a.account_id, 0, 300) END
FROM (SELECT DISTINCT ON (account_id) * FROM ledger_entry ORDER BY account_id, seq_no DESC) e WHERE e.account_id = a.account_id;

-- Sensors in the warehouse ---------------------------------------------------------------------------------------------
CREATE TABLE sensor (
  sensor_id int PRIMARY KEY, serial_no text NOT NULL, hall text NOT NULL, height_cm int NOT NULL, installed_on date NOT NULL, last_reading_at timestamp,
  tech_badge text NOT NULL, offset_mv int NOT NULL);
INSERT INTO sensor
SELECT i, 'S' || upper(substr(md5('qs' || i), 1, 7)), (ARRAY['H1','H2','H3','H4'])[pg_temp.r('qh' || i, 1, 4)], pg_temp.r('qc' || i, 40, 600),
       date '2021-06-01' + pg_temp.r('qi' || i, 0, 200), NULL, 'B' || lpad((3 * pg_temp.r('qt' || i, 1, 400))::text, 4, '0'), i * 37 % 211 - 90
FROM generate_series(1, 40) i;

CREATE TABLE reading (
  reading_id int PRIMARY KEY, sensor_id int NOT NULL REFERENCES sensor, taken_at timestamp NOT NULL, quality text NOT NULL, temp_c numeric(5,1), temp_f numeric(5,1),
  low_mv int, mid_mv int, high_mv int, counter bigint NOT NULL, delta int, air_speed numeric(5,1), air_dir int, lux int NOT NULL, noise int NOT NULL, error_code int);
INSERT INTO reading
SELECT row_number() OVER (ORDER BY md5('wo' || s || '.' || k) COLLATE "C"), s, t, q,
       tc, round(tc * 1.8 + 32, 1), lo, lo + pg_temp.r('wm' || z, 0, 60), lo + 60 + pg_temp.r('wh' || z, 0, 90),
       sum(d) OVER (PARTITION BY s ORDER BY k) + s * 1013 % 7919, CASE WHEN pg_temp.u('we' || z) < 0.9 THEN d END,
       CASE WHEN av THEN round((14 * pg_temp.u('ws' || z))::numeric, 1) END, CASE WHEN av THEN 10 * pg_temp.r('wd' || z, 0, 35) END,
       pg_temp.r('wl' || z, 97, 400), pg_temp.r('wn' || z, 20, 140), CASE WHEN q = 'bad' THEN pg_temp.r('wr' || z, 1, 40) END
FROM (SELECT i.s, k, z, i.t0 + sum(pg_temp.r('wt' || z, 20, 340)) OVER (PARTITION BY i.s ORDER BY k) * interval '1 minute' AS t, pg_temp.r('wc' || z, 0, 55) AS d,
             CASE WHEN pg_temp.u('wq' || z) < 0.08 THEN 'bad' WHEN pg_temp.u('wq' || z) < 0.3 THEN 'fair' ELSE 'good' END AS q,
             CASE WHEN pg_temp.u('wq' || z) >= 0.08 THEN round((4 + 24 * pg_temp.u('wx' || z))::numeric, 1) END AS tc,
             CASE WHEN pg_temp.u('wv' || z) < 0.95 THEN pg_temp.r('wy' || z, 100, 900) END AS lo, pg_temp.u('wa' || z) < 0.72 AS av
      FROM (SELECT sensor_id AS s, installed_on + interval '1 day' AS t0 FROM sensor) i, generate_series(1, 400) k, LATERAL (SELECT i.s || '.' || k AS z) n) r;
UPDATE sensor s SET last_reading_at = r.t FROM (SELECT sensor_id, max(taken_at) AS t FROM reading GROUP BY sensor_id) r WHERE r.sensor_id = s.sensor_id;

COMMIT;
