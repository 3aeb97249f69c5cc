-- Exclusions over the start and the end of a period, closed and open, and over equal values alone.
create table stay (
    id integer primary key,
    first_day date not null,
    last_day date not null,
    check (first_day <= last_day),
    exclude using gist (daterange(first_day, last_day, '[]') with &&)
);
create table shift (
    id integer primary key,
    began timestamptz not null,
    ended timestamptz,
    exclude using gist (tstzrange(began, ended) with &&)
);
create table block (
    id integer primary key,
    low integer not null,
    high integer not null,
    check (low < high),
    exclude using gist (int4range(low, high) with &&)
);
create table cell (id integer primary key, x integer, y integer, exclude (x with =, y with =));
create table visit (
    id integer primary key,
    during daterange not null,
    kind text not null check (kind in ('a', 'b')),
    exclude using gist (during with &&) where (kind = 'a')
);
create table seat (
    id integer primary key,
    number smallint not null,
    taken boolean not null,
    exclude (number with =) where (taken)
);
