-- Risk: keys made of other keys whose tables refer back, so that neither table comes first.
create table department (
    id integer primary key,
    head integer not null,
    deputy integer
);
create table employee (
    department integer not null references department deferrable initially deferred,
    number integer not null,
    mentor integer,
    primary key (department, number),
    constraint employee_mentor foreign key (department, mentor) references employee
);
alter table department
    add constraint department_head foreign key (id, head)
        references employee deferrable initially deferred,
    add constraint department_deputy foreign key (id, deputy) references employee;

-- A tenant whose default is a row of its own, and a table under both.
create table tenant (id uuid primary key, label text, main_tenant uuid, main_number integer);
create table project (
    tenant uuid references tenant,
    number integer,
    primary key (tenant, number)
);
alter table tenant
    add foreign key (main_tenant, main_number) references project match full;
create table customer (
    tenant uuid references tenant,
    id integer,
    primary key (tenant, id)
);
-- Two parents of one tenant: not every customer's tenant has a project.
create table invoice (
    id bigint primary key,
    tenant uuid not null references tenant,
    customer integer not null,
    project integer not null,
    original bigint,
    foreign key (tenant, customer) references customer,
    foreign key (tenant, project) references project,
    unique (tenant, id),
    foreign key (tenant, original) references invoice (tenant, id)
);

-- Self-references of every form: one of a key's own columns, a chain, a ring, one not null.
create table version (
    document integer,
    number integer,
    previous integer,
    primary key (document, number),
    foreign key (document, previous) references version
);
create table car (id integer primary key, next integer unique references car);
create table dancer (
    id integer primary key,
    partner integer not null unique references dancer deferrable initially deferred
);
create table box (id uuid primary key, inside uuid not null references box);

-- One-to-one, both ways.
create table person (id integer primary key, seat integer);
create table chair (id integer primary key references person, row text not null unique);
alter table person add foreign key (seat) references chair;

-- One-to-one again, over a key of two parts, and each row of the first needs one of the second.
create table plan (part integer, code varchar(8), primary key (part, code));
create table draft (
    of_part integer,
    of_code varchar(8),
    foreign key (of_part, of_code) references plan,
    primary key (of_part, of_code)
);
alter table plan
    add latest_part integer not null,
    add latest_code varchar(8) not null,
    add foreign key (latest_part, latest_code) references draft;
