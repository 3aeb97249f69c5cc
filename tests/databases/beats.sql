-- Risk: a table whose rows come at the times of another one of the same owner, with its values.
create table patient (id integer primary key, born date not null);
insert into patient select n, date '1950-01-01' + n * 17 % 18000 from generate_series(1, 500) n;

create table visit (
    id integer primary key,
    patient integer not null references patient,
    day date not null,
    ward text not null
);
insert into visit
    select row_number() over (), p, date '2020-01-01' + p % 300 + 40 * n + (p * n) % 9,
        'ward ' || (p + n / 3) % 30
    from generate_series(1, 500) p, lateral generate_series(1, 3 + p % 5) n;

-- No key says that a treatment belongs to a visit.
create table treatment (
    id integer primary key,
    patient integer not null references patient,
    day date not null,
    ward text not null,
    cost numeric(8, 2) not null
);
insert into treatment
    select row_number() over (), v.patient, v.day, v.ward, 10 + (v.id * 7 + n) % 90
    from visit v, lateral generate_series(1, 1 + v.id % 3) n;


-- Nine patients in ten have one bill per visit, on days of their own.
create table bill (
    id integer primary key,
    patient integer not null references patient,
    day date not null
);
insert into bill
    select row_number() over (), v.patient, v.day + 1 + v.id % 50
    from visit v, lateral generate_series(1, 1 + (v.patient % 10 = 0)::int) n;
