-- Risk: tables that need each other, over two schemas, and tables that need themselves.
create schema staff;

create table staff.department (
    id integer primary key,
    head integer not null
);

create table staff.employee (
    id integer primary key,
    department integer not null references staff.department deferrable initially deferred,
    mentor integer references staff.employee
);

alter table staff.department
    add constraint department_head foreign key (head)
    references staff.employee deferrable initially deferred;

-- A ring of three, through nullable columns.
create table a (id integer primary key, b integer);
create table b (id integer primary key, c integer);
create table c (id integer primary key, a integer references a);
alter table a add constraint a_b foreign key (b) references b;
alter table b add constraint b_c foreign key (c) references c;

-- One above the cycle and one below it.
create table country (id integer primary key);
alter table staff.department add country integer references country;
create table badge (employee integer primary key references staff.employee on delete cascade);
