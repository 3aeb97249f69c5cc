-- Risk: times that move together: in keys, ranges, arrays and checks, and those that cannot move.
create table person (
    id integer primary key,
    first_name text not null,
    born date not null check (born < current_date),
    joined timestamptz not null check (joined >= '2019-01-01'),
    left_at timestamptz not null default 'infinity',
    seen date[],
    check (left_at > joined)
);

-- Keys made of instants, and rows that refer to them.
create table shift (day date primary key, note text);
create table work (
    person integer not null references person,
    day date not null references shift,
    done timestamp not null,
    paid date,
    primary key (person, day),
    check (done >= day::timestamp and done < day + 30),
    check (paid >= done::date or paid is null)
);

create table room (
    id integer primary key,
    during tsrange not null,
    valid_until date not null default '9999-12-31',
    exclude using gist (during with &&)
);

-- A check with an end, one of the year, a key over months: none of these can be moved forward.
create table budget (
    id integer primary key,
    decided date not null check (decided < '2025-01-01'),
    spent date not null,
    booked timestamp not null,
    year integer generated always as (extract(year from booked)::integer) stored
        check (year between 2020 and 2024),
    check (spent >= decided)
);

create table reading (sensor integer, taken date not null, value integer not null)
    partition by range (taken);
create table reading_2023 partition of reading for values from ('2023-01-01') to ('2024-01-01');
create table reading_2024 partition of reading for values from ('2024-01-01') to ('2025-01-01');
create table event (id integer, at date not null) partition by range (at);
create table event_2023 partition of event for values from ('2023-01-01') to ('2024-01-01');
create table event_others partition of event default;

select setseed(0.5);
insert into person
select n, 'Ann', date '1950-01-01' + (random() * 20000)::integer,
    timestamptz '2022-01-01 09:00+00' + (n % 600) * interval '1 day',
    case when n % 3 = 0 then timestamptz '2024-01-01' + n * interval '1 hour' else 'infinity' end,
    array[date '2023-05-01' + n % 200, null]
from generate_series(1, 600) n;
insert into shift select date '2022-01-03' + n, 'x' from generate_series(0, 699) n where n % 7 < 5;
insert into work
select n, day, day + interval '10 hours', case when n % 2 = 0 then day + 1 + n % 5 end
from generate_series(1, 600) n
cross join lateral (select day from shift order by md5(day::text || n) limit 3) s;
insert into room
select n, tsrange(timestamp '2023-01-01' + n * interval '6 hours',
    timestamp '2023-01-01' + n * interval '6 hours' + interval '5 hours'),
    case when n % 4 = 0 then date '2024-03-01' + n % 50 else '9999-12-31' end
from generate_series(1, 400) n;
insert into budget
select n, date '2023-01-01' + n % 500, date '2023-01-01' + n % 500 + n % 9,
    timestamp '2023-02-01' + n * interval '1 day'
from generate_series(1, 500) n;
insert into reading select n % 9, date '2023-06-01' + n % 500, n from generate_series(1, 600) n;
insert into event select n, date '2023-06-01' + n % 500 from generate_series(1, 600) n;
