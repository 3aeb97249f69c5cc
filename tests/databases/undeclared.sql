-- Risk: keys that the database does not declare: whole ones, imperfect ones, and keys by type.
create table customer (
    id serial primary key,
    first_name text not null,
    email text not null,
    born date not null
);
-- Nothing declares that the number is unique; it is.
create table card (number integer not null, customer_id integer not null, colour text not null);
create table orders (
    id bigint primary key,
    customer_id integer not null,
    card_number integer,
    placed timestamp not null,
    total numeric(8, 2) not null check (total > 0)
);
create table item (
    order_id bigint not null,
    position smallint not null,
    price numeric(8, 2) not null,
    primary key (order_id, position)
);
create table note (
    id uuid primary key default gen_random_uuid(),
    subject_type text not null,
    subject_id bigint not null,
    reply_to uuid,
    body text not null
);
create table audit (at timestamp not null, what text not null);
create view spending as select customer_id, sum(total) from orders group by 1;
create view noted as select subject_type, count(*) from note group by 1;
create function keep_record() returns trigger language plpgsql as $$
begin
    insert into audit values (new.placed, 'ordered');
    return new;
end $$;
create trigger recorded after insert on orders for each row execute function keep_record();

insert into customer (first_name, email, born)
select (array['Ada', 'Ben', 'Cleo'])[1 + n % 3], 'person' || n || '@shop.net', date '1960-01-01' + n * 17
from generate_series(1, 800) n;
insert into card select 5000 + n * 3, 1 + n % 800, (array['red', 'blue'])[1 + n % 2]
from generate_series(1, 900) n;
alter table orders disable trigger all;
-- One order in twenty belongs to a customer who was deleted.
insert into orders
select n, case when n % 20 = 0 then 100000 + n else 1 + n * 7 % 800 end,
       case when n % 3 > 0 then 5000 + (1 + n % 900) * 3 end,
       timestamp '2024-01-01' + n * interval '3 hours', 1 + n % 90
from generate_series(1, 2000) n;
alter table orders enable trigger all;
insert into item select 1 + n % 2000, n / 2000, 5 + n % 40 from generate_series(0, 5999) n;
insert into note (subject_type, subject_id, body)
select case when n % 10 < 5 then 'order' when n % 10 < 9 then 'customer' else 'page' end,
       case when n % 10 < 5 then 1 + n % 2000 when n % 10 < 9 then 1 + n % 800 else 900000 + n % 7 end,
       'note ' || n
from generate_series(1, 1500) n;
insert into note (subject_type, subject_id, body) values ('card', 5003, 'a rare type');
analyze;
