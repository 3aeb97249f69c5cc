-- Risk: checks that demand an equality, and checks that put two keys in order.
create table line (
  id serial primary key,
  quantity integer not null check (quantity > 0 and quantity < 50),
  price numeric(8,2) not null check (price > 0),
  total numeric(12,2) not null check (total = round(quantity * price, 2)),
  pct1 integer not null check (pct1 between 0 and 100), pct2 integer not null check (pct2 between 0 and 100),
  pct3 smallint not null check (pct3 between 0 and 100),
  check (pct1 + pct2 + pct3 = 100),
  net numeric(10,2) not null, tax numeric(10,2) not null check (tax >= 0), gross numeric(10,2) not null,
  check (gross = net + tax), check (gross > 0),
  first text not null, last text not null, full_name text not null check (full_name = first || ' ' || last),
  born date not null, age_days integer not null, seen date not null check (seen = born + age_days),
  ok boolean not null check (ok = (price > 10))
);

create table team (id serial primary key, name text not null unique);
create table game (
  id serial primary key, home integer not null references team, away integer not null references team,
  check (home < away), played date not null, unique (home, away, played));
create table player (
  id serial primary key, mother integer references player, father integer references player, mentor integer not null references player,
  check (mother <> father), check (mentor <> mother), check (mentor <= id));
