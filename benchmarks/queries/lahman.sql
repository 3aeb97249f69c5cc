-- name: team season by key
SELECT name, "W", "L", "Rank"
FROM "Teams"
WHERE "yearID" = 2010 AND "lgID" = 'AL' AND "teamID" = 'NYA';

-- name: park by key
SELECT * FROM "Parks" WHERE "park.key" = 'BOS07';

-- name: award by id
SELECT "awardID", "yearID", "lgID" FROM "AwardsPlayers" WHERE id = 5000;

-- name: school by key
SELECT name_full, city, state FROM "Schools" WHERE "schoolID" = 'stanford';

-- name: people by key range
SELECT "playerID", "nameFirst", "nameLast", debut
FROM "People"
WHERE "playerID" >= 'm' AND "playerID" < 'mc'
ORDER BY "playerID"
LIMIT 50;

-- name: roster of a team season
SELECT a."playerID", p."nameFirst", p."nameLast", a."G_all", a."GS"
FROM "Appearances" a
JOIN "People" p ON p."playerID" = a."playerID"
WHERE a."yearID" = 2015 AND a."lgID" = 'NL' AND a."teamID" = 'SLN'
ORDER BY a."G_all" DESC;

-- name: payroll of a season by team
SELECT t.name, sum(s.salary) AS payroll, count(*) AS players
FROM "Salaries" s
JOIN "Teams" t ON t."yearID" = s."yearID" AND t."lgID" = s."lgID" AND t."teamID" = s."teamID"
WHERE s."yearID" = 2012
GROUP BY t.name
ORDER BY payroll DESC;

-- name: salaries above a threshold
SELECT "yearID", "teamID", "playerID", salary
FROM "Salaries"
WHERE salary > 15000000
ORDER BY salary DESC;

-- name: salaries in the usual range
SELECT "yearID", "teamID", salary
FROM "Salaries"
WHERE salary BETWEEN 300000 AND 1000000 AND "yearID" BETWEEN 1995 AND 2005;

-- name: home run leaders of a season
SELECT b."playerID", sum(b."HR") AS hr
FROM "Batting" b
WHERE b."yearID" = 2001 AND b."lgID" = 'NL'
GROUP BY b."playerID"
ORDER BY hr DESC
LIMIT 10;

-- name: seasons of forty or more home runs
SELECT "playerID", "yearID", "teamID", "HR", "RBI"
FROM "Batting"
WHERE "HR" >= 40
ORDER BY "HR" DESC, "yearID";

-- name: career hits leaders
SELECT p."nameFirst", p."nameLast", sum(b."H") AS hits
FROM "Batting" b
JOIN "People" p ON p."playerID" = b."playerID"
GROUP BY p."playerID", p."nameFirst", p."nameLast"
HAVING sum(b."H") >= 2500
ORDER BY hits DESC;

-- name: batting since 2000 by team
SELECT b."teamID", sum(b."AB") AS ab, sum(b."H") AS h, sum(b."SO") AS so
FROM "Batting" b
WHERE b."yearID" >= 2000
GROUP BY b."teamID"
ORDER BY b."teamID";

-- name: batting lines of a decade with many at bats
SELECT "playerID", "yearID", "H", "AB", "H"::numeric / "AB" AS average
FROM "Batting"
WHERE "yearID" BETWEEN 1920 AND 1929 AND "AB" >= 400
ORDER BY average DESC
LIMIT 25;

-- name: all seasons of a club
SELECT "yearID", name, "W", "L", attendance
FROM "Teams"
WHERE "franchID" = 'CHC'
ORDER BY "yearID";

-- name: franchises with their record
SELECT f."franchName", min(t."yearID") AS since, sum(t."W") AS w, sum(t."L") AS l
FROM "TeamsFranchises" f
JOIN "Teams" t ON t."franchID" = f."franchID"
WHERE f.active = 'Y'
GROUP BY f."franchName"
ORDER BY w DESC;

-- name: strong teams without a pennant
SELECT "yearID", "lgID", name, "W"
FROM "Teams"
WHERE "W" > 100 AND "LgWin" = 'N'
ORDER BY "yearID";

-- name: strikeout pitchers
SELECT "playerID", "yearID", "SO", "IPouts"
FROM "Pitching"
WHERE "SO" > 250 AND "yearID" > 1960
ORDER BY "SO" DESC;

-- name: low earned run averages
SELECT "playerID", "yearID", "teamID", "ERA"
FROM "Pitching"
WHERE "ERA" < 2.5 AND "IPouts" >= 486
ORDER BY "ERA"
LIMIT 20;

-- name: earned runs by league and year
SELECT "yearID", "lgID", sum("ER") * 27.0 / nullif(sum("IPouts"), 0) AS era
FROM "Pitching"
WHERE "yearID" BETWEEN 1950 AND 2000 AND "lgID" IN ('AL', 'NL')
GROUP BY "yearID", "lgID"
ORDER BY "yearID", "lgID";

-- name: best pitcher of every team in a season
SELECT "teamID", "playerID", "W"
FROM (
  SELECT "teamID", "playerID", "W",
         rank() OVER (PARTITION BY "teamID" ORDER BY "W" DESC) AS r
  FROM "Pitching"
  WHERE "yearID" = 1998
) x
WHERE r = 1;

-- name: fielding by position
SELECT "POS", count(*) AS n, sum("PO") AS po, sum("E") AS errors
FROM "Fielding"
GROUP BY "POS"
ORDER BY n DESC;

-- name: catchers of a season
SELECT f."playerID", p."nameLast", f."teamID", f."G", f."PB"
FROM "Fielding" f
JOIN "People" p ON p."playerID" = f."playerID"
WHERE f."POS" = 'C' AND f."yearID" = 2019
ORDER BY f."G" DESC;

-- name: regular shortstops over all years
SELECT "playerID", "yearID", "G", "E"
FROM "Fielding"
WHERE "POS" = 'SS' AND "G" >= 100;

-- name: players elected to the hall of fame
SELECT h."yearID", p."nameFirst", p."nameLast", h.category
FROM "HallOfFame" h
JOIN "People" p ON p."playerID" = h."playerID"
WHERE h.inducted = 'Y' AND h.category = 'Player' AND h."votedBy" = 'BBWAA'
ORDER BY h."yearID" DESC;

-- name: close hall of fame votes
SELECT "yearID", "playerID", votes, needed
FROM "HallOfFame"
WHERE inducted = 'N' AND votes > 0.6 * ballots
ORDER BY "yearID";

-- name: batting of hall of fame members
SELECT h."playerID", sum(b."HR") AS hr, sum(b."H") AS h
FROM "HallOfFame" h
JOIN "Batting" b ON b."playerID" = h."playerID"
WHERE h.inducted = 'Y'
GROUP BY h."playerID"
ORDER BY hr DESC;

-- name: gold gloves by year
SELECT "yearID", "lgID", count(*) AS n
FROM "AwardsPlayers"
WHERE "awardID" = 'Gold Glove' AND "yearID" >= 1990
GROUP BY "yearID", "lgID"
ORDER BY "yearID", "lgID";

-- name: players with many awards
SELECT p."nameFirst", p."nameLast", count(*) AS awards
FROM "AwardsPlayers" a
JOIN "People" p ON p."playerID" = a."playerID"
WHERE a."awardID" IN ('Silver Slugger', 'Gold Glove', 'Most Valuable Player')
GROUP BY p."playerID", p."nameFirst", p."nameLast"
HAVING count(*) >= 8
ORDER BY awards DESC;

-- name: award winners with pay in the same year
SELECT a."awardID", a."yearID", a."playerID", s."teamID", s.salary
FROM "AwardsPlayers" a
JOIN "Salaries" s ON s."playerID" = a."playerID" AND s."yearID" = a."yearID"
WHERE a."awardID" = 'Silver Slugger'
ORDER BY s.salary DESC
LIMIT 30;

-- name: players of a college who reached the majors
SELECT DISTINCT p."playerID", p."nameFirst", p."nameLast", p.debut
FROM "CollegePlaying" c
JOIN "People" p ON p."playerID" = c."playerID"
WHERE c."schoolID" = 'texas'
ORDER BY p.debut;

-- name: colleges of california by players
SELECT s.name_full, s.city, count(DISTINCT c."playerID") AS players
FROM "Schools" s
JOIN "CollegePlaying" c ON c."schoolID" = s."schoolID"
WHERE s.state = 'CA'
GROUP BY s."schoolID", s.name_full, s.city
ORDER BY players DESC
LIMIT 20;

-- name: schools named university of
SELECT "schoolID", name_full, state
FROM "Schools"
WHERE name_full LIKE 'University of %'
ORDER BY name_full;

-- name: people by birth country
SELECT "birthCountry", count(*) AS n, avg(height) AS height, avg(weight) AS weight
FROM "People"
WHERE "birthCountry" <> 'USA'
GROUP BY "birthCountry"
HAVING count(*) >= 20
ORDER BY n DESC;

-- name: left handed people from one country
SELECT "playerID", "birthYear", bats, throws
FROM "People"
WHERE "birthCountry" = 'Venezuela' AND throws = 'L' AND bats = 'L';

-- name: debuts within a season
SELECT "playerID", debut, "birthYear"
FROM "People"
WHERE debut BETWEEN DATE '2010-04-01' AND DATE '2010-10-31'
ORDER BY debut;

-- name: tall people still living
SELECT "playerID", height, weight
FROM "People"
WHERE height >= 78 AND "deathYear" IS NULL;

-- name: people who never batted
SELECT p."playerID", p."nameLast"
FROM "People" p
WHERE NOT EXISTS (SELECT 1 FROM "Batting" b WHERE b."playerID" = p."playerID");

-- name: pitchers who were all stars
SELECT DISTINCT pi."playerID"
FROM "Pitching" pi
WHERE pi."yearID" >= 1990
  AND EXISTS (SELECT 1 FROM "AllstarFull" a
              WHERE a."playerID" = pi."playerID" AND a."yearID" = pi."yearID");

-- name: managers who also played
SELECT m."playerID", count(DISTINCT m."yearID") AS seasons, sum(m."W") AS w
FROM "Managers" m
WHERE m."playerID" IN (SELECT "playerID" FROM "Appearances" WHERE "G_all" > 100)
GROUP BY m."playerID"
ORDER BY w DESC
LIMIT 25;

-- name: all stars of a team over the years
SELECT a."yearID", p."nameFirst", p."nameLast", a."startingPos"
FROM "AllstarFull" a
JOIN "People" p ON p."playerID" = a."playerID"
WHERE a."teamID" = 'NYA' AND a."yearID" >= 1996
ORDER BY a."yearID";

-- name: top three home run hitters per team
SELECT t.name, x."playerID", x."HR"
FROM (
  SELECT b."yearID", b."lgID", b."teamID", b."playerID", b."HR",
         row_number() OVER (PARTITION BY b."teamID" ORDER BY b."HR" DESC) AS rn
  FROM "Batting" b
  WHERE b."yearID" = 2016
) x
JOIN "Teams" t ON t."yearID" = x."yearID" AND t."lgID" = x."lgID" AND t."teamID" = x."teamID"
WHERE x.rn <= 3
ORDER BY t.name, x."HR" DESC;

-- name: running wins of a club
SELECT "yearID", "W",
       sum("W") OVER (PARTITION BY "franchID" ORDER BY "yearID") AS total,
       "W" - lag("W") OVER (PARTITION BY "franchID" ORDER BY "yearID") AS change
FROM "Teams"
WHERE "lgID" = 'AL' AND "yearID" > 1960;

-- name: players paid above their team's mean
SELECT s."playerID", s."teamID", s.salary
FROM "Salaries" s
WHERE s."yearID" = 2008
  AND s.salary > 3 * (SELECT avg(t.salary) FROM "Salaries" t
                      WHERE t."yearID" = s."yearID" AND t."lgID" = s."lgID"
                        AND t."teamID" = s."teamID");

-- name: world series and the attendance of the winners
SELECT s."yearID", w.name AS winner, l.name AS loser, w.attendance
FROM "SeriesPost" s
JOIN "Teams" w ON w."yearID" = s."yearID" AND w."lgID" = s."lgIDwinner" AND w."teamID" = s."teamIDwinner"
JOIN "Teams" l ON l."yearID" = s."yearID" AND l."lgID" = s."lgIDloser" AND l."teamID" = s."teamIDloser"
WHERE s.round = 'WS'
ORDER BY s."yearID" DESC;

-- name: home games per park since 1990
SELECT k."park.name", k.city, sum(h.games) AS games, sum(h.attendance) AS attendance
FROM "HomeGames" h
JOIN "Parks" k ON k."park.key" = h."park.key"
WHERE h."year.key" >= 1990
GROUP BY k."park.key", k."park.name", k.city
ORDER BY attendance DESC NULLS LAST
LIMIT 30;

-- name: home parks of one state since 1950
SELECT h."year.key", h."team.key", k."park.name", h."span.first"
FROM "HomeGames" h
JOIN "Parks" k ON k."park.key" = h."park.key"
WHERE k.state = 'NY' AND h."span.first" >= DATE '1950-01-01'
ORDER BY h."span.first";

-- name: postseason against regular season batting
WITH post AS (
  SELECT "playerID", "yearID", sum("AB") AS ab, sum("H") AS h
  FROM "BattingPost"
  WHERE "yearID" >= 2005
  GROUP BY "playerID", "yearID"
  HAVING sum("AB") >= 20
), season AS (
  SELECT "playerID", "yearID", sum("AB") AS ab, sum("H") AS h
  FROM "Batting"
  WHERE "yearID" >= 2005
  GROUP BY "playerID", "yearID"
)
SELECT p."playerID", p."yearID",
       p.h::numeric / p.ab AS post_average, s.h::numeric / nullif(s.ab, 0) AS average
FROM post p
JOIN season s USING ("playerID", "yearID")
ORDER BY post_average DESC
LIMIT 50;

-- name: season overview with batting fielding and team
SELECT t.name, p."nameLast", b."HR", f."POS", f."E"
FROM "Teams" t
JOIN "Batting" b ON b."yearID" = t."yearID" AND b."lgID" = t."lgID" AND b."teamID" = t."teamID"
JOIN "Fielding" f ON f."playerID" = b."playerID" AND f."yearID" = b."yearID" AND f.stint = b.stint
JOIN "People" p ON p."playerID" = b."playerID"
WHERE t."yearID" = 2022 AND t."DivWin" = 'Y'
ORDER BY t.name, b."HR" DESC;

-- name: most valuable player votes with batting
SELECT v."yearID", v."lgID", v."playerID", v."pointsWon", sum(b."HR") AS hr
FROM "AwardsSharePlayers" v
JOIN "Batting" b ON b."playerID" = v."playerID" AND b."yearID" = v."yearID"
WHERE v."awardID" = 'Most Valuable Player' AND v."yearID" BETWEEN 2000 AND 2010
GROUP BY v."yearID", v."lgID", v."playerID", v."pointsWon"
ORDER BY v."yearID", v."lgID", v."pointsWon" DESC;

-- name: world series pitching
SELECT "playerID", "yearID", "W", "SO", "IPouts"
FROM "PitchingPost"
WHERE round = 'WS' AND "teamID" IN ('NYA', 'LAN', 'SLN')
ORDER BY "yearID", "playerID";

-- name: outfield games by position
SELECT o."POS", p.throws, sum(o."G") AS g
FROM "FieldingOFsplit" o
JOIN "People" p ON p."playerID" = o."playerID"
WHERE o."yearID" >= 2010
GROUP BY o."POS", p.throws
ORDER BY o."POS", p.throws;

-- name: players both award winner and all star in a year
SELECT "playerID" FROM "AwardsPlayers" WHERE "yearID" = 2017
INTERSECT
SELECT "playerID" FROM "AllstarFull" WHERE "yearID" = 2017;

-- name: everyone on a pay list or in the lineup
SELECT "playerID", "yearID" FROM "Salaries" WHERE "yearID" >= 2014
UNION
SELECT "playerID", "yearID" FROM "Appearances" WHERE "yearID" >= 2014;

-- name: managers changed within a season
SELECT "yearID", "teamID", count(*) AS managers
FROM "Managers"
GROUP BY "yearID", "teamID"
HAVING count(*) > 2
ORDER BY "yearID" DESC;

-- name: career of the player with most games
SELECT b."yearID", b."teamID", b."G", b."AB", b."H"
FROM "Batting" b
WHERE b."playerID" = (
  SELECT "playerID" FROM "Appearances"
  GROUP BY "playerID"
  ORDER BY sum("G_all") DESC NULLS LAST
  LIMIT 1)
ORDER BY b."yearID";
