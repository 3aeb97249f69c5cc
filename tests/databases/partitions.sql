-- Risk: what only partitions declare, branches under branches, keys from and to partitions.
create table customer (id integer primary key);

create table payment (
    id bigserial,
    customer integer,
    paid date not null,
    amount numeric(10, 2) check (amount >= 0)
) partition by range (paid);

create table payment_2021 partition of payment for values from ('2021-01-01') to ('2022-01-01');
create table payment_2022 partition of payment for values from ('2022-01-01') to ('2023-01-01')
    partition by hash (id);
create table payment_2022_even partition of payment_2022
    for values with (modulus 2, remainder 0);
create table payment_2022_odd partition of payment_2022
    for values with (modulus 2, remainder 1);

-- Declared per partition.
alter table payment_2021
    add constraint paid_by foreign key (customer) references customer,
    add constraint customer_is_known check (customer is not null),
    add constraint in_2021 check (paid < '2022-01-01'),
    add primary key (id);
alter table payment_2022_even
    add constraint paid_by_even foreign key (customer) references customer not valid,
    add constraint customer_is_known check (customer is not null),
    add unique (id);
alter table payment_2022_odd
    add constraint customer_is_known check (customer is not null);
create index payment_2021_customer on payment_2021 (customer);

-- A key to one partition, and one to the whole of a partitioned table.
create table refund (
    payment bigint primary key references payment_2021 (id)
);

create table measurement (
    sensor integer,
    taken date,
    primary key (sensor, taken)
) partition by list (sensor);
create table measurement_rest partition of measurement default;
create table comment (
    id integer primary key,
    sensor integer,
    taken date,
    foreign key (sensor, taken) references measurement
);

-- A partitioned table without partitions.
create table empty_log (at date) partition by range (at);

-- Old-style inheritance: the child is a table of its own.
create table place (id integer primary key, name text not null check (name <> ''));
create table city (population integer) inherits (place);
create rule no_city as on delete to city do instead nothing;
