-- name: flight by id
SELECT * FROM flights WHERE flight_id = 123456;

-- name: airline by code
SELECT name FROM airlines WHERE carrier = 'UA';

-- name: airport by code
SELECT faa, name, lat, lon, tzone FROM airports WHERE faa = 'JFK';

-- name: page of flights by id range
SELECT flight_id, year, month, day, carrier, flight, origin, dest
FROM flights
WHERE flight_id BETWEEN 200000 AND 200500
ORDER BY flight_id;

-- name: weather at a station and hour
SELECT temp, humid, wind_speed, visib
FROM weather
WHERE origin = 'LGA' AND time_hour = TIMESTAMP '2013-07-04 12:00:00';

-- name: weather series of one week
SELECT time_hour, temp, dewp, wind_speed, precip
FROM weather
WHERE origin = 'EWR'
  AND time_hour >= TIMESTAMP '2013-02-01' AND time_hour < TIMESTAMP '2013-02-08'
ORDER BY time_hour;

-- name: weather of a quarter at all stations
SELECT origin, time_hour, temp, pressure
FROM weather
WHERE time_hour >= TIMESTAMP '2013-04-01' AND time_hour < TIMESTAMP '2013-07-01';

-- name: flights of a small carrier
SELECT flight_id, month, day, dep_time, arr_delay
FROM flights
WHERE carrier = 'HA';

-- name: flights of a large carrier
SELECT flight_id, origin, dest, dep_delay
FROM flights
WHERE carrier = 'UA';

-- name: departure board of one day
SELECT f.dep_time, f.carrier, a.name AS airline, f.flight, f.dest
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
WHERE f.origin = 'JFK' AND f.month = 7 AND f.day = 17
ORDER BY f.dep_time
LIMIT 50;

-- name: route of one carrier
SELECT count(*), avg(arr_delay), avg(air_time)
FROM flights
WHERE carrier = 'DL' AND origin = 'LGA' AND dest = 'ATL';

-- name: flights in a distance range
SELECT flight_id, origin, dest, distance
FROM flights
WHERE distance BETWEEN 1000 AND 1100;

-- name: longest departure delays
SELECT flight_id, month, day, carrier, origin, dest, dep_delay
FROM flights
WHERE dep_delay IS NOT NULL
ORDER BY dep_delay DESC
LIMIT 20;

-- name: heavily delayed flights with airline
SELECT a.name, f.month, f.day, f.flight, f.arr_delay
FROM flights f
JOIN airlines a USING (carrier)
WHERE f.arr_delay > 300
ORDER BY f.arr_delay DESC;

-- name: cancelled flights by origin and month
SELECT origin, month, count(*) AS cancelled
FROM flights
WHERE dep_time IS NULL
GROUP BY origin, month
ORDER BY origin, month;

-- name: monthly punctuality by airline
SELECT a.name, f.month, count(*) AS flights,
       avg(f.dep_delay) AS dep_delay, avg(f.arr_delay) AS arr_delay
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
GROUP BY a.name, f.month
ORDER BY a.name, f.month;

-- name: busiest destinations
SELECT dest, count(*) AS n
FROM flights
GROUP BY dest
ORDER BY n DESC
LIMIT 10;

-- name: routes flown often
SELECT origin, dest, count(*) AS n, avg(distance) AS distance
FROM flights
GROUP BY origin, dest
HAVING count(*) > 5000
ORDER BY n DESC;

-- name: flights to destinations in a time zone
SELECT d.tzone, count(*) AS n, avg(f.air_time) AS air_time
FROM flights f
JOIN airports d ON d.faa = f.dest
WHERE d.tzone = 'America/Los_Angeles'
GROUP BY d.tzone;

-- name: high altitude destinations
SELECT d.faa, d.name, d.alt, count(*) AS n
FROM flights f
JOIN airports d ON d.faa = f.dest
WHERE d.alt > 4000
GROUP BY d.faa, d.name, d.alt
ORDER BY d.alt DESC;

-- name: flights by manufacturer of the plane
SELECT p.manufacturer, count(*) AS n, avg(f.arr_delay) AS arr_delay
FROM flights f
JOIN planes p ON p.tailnum = f.tailnum
GROUP BY p.manufacturer
HAVING count(*) > 1000
ORDER BY n DESC;

-- name: flights on large aircraft to one airport
SELECT f.month, f.day, f.carrier, f.flight, p.model, p.seats
FROM flights f
JOIN planes p ON p.tailnum = f.tailnum
WHERE f.dest = 'SFO' AND p.seats >= 300
ORDER BY f.month, f.day;

-- name: four tables airline plane destination
SELECT a.name AS airline, d.name AS destination, p.type, count(*) AS n
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
JOIN airports d ON d.faa = f.dest
JOIN planes p ON p.tailnum = f.tailnum
WHERE f.origin = 'EWR' AND f.month IN (6, 7, 8) AND p.year >= 2005
GROUP BY a.name, d.name, p.type
ORDER BY n DESC
LIMIT 25;

-- name: delays with the weather of the hour
SELECT f.flight_id, f.dep_delay, w.wind_speed, w.visib, w.precip
FROM flights f
JOIN weather w ON w.origin = f.origin AND w.month = f.month
              AND w.day = f.day AND w.hour = f.hour
WHERE w.visib < 1 AND f.dep_delay > 60;

-- name: mean delay by visibility
SELECT w.visib, count(*) AS n, avg(f.dep_delay) AS dep_delay
FROM flights f
JOIN weather w ON w.origin = f.origin AND w.year = f.year AND w.month = f.month
              AND w.day = f.day AND w.hour = f.hour
WHERE f.month = 12
GROUP BY w.visib
ORDER BY w.visib;

-- name: rain by station and month
SELECT origin, month, sum(precip) AS rain, max(wind_gust) AS gust
FROM weather
WHERE precip > 0
GROUP BY origin, month
ORDER BY origin, month;

-- name: cold and windy hours
SELECT origin, time_hour, temp, wind_speed
FROM weather
WHERE temp < 25 AND wind_speed > 20
ORDER BY time_hour;

-- name: planes never flown on a route to boston
SELECT p.tailnum, p.manufacturer, p.model
FROM planes p
WHERE NOT EXISTS (
  SELECT 1 FROM flights f WHERE f.tailnum = p.tailnum AND f.dest = 'BOS');

-- name: airports without flights
SELECT a.faa, a.name
FROM airports a
LEFT JOIN flights f ON f.dest = a.faa
WHERE f.flight_id IS NULL AND a.tz = -5
ORDER BY a.name;

-- name: planes with a badly delayed flight
SELECT p.tailnum, p.year, p.seats
FROM planes p
WHERE p.engine = 'Turbo-jet'
  AND EXISTS (SELECT 1 FROM flights f
              WHERE f.tailnum = p.tailnum AND f.arr_delay > 180);

-- name: flights with unregistered tail numbers
SELECT f.carrier, count(*) AS n
FROM flights f
WHERE f.tailnum IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM planes p WHERE p.tailnum = f.tailnum)
GROUP BY f.carrier
ORDER BY n DESC;

-- name: three worst delays per carrier
SELECT carrier, flight_id, dest, arr_delay
FROM (
  SELECT carrier, flight_id, dest, arr_delay,
         row_number() OVER (PARTITION BY carrier ORDER BY arr_delay DESC) AS rn
  FROM flights
  WHERE arr_delay > 0
) ranked
WHERE rn <= 3;

-- name: last flight of each boeing plane
SELECT p.tailnum, p.model, l.month, l.day, l.dest
FROM planes p
JOIN (
  SELECT DISTINCT ON (tailnum) tailnum, month, day, dest
  FROM flights
  ORDER BY tailnum, month DESC, day DESC, dep_time DESC
) l ON l.tailnum = p.tailnum
WHERE p.manufacturer = 'BOEING';

-- name: running total of daily flights
SELECT month, day, count(*) AS n,
       sum(count(*)) OVER (ORDER BY month, day) AS running
FROM flights
WHERE origin = 'LGA'
GROUP BY month, day
ORDER BY month, day;

-- name: temperature change to the hour before
SELECT origin, time_hour, temp,
       temp - lag(temp) OVER (PARTITION BY origin ORDER BY time_hour) AS change
FROM weather
WHERE month = 3;

-- name: destinations of a carrier
SELECT DISTINCT dest
FROM flights
WHERE carrier = 'B6'
ORDER BY dest;

-- name: airports whose name starts with san
SELECT faa, name, alt
FROM airports
WHERE name LIKE 'San %'
ORDER BY name;

-- name: planes by tail number prefix
SELECT tailnum, year, model
FROM planes
WHERE tailnum LIKE 'N7%';

-- name: flights to a list of cities in the morning
SELECT dest, hour, count(*) AS n
FROM flights
WHERE dest IN ('ORD', 'ATL', 'LAX', 'SFO', 'MIA') AND hour BETWEEN 6 AND 9
GROUP BY dest, hour;

-- name: planes of some models
SELECT model, count(*) AS n, min(year) AS first, max(year) AS last
FROM planes
WHERE model IN ('A320-232', '737-824', '757-222', 'MD-88')
GROUP BY model;

-- name: flights slower than their route's mean
SELECT f.flight_id, f.origin, f.dest, f.air_time
FROM flights f
WHERE f.carrier = 'VX' AND f.month = 1
  AND f.air_time > (SELECT avg(g.air_time) FROM flights g
                    WHERE g.carrier = 'VX' AND g.origin = f.origin AND g.dest = f.dest);

-- name: carriers against the overall mean
WITH per_carrier AS (
  SELECT carrier, avg(arr_delay) AS mean_delay, count(*) AS n
  FROM flights
  GROUP BY carrier
), overall AS (
  SELECT avg(arr_delay) AS mean_delay FROM flights
)
SELECT a.name, c.n, c.mean_delay - o.mean_delay AS difference
FROM per_carrier c
CROSS JOIN overall o
JOIN airlines a ON a.carrier = c.carrier
WHERE c.mean_delay > o.mean_delay
ORDER BY difference DESC;

-- name: days with both bad weather and many delays
WITH bad_days AS (
  SELECT origin, month, day
  FROM weather
  GROUP BY origin, month, day
  HAVING sum(precip) > 1
)
SELECT b.origin, b.month, b.day, count(*) AS delayed
FROM bad_days b
JOIN flights f ON f.origin = b.origin AND f.month = b.month AND f.day = b.day
WHERE f.dep_delay > 30
GROUP BY b.origin, b.month, b.day
ORDER BY delayed DESC
LIMIT 10;

-- name: destinations served from one origin only
SELECT dest FROM flights WHERE origin = 'EWR'
EXCEPT
SELECT dest FROM flights WHERE origin IN ('JFK', 'LGA');

-- name: all airport codes in use
SELECT origin AS faa FROM flights
UNION
SELECT dest FROM flights;

-- name: short turnaround of the same plane on a day
SELECT f1.flight_id, f2.flight_id AS next_flight, f1.tailnum
FROM flights f1
JOIN flights f2 ON f2.tailnum = f1.tailnum AND f2.month = f1.month AND f2.day = f1.day
               AND f2.dep_time > f1.arr_time
WHERE f1.month = 5 AND f1.day = 11 AND f1.carrier = 'B6';

-- name: newest planes with a limit
SELECT tailnum, year, manufacturer, model, seats
FROM planes
WHERE year IS NOT NULL AND type = 'Fixed wing multi engine'
ORDER BY year DESC, tailnum
LIMIT 100;
