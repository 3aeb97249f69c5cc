-- Risk: keys lead to unique columns that may be null, though what refers to them may not.
create table place (
    id serial primary key,
    code text unique check (code ~ '^(north|south)?[0-9]{3}$'),
    region integer,
    number integer,
    unique (region, number)
);

create table visit (
    place text not null references place (code),
    region integer not null,
    number integer not null,
    also text references place (code),
    foreign key (region, number) references place (region, number)
);

create table shop (
    place text primary key references place (code),
    name text not null
);

create table part (
    shop text not null references shop,
    serial integer unique,
    above integer references part (serial),
    twin integer not null references part (serial)
);

-- A main line that an order takes from its lines: several lines may have one order.
create table purchase (
    id integer primary key,
    main_line integer not null
);
create table purchase_line (
    purchase integer not null references purchase,
    line integer not null,
    amount numeric(8,2) not null check (amount > 0),
    primary key (purchase, line)
);
alter table purchase add foreign key (id, main_line) references purchase_line (purchase, line)
    deferrable initially deferred;
