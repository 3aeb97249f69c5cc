-- Risk: rows made by hand among drawn ones: their keys, their children, what they refer to.
create table country (code char(2) primary key, name text not null unique);
create table users (
    id serial primary key,
    email text not null unique,
    password_hash text not null,
    role text not null check (role in ('customer', 'clerk', 'admin')),
    born date not null check (born < '2020-01-01'),
    active boolean not null default true,
    credit numeric(8, 2) not null check (credit >= 0),
    country char(2) references country,
    manager integer references users
);
create table profile (user_id integer primary key references users, bio text);
create table orders (
    id uuid primary key default gen_random_uuid(),
    user_id integer not null references users,
    placed timestamp not null,
    shipped timestamp,
    total numeric(8, 2) not null,
    check (shipped >= placed)
);
create table lines (
    order_id uuid references orders, line integer, amount integer not null,
    primary key (order_id, line)
);
create table seats (hall integer, place integer, label text, primary key (hall, place));
create table notices (id integer primary key, body text not null);

select setseed(0.5);
insert into country values ('DE', 'Germany'), ('FR', 'France'), ('IT', 'Italy');
insert into users (email, password_hash, role, born, active, credit, country, manager)
select 'u' || n || '@shop.com', md5(n::text), (array['customer', 'clerk'])[1 + (n % 9 = 0)::int],
    date '1960-01-01' + n * 7, n % 5 > 0, n % 100, (array['DE', 'FR', 'IT'])[1 + n % 3],
    case when n > 20 then n / 20 end
from generate_series(1, 900) n;
insert into profile select n, 'about ' || n from generate_series(1, 900, 2) n;
insert into orders (user_id, placed, shipped, total)
select 1 + (random() * 899)::integer, t, case when n % 4 > 0 then t + (n % 9) * interval '1 day' end,
    n % 80
from generate_series(1, 2500) n, lateral (select timestamp '2023-01-01' + n * interval '3 h' t) x;
insert into lines select id, n, n * 2 from orders, generate_series(1, 2) n;
insert into seats select n / 20, n % 20, 'seat ' || n from generate_series(0, 399) n;
