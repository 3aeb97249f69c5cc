-- Risk: keys of several columns, in an order that is not the table's, of every declared manner.
create table region (
    country char(2),
    code varchar(8),
    primary key (code, country)
);

create table warehouse (
    id integer generated always as identity primary key,
    code_of_region varchar(8),
    country char(2),
    shelf integer,
    label text,
    constraint warehouse_region foreign key (code_of_region, country)
        references region (code, country) match full on update cascade on delete set null,
    constraint warehouse_shelf unique (country, shelf) deferrable initially deferred,
    constraint shelf_is_positive check (shelf > 0)
);
alter table warehouse
    add constraint label_is_short check (length(label) < 80) not valid;

create unique index one_label_per_region on warehouse (lower(label), code_of_region)
    where label is not null;
create index by_shelf on warehouse (shelf);

create table booking (
    warehouse integer,
    during int4range,
    moment timestamptz default '2020-01-01 00:00:00+02',
    exclude using gist (during with &&) where (warehouse is not null)
);
alter table booking
    add constraint booking_warehouse foreign key (warehouse) references warehouse not valid;
