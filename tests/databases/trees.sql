-- Risk: trees inside one table, of a shape and depth that no random choice of parents has.
create table unit (
    id integer primary key,
    above integer references unit,
    kind text not null
);
insert into unit
    select n, null, 'company' from generate_series(1, 60) n;
insert into unit
    select 100 + n, 1 + n % 60, 'division' from generate_series(0, 299) n;
insert into unit
    select 1000 + n, 100 + 3 * (n % 90), 'team' from generate_series(0, 899) n;

create table post (id integer primary key, topic text not null);
insert into post select n, 'topic ' || n % 5 from generate_series(1, 300) n;

-- An answer stands under the post of what it answers, though no key says so.
create table answer (
    id integer primary key,
    post integer not null references post,
    answers integer references answer
);
insert into answer
    select n, 1 + n % 300, null from generate_series(1, 600) n;
insert into answer
    select 600 + n, a.post, a.id
    from generate_series(1, 900) n, lateral (select * from answer where id = 1 + n % 200) a;
insert into answer
    select 1500 + n, a.post, a.id
    from generate_series(1, 300) n, lateral (select * from answer where id = 601 + n % 150) a;

-- A root refers to itself, since the key may not be null.
create table folder (id integer primary key, inside integer not null references folder);
insert into folder select n, n from generate_series(1, 200) n;
insert into folder select 200 + n, 1 + n % 50 from generate_series(1, 400) n;

-- A row is younger than the one above it, as a check says, and few rows are roots.
create table branch (id integer primary key, above integer references branch, check (above < id));
insert into branch select n, case when n > 3 then n / 3 end from generate_series(1, 500) n;
