-- Risk: everything at once in one small shop, filled with rows that look like production.
create schema shop;
create type shop.state as enum ('open', 'paid', 'sent', 'returned');
create domain shop.positive as numeric(10, 2) check (value > 0);

create table shop.country (code char(2) primary key, name text not null unique);

create table shop.customer (
    id bigint generated always as identity (start 1000) primary key,
    first_name text not null,
    last_name text not null,
    email text not null unique,
    phone text,
    born date not null check (born > '1900-01-01'),
    country char(2) not null references shop.country,
    tags text[] not null default '{}',
    settings jsonb,
    referred_by bigint references shop.customer
);

create table shop.profile (
    customer_id bigint primary key references shop.customer on delete cascade,
    points integer not null check (points >= 0),
    level smallint not null
);

create sequence shop.product_numbers start 500;
create table shop.product (
    id integer primary key default nextval('shop.product_numbers'),
    sku text not null unique,
    title text not null,
    price shop.positive not null,
    weight double precision,
    words tsvector
);
alter sequence shop.product_numbers owned by shop.product.id;

create table shop.label (id serial primary key, name text not null);
create table shop.product_label (
    product_id integer not null references shop.product on delete cascade,
    label_id integer not null references shop.label,
    unique (product_id, label_id)
);

create table shop.orders (
    id bigserial primary key,
    customer_id bigint not null references shop.customer,
    placed timestamptz not null,
    state shop.state not null default 'open',
    note text
);

create table shop.line (
    order_id bigint not null references shop.orders on delete cascade,
    number smallint not null check (number between 1 and 99),
    product_id integer not null references shop.product,
    quantity integer not null check (quantity > 0),
    price shop.positive not null,
    total numeric generated always as (quantity * price) stored,
    primary key (order_id, number)
);

create table shop.shipment (
    id uuid primary key default gen_random_uuid(),
    order_id bigint not null,
    line_number smallint not null,
    sent date not null,
    foreign key (order_id, line_number) references shop.line (order_id, number)
);

create table shop.visit (
    customer_id bigint not null references shop.customer,
    at timestamp not null,
    page text not null,
    took interval,
    paid boolean not null
) partition by range (at);
create table shop.visit_2023 partition of shop.visit
    for values from ('2023-01-01') to ('2024-01-01');
create table shop.visit_rest partition of shop.visit default;

create table shop.log (message text, level integer);
create table shop.empty (id serial primary key, body text not null, parent integer references shop.empty);

create index line_product on shop.line (product_id);
create unique index label_name on shop.label (lower(name));
create view shop.spending as
    select o.customer_id, sum(l.total) as spent
    from shop.orders o join shop.line l on l.order_id = o.id group by 1;
create materialized view shop.top as select * from shop.spending where spent > 500;
create function shop.search() returns trigger language plpgsql as $$
begin
    new.words := to_tsvector('simple', new.title);
    return new;
end $$;
create trigger searchable before insert or update on shop.product
    for each row execute function shop.search();

select setseed(0.25);
insert into shop.country
select chr(64 + n) || chr(64 + n), 'Country ' || chr(64 + n) from generate_series(1, 12) n;

insert into shop.customer
    (first_name, last_name, email, phone, born, country, tags, settings, referred_by)
select
    (array['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gus', 'Hal', 'Ida', 'Jon'])[1 + n % 10],
    (array['Adler', 'Braun', 'Conti', 'Duval', 'Ernst', 'Falk', 'Gross'])[1 + n % 7] || 'son',
    'person' || n || '@shop' || n % 5 || '.invalid',
    case when n % 4 > 0 then '+49 30 ' || (1234567 + n * 7919 % 7000000) end,
    date '1950-01-01' + (random() * 18000)::int,
    chr(65 + (n * n % 12)) || chr(65 + (n * n % 12)),
    case when n % 3 = 0 then array['new', 'vip'] when n % 3 = 1 then array['new'] else '{}' end,
    case when n % 5 > 0 then jsonb_build_object('theme', case when n % 2 = 0 then 'dark' else 'light' end,
        'mails', n % 3 > 0) end,
    case when n > 50 and n % 4 = 0 then 1000 + n / 2 end
from generate_series(0, 599) n;

insert into shop.profile select id, (random() * 900)::int, id % 4 from shop.customer where id % 5 > 0;
insert into shop.product (sku, title, price, weight)
select 'SKU-' || to_char(n, 'FM0000'), (array['Red', 'Blue', 'Green'])[1 + n % 3] || ' thing',
    round((5 + random() * 95)::numeric, 2), case when n % 6 > 0 then random() * 20 end
from generate_series(1, 150) n;
insert into shop.label (name) select 'label ' || n from generate_series(1, 15) n;
insert into shop.product_label
select p.id, l.id from shop.product p cross join shop.label l where (p.id * 7 + l.id * 3) % 11 < 2;
insert into shop.orders (customer_id, placed, state, note)
select c.id, timestamptz '2023-01-01 00:00Z' + random() * interval '500 days',
    (array['open', 'paid', 'sent', 'returned'])[1 + floor(random() * random() * 4)::int]::shop.state,
    case when random() < 0.2 then 'please ring twice' end
from shop.customer c cross join lateral generate_series(1, (c.id % 6)::int) n;
insert into shop.line (order_id, number, product_id, quantity, price)
select o.id, n, 500 + ((o.id * 31 + n * n * 17) % 150)::int, 1 + (random() * 3)::int,
    round((5 + random() * 95)::numeric, 2)
from shop.orders o cross join lateral generate_series(1, 1 + (o.id % 4)::int) n;
insert into shop.shipment (order_id, line_number, sent)
select l.order_id, l.number, (o.placed + interval '2 days')::date
from shop.line l join shop.orders o on o.id = l.order_id where o.state in ('sent', 'returned');
insert into shop.visit
select c.id, timestamp '2023-01-01' + random() * interval '700 days', '/page/' || (random() * 5)::int,
    random() * interval '20 minutes', random() < 0.3
from shop.customer c cross join lateral generate_series(1, 3) n;
insert into shop.log
select case when n % 2 = 0 then 'started' else 'stopped' end, n % 3 from generate_series(1, 400) n;
refresh materialized view shop.top;
analyze;
