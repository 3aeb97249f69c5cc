-- Risk: unique columns of which checks, domains and types leave few or far-off values.
create type size as enum ('s', 'm', 'l', 'xl', 'xxl');
create domain percent as integer check (value between 0 and 100);

create table room (
    number integer primary key check (number between 101 and 180),
    code text not null unique check (code = upper(code)),
    grade numeric(4,1) not null unique check (grade > 0 and grade < 10),
    share real unique check (share >= 0 and share <= 1),
    below integer unique check (below < 0),
    day date not null unique check (day >= '2024-01-01' and day < '2024-03-01'),
    moment timestamptz unique check (moment between '2024-01-01' and '2024-01-02'),
    size size unique,
    kind text unique check (kind in ('suite', 'single', 'double')),
    filled percent unique,
    long_name varchar(40) unique check (length(long_name) >= 20),
    flag boolean unique
);

-- The start of a period is unique, and its end comes later.
create table season (
    first_day date not null unique,
    last_day date not null,
    constraint in_order check (first_day < last_day)
);

-- Few pairs, and many that are equal only where nothing is null.
create table bed (
    room integer not null references room,
    side char(1) not null check (side in ('l', 'r')),
    size size,
    unique (room, side),
    unique (side, size)
);

-- A form that an index reads in other letters, and one that two columns share.
create table plate (
    id serial primary key,
    text varchar(12) not null check (text ~ '^[A-Z]{2}-?[0-9]{3}$'),
    place text not null check (place ~ '^(north|south)-[0-9]+$'),
    note text check (note ~ '^[a-z]{3}$')
);
create unique index plate_text on plate (lower(text));
create unique index plate_place on plate (place, note) where note is not null;

-- A check reads a unique column through a generated one, and another says which contacts there are.
create table ticket (
    number smallint,
    big bigint unique nulls not distinct check (big < 200),
    doubled numeric generated always as (number::numeric * 2) stored,
    big_doubled numeric generated always as (big::numeric * 2) stored check (big_doubled > 4),
    email text check (email = any (array['desk@shop', 'door@shop'])),
    unique nulls not distinct (number),
    check (number < 200),
    check (doubled > 4)
);
