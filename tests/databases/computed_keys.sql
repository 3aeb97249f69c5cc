-- Unique keys over what is computed of a column, and a null where a check alone would allow it.
create table doubled (
    id integer primary key,
    a integer not null,
    b integer generated always as (a * 2) stored unique
);
create table page (
    id integer primary key,
    title varchar(30) not null,
    slug text generated always as (lower(trim(title))) stored unique
);
create table part (id integer primary key, code text not null);
create unique index part_code on part (lower(code));
create table step (id integer primary key, v integer not null, at timestamp not null);
create unique index step_v on step ((v / 10));
create unique index step_day on step ((at::date));
create table party (
    id integer primary key,
    kind text not null check (kind in ('p', 'c')),
    person text,
    company text,
    check ((kind = 'p' and person is not null) or (kind = 'c' and company is not null))
);

-- A check that the database does not vouch for forbids what another one asks for.
create table mark (id integer primary key, name text not null check (length(name) > 2));
alter table mark add check (name in ('a', 'b')) not valid;
