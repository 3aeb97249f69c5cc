-- Risk: names that need quotes, that look like SQL, or that repeat in several schemas.
create schema "Größe ""X"".y";
create schema "%s; drop";

create type "Größe ""X"".y"."select" as enum ('from', '');
create table "Größe ""X"".y"."table" (
    "order" integer primary key,
    "a.b" "Größe ""X"".y"."select",
    ":name" "Größe ""X"".y"."select"[],
    "two words" integer unique,
    "CamelCase" text check ("CamelCase" <> ':x %s {y}')
);

create table "%s; drop"."table" (
    "order" integer primary key references "Größe ""X"".y"."table" ("two words"),
    "表" text
);
create table "table" (
    "order" integer primary key references "%s; drop"."table"
);
create function "%s; drop"."do it"() returns trigger language plpgsql as 'begin return new; end';
create trigger "Before %s" before insert on "table" for each row
    execute function "%s; drop"."do it"();

-- The product's own ledger is none of the schema.
create schema provisioner;
create table provisioner.ledger (id integer primary key);
